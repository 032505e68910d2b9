"""Create the published schema from the SQL files, with a COMMENT on every table, view and column."""

import re
from importlib import resources

import duckdb

TABLE = re.compile(r"-- ([^\n]+)\nCREATE TABLE (\S+) \(\n(.*?)\n\);", re.DOTALL)
COLUMN = re.compile(r'^\s+("?\w+"?) [A-Z]+(?:\[\])?,?\s+-- (.+)$', re.MULTILINE)
VIEW = re.compile(r"((?:-- [^\n]+\n)+)CREATE OR REPLACE VIEW (\S+) AS")
MACRO = re.compile(r"-- ([^\n]+)\nCREATE OR REPLACE MACRO (\w+)\(")


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create tables, views and macros in the connection's current database, empty."""
    tables, views = _text("audit.sql"), _text("views.sql")
    connection.execute(tables)
    connection.execute(views)
    known: dict[str, str] = {}
    for comment, table, body in TABLE.findall(tables):
        _comment(connection, "TABLE", table, comment)
        for column, text in COLUMN.findall(body):
            known.setdefault(column.strip('"'), text)
            _comment(connection, "COLUMN", f"{table}.{column}", text)
    for block, view in VIEW.findall(views):
        _comment_view(connection, view, block, known)
    for comment, macro in MACRO.findall(views):
        _comment(connection, "MACRO TABLE", macro, comment)


def _comment_view(connection: duckdb.DuckDBPyConnection, view: str, block: str, known: dict[str, str]) -> None:
    """Comment a view by the lines above it, its columns by their own lines or the tables' words."""
    lines = [line.removeprefix("-- ") for line in block.strip().splitlines()]
    own = {}
    for line in lines:
        match = re.match(r"column (\w+): (.+)", line)
        if match:
            own[match[1]] = match[2]
    text = " ".join(line for line in lines if not line.startswith("column "))
    _comment(connection, "VIEW", view, text)
    for name, *_ in connection.execute(f"DESCRIBE {view}").fetchall():
        _comment(connection, "COLUMN", f'{view}."{name}"', own.get(name) or known[name])


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, name: str, text: str) -> None:
    escaped = text.strip().replace("'", "''")
    connection.execute(f"COMMENT ON {kind} {name} IS '{escaped}'")


def schema_sql() -> str:
    """Return the SQL that the form of the published database follows from."""
    return _text("audit.sql") + _text("views.sql")


def _text(name: str) -> str:
    return (resources.files("audit_pipeline.publish") / name).read_text(encoding="utf-8")
