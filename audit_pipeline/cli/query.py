"""`query [SQL]`: read-only SQL on the published database; without SQL, what there is to ask."""

import sys
from typing import Annotated

import typer

from audit_pipeline.cli.console import print_json, table
from audit_pipeline.cli.context import Context
from audit_pipeline.publish import query as ask

TABLES = """
SELECT schema_name || '.' || table_name AS name, estimated_size AS rows, comment FROM duckdb_tables()
UNION ALL SELECT schema_name || '.' || view_name, NULL, comment FROM duckdb_views() WHERE NOT internal
ORDER BY name
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="query")(query)


def query(
    context: typer.Context,
    sql: Annotated[str | None, typer.Argument(help="A SELECT; `-` reads standard input.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Ask the published database; without SQL, list its tables and views.

    Example: audit-pipeline query "select model_id, night, verdict from audit.model_night"
    """
    own: Context = context.obj
    answer = ask(own.layout, sys.stdin.read() if sql == "-" else sql or TABLES)
    if as_json:
        print_json(answer.records())
    elif answer.columns:
        table(answer.columns, answer.rows)
