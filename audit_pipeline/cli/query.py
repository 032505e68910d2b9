"""`query [SQL]`: read-only SQL on the published database; without SQL, what there is to ask."""

import sys
from typing import Annotated

import typer

from audit_pipeline.cli.console import print_json, table
from audit_pipeline.cli.context import Context, Json

TABLES = """
SELECT CASE schema_name WHEN 'main' THEN 'audit' ELSE schema_name END || '.' || name AS name, rows, comment
FROM (
    SELECT schema_name, table_name AS name, estimated_size AS rows, comment FROM duckdb_tables()
    UNION ALL SELECT schema_name, view_name, NULL, comment FROM duckdb_views() WHERE NOT internal
)
ORDER BY name
"""  # the schema `main` of audit.duckdb is called `audit`, as in every example


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="query", epilog='Example: audit-pipeline query "from audit.v_last_night"')(query)


def query(
    context: typer.Context,
    sql: Annotated[str | None, typer.Argument(help="A SELECT; `-` reads standard input.")] = None,
    role: Annotated[str | None, typer.Option(help="Ask the database of this role of `roles`.")] = None,
    as_json: Json = False,
) -> None:
    """Ask the published database; without SQL, list its tables and views."""
    own: Context = context.obj
    answer = own.ask(sys.stdin.read() if sql == "-" else sql or TABLES, role=role)
    if as_json:
        print_json(answer.records())
    elif answer.columns:
        table(answer.columns, answer.rows)
