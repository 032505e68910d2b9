"""What a snapshot looks like, column by column, in aggregates that show no person.

A number stands on at least 11 values, quantiles run from p1 to p99, and a category is named only when seen 11
times or more. Row ids, subject ids and pseudonyms show counts alone. Infinities are counted as present, and left
out of mean, sd and quantiles.

The result enters a digest, so it must come out equal on every run: counts and order statistics are exact, and
sums of doubles, whose last bits depend on the order of addition, are numpy's over the sorted values.
"""

import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from audit_pipeline.records import SMALL_CELL, Column, ColumnProfile
from audit_pipeline.snapshot.connection import identifier, parquet, working

PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
EXACT_DISTINCT_ROWS = 100_000  # above, but for numbers: HyperLogLog, which is as deterministic
TOP = 20  # categories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Measures = tuple[float | None, float | None, tuple[tuple[float, float], ...]]  # mean, sd, quantiles
UNMEASURED: Measures = (None, None, ())


def profile(path: Path, columns: Sequence[Column], *, threads: int, memory: str) -> tuple[ColumnProfile, ...]:
    """Return one profile per column of a snapshot file, in the order of `columns`.

    Args:
        path: a file that `take` wrote.
        columns: its columns, as the snapshot names them.
        threads: of DuckDB; does not change the result.
        memory: DuckDB's limit; what does not fit spills beside the file.
    """
    if not columns:
        return ()
    source, present = parquet(path), ", ".join(f"count({identifier(column.name)})" for column in columns)
    with closing(working(threads=threads, memory=memory, spill=path.parent / ".spill")) as connection:
        rows, *counts = connection.execute(f"select count(*), {present} from {source}").fetchall()[0]
        return tuple(
            _column(connection, source, column, rows, count) for column, count in zip(columns, counts, strict=True)
        )


def _is_hidden(column: Column) -> bool:
    """Tell a column that names rows or persons."""
    return column.role in ("row_id", "subject_id") or column.privacy == "direct_identifier" or column.masked


def _is_measured(column: Column) -> bool:
    """Tell a column that has a mean and quantiles."""
    return column.type in ("number", "integer") and not _is_hidden(column)


def _column(
    connection: duckdb.DuckDBPyConnection, source: str, column: Column, rows: int, present: int
) -> ColumnProfile:
    """Return the profile of one column; reads that column only, so memory is that of one column."""
    name = identifier(column.name)
    values = _sorted(connection, source, name) if _is_measured(column) else None
    mean, sd, quantiles = UNMEASURED if values is None else _measures(values)
    told = None
    if present >= SMALL_CELL:  # integers beyond 2**53 may be equal as doubles
        told = (
            _distinct(connection, source, name, rows) if values is None or column.type != "number" else _steps(values)
        )
    return ColumnProfile(
        column=column.name,
        type=column.type,
        role=column.role,
        privacy=column.privacy,
        n=rows,
        missing=rows - present,
        distinct=told,
        mean=mean,
        sd=sd,
        quantiles=quantiles,
        top=_top(connection, source, name) if _is_named(column) else (),
    )


def _is_named(column: Column) -> bool:
    """Tell a column whose categories may be named."""
    return column.type in ("category", "boolean") and not _is_hidden(column)


def _distinct(connection: duckdb.DuckDBPyConnection, source: str, name: str, rows: int) -> int:
    """Return the number of different values."""
    count = f"count(distinct {name})" if rows <= EXACT_DISTINCT_ROWS else f"approx_count_distinct({name})"
    return int(connection.execute(f"select {count} from {source}").fetchall()[0][0])


def _sorted(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> "Floats":
    """Return (n,) the values that are there, ascending, as doubles."""
    import numpy as np

    found = connection.execute(f"select {name}::double as x from {source} where {name} is not null").fetchnumpy()
    values = np.asarray(found["x"], dtype=np.float64)
    values.sort()
    return values


def _steps(values: "Floats") -> int:
    """Return the number of different values among sorted ones, of which there is at least one."""
    return int((values[1:] != values[:-1]).sum()) + 1


def _measures(values: "Floats") -> Measures:
    """Return mean, sample standard deviation and (probability, quantile) of the finite values, if they are 11.

    Quantiles are interpolated between neighbours.
    """
    import numpy as np

    values = values[np.searchsorted(values, -np.inf, "right") : np.searchsorted(values, np.inf)]
    if values.size < SMALL_CELL:
        return UNMEASURED
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        quantiles = np.quantile(values, PROBABILITIES)
    kept = tuple((p, float(x)) for p, x in zip(PROBABILITIES, quantiles, strict=True) if math.isfinite(x))
    return _finite(mean), _finite(sd), kept


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
