"""DuckDB connections of the snapshot: bounded memory, no network, and a say in where it may spill."""

import glob
from pathlib import Path

import duckdb


def connect(*, threads: int, memory: str, spill: Path | None, ordered: bool = True) -> duckdb.DuckDBPyConnection:
    """Return a private in-memory connection whose times are UTC.

    Args:
        threads: at most this many.
        memory: DuckDB's limit, e.g. "1GB".
        spill: folder for what does not fit; made when needed, removed afterwards. None: nothing ever leaves
            the memory, and a query that does not fit fails.
        ordered: False lets rows come in any order, which needs less memory (10 million rows of 30 columns are
            copied in 1 GB only so); even those of an ORDER BY then do (DuckDB 2.0).
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": str(threads),
            "memory_limit": memory,
            "temp_directory": str(spill) if spill else "",
            "preserve_insertion_order": "true" if ordered else "false",
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
