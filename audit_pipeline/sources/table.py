"""A table of a DuckDB file, as a whole or one night of it."""

import hashlib
from datetime import date
from pathlib import Path

import duckdb

from audit_pipeline.config import NightlySource, Source
from audit_pipeline.errors import ColumnMissingError, SourceError, UnreadableError
from audit_pipeline.records import Relation
from audit_pipeline.sources.connection import connect, identifier, literal

ALIAS = "audit_source"  # what the file is attached as


def table_name(source: Source) -> str:
    """Return what an error calls the table: `database:table`."""
    return f"{source.database}:{source.table}"


def table_nights(source: NightlySource, root: Path) -> list[date]:
    """Return the nights of the table, sorted; none when the file or the table is missing."""
    with connect() as connection:
        columns = _attach(connection, source, root)
        if columns is None:
            return []
        night = _night_sql(source, columns)
        rows = connection.execute(
            f"select distinct {night} as night from {_qualified(source)} where {night} is not null order by 1"
        ).fetchall()
    return [row[0] for row in rows]


def read_table(source: Source, root: Path, night: date | None) -> Relation | None:
    """Return the table, or its rows of `night`; None when the file, the table or the night's rows are missing.

    Raises:
        ColumnMissingError: the table has no such `night_column`.
        SourceError: the database is open for writing elsewhere.
        UnreadableError: the database file is none.
    """
    with connect() as connection:
        columns = _attach(connection, source, root)
        if columns is None:
            return None
        sql = f"select * from {_qualified(source)}"
        if night is not None:
            sql += f" where {_night_sql(source, columns)} = date '{night.isoformat()}'"
        rows, digest = _rows_digest(connection, sql, columns)
    if night is not None and rows == 0:
        return None
    setup = (_attach_sql(source, root),)
    return Relation(
        name=table_name(source), form="duckdb", setup=setup, sql=sql, columns=columns, sha256=digest, bytes=0
    )


def _attach(connection: duckdb.DuckDBPyConnection, source: Source, root: Path) -> tuple[str, ...] | None:
    """Attach the file and return the table's columns; None when either is missing."""
    if not (root / str(source.database)).is_file():
        return None
    try:
        connection.execute(_attach_sql(source, root))
    except duckdb.Error as error:
        in_use = isinstance(error, duckdb.IOException) and "lock on file" in str(error)
        if in_use or "already attached" in str(error):
            raise SourceError(
                f"The database '{source.database}' is open for writing by another process, and DuckDB lets nobody "
                "read it meanwhile. Close it, or wait until its loader is done, and run this night again."
            ) from error
        raise UnreadableError(str(source.database), form="a DuckDB database") from error
    try:
        described = connection.execute(f"describe select * from {_qualified(source)}").fetchall()
    except duckdb.CatalogException:
        return None
    return tuple(row[0] for row in described)


def _attach_sql(source: Source, root: Path) -> str:
    """Attach read-only: auditing never changes what it audits."""
    return f"attach {literal(str(root / str(source.database)))} as {ALIAS} (read_only)"


def _qualified(source: Source) -> str:
    """Quote `schema.table` (schema main by default) below the attached file."""
    schema, _, table = str(source.table).rpartition(".")
    return ".".join(identifier(part) for part in (ALIAS, schema or "main", table))


def _night_sql(source: Source, columns: tuple[str, ...]) -> str:
    """Return the night of a row; text such as 2026-07-01 is read as a date."""
    column = str(source.night_column)
    if column not in columns:
        raise ColumnMissingError(column, log=table_name(source), available=columns)
    return f"try_cast({identifier(column)} as date)"


def _rows_digest(connection: duckdb.DuckDBPyConnection, sql: str, columns: tuple[str, ...]) -> tuple[int, str]:
    """Return the number of rows and a sha256 that is equal for equal rows in any order.

    It stands on DuckDB's 64-bit row hash, so it tells that rows changed by accident, not against an attacker,
    and may differ between versions of DuckDB. What was audited is identified by the snapshot's own sha256.
    """
    row = f"hash({', '.join(identifier(column) for column in columns)})"
    found = connection.execute(
        f"select count(*), sum({row}::hugeint)::varchar, bit_xor({row})::varchar from ({sql})"
    ).fetchone()
    rows, total, xor = found or (0, None, None)
    return rows, hashlib.sha256(f"{columns}|{rows}|{total}|{xor}".encode()).hexdigest()
