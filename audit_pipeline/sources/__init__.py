"""Where a night's log, labels and reference come from: Parquet, CSV, JSON lines, or a DuckDB table.

A source is opened, never loaded: what comes back is a `Relation`, a SELECT over the raw columns that any fresh
DuckDB connection can run, with the sha256 of the bytes behind it. Types are applied later, by the snapshot.
"""

from audit_pipeline.sources.nights import list_nights
from audit_pipeline.sources.opening import open_night, open_table, require_columns

__all__ = ["list_nights", "open_night", "open_table", "require_columns"]
