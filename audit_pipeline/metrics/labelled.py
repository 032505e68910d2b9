"""Joins the night's rows with their labels: only label, score and prediction leave DuckDB, as numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Floats, Table, quoted

LABEL = "label"  # column of the outcome, in the labels and in the reference
FOUND = '"label of the row"'  # the outcome as a double, beside the night's own columns


@dataclass(frozen=True)
class Labelled:
    """The rows of a table beside their labels, and how their columns become numbers."""

    table: Table
    sql: str  # SELECT of the table's columns and FOUND
    model: ModelConfig

    def rows(self, *, version: str | None = None) -> Rows:
        """Return the labelled rows, of one model version or all of them."""
        model, table = self.model, self.table
        where = f"{FOUND} is not null"
        if version is not None:
            where += f" and cast({quoted(str(model.by_role('model_version')))} as varchar) = $version"
        score = _column(table, model.by_role("score"))
        prediction = _column(table, model.by_role("prediction"))
        found = table.con.execute(
            f"select {FOUND} as y, {score} as s, {prediction} as d from ({self.sql}) where {where}",
            {"version": version} if version is not None else None,
        ).fetchnumpy()
        label, scores, predictions = (_floats(found[name]) for name in ("y", "s", "d"))
        if model.task == "binary" and model.by_role("prediction") is None:
            predictions = np.where(np.isnan(scores), np.nan, (scores >= model.threshold).astype(np.float64))
        order = np.lexsort((predictions, label, scores))  # a join has no order: sums must not depend on it
        return Rows(label[order], scores[order], predictions[order])

    def versions(self) -> list[tuple[str, int]]:
        """Return the model versions among the labelled rows with their number of rows, by name."""
        column = self.model.by_role("model_version")
        if column is None or column not in self.table.types:
            return []
        name = quoted(column)
        rows = self.table.fetch(
            f"select cast({name} as varchar), count(*) from ({self.sql}) "
            f"where {FOUND} is not null and {name} is not null group by 1 order by 1"
        )
        return [(str(version), int(count)) for version, count in rows]


def joined(current: Table, labels: Table, model: ModelConfig, *, unlabelled: bool = False) -> Labelled:
    """Join the night's rows with their labels; a row_id with two different labels has none.

    With `unlabelled` the rows without a label stay, and have NULL for one.

    Raises:
        MetricError: either side lacks a column that is needed.
    """
    key = model.row_id
    for table, columns, what in ((current, (key,), "night"), (labels, (key, LABEL), "labels")):
        for column in columns:
            if column not in table.types:
                raise MetricError(f"the file of the {what} has no column '{column}'")
    name, value = quoted(key), _number(quoted(LABEL))
    cast = "" if current.types[key] == labels.types[key] else "::varchar"
    once = (
        f"select {name}{cast} as k, case when min({value}) = max({value}) then min({value}) end as v "
        f"from {labels.sql} group by 1"
    )
    outer = "left " if unlabelled else ""
    sql = f"select c.*, l.v as {FOUND} from {current.sql} c {outer}join ({once}) l on c.{name}{cast} = l.k"
    return Labelled(current, sql, model)


def reference_rows(reference: Table, model: ModelConfig) -> Rows | None:
    """Return the reference's labelled rows, or None when it has no labels."""
    if LABEL not in reference.types:
        return None
    return Labelled(reference, reference_sql(reference), model).rows()


def reference_sql(reference: Table) -> str:
    """SELECT of the reference's rows with FOUND, NULL throughout when it has no labels."""
    label = _number(quoted(LABEL)) if LABEL in reference.types else "null::double"
    return f"select *, {label} as {FOUND} from {reference.sql}"


def _number(value: str) -> str:
    """SQL of a value as a double: booleans as 0 and 1, missing NULL, what is no number infinite (so refused)."""
    number = f"coalesce(try_cast({value} as double), try_cast(try_cast({value} as boolean) as double), 'inf'::double)"
    return f"case when {value} is not null and not isnan({number}) then {number} end"


def _column(table: Table, column: str | None) -> str:
    """SQL of a column as a double; NULL when there is none."""
    if column is None or column not in table.types:
        return "null::double"
    return _number(quoted(column))


def output_sql(table: Table, model: ModelConfig) -> tuple[str, str]:
    """SQL of (score, decision or prediction) of a row as doubles, by the rule of `Labelled.rows`; missing is NULL."""
    score, prediction = model.by_role("score"), model.by_role("prediction")
    s = _column(table, score)
    if model.task == "binary" and prediction is None:
        return s, f"case when {s} is not null then cast({s} >= {model.threshold!r}::double as double) end"
    return s, _column(table, prediction)


def _floats(values: Any) -> Floats:
    """A fetched column as float64 with NaN for NULL."""
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
