"""What the page asks of the database, as plain values ready for JSON."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Rows = list[dict[str, Any]]


def rows_of(connection: "DuckDBPyConnection", sql: str, **values: Any) -> Rows:
    """Return the rows of a query by name of column."""
    result = connection.execute(sql, values or None)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def iso(at: datetime | None) -> str | None:
    """Return a moment as text that sorts."""
    return at.isoformat(timespec="seconds") if at else None


def day(at: date | None) -> str | None:
    """Return the date of a moment."""
    return at.isoformat()[:10] if at else None


def known(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what is None: the page is read as often as it is sent."""
    return {key: value for key, value in row.items() if value is not None}
