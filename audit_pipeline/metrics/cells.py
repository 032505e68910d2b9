"""Counts of every group of every attribute, in one pass over the night: `GROUPING SETS` in DuckDB.

Sums of errors are sums of whole numbers: an error is scaled by a power of two and rounded to a 128-bit integer, row by
row. Integers add to the same sum in any order, so threads and row order change no bit, and no row leaves DuckDB.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.groups import MOST, Attribute, Key, Naming
from audit_pipeline.metrics.labelled import FOUND, joined, output_sql
from audit_pipeline.metrics.read import Table

BITS = 90  # of a scaled error: with 2**36 rows the sum still fits into 127
COUNTS = {  # d: decision 0, 1, or 2 when it is neither; y: label likewise, NULL when there is none; e: error
    "n": "count(*)",
    "undecided": "count(*) filter (d = 2)",
    "yes": "count(*) filter (d = 1)",
    "labelled": "count(y)",
    "mislabelled": "count(*) filter (y = 2)",
    "tp": "count(*) filter (y = 1 and d = 1)",
    "fp": "count(*) filter (y = 0 and d = 1)",
    "fn": "count(*) filter (y = 1 and d = 0)",
    "tn": "count(*) filter (y = 0 and d = 0)",
    "measured": "count(e)",
}


@dataclass(frozen=True)
class Cell:
    """What is known of one group: counts of rows, and sums over the rows that have an error."""

    n: int
    undecided: int  # rows whose decision is missing or neither 0 nor 1
    yes: int  # rows decided 1
    labelled: int
    mislabelled: int  # rows whose label is neither 0 nor 1 (regression: no finite number)
    tp: int
    fp: int
    fn: int
    tn: int
    measured: int  # rows with an error: score minus label, or prediction minus label
    error: float  # sum of errors
    absolute: float  # sum of their absolute values
    square: float  # sum of their squares


Cells = dict[str, dict[Key, Cell]]  # attribute -> key -> counts


def night_sql(night: Table, labels: Table | None, model: ModelConfig) -> str:
    """SQL of the night's rows with FOUND, the label as a double or NULL."""
    if labels is None:
        return f"select *, null::double as {FOUND} from {night.sql}"
    return joined(night, labels, model).sql


def crowded(table: Table, sql: str, naming: Naming, columns: Sequence[str]) -> set[str]:
    """Return the columns with more than 100 groups."""
    counts = ", ".join(f"count(distinct {naming.sql(table, column)})" for column in columns)
    (found,) = _ask(table, f"select {counts} from ({sql})")
    return {column for column, count in zip(columns, found, strict=True) if count > MOST}


def count(table: Table, sql: str, naming: Naming, wanted: Sequence[Attribute]) -> Cells:
    """Return the counts of every group of `wanted`.

    Args:
        table: whose columns `sql` selects.
        sql: rows with FOUND, as `night_sql` gives them.
        naming: how values become groups.
        wanted: the attributes.

    Raises:
        MetricError: the rows cannot be read, or the errors are too large for their squares.
    """
    columns = tuple(dict.fromkeys(column for each in wanted for column in each.columns))
    keys = {column: f"k{i}" for i, column in enumerate(columns)}
    rows = _rows_sql(table, sql, naming, keys)
    power = 0 if naming.model.task == "binary" else _power(table, rows)
    scaled = f"e * {math.ldexp(1.0, -power)!r}::double"
    sums = [
        f"sum(cast({term} * {math.ldexp(1.0, BITS)!r}::double as hugeint))"
        for term in (f"({scaled})", f"abs({scaled})", f"pow({scaled}, 2)")
    ]
    flags = ", ".join(f"grouping({key})" for key in keys.values())
    sets = ", ".join(f"({', '.join(keys[column] for column in each.columns)})" for each in wanted)
    select = ", ".join([flags, *keys.values(), *COUNTS.values(), *sums])
    found: Cells = {each.name: {} for each in wanted}
    for row in _ask(table, f"select {select} from ({rows}) group by grouping sets ({sets})"):
        present = {column for column, left_out in zip(columns, row, strict=False) if not left_out}
        values = dict(zip(columns, row[len(columns) :], strict=False))
        cell = _cell(row[2 * len(columns) :], power)
        for each in wanted:
            if present == set(each.columns):
                found[each.name][tuple(values[column] for column in each.columns)] = cell
    return found


def _rows_sql(table: Table, sql: str, naming: Naming, keys: Mapping[str, str]) -> str:
    """SQL of one row per row: the keys, decision d, label y and error e."""
    score, decision = output_sql(table, naming.model)
    if naming.model.task == "binary":
        d = f"case when {decision} in (0, 1) then cast({decision} as tinyint) else 2 end"
        y = f"case when {FOUND} in (0, 1) then cast({FOUND} as tinyint) when {FOUND} is not null then 2 end"
        e = f"case when {FOUND} in (0, 1) and {score} between 0 and 1 then {score} - {FOUND} end"
    else:
        d = "null::tinyint"
        y = f"case when isfinite({FOUND}) then 0 when {FOUND} is not null then 2 end"
        e = f"case when isfinite({FOUND}) and isfinite({decision}) then {decision} - {FOUND} end"
    keyed = ", ".join(f"{naming.sql(table, column)} as {key}" for column, key in keys.items())
    return f"select {keyed}, {d} as d, {y} as y, {e} as e from ({sql})"


def _power(table: Table, rows: str) -> int:
    """Return p with every |error| <= 2**p; 0 when there is none."""
    ((top,),) = _ask(table, f"select max(abs(e)) from ({rows})")
    if top is not None and top > 1e150:
        raise MetricError("the errors are too large: their squares are no finite numbers")
    return max(math.frexp(top)[1], -BITS) if top else 0


def _cell(row: Sequence[Any], power: int) -> Cell:
    """Turn counts and scaled sums into a cell."""
    counts = {name: int(value) for name, value in zip(COUNTS, row, strict=False)}
    sums = [int(value or 0) / 2**BITS for value in row[len(COUNTS) :]]
    error, absolute = (math.ldexp(total, power) for total in sums[:2])
    return Cell(error=error, absolute=absolute, square=math.ldexp(sums[2], 2 * power), **counts)


def _ask(table: Table, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query; an error of DuckDB would show a row's value."""
    try:
        return table.fetch(sql)
    except duckdb.Error as error:
        raise MetricError(f"the rows could not be counted by group: {type(error).__name__}") from None
