"""DuckDB connections of the snapshot: bounded memory, no network, and where they may spill."""

import glob
from pathlib import Path

import duckdb

from audit_pipeline.offline import DUCKDB


def reading(*, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    """Return a connection for raw rows: nothing it holds ever leaves the memory.

    Rows come in any order, even those of an ORDER BY (DuckDB 2.0): ten million rows of 30 columns are copied in
    1 GB only so. A query that does not fit fails, for want of a place to spill to.
    """
    connection = _connect(threads, memory, temp_directory="", preserve_insertion_order="false")
    # A Parquet file's min and max skip NaN; from them DuckDB 2.0 concludes that isnan() holds nowhere.
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    return connection


def working(*, threads: int, memory: str, spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection for frozen rows, whose order is kept.

    Args:
        threads: at most this many.
        memory: DuckDB's limit, e.g. "1GB".
        spill: folder for what does not fit; made when needed, removed afterwards.
    """
    return _connect(threads, memory, temp_directory=str(spill), preserve_insertion_order="true")


def _connect(threads: int, memory: str, **settings: str) -> duckdb.DuckDBPyConnection:
    """Return a private in-memory instance whose times are UTC."""
    connection = duckdb.connect(
        config={
            **DUCKDB,
            "threads": str(threads),
            "memory_limit": memory,
            **settings,
        }
    )
    connection.execute("set enable_progress_bar = false")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def identifier(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def parquet(path: Path) -> str:
    """Return a table function over exactly this file (its path may hold quotes or pattern characters)."""
    escaped = glob.escape(str(path)).replace("'", "''")
    return f"read_parquet('{escaped}', hive_partitioning=false)"
