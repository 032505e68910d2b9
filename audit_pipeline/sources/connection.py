"""The DuckDB connection that looks at raw data: no network, no extension download, nothing spilled to disk."""

import duckdb

from audit_pipeline.offline import DUCKDB

MEMORY = "1GB"  # opening streams: it needs buffers, not the file


def connect() -> duckdb.DuckDBPyConnection:
    """Return a private in-memory connection, to attach to; without a spill folder no raw value can reach the disk."""
    return duckdb.connect(
        config={
            **DUCKDB,
            "memory_limit": MEMORY,
            "temp_directory": "",
            "preserve_insertion_order": "false",
        }
    )


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
