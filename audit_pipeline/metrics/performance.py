"""How good one night's predictions were, as far as labels are there: exact, over all labelled rows.

A metric is one line of `BINARY` or `REGRESSION`. One that cannot be computed (a single class, too few labels, rows
without a score) is None with the reason; the others stand.
"""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.binary import BINARY
from audit_pipeline.metrics.labelled import Labelled, joined, reference_rows
from audit_pipeline.metrics.quality import Estimate, Metric, Rows
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.metrics.regression import REGRESSION
from audit_pipeline.records import SMALL_CELL, Maturity, Performance, PerformanceMetric

ALL = "all"  # the slice of every row


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
        rows, found = None, None
        if labels is not None:
            found = joined(night, Table(con, [labels]), model)
            rows = found.rows()
        metrics: tuple[PerformanceMetric, ...] = ()
        if found is not None and rows is not None and rows.n:
            metrics = _metrics(found, rows, reference_rows(Table(con, reference), model), model)
        labelled = rows.n if rows is not None else 0
        maturity, reason = _maturity(labelled, night.rows, due=due, overdue=overdue)
    return Performance(
        maturity=maturity,
        due=due,
        overdue=overdue,
        labelled=labelled,
        rows=night.rows,
        metrics=metrics,
        engine="exact",
        reason=reason,
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
    share = f"{labelled:,} of {rows:,} rows ({labelled / rows:.1%}) have a label"
    return Maturity.PROVISIONAL, f"{share}: {when}" if due else share


def _metrics(found: Labelled, rows: Rows, reference: Rows | None, model: ModelConfig) -> tuple[PerformanceMetric, ...]:
    """Measure all metrics over all rows, and the main ones per model version when there are several."""
    table = BINARY if model.task == "binary" else REGRESSION
    least = model.policy.performance.min_labels
    before = {metric.name: _value(metric, reference, least) for metric in table}
    result = [_metric(metric, rows, ALL, before[metric.name], least) for metric in table]
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


def _metric(metric: Metric, rows: Rows, where: str, reference: float | None, least: int) -> PerformanceMetric:
    """Measure one metric over one slice; `reference` is the number on the whole reference."""
    found, reason = _measure(metric, rows, least)
    return PerformanceMetric(
        name=metric.name,
        slice=where,
        value=found.value if found else None,
        lo=found.lo if found else None,
        hi=found.hi if found else None,
        n=rows.n,
        reference=reference,
        reason=reason,
    )


def _value(metric: Metric, rows: Rows | None, least: int) -> float | None:
    """Return the metric's number alone, or None."""
    found = _measure(metric, rows, least)[0] if rows is not None else None
    return found.value if found else None


def _measure(metric: Metric, rows: Rows, least: int) -> tuple[Estimate | None, str | None]:
    """Return (estimate, None), or (None, reason)."""
    if rows.n < least:
        return None, f"{rows.n:,} labelled rows, fewer than the {least:,} the policy asks for"
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = metric.measure(rows)
    except MetricError as error:
        return None, str(error)
    if not all(math.isfinite(x) for x in (found.value, found.lo, found.hi) if x is not None):
        return None, "the result is not a finite number: the values are too large"
    return found, None
