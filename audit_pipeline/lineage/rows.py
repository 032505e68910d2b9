"""Rows into a database by way of Arrow: row by row is far slower."""

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

TIMES = ("started", "ended", "effective", "event_time")
NUMBERS = ("failed", "row_count", "byte_offset", "bytes")


def insert(connection: "DuckDBPyConnection", table: str, columns: str, rows: "Sequence[Any]", *, by: str = "") -> None:
    """Insert `rows` into a table of the schema `lineage`.

    Args:
        connection: the database, as the current one.
        table: name of the table.
        columns: names of its columns, in the order of the rows.
        rows: tuples; none is fine.
        by: columns that say which row it is: only those that are not there yet are inserted.
    """
    if not rows:
        return
    show(connection, "lineage_rows", columns, rows)
    names = ", ".join(f'"{name}"' for name in columns.split())
    known = " and ".join(f'k."{name}" = r."{name}"' for name in by.split())
    fresh = f" where not exists (select 1 from lineage.{table} k where {known})" if by else ""
    connection.execute(f"insert into lineage.{table} ({names}) select {names} from lineage_rows r{fresh}")
    connection.unregister("lineage_rows")


def show(connection: "DuckDBPyConnection", name: str, columns: str, rows: "Sequence[Any]") -> None:
    """Show `rows` to the database under `name`, until it is unregistered."""
    import pyarrow as pa

    labels = columns.split()
    values = zip(*rows, strict=True) if rows else ([] for _ in labels)
    arrays = [pa.array(column, type=_arrow(label)) for label, column in zip(labels, values, strict=True)]
    connection.register(name, pa.table(dict(zip(labels, arrays, strict=True))))


def statement(name: str) -> str:
    """Return a statement that ships with the package."""
    return (resources.files("audit_pipeline.lineage") / name).read_text(encoding="utf-8")


def _arrow(column: str) -> Any:
    """Return the Arrow type of a column; said, because a column may hold nothing but None."""
    import pyarrow as pa

    if column in TIMES:
        return pa.timestamp("us")
    if column in NUMBERS:
        return pa.int64()
    return {"night": pa.date32(), "masking": pa.bool_(), "renamed": pa.bool_()}.get(column, pa.large_string())
