"""How good one night's predictions were, as far as labels are there: exact, over all labelled rows.

A metric is one line of `BINARY`, `REGRESSION` or `MULTICLASS`. One that cannot be computed (a single class, too few
labels, rows without a score) is None with the reason; the others stand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.binary import BINARY, labels_of, probability
from audit_pipeline.metrics.calibration import reliability
from audit_pipeline.metrics.estimate import estimates
from audit_pipeline.metrics.interval import of_difference
from audit_pipeline.metrics.labelled import Labelled, joined, outputs, reference_rows
from audit_pipeline.metrics.labelled_part import labelled_part
from audit_pipeline.metrics.multiclass import MULTICLASS, ClassRows, class_metrics, confusion
from audit_pipeline.metrics.quality import SEED, Estimate, Metric, Rows
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.metrics.regression import REGRESSION
from audit_pipeline.records import SMALL_CELL, Maturity, Performance, PerformanceMetric, ReliabilityBin
from audit_pipeline.small_cells import few, in_words, of_in_words

ALL = "all"  # the slice of every row
TABLES = {"binary": BINARY, "regression": REGRESSION, "multiclass": MULTICLASS}
AnyRows = Rows | ClassRows
Metrics = tuple[PerformanceMetric, ...]


def measure_performance(
    current: Path,
    labels: Path | None,
    reference: Sequence[Path],
    model: ModelConfig,
    *,
    due: date | None,
    overdue: bool,
    threads: int,
    memory: str,
) -> Performance:
    """Measure the quality of a night's predictions against the labels known by now.

    Args:
        current: the night's canonical Parquet file.
        labels: columns row_id (named as in the model file) and `label`; None when there are none yet.
        reference: canonical Parquet files; with a column `label` each metric is computed on them too.
        model: says task, columns, threshold and `policy.performance`.
        due: night on which all labels should be there; None when the model has no labels.
        overdue: whether that night has passed.
        threads: of DuckDB.
        memory: of DuckDB, as in "1GB".

    Raises:
        MetricError: a file cannot be read or lacks a column the join needs.
    """
    with connect(threads=threads, memory=memory) as con:
        night = Table(con, [current])
        before = reference_rows(Table(con, reference), model)
        found = joined(night, Table(con, [labels]), model) if labels is not None else None
        rows = found.rows() if found is not None else None
        labelled = rows.n if rows is not None else 0
        maturity, reason = _maturity(labelled, night.rows, due=due, overdue=overdue)
        metrics: tuple[PerformanceMetric, ...] = ()
        if found is not None and rows is not None and rows.n:
            metrics = _metrics(found, rows, before, model)
        part = labelled_part(found, labelled=labelled) if found is not None else None
        guessed = () if labelled else _estimates(night, before, model)
    return Performance(
        maturity=maturity,
        due=due,
        overdue=overdue,
        labelled=labelled,
        rows=night.rows,
        metrics=metrics,
        engine="exact",
        reason=reason,
        reliability=_reliability(rows, model) if isinstance(rows, Rows) else (),
        confusion=confusion(rows) if isinstance(rows, ClassRows) else (),
        estimates=guessed,
        labelled_part=part,
        seed=SEED,
        cost_unit=model.costs.unit if model.costs else None,
    )


def _maturity(labelled: int, rows: int, *, due: date | None, overdue: bool) -> tuple[Maturity, str | None]:
    """Say how final the numbers are, and why they are not."""
    if due is None:
        when = "the model file names no labels"
    else:
        when = f"labels were due on {due} and are overdue" if overdue else f"labels are due on {due}"
    if not labelled:
        return Maturity.PENDING, f"no row has a label: {when}"
    if labelled == rows:
        return Maturity.FINAL, None
    percent = "" if few(labelled) or few(rows - labelled) else f" ({labelled / rows:.1%})"
    share = f"{of_in_words(labelled, rows)} rows{percent} have a label"
    return Maturity.PROVISIONAL, f"{share}: {when}" if due else share


def _estimates(night: Table, reference: AnyRows | None, model: ModelConfig) -> Metrics:
    """Return what can be told of a night that has no labels yet."""
    if not isinstance(reference, Rows) or (rows := outputs(night, model)) is None:
        return ()
    return estimates(rows, reference, model)


def _metrics(found: Labelled, rows: AnyRows, reference: AnyRows | None, model: ModelConfig) -> Metrics:
    """Measure all metrics over all rows, per class, and the main ones per model version when there are several."""
    least = model.policy.performance.min_labels
    table = [metric for metric in TABLES[model.task] if metric.fits(model)]
    before = {metric.name: _before(metric, reference, least) for metric in table}
    result = [_metric(metric, rows, ALL, before[metric.name], least) for metric in table]
    if isinstance(rows, ClassRows):
        result += _per_class(rows, reference if isinstance(reference, ClassRows) else None, least)
    versions = found.versions()
    if len(versions) > 1:
        column = model.by_role("model_version")
        for version, count in versions:
            if count < SMALL_CELL:
                continue  # not even its name is shown
            part = found.rows(version=version)
            name = f"{column}={version}"
            result += [_metric(m, part, name, before[m.name], least) for m in table if m.sliced]
    return tuple(result)


def _per_class(rows: ClassRows, reference: ClassRows | None, least: int) -> list[PerformanceMetric]:
    """Measure every class that may be named against the rest."""
    result = []
    for name in rows.shown:
        part = rows.against_rest(name)
        other = reference.against_rest(name) if reference is not None else None
        for metric in class_metrics(ranked=rows.declared > 0):
            result.append(_metric(metric, part, f"class={name}", _before(metric, other, least), least))
    return result


@dataclass(frozen=True)
class _Before:
    """A metric on the whole reference."""

    found: Estimate | None
    n: int | None  # labelled rows; None when the reference has no labels


def _before(metric: Metric, reference: AnyRows | None, least: int) -> _Before:
    """Measure one metric on the reference; what cannot be measured there is only not compared."""
    if reference is None:
        return _Before(None, None)
    return _Before(_measure(metric, reference, least)[0], reference.n)


def _metric(metric: Metric, rows: AnyRows, where: str, before: _Before, least: int) -> PerformanceMetric:
    """Measure one metric over one slice and compare it with the whole reference."""
    found, reason = _measure(metric, rows, least)
    then = before.found
    difference, lo, hi = _difference(found, then)
    return PerformanceMetric(
        name=metric.name,
        slice=where,
        value=found.value if found else None,
        lo=found.lo if found else None,
        hi=found.hi if found else None,
        n=rows.n,
        reference=then.value if then else None,
        reason=reason,
        reference_lo=then.lo if then else None,
        reference_hi=then.hi if then else None,
        n_reference=before.n,
        difference=difference,
        difference_lo=lo,
        difference_hi=hi,
    )


def _difference(found: Estimate | None, then: Estimate | None) -> tuple[float | None, float | None, float | None]:
    """Return the difference of two estimates on independent samples with its interval, as far as they are finite."""
    if found is None or then is None or not math.isfinite(found.value - then.value):
        return None, None, None
    if found.lo is None or found.hi is None or then.lo is None or then.hi is None:
        return found.value - then.value, None, None
    lo, hi = of_difference(found.value, (found.lo, found.hi), then.value, (then.lo, then.hi))
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return found.value - then.value, None, None
    return found.value - then.value, lo, hi


def _reliability(rows: Rows, model: ModelConfig) -> tuple[ReliabilityBin, ...]:
    """Return the reliability table of a binary model, where it has one."""
    if model.task != "binary" or rows.n < model.policy.performance.min_labels:
        return ()
    try:
        return reliability(probability(rows), labels_of(rows))
    except MetricError:
        return ()  # the calibration metrics say why


def _measure(metric: Metric, rows: AnyRows, least: int) -> tuple[Estimate | None, str | None]:
    """Return (estimate, None), or (None, reason)."""
    if rows.n < least:
        return None, f"{in_words(rows.n)} labelled rows, fewer than the {least:,} the policy asks for"
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = metric.measure(rows)
    except MetricError as error:
        return None, str(error)
    if not all(math.isfinite(x) for x in (found.value, found.lo, found.hi) if x is not None):
        return None, "the result is not a finite number: the values are too large"
    return found, None
