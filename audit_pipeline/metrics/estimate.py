"""How good will a night prove to be, as far as that can be told before its labels come?

Binary: the confidence-based estimate (CBPE, name and formula follow NannyML). The scores are calibrated on the
reference by isotonic regression; then p(score) stands in for the label that is not there. Regression: the mean error
in quantile bins of the reference's prediction, weighted as the night falls into them; beyond the reference's range it
knows only the last bin.

Both hold only while the reference's relation of prediction and outcome does (covariate shift at most): they read no
label, and can never find that it broke. The interval is that of the number the night's labels would give.
"""

import math
from collections.abc import Callable

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.binary import labels_of, need_both_classes
from audit_pipeline.metrics.bins import quantile_edges
from audit_pipeline.metrics.interval import around
from audit_pipeline.metrics.quality import SEED, Estimate, Rows, refuse
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import SMALL_CELL, PerformanceMetric
from audit_pipeline.small_cells import in_words

CAVEAT = "estimate, valid under covariate shift only"
GRID = 1000  # quantile bins that stand for the scores when an interval is simulated
DRAWS = 300  # simulated nights behind an interval
BIN_ROWS, BINS = 50, 50  # of a regression's reference: rows per bin, and bins at most
Numbers = dict[str, float]


def estimates(rows: Rows, reference: Rows, model: ModelConfig) -> tuple[PerformanceMetric, ...]:
    """Return what can be told of a night without labels, or one line that says why nothing can.

    Args:
        rows: the night's outputs; its labels are not looked at.
        reference: rows with labels.
        model: says the task and the least number of rows on either side.
    """
    binary = model.task == "binary"
    try:
        for side, name in ((rows, "the night"), (reference, "the reference")):
            _enough(side, name, least=model.policy.performance.min_labels, binary=binary)
        with np.errstate(over="ignore", invalid="ignore"):
            found = _binary(rows, reference) if binary else _regression(rows, reference)
        if not all(math.isfinite(x) for one in found.values() for x in (one.value, one.lo, one.hi) if x is not None):
            raise MetricError("the result is not a finite number: the values are too large")
    except MetricError as error:
        return (PerformanceMetric("auc" if binary else "mae", "all", None, None, None, rows.n, None, str(error)),)
    return tuple(_metric(name, value, rows.n, reference.n) for name, value in found.items())


def _enough(side: Rows, name: str, *, least: int, binary: bool) -> None:
    """Refuse a side that is too small, or has rows without an output."""
    if side.n < least:
        raise MetricError(
            f"{name} has {in_words(side.n)} rows to estimate from, fewer than the {least:,} the policy asks for"
        )
    output = side.score if binary else side.prediction
    if missing := int((~np.isfinite(output)).sum()):
        raise MetricError(f"{in_words(missing)} rows of {name} have no finite {'score' if binary else 'prediction'}")


def _metric(name: str, found: Estimate, n: int, n_reference: int) -> PerformanceMetric:
    """One estimate; its caveat goes where it goes."""
    return PerformanceMetric(name, "all", found.value, found.lo, found.hi, n, None, CAVEAT, n_reference=n_reference)


def _binary(rows: Rows, reference: Rows) -> dict[str, Estimate]:
    """Expected metrics of the night's scores, each with the range its labels would give in 95 of 100 cases."""
    labels_of(reference)
    need_both_classes(reference)
    p = calibrated(reference.score, reference.label, np.ones(reference.n))(rows.score)
    night = expected(rows.score, rows.prediction, p, 1 - p)
    drawn = _drawn(rows, reference)
    return {name: _within(value, drawn[name]) for name, value in night.items() if math.isfinite(value)}


def _within(value: float, drawn: Floats) -> Estimate:
    """Give a number the range of its draws."""
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < DRAWS / 2:
        return Estimate(value, None, None)
    lo, hi = np.quantile(drawn, (0.025, 0.975))
    return Estimate(value, min(float(lo), value), max(float(hi), value))


def calibrated(score: Floats, label: Floats, weight: Floats) -> Callable[[Floats], Floats]:
    """Return the rising function of the score that fits the labels best (isotonic, linear between scores).

    Equal to scikit-learn's IsotonicRegression with `out_of_bounds="clip"`.

    Args:
        score: (n,) finite.
        label: (n,) labels, or shares of positive labels.
        weight: (n,) rows behind each, above 0.
    """
    from scipy.optimize import isotonic_regression

    knots, place = np.unique(score, return_inverse=True)
    total = np.bincount(place, weights=weight)
    rate = np.bincount(place, weights=weight * label) / total
    fitted = isotonic_regression(rate, weights=total).x
    return lambda x: np.interp(x, knots, fitted)


