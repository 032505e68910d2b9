"""In-memory DuckDB, kept by the process: an instance costs 25 ms of CPU, and a model-night asks a dozen times.

Whoever asks gets a connection of its own; what they share are settings, threads and memory. Nothing is attached to
these instances and nothing is kept in them: what must attach a database, or spill to a folder, opens its own.
"""

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

import duckdb

from audit_pipeline.offline import DUCKDB

Setting = str | bool | int | float | list[str]


def connect(*, threads: int, memory: str, spills: bool = True, keeps_order: bool = True) -> duckdb.DuckDBPyConnection:
    """Return a connection to the process's instance with these settings; close it after use.

    Args:
        threads: of DuckDB.
        memory: its limit, e.g. "1GB".
        spills: whether what does not fit may go to the folder for temporary files of now; never for raw rows.
        keeps_order: whether rows come in the order of the file.
    """
    folder = str(Path(tempfile.gettempdir(), f"audit-{os.getpid()}")) if spills else ""
    connection = _instance(os.getpid(), threads, memory, folder, keeps_order).cursor()
    # What was freed goes back to the machine: 0.8 GB after a join of 10M rows. It holds for the process, and any
    # instance that is closed switches it off.
    connection.execute("SET allocator_background_threads = true")
    return connection


@atexit.register
def _close() -> None:
    """Let go of them: what is there at the end of the process is reported as leaked."""
    _instance.cache_clear()


@cache
def _instance(
    process: int,  # a forked child must not use its parent's threads
    threads: int,
    memory: str,
    spill: str,
    keeps_order: bool,
) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Setting] = {
        **DUCKDB,
        "threads": threads,
        "memory_limit": memory,
        "temp_directory": spill,
        "preserve_insertion_order": keeps_order,
        "enable_external_file_cache": False,  # a file that was changed in between is read as it is
    }
    return duckdb.connect(":memory:", config=settings)
