"""Asks for frozen rows in a DuckDB that has no place to spill to, so that none of them can reach the disk."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from audit_pipeline.errors import ExplainError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
MEMORY = "512MB"  # a draw keeps the rows it wants and one hash at a time
WHOLE = " `audit-pipeline verify` tells whether the snapshot is whole."


def ask(query: str, given: Mapping[str, Any], take: Callable[[Any], T], *, failed: str, advice: str = WHOLE) -> T:
    """Return what `take` makes of the answer.

    Args:
        query: SQL.
        given: its parameters.
        take: reads DuckDB's result.
        failed: what did not work then, as a sentence without its end.
        advice: what to do about it.

    Raises:
        ExplainError: a file cannot be read, or lacks a column.
    """
    import duckdb

    from audit_pipeline import in_memory

    try:
        with in_memory.connect(threads=1, memory=MEMORY, spills=False) as con:
            return take(con.execute(query, dict(given)))
    except duckdb.Error as error:
        raise ExplainError(f"{failed}: {type(error).__name__}.{advice}") from error


def frame_of(query: str, given: Mapping[str, Any], columns: Sequence[str], *, failed: str) -> "pd.DataFrame":
    """Return the answer as a frame with these column names, since DuckDB repeats the file's spelling; else as `ask`."""
    frame: pd.DataFrame = ask(query, given, lambda answer: answer.df(), failed=failed)
    frame.columns = list(columns)
    return frame


def quoted(column: str) -> str:
    """Return a column as SQL names it."""
    return '"' + column.replace('"', '""') + '"'
