"""Joins the night's rows with their labels: only label and outputs leave DuckDB, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audit_pipeline.config.model import ModelConfig, Role
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.multiclass import ClassRows
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Floats, Table, quoted

LABEL = "label"  # column of the outcome, in the labels and in the reference
ROW = "file_row_number"  # place of a row in its file, in `Table.numbered`
FOUND = '"label of the row"'  # the outcome (a double; of a multiclass model a text), beside the night's own columns


@dataclass(frozen=True)
class Labelled:
    """The rows of a table beside their labels, and how their columns become numbers."""

    table: Table
    sql: str  # SELECT of the table's columns and FOUND, which is NULL in a row without a label
    model: ModelConfig
    places: Sequence[int] | None = None  # rows of the one file that are looked at, in their order; None: all

    def rows(self, *, version: str | None = None) -> Rows | ClassRows:
        """Return the labelled rows, of one model version or all of them."""
        return (self._classes(version) if self.model.task == "multiclass" else self._numbers(version))[1]

    def drawn(self) -> tuple[Any, Rows | ClassRows]:
        """Return which of `places` have a label, and their rows, both in the order of the file."""
        return self._classes(None) if self.model.task == "multiclass" else self._numbers(None)

    def _numbers(self, version: str | None) -> tuple[Any, Rows]:
        """Rows of a binary model or a regression."""
        model = self.model
        roles: dict[str, Role] = {
            "score": "score",
            "prediction": "prediction",
            "low": "prediction_lo",
            "high": "prediction_hi",
        }
        there = {name: column for name, role in roles.items() if (column := model.by_role(role)) is not None}
        wanted = {"label": FOUND} | {name: _column(self.table, column) for name, column in there.items()}
        read = self._fetch(wanted | self._place, version)
        place = read.pop("place", None)
        found = {name: _floats(read.pop(name)) for name in wanted}  # one by one: of ten million rows each has 80 MB
        for name in {"score", "prediction"} - found.keys():
            found[name] = np.full(found["label"].size, np.nan)
        if model.task == "binary" and "prediction" not in there:
            scores = found["score"]
            found["prediction"] = np.where(np.isnan(scores), np.nan, (scores >= model.threshold).astype(np.float64))
        # a join has no order: sums must not depend on it
        by = [name for name in ("low", "high", "prediction", "label", "score") if name in wanted]
        order = self._ordered(*(found[name] for name in by))
        return place, Rows(costs=model.costs, **{name: found.pop(name)[order] for name in list(found)})

    def _classes(self, version: str | None) -> tuple[Any, ClassRows]:
        """Rows of a multiclass model; classes are read by their text."""
        declared, column = tuple(self.model.probabilities), self.model.output
        predicted = f"cast({quoted(column)} as varchar)" if column in self.table.types else "null::varchar"
        seen = self._fetch({"c": f"distinct unnest([{FOUND}, {predicted}])"}, version)["c"].tolist()
        others = sorted({str(c) for c in seen if c is not None} - set(declared))
        classes = (*declared, *others)
        wanted = {"y": f"list_position($classes, {FOUND})", "d": f"list_position($classes, {predicted})"}
        wanted |= {f"p{i}": _column(self.table, c) for i, c in enumerate(self.model.probabilities.values())}
        read = self._fetch(wanted | self._place, version, {"classes": list(classes)})
        place = read.pop("place", None)
        found = {k: _floats(v) for k, v in read.items()}
        label, prediction = (np.nan_to_num(found.pop(name), nan=0).astype(np.int64) - 1 for name in ("y", "d"))
        columns = tuple(found.values())
        order = self._ordered(*columns, prediction, label)
        probability = np.column_stack([p[order] for p in columns]) if columns else np.empty((label.size, 0))
        return place, ClassRows(classes, len(declared), label[order], prediction[order], probability)

    @property
    def _place(self) -> dict[str, str]:
        """SQL of a row's place, where rows are drawn."""
        return {} if self.places is None else {"place": ROW}

    def _ordered(self, *keys: Any) -> Any:
        """Return the order of the rows: by their values, or as they stand in the file."""
        return np.lexsort(keys) if self.places is None else np.arange(keys[0].size)

    def _fetch(
        self, wanted: Mapping[str, str], version: str | None, values: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """Read name -> SQL over the labelled rows, of one model version or all of them."""
        where, bound = f"{FOUND} is not null", dict(values or {})
        if version is not None:
            where += f" and cast({quoted(str(self.model.by_role('model_version')))} as varchar) = $version"
            bound["version"] = version
        if self.places is not None:
            where += f" and {ROW} in (select unnest($places)) order by {ROW}"
            bound["places"] = list(self.places)
        select = ", ".join(f"{sql} as {name}" for name, sql in wanted.items())
        return self.table.con.execute(f"select {select} from ({self.sql}) where {where}", bound or None).fetchnumpy()

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


def joined(current: Table, labels: Table, model: ModelConfig, *, places: Sequence[int] | None = None) -> Labelled:
    """Put the night's rows beside their labels, NULL where there is none; a row_id with two different labels has none.

    With `places` only those rows of the night's one file.

    Raises:
        MetricError: either side lacks a column that is needed.
    """
    key = model.row_id
    for table, columns, what in ((current, (key,), "night"), (labels, (key, LABEL), "labels")):
        for column in columns:
            if column not in table.types:
                raise MetricError(f"the file of the {what} has no column '{column}'")
    name, value = quoted(key), _outcome(model)
    cast = "" if current.types[key] == labels.types[key] else "::varchar"
    once = (
        f"select {name}{cast} as k, case when min({value}) = max({value}) then min({value}) end as v "
        f"from {labels.sql} group by 1"
    )
    rows = current.sql if places is None else current.numbered
    sql = f"select c.*, l.v as {FOUND} from {rows} c left join ({once}) l on c.{name}{cast} = l.k"
    return Labelled(current, sql, model, places)


def reference_rows(reference: Table, model: ModelConfig) -> Rows | ClassRows | None:
    """Return the reference's labelled rows, or None when it has no labels."""
    if LABEL not in reference.types:
        return None
    return Labelled(reference, reference_sql(reference, model), model).rows()


def reference_part(reference: Table, model: ModelConfig, places: Sequence[int]) -> Labelled:
    """Return some rows of one file of the reference beside their labels."""
    return Labelled(reference, reference_sql(reference, model, numbered=True), model, places)


def reference_sql(reference: Table, model: ModelConfig, *, numbered: bool = False) -> str:
    """SELECT of the reference's rows with FOUND, NULL throughout when it has no labels."""
    label = _outcome(model) if LABEL in reference.types else "null::double"
    return f"select *, {label} as {FOUND} from {reference.numbered if numbered else reference.sql}"


def outputs(night: Table, model: ModelConfig) -> Rows | None:
    """Return all rows of a night with what the model gave out, and labels of 0 that mean nothing; None for classes."""
    if model.task == "multiclass":
        return None
    rows = Labelled(night, f"select *, 0.0::double as {FOUND} from {night.sql}", model).rows()
    return rows if isinstance(rows, Rows) else None


def _outcome(model: ModelConfig) -> str:
    """SQL of the outcome: a class by its text, anything else as a double."""
    return f"cast({quoted(LABEL)} as varchar)" if model.task == "multiclass" else _number(quoted(LABEL))


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
