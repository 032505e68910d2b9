"""What the columns of an unknown prediction log hold: type, gaps, distinct values, range; aggregates only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from audit_pipeline.errors import SourceError, UnreadableError
from audit_pipeline.records import Relation
from audit_pipeline.sources.connection import connect, identifier

TARGETS = {"integer": "BIGINT", "number": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMP"}  # what text may be


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of one column."""

    name: str
    type: str
    n: int
    missing: int
    distinct: int
    low: float | None  # None unless numeric
    high: float | None

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.missing == 0 and self.distinct == self.n

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.type in ("number", "integer")

    @property
    def share_like(self) -> bool:
        """Whether all values lie in 0 to 1, as probabilities do."""
        return self.numeric and self.low is not None and self.high is not None and 0 <= self.low <= self.high <= 1


def look(relation: Relation) -> list[Look]:
    """Describe every column in two passes over the log; text is typed by what it holds.

    Raises:
        SourceError: the log has no rows.
        UnreadableError: it is damaged.
    """
    try:
        types, row = _read(relation)
    except duckdb.Error:
        raise UnreadableError(relation.name, form=relation.form) from None  # its message can hold a row's values
    if row[0] == 0:
        raise SourceError(f"'{relation.name}' has no rows: a proposal needs a night with predictions.")
    per = (len(row) - 1) // len(types)
    return [
        Look(name, kind, row[0], *row[1 + i * per : 1 + (i + 1) * per]) for i, (name, kind) in enumerate(types.items())
    ]


def _read(relation: Relation) -> tuple[dict[str, str], tuple[Any, ...]]:
    """Return the type of every column, and one row: the number of rows, then the description of each column."""
    with connect() as connection:
        for statement in relation.setup:
            connection.execute(statement)
        connection.execute(f"CREATE TEMP VIEW log AS {relation.sql}")
        raw = {str(name): str(kind) for name, kind, *_ in connection.execute("DESCRIBE log").fetchall()}
        types = _types(connection, raw)
        parts = [part for name, kind in types.items() for part in _description(name, kind)]
        return types, connection.execute(f"SELECT count(*), {', '.join(parts)} FROM log").fetchall()[0]


def _types(connection: duckdb.DuckDBPyConnection, raw: dict[str, str]) -> dict[str, str]:
    """Return the canonical type of every column: of text, the first that all its values fit."""
    texts = [name for name, kind in raw.items() if kind in ("VARCHAR", "JSON")]
    parts = [part for name in texts for part in _fits(identifier(name))]
    found = connection.execute(f"SELECT {', '.join(parts)} FROM log").fetchall()[0] if parts else ()
    types = {}
    per = 1 + len(TARGETS)
    for name, kind in raw.items():
        if name in texts:
            present, *fits = found[texts.index(name) * per : (texts.index(name) + 1) * per]
            types[name] = next((t for t, n in zip(TARGETS, fits, strict=True) if present and n == present), "category")
        elif kind.startswith(("TIMESTAMP", "DATE")):
            types[name] = "timestamp" if kind.startswith("TIMESTAMP") else "date"
        elif kind.startswith("ENUM") or kind in ("UUID", "BLOB"):
            types[name] = "category"
        else:
            types[name] = "boolean" if kind == "BOOLEAN" else "integer" if "INT" in kind else "number"
    return types


def _fits(column: str) -> Iterator[str]:
    """Yield SQL that counts the non-empty values of a text column, then those that fit each target."""
    yield f"count(nullif({column}, ''))"
    for kind, target in TARGETS.items():
        whole = f" AND regexp_full_match(trim({column}), '[+-]?[0-9]+')" if kind == "integer" else ""
        yield f"count(*) FILTER (try_cast({column} AS {target}) IS NOT NULL{whole})"


def _description(name: str, kind: str) -> Iterator[str]:
    """Yield SQL of missing values, distinct values, least and greatest."""
    column = identifier(name)
    value = f"try_cast({column} AS DOUBLE)" if kind in ("number", "integer") else "NULL::DOUBLE"
    yield f"count(*) - count(nullif({column}::VARCHAR, ''))"
    yield f"count(DISTINCT {column})"
    yield f"min({value})"
    yield f"max({value})"
