"""Quality of a regression model's predictions against the labels, each number with its 95 % interval.

Errors are prediction minus label, in the label's unit. Intervals are normal ones of a mean, carried through the
root (rmse) or through the influence function (r2).
"""

import math

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.interval import around, of_mean, standard_error, wilson
from audit_pipeline.metrics.quality import Estimate, Metric, Rows, refuse
from audit_pipeline.metrics.read import Floats


def _rmse(rows: Rows) -> Estimate:
    """Root of the mean squared error."""
    squares = np.square(errors_of(rows))
    lo, hi = of_mean(squares)
    return Estimate(math.sqrt(squares.mean()), math.sqrt(max(0.0, lo)), math.sqrt(hi))


def _mae(rows: Rows) -> Estimate:
    """Mean absolute error."""
    values = np.abs(errors_of(rows))
    value = float(values.mean())
    return Estimate(value, *around(value, standard_error(values), low=0.0))


def _bias(rows: Rows) -> Estimate:
    """Mean error: above 0 the model predicts too high."""
    values = errors_of(rows)
    return Estimate(float(values.mean()), *of_mean(values))


def _r2(rows: Rows) -> Estimate:
    """Share of the labels' variance that is explained; below 0 the mean label would do better."""
    errors = np.square(errors_of(rows))
    spread = np.square(rows.label - rows.label.mean())
    if rows.label.min() == rows.label.max():
        raise MetricError("all labels are equal: there is no variance to explain")
    unexplained = float(errors.mean() / spread.mean())
    influence = (errors - unexplained * spread) / spread.mean()
    return Estimate(1 - unexplained, *around(1 - unexplained, standard_error(influence), high=1.0))


def _coverage(rows: Rows) -> Estimate:
    """Share of the labels that fell into their prediction intervals, ends included; Wilson's interval."""
    low, high = _ends(rows)
    share = int(((low <= rows.label) & (rows.label <= high)).sum()) / rows.n
    return Estimate(share, *wilson(share, rows.n))


def _interval_width(rows: Rows) -> Estimate:
    """Mean width of the prediction intervals: coverage alone is cheap to have."""
    low, high = _ends(rows)
    widths = high - low
    return Estimate(float(widths.mean()), *of_mean(widths))


def _has_intervals(model: ModelConfig) -> bool:
    """Whether the log holds prediction intervals."""
    return model.by_role("prediction_lo") is not None


REGRESSION: tuple[Metric, ...] = (
    Metric("rmse", _rmse, sliced=True),
    Metric("mae", _mae, sliced=True),
    Metric("bias", _bias, sliced=True),
    Metric("r2", _r2),
    Metric("coverage", _coverage, sliced=True, fits=_has_intervals),
    Metric("interval_width", _interval_width, fits=_has_intervals),
)


def _ends(rows: Rows) -> tuple[Floats, Floats]:
    """Both ends of every prediction interval, in order; of rows with a finite label."""
    if rows.low is None or rows.high is None:
        raise MetricError("no prediction intervals are logged")
    refuse(int((~np.isfinite(rows.label)).sum()), "with a label that is no finite number")
    refuse(int((np.isnan(rows.low) | np.isnan(rows.high)).sum()), "without a prediction interval")
    refuse(int((rows.low > rows.high).sum()), "whose prediction interval ends before it begins")
    return rows.low, rows.high


def errors_of(rows: Rows) -> Floats:
    """Prediction minus label, all finite."""
    refuse(int((~np.isfinite(rows.label)).sum()), "with a label that is no finite number")
    refuse(int((~np.isfinite(rows.prediction)).sum()), "without a finite prediction")
    return np.asarray(rows.prediction - rows.label, dtype=np.float64)
