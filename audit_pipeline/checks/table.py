"""The frozen night as each engine sees it: equal values, whatever the engine.

Numbers that are NaN count as missing. Dates become timestamps. Integers with gaps become floats where that
is exact. Timestamps stand in UTC without a zone.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

VIEW = "night"  # the view's name inside the scratch database


def frame(path: Path, columns: Collection[str] | None) -> "pd.DataFrame":
    """Return the columns of a snapshot that are needed (None: all), in the order of the file."""
    import pandas as pd
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    wanted = [name for name in file.schema_arrow.names if columns is None or name in columns]
    table = file.read(columns=wanted)
    data = {name: _series(table.column(name)) for name in wanted}
    return pd.DataFrame(data, index=pd.RangeIndex(table.num_rows))


def _series(column: Any) -> "pd.Series[Any]":
    """Return one Arrow column as the pandas series in which Great Expectations counts right."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
    if pa.types.is_integer(column.type) and column.null_count:
        low, high = pc.min_max(column).values()
        exact = column.null_count == len(column) or max(abs(low.as_py()), abs(high.as_py())) <= 2**53
        if not exact:  # as floats, neighbours would become equal
            return column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())  # type: ignore[no-any-return]
    return column.to_pandas()  # type: ignore[no-any-return]


def view_sql(path: Path) -> str:
    """Return the statement that creates the view over a snapshot.

    Column names and the path are quoted; the statement holds no value.
    """
    import pyarrow.parquet as pq

    columns = ", ".join(f"{_column(field)} AS {quoted(field.name)}" for field in pq.read_schema(path))
    return f"CREATE VIEW {VIEW} AS SELECT {columns} FROM read_parquet({text(path)})"


def _column(field: Any) -> str:
    """Return the expression that brings one column to what `frame` makes of it."""
    import pyarrow as pa

    name = quoted(field.name)
    if pa.types.is_floating(field.type):
        # not nullif(x, 'nan'): DuckDB 2.0.0 folds that away by the Parquet file's minimum and maximum, which skip NaN
        return f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END"
    if pa.types.is_date(field.type):
        return f"CAST({name} AS TIMESTAMP)"
    if pa.types.is_timestamp(field.type) and field.type.tz:
        return f"make_timestamp(epoch_us({name}))"
    return name


def quoted(name: str) -> str:
    """Return an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """Return a string literal for SQL."""
    return "'" + str(value).replace("'", "''") + "'"
