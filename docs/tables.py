"""`tables.md`: every table, view, macro and column of audit.duckdb, from a schema created in memory."""

from typing import Any

import duckdb

from audit_pipeline.lineage.store import create as create_lineage
from audit_pipeline.publish.schema import create as create_audit
from docs.markdown import code, page, table

FILE = "audit"  # DuckDB names the catalog after the file
MAY_LACK = ("as_of", "depth")  # parameters of macros that have a default
OBJECTS = """
SELECT schema_name, table_name AS name, 'table' AS kind, comment, table_oid AS place FROM duckdb_tables()
WHERE database_name = $file
UNION ALL
SELECT schema_name, view_name, 'view', comment, view_oid + 1000000 FROM duckdb_views()
WHERE database_name = $file AND NOT internal
ORDER BY schema_name = 'lineage', place
"""
COLUMNS = """
SELECT column_name, data_type, comment FROM duckdb_columns()
WHERE database_name = $file AND schema_name = $schema AND table_name = $name ORDER BY column_index
"""
MACROS = """
SELECT schema_name, function_name, parameters, comment FROM duckdb_functions()
WHERE database_name = $file AND NOT internal ORDER BY schema_name = 'lineage', function_oid
"""


def tables() -> str:
    """Return the page."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH ':memory:' AS {FILE}; USE {FILE}")
        create_audit(connection)
        create_lineage(connection)
        objects = _rows(connection, OBJECTS)
        parts = [_intro(), _overview(objects)]
        for schema, name, kind, comment, _ in objects:
            columns = _rows(connection, COLUMNS, schema=schema, name=name)
            rows = [(code(column), kind_of, text or "") for column, kind_of, text in columns]
            parts += [f"## {shown(schema, name)}", f"{kind.capitalize()}. {comment}"]
            parts.append(table(("column", "type", "meaning"), rows))
        parts += _macros(connection)
    return page("Tables", parts)


def shown(schema: str, name: str) -> str:
    """Return a table's name as one writes it after opening audit.duckdb."""
    return f"{FILE if schema == 'main' else schema}.{name}"


def _intro() -> str:
    return (
        "`audit/audit.duckdb` of a project can be opened at any moment, read-only, by any DuckDB client from 1.2 on; "
        "`audit-pipeline query` needs none. It is a projection of the evidence store: delete it, and "
        "`audit-pipeline rebuild` brings it back. The tables `audit.*` stand in the file's schema `main` "
        "([why](decisions/0001-tables-in-the-main-schema.md)). Key columns are the same everywhere: `model_id`, "
        "`night`, `record`. Times are UTC."
    )


def _overview(objects: list[tuple[Any, ...]]) -> str:
    rows = [(code(shown(schema, name)), kind, comment) for schema, name, kind, comment, _ in objects]
    return table(("name", "kind", "what it holds"), rows)


def _macros(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Describe the table macros."""
    rows = []
    for schema, name, parameters, comment in _rows(connection, MACROS):
        needed = ["NULL" for parameter in parameters if parameter not in MAY_LACK]
        described = connection.execute(f"DESCRIBE SELECT * FROM {schema}.{name}({', '.join(needed)})").fetchall()
        columns = ", ".join(code(column) for column, *_ in described)
        rows.append((code(f"{shown(schema, name)}({', '.join(parameters)})"), comment or "", columns))
    note = (
        "Called in FROM. `as_of` (a moment in UTC; without it: now) and `depth` (links to follow; 20) may be left out; "
        "they are given by name: `from lineage.upstream('high_utilizer.audit', as_of := '2026-01-05')`. Macros look "
        "tables up in the current database: `USE <name>` first when the file is attached beside others."
    )
    return ["## Macros", note, table(("call", "answers", "columns"), rows)]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, **values: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, {"file": FILE, **values}).fetchall()