def expected(score: Floats, decision: Floats, positive: Floats, negative: Floats) -> Numbers:
    """Return the metrics of rows (or groups of rows) of which `positive` have a positive label; NaN for none.

    Args:
        score: (n,) finite.
        decision: (n,) 0 or 1; NaN anywhere costs what needs decisions.
        positive: (n,) expected or drawn number of positive labels.
        negative: (n,) the others.
    """
    total = float(positive.sum() + negative.sum())
    found = {"auc": _auc(score, positive, negative), "prevalence": float(positive.sum()) / total}
    if not np.isin(decision, (0, 1)).all():
        return found
    tp, fp = float(positive[decision == 1].sum()), float(negative[decision == 1].sum())
    fn, tn = float(positive[decision == 0].sum()), float(negative[decision == 0].sum())
    return found | {
        "accuracy": (tp + tn) / total,
        "precision": _share(tp, fp),
        "recall": _share(tp, fn),
        "specificity": _share(tn, fp),
        "f1": 2 * _share(tp, fp + fn) / (1 + _share(tp, fp + fn)),
    }


def _share(hits: float, others: float) -> float:
    """A share, of at least 11 rows."""
    return hits / (hits + others) if hits + others >= SMALL_CELL else math.nan


def _auc(score: Floats, positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve of weighted rows, ties of the score counting half."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # last row of each distinct score
    hits = np.append(0.0, np.cumsum(positive[order])[last])
    alarms = np.append(0.0, np.cumsum(negative[order])[last])
    if hits[-1] <= 0 or alarms[-1] <= 0:
        return math.nan
    return float(np.trapezoid(hits, alarms) / (hits[-1] * alarms[-1]))


def _drawn(rows: Rows, reference: Rows) -> dict[str, Floats]:
    """Return the metrics of simulated nights: the reference resampled and calibrated anew, labels drawn from it."""
    rng = np.random.default_rng(SEED)
    edges = quantile_edges(np.sort(reference.score), bins=GRID)
    score, counts = _grouped(reference.score, reference.label, edges)
    shares = counts / reference.n
    night, decisions, sizes = _cells(rows, edges)
    draws: list[Numbers] = []
    for _ in range(DRAWS):
        k = rng.multinomial(reference.n, shares.ravel()).reshape(shares.shape).astype(np.float64)
        there = k.sum(axis=1) > 0
        total = k[there].sum(axis=1)
        p = np.clip(calibrated(score[there], k[there, 1] / total, total)(night), 0, 1)
        positive = rng.binomial(sizes, p).astype(np.float64)
        draws.append(expected(night, decisions, positive, sizes - positive))
    return {name: np.array([draw[name] for draw in draws]) for name in draws[0]}


def _grouped(score: Floats, label: Floats, edges: Floats) -> tuple[Floats, np.ndarray]:
    """Return (mean score per bin, (bins, 2) negative and positive labels)."""
    _, index = np.unique(np.searchsorted(edges, score, side="left"), return_inverse=True)
    rows = np.bincount(index)
    positive = np.bincount(index, weights=label)
    mean = np.bincount(index, weights=score) / rows
    return mean, np.column_stack([rows - positive, positive])


def _cells(rows: Rows, edges: Floats) -> tuple[Floats, Floats, np.ndarray]:
    """Return (mean score, decision, rows) of the night's groups of one bin and one decision."""
    decision = np.where(np.isin(rows.prediction, (0, 1)), rows.prediction, 2)
    place = np.searchsorted(edges, rows.score, side="left") * 3 + decision.astype(np.int64)
    places, index = np.unique(place, return_inverse=True)
    sizes = np.bincount(index)
    kind = (places % 3).astype(np.float64)
    kind[kind == 2] = np.nan
    return np.bincount(index, weights=rows.score) / sizes, kind, sizes


def _regression(rows: Rows, reference: Rows) -> dict[str, Estimate]:
    """Expected errors, from the reference's errors in bins of its prediction."""
    refuse(int((~np.isfinite(reference.label)).sum()), "of the reference with a label that is no finite number")
    edges = quantile_edges(np.sort(reference.prediction), bins=max(1, min(BINS, reference.n // BIN_ROWS)))
    groups = [np.searchsorted(edges, side.prediction, side="left") for side in (reference, rows)]
    error = reference.prediction - reference.label
    square, (lo, hi) = _weighted(np.square(error), *groups)
    return {
        "rmse": Estimate(math.sqrt(square), math.sqrt(max(lo, 0.0)), math.sqrt(hi)),
        "mae": _estimate(*_weighted(np.abs(error), *groups), low=0.0),
        "bias": _estimate(*_weighted(error, *groups)),
    }


def _estimate(value: float, interval: tuple[float, float], *, low: float = -np.inf) -> Estimate:
    return Estimate(value, max(low, interval[0]), interval[1])


def _weighted(values: Floats, before: np.ndarray, now: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the mean of `values` per group, weighted by the night's rows, and its interval.

    Both the reference's mean and the night's own errors are uncertain. A group the reference hardly fills is judged
    by all of its rows.
    """
    mean, variance = 0.0, 0.0
    for group in np.unique(now):
        part = values[before == group]
        part = part if part.size >= SMALL_CELL else values
        m = int((now == group).sum())
        share = m / now.size
        mean += share * float(part.mean())
        variance += share**2 * float(part.var(ddof=1)) * (1 / part.size + 1 / m)
    return mean, around(mean, math.sqrt(variance))
