"""Which rows of a frozen snapshot are those of one person or one prediction?"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import ExplainError

if TYPE_CHECKING:
    import pandas as pd

MEMORY = "512MB"


def rows_called(path: Path, columns: Iterable[str], called: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the rows in which one of the columns of `called` has its value, in the order of the file.

    Args:
        path: a snapshot in Parquet.
        columns: what to return, in this order.
        called: column -> value, as the snapshot holds it; at least one.

    Raises:
        ExplainError: the snapshot cannot be read, or lacks a column.
    """
    import duckdb

    from audit_pipeline import in_memory

    wanted = list(columns)
    values = {f"value_{place}": value for place, value in enumerate(called.values())}
    where = " OR ".join(f"{_quoted(column)} = ${name}" for column, name in zip(called, values, strict=True))
    query = f"""
        SELECT {", ".join(_quoted(column) for column in wanted)}
        FROM read_parquet($path, file_row_number = true)
        WHERE {where}
        ORDER BY file_row_number
    """
    try:
        # without a place to spill to, nothing of a row can reach the disk
        with in_memory.connect(threads=1, memory=MEMORY, spills=False) as con:
            frame = con.execute(query, {"path": str(path), **values}).df()
    except duckdb.Error as error:
        raise ExplainError(
            f"The rows could not be read from the snapshot: {type(error).__name__}. "
            "`audit-pipeline verify` tells whether the snapshot is whole."
        ) from error
    frame.columns = wanted  # DuckDB repeats the file's spelling
    return frame


def _quoted(column: str) -> str:
    """Return a column as SQL names it."""
    return '"' + column.replace('"', '""') + '"'
