"""Quality of a regression model's predictions against the labels, each number with its 95 % interval.

Errors are prediction minus label, in the label's unit. Intervals are normal ones of a mean, carried through the
root (rmse) or through the influence function (r2).
"""

import math

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.interval import around, of_mean, standard_error
from audit_pipeline.metrics.quality import Estimate, Metric, Rows, refuse
from audit_pipeline.metrics.read import Floats


def _rmse(rows: Rows) -> Estimate:
    """Root of the mean squared error."""
    squares = np.square(_errors(rows))
    lo, hi = of_mean(squares)
    return Estimate(math.sqrt(squares.mean()), math.sqrt(max(0.0, lo)), math.sqrt(hi))


def _mae(rows: Rows) -> Estimate:
    """Mean absolute error."""
    values = np.abs(_errors(rows))
    value = float(values.mean())
    return Estimate(value, *around(value, standard_error(values), low=0.0))


def _bias(rows: Rows) -> Estimate:
    """Mean error: above 0 the model predicts too high."""
    values = _errors(rows)
    return Estimate(float(values.mean()), *of_mean(values))


def _r2(rows: Rows) -> Estimate:
    """Share of the labels' variance that is explained; below 0 the mean label would do better."""
    errors = np.square(_errors(rows))
    spread = np.square(rows.label - rows.label.mean())
    if rows.label.min() == rows.label.max():
        raise MetricError("all labels are equal: there is no variance to explain")
    unexplained = float(errors.mean() / spread.mean())
    influence = (errors - unexplained * spread) / spread.mean()
    return Estimate(1 - unexplained, *around(1 - unexplained, standard_error(influence), high=1.0))


REGRESSION: tuple[Metric, ...] = (
    Metric("rmse", _rmse, sliced=True),
    Metric("mae", _mae, sliced=True),
    Metric("bias", _bias, sliced=True),
    Metric("r2", _r2),
)


def _errors(rows: Rows) -> Floats:
    """Prediction minus label, all finite."""
    refuse(int((~np.isfinite(rows.label)).sum()), "with a label that is no finite number")
    refuse(int((~np.isfinite(rows.prediction)).sum()), "without a finite prediction")
    return np.asarray(rows.prediction - rows.label, dtype=np.float64)
