"""Which rows of the night are explained: a seeded, order-free sample of a frozen snapshot.

A row's place in the draw is md5(row_id, seed): it depends on neither threads, row groups nor the version of
DuckDB (whose `hash()` may change between releases). The file's row number breaks the tie of repeated row ids.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.errors import ExplainError

if TYPE_CHECKING:
    import pandas as pd

MEMORY = "512MB"  # the draw keeps `rows` rows and one hash at a time


def draw(path: Path, columns: Iterable[str], *, row_id: str, seed: int, rows: int) -> "pd.DataFrame":
    """Return at most `rows` rows of the snapshot, ordered by `row_id`; the same seed gives the same rows.

    Args:
        path: a snapshot in Parquet.
        columns: what to return, in this order.
        row_id: the column that names a row; may be repeated or missing in single rows.
        seed: of the draw.
        rows: upper bound, at least 1.

    Raises:
        ExplainError: the snapshot cannot be read, or lacks a column.
    """
    import duckdb

    from audit_pipeline import in_memory

    wanted = list(columns)
    query = f"""
        SELECT {", ".join(_quoted(column) for column in wanted)}
        FROM (
            SELECT *, md5(concat(CAST({_quoted(row_id)} AS VARCHAR), ':', $seed)) AS "audit draw"
            FROM read_parquet($path, file_row_number = true)
            ORDER BY "audit draw", file_row_number
            LIMIT $rows
        )
        ORDER BY {_quoted(row_id)}, file_row_number
    """
    try:
        # without a place to spill to, nothing of a sample can reach the disk
        with in_memory.connect(threads=1, memory=MEMORY, spills=False) as con:
            frame = con.execute(query, {"seed": str(seed), "path": str(path), "rows": rows}).df()
    except duckdb.Error as error:
        raise ExplainError(
            f"The sample could not be drawn from the snapshot: {type(error).__name__}. "
            "`audit-pipeline verify` tells whether the snapshot is whole."
        ) from error
    frame.columns = wanted  # DuckDB repeats the file's spelling
    return frame


def _quoted(column: str) -> str:
    """Return a column as SQL names it."""
    return '"' + column.replace('"', '""') + '"'
