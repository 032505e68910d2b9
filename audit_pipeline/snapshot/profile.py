"""What a snapshot looks like, column by column, in aggregates that show no person.

A number stands on at least 11 values, quantiles run from p1 to p99, and a category is named only when seen 11
times or more. Row ids, subject ids and pseudonyms show counts alone. Infinities are counted as present, and left
out of mean, sd and quantiles.

The result enters a digest, so it must come out equal on every run: counts and order statistics are exact, and
sums of doubles, whose last bits depend on the order of addition, run on one thread over the sorted file.
"""

import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from audit_pipeline.records import SMALL_CELL, Column, ColumnProfile
from audit_pipeline.snapshot.connection import identifier, parquet, working

PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
EXACT_DISTINCT_ROWS = 100_000  # above: HyperLogLog, which is as deterministic
TOP = 20  # categories

Moments = tuple[float | None, float | None]
NOTHING: Moments = (None, None)


def profile(path: Path, columns: Sequence[Column], *, threads: int, memory: str) -> tuple[ColumnProfile, ...]:
    """Return one profile per column of a snapshot file, in the order of `columns`.

    Args:
        path: a file that `take` wrote.
        columns: its columns, as the snapshot names them.
        threads: of DuckDB; does not change the result.
        memory: DuckDB's limit; what does not fit spills beside the file.
    """
    spill = path.parent / ".spill"
    with closing(working(threads=1, memory=memory, spill=spill)) as connection:
        moments = _moments(connection, path, [c for c in columns if _is_measured(c)])
        connection.execute(f"set threads = {int(threads)}")
        return tuple(_column(connection, path, column, moments.get(column.name, NOTHING)) for column in columns)


def _is_hidden(column: Column) -> bool:
    """Tell a column that names rows or persons."""
    return column.role in ("row_id", "subject_id") or column.privacy == "direct_identifier" or column.masked


def _is_measured(column: Column) -> bool:
    """Tell a column that has a mean and quantiles."""
    return column.type in ("number", "integer") and not _is_hidden(column)


def _moments(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[Column]) -> dict[str, Moments]:
    """Return mean and sample standard deviation of the finite values; one pass over all columns."""
    if not columns:
        return {}
    parts = []
    for column in columns:
        value = f"{identifier(column.name)}::double"
        finite = f"filter (where isfinite({value}))"
        parts += [f"count(*) {finite}", f"avg({value}) {finite}", f"stddev_samp({value}) {finite}"]
    row = connection.execute(f"select {', '.join(parts)} from {parquet(path)}").fetchall()[0]
    return {
        column.name: (_finite(row[3 * i + 1]), _finite(row[3 * i + 2])) if row[3 * i] >= SMALL_CELL else NOTHING
        for i, column in enumerate(columns)
    }


def _column(connection: duckdb.DuckDBPyConnection, path: Path, column: Column, moments: Moments) -> ColumnProfile:
    """Return the profile of one column; reads that column only, so memory is that of one column."""
    name, source = identifier(column.name), parquet(path)
    rows, present = connection.execute(f"select count(*), count({name}) from {source}").fetchall()[0]
    return ColumnProfile(
        column=column.name,
        type=column.type,
        role=column.role,
        privacy=column.privacy,
        n=rows,
        missing=rows - present,
        distinct=_distinct(connection, source, name, rows) if present >= SMALL_CELL else None,
        mean=moments[0],
        sd=moments[1],
        quantiles=_quantiles(connection, source, name) if _is_measured(column) else (),
        top=_top(connection, source, name) if _is_named(column) else (),
    )


def _is_named(column: Column) -> bool:
    """Tell a column whose categories may be named."""
    return column.type in ("category", "boolean") and not _is_hidden(column)


def _distinct(connection: duckdb.DuckDBPyConnection, source: str, name: str, rows: int) -> int:
    """Return the number of different values."""
    count = f"count(distinct {name})" if rows <= EXACT_DISTINCT_ROWS else f"approx_count_distinct({name})"
    return int(connection.execute(f"select {count} from {source}").fetchall()[0][0])


def _quantiles(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> tuple[tuple[float, float], ...]:
    """Return (probability, value), interpolated between neighbours; none over fewer than 11 finite values."""
    value = f"{name}::double"
    count, found = connection.execute(
        f"select count(*), quantile_cont({value}, {list(PROBABILITIES)}) from {source} where isfinite({value})"
    ).fetchall()[0]
    if count < SMALL_CELL:
        return ()
    return tuple((p, x) for p, x in zip(PROBABILITIES, found, strict=True) if math.isfinite(x))


def _top(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> tuple[tuple[str, int], ...]:
    """Return the most frequent categories that at least 11 rows share; ties by name."""
    rows = connection.execute(
        f"select {name}::varchar as category, count(*) as n from {source} where {name} is not null "
        f"group by category having n >= {SMALL_CELL} order by n desc, category limit {TOP}"
    ).fetchall()
    return tuple((str(category), int(n)) for category, n in rows)


def _finite(value: float | None) -> float | None:
    """Return a number JSON can hold; None for one that overflowed."""
    return value if value is not None and math.isfinite(value) else None
