"""Writes rows as Parquet so that equal rows in equal order are equal bytes.

pyarrow writes, since it keeps a row group's bytes when a value of another one changes; DuckDB's own COPY does
not (measured). Every setting is fixed here. The footer names pyarrow's version, which is beyond our control:
another version may give other bytes for the same rows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline.records import Column

ROWS = 40_960  # per row group


def write(connection: duckdb.DuckDBPyConnection, sql: str, columns: Sequence[Column], path: Path) -> None:
    """Write the rows of `sql`, in its order, to `path`; streams one row group at a time.

    Args:
        connection: where `sql` runs.
        sql: one value per column, in the order of `columns`, already canonical.
        columns: names and types of the file.
        path: a file that does not exist yet.
    """
    import pyarrow as pa

    schema = schema_of(columns)
    reader: Any = connection.sql(sql).to_arrow_reader(ROWS)  # streams: the result is never whole in memory
    with writer(path, schema) as out:
        held: list[Any] = []  # tables, fewer than ROWS rows in all
        for batch in reader:
            held.append(pa.Table.from_batches([batch]).rename_columns(schema.names).cast(schema))
            if sum(table.num_rows for table in held) >= ROWS:
                held = [_write_full(out, pa.concat_tables(held))]
        rest = pa.concat_tables(held) if held else schema.empty_table()
        if rest.num_rows:
            out.write_table(rest.combine_chunks(), row_group_size=ROWS)


def writer(target: Any, schema: Any) -> Any:
    """Return a writer to `target`, a path or a file, for tables of `schema`; to be closed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # a dictionary of floats costs as much as all the rest, and the file is larger for it
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(
        target,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=repeated,
        write_statistics=True,
        data_page_version="1.0",
        store_schema=False,  # no copy of the Arrow schema: the Parquet types say it all
        write_page_index=False,
    )


def _write_full(out: Any, table: Any) -> Any:
    """Write all full row groups of `table` and return the rows left over."""
    at = 0
    while table.num_rows - at >= ROWS:
        # One chunk per column: where batches end must not show in the pages.
        out.write_table(table.slice(at, ROWS).combine_chunks(), row_group_size=ROWS)
        at += ROWS
    return table.slice(at)


def schema_of(columns: Sequence[Column]) -> Any:
    """Return the file's schema."""
    import pyarrow as pa

    types = {
        "number": pa.float64(),
        "integer": pa.int64(),
        "category": pa.string(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }
    return pa.schema([pa.field(column.name, types[column.type]) for column in columns])
