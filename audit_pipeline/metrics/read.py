"""Reads columns of canonical Parquet files through DuckDB, one at a time, so that memory stays bounded.

Sums of floats are never left to DuckDB: its threads add in changing order. It reads, counts and joins; numpy sorts
and adds, so that the same files give the same bits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from audit_pipeline.errors import MetricError
from audit_pipeline.offline import DUCKDB

Floats = npt.NDArray[np.float64]

# canonical type -> SQL of a double; dates count in days, timestamps in seconds since 1970
AS_DOUBLE = {
    "number": "case when not isnan(cast({0} as double)) then cast({0} as double) end",
    "integer": "cast({0} as double)",
    "boolean": "cast(cast({0} as boolean) as double)",
    "date": "epoch(cast({0} as date)) / 86400",
    "timestamp": "epoch(cast({0} as timestamp))",
}


def connect(*, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    """Open a private in-memory DuckDB; `memory` as in "1GB"."""
    return duckdb.connect(":memory:", config={**DUCKDB, "threads": threads, "memory_limit": memory})


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def as_double(column: str, kind: str) -> str:
    """Return the SQL that reads `column` of canonical type `kind` as a double; missing is NULL."""
    return AS_DOUBLE[kind].format(quoted(column))


class Table:
    """The rows of one or more Parquet files, with the columns they have."""

    def __init__(self, con: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
        """Look at the files' columns and number of rows; no file at all is a table without columns.

        Raises:
            MetricError: a file cannot be read.
        """
        self.con = con
        self.sql = _scan(files)
        self.numbered = _scan(files, ", file_row_number = true")  # with a row's place in its file
        self.types: dict[str, str] = {}  # column -> DuckDB type
        self.rows = 0
        if files:
            try:
                self.types = {row[0]: row[1] for row in self.fetch(f"describe select * from {self.sql}")}
                self.rows = int(self.fetch(f"select count(*) from {self.sql}")[0][0])
            except duckdb.Error as error:
                names = ", ".join(file.name for file in files)
                raise MetricError(f"'{names}' cannot be read as Parquet") from error

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.con.execute(sql).fetchall()

    def present(self, column: str) -> int:
        """Count the rows in which `column` is not missing (neither NULL nor NaN)."""
        value = as_double(column, "number") if self.types[column] == "DOUBLE" else quoted(column)
        return int(self.fetch(f"select count({value}) from {self.sql}")[0][0])

    def doubles(self, column: str, kind: str) -> Floats:
        """Return the non-missing values of a column, sorted: (n,) float64, infinities kept, no NaN.

        Raises:
            MetricError: the values cannot be read as `kind`.
        """
        value = quoted(column) if self.types[column] == "DOUBLE" and kind == "number" else as_double(column, kind)
        try:
            found = self.con.execute(f"select {value} as v from {self.sql}").fetchnumpy()["v"]
            values: Floats = np.asarray(np.ma.compressed(found), dtype=np.float64)
        except duckdb.Error:  # its message would show a row's value
            raise MetricError(f"column '{column}' holds values that cannot be read as {kind}") from None
        values = np.sort(values)  # NaN comes last
        return values[: values.size - int(np.isnan(values).sum())]

    def counts(self, column: str) -> dict[str, int]:
        """Return how often each non-missing value occurs, by its text, in the order of the text."""
        name = quoted(column)
        rows = self.fetch(
            f"select cast({name} as varchar), count(*) from {self.sql} where {name} is not null group by 1 order by 1"
        )
        return {str(value): int(count) for value, count in rows}


def _scan(files: Sequence[Path], more: str = "") -> str:
    """Return the table function that reads `files`; folders named like `night=...` add no column."""
    names = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false{more})"
