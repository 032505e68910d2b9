"""Do the scores of a binary model mean what they say? Logistic recalibration, calibration error, reliability table.

Sources: Cox (1958), *Two further applications of a model for binary regression*; Van Calster et al. (2019),
*Calibration: the Achilles heel of predictive analytics* (intercept with the slope held at 1, then the slope).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.bins import quantile_edges
from audit_pipeline.metrics.interval import Interval, wilson
from audit_pipeline.metrics.quality import SEED
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import SMALL_CELL, ReliabilityBin

BINS = 10  # quantile bins of the score
STEPS = 60  # of Newton's method
BLOCK = 1 << 18  # rows that are added up at once
HALVINGS = 30  # of a bisection
DRAWS = 1000  # simulated calibration errors behind an interval


def intercept(score: Floats, label: Floats) -> tuple[float, float]:
    """Return (a, standard error) of logit P(label) = a + logit(score); 0 when the mean score is right.

    Args:
        score: (n,) inside 0 to 1, neither end.
        label: (n,) 0.0 or 1.0, both of them.
    """
    logit = np.log(score) - np.log1p(-score)
    a = 0.0
    for _ in range(STEPS):
        sums = _sums(logit, label, a, 1.0)
        step = sums.rest / max(sums.weight, 1e-300)
        a += max(-2.0, min(2.0, step))  # far from the solution the curve is flat and a full step overshoots
        if abs(step) < 1e-10:
            return a, 1 / math.sqrt(sums.weight)
    raise MetricError("the calibration intercept does not converge: the scores are too extreme")


def slope(score: Floats, label: Floats) -> tuple[float, float]:
    """Return (b, standard error) of logit P(label) = a + b logit(score); below 1 the scores are too extreme.

    Args:
        score: (n,) inside 0 to 1, neither end.
        label: (n,) 0.0 or 1.0, both of them.

    Raises:
        MetricError: all scores are equal, or one of them parts the classes, so that no finite slope is the best.
    """
    logit = np.log(score) - np.log1p(-score)
    one, zero = logit[label == 1], logit[label == 0]
    if logit.min() == logit.max():
        raise MetricError("all scores are equal: they have no slope")
    if one.min() >= zero.max() or one.max() <= zero.min():
        raise MetricError("a single score parts the labels: no finite slope fits best")
    centre, spread = float(logit.mean()), float(logit.std())
    _, b, error = logistic((logit - centre) / spread, label)
    return b / spread, error / spread


def logistic(x: Floats, label: Floats) -> tuple[float, float, float]:
    """Return (a, b, standard error of b) of logit P(label) = a + b x, by Newton's method.

    Args:
        x: (n,) finite, of about unit size, and no value of it parts the labels.
        label: (n,) 0.0 or 1.0, both of them.

    Raises:
        MetricError: it does not converge.
    """
    rate = float(label.mean())
    a, b = math.log(rate / (1 - rate)), 0.0
    now = _sums(x, label, a, b)
    for _ in range(STEPS):
        determinant = now.weight * now.weight_xx - now.weight_x**2
        if determinant <= 0:
            break
        da = (now.weight_xx * now.rest - now.weight_x * now.rest_x) / determinant
        db = (now.weight * now.rest_x - now.weight_x * now.rest) / determinant
        if max(abs(da), abs(db)) < 1e-10:
            return a, b, math.sqrt(now.weight / determinant)
        part, least = 1.0, now.likelihood - 1e-9 * abs(now.likelihood)
        while (then := _sums(x, label, a + part * da, b + part * db)).likelihood < least:
            part /= 2
        a, b, now = a + part * da, b + part * db, then
    raise MetricError("the calibration slope does not converge: the scores are too extreme")


@dataclass(frozen=True)
class _Sums:
    """What Newton's method needs of all rows."""

    weight: float  # p (1 - p)
    weight_x: float
    weight_xx: float
    rest: float  # label - p
    rest_x: float
    likelihood: float  # its logarithm


def _sums(x: Floats, label: Floats, a: float, b: float) -> _Sums:
    """Add up over the rows at log-odds a + b x, in blocks: what is held beside the rows stays small.

    The sums are numpy's own: those of a matrix product change with the number of threads.
    """
    parts = []
    for start in range(0, x.size, BLOCK):
        part, y = x[start : start + BLOCK], label[start : start + BLOCK]
        odds = np.clip(a + b * part, -700, 700)
        small = np.exp(-np.abs(odds))
        p = np.where(odds >= 0, 1.0, small) / (1 + small)
        weight, rest = small / np.square(1 + small), y - p
        likelihood = y * odds - np.maximum(odds, 0) - np.log1p(small)
        weighted = weight * part
        terms = (weight, weighted, weighted * part, rest, rest * part, likelihood)
        parts.append([float(term.sum()) for term in terms])
    return _Sums(*(math.fsum(column) for column in zip(*parts, strict=True)))


def binned(score: Floats) -> np.ndarray:
    """Return (n,) the quantile bin of each score, from 0."""
    return np.searchsorted(quantile_edges(np.sort(score), bins=BINS), score, side="left")


def calibration_error(score: Floats, label: Floats) -> tuple[float, Interval]:
    """Return the expected calibration error and its 95 % interval.

    The error is the mean |mean score - observed rate| over quantile bins, weighted by rows. Chance alone keeps it
    above 0, so that an interval around it would leave out 0 where it is the truth. Here the interval holds every
    true error under which the observed one is no surprise (2.5 % on either side): 0 belongs to it whenever a
    perfectly calibrated model would give this much by chance.
    """
    _, index = np.unique(binned(score), return_inverse=True)
    n = np.bincount(index).astype(np.float64)
    gap = np.bincount(index, weights=score - label) / n
    spread = np.bincount(index, weights=np.square(score - label)) / n - np.square(gap)
    rate = (np.bincount(index, weights=label) + 1) / (n + 2)  # of a bin without positives too
    error = np.sqrt(np.maximum(spread, rate * (1 - rate)) / n)
    weight = n / n.sum()
    value = float((weight * np.abs(gap)).sum())
    return value, _compatible(value, gap, error, weight)


def _compatible(value: float, gap: Floats, error: Floats, weight: Floats) -> Interval:
    """Return the true errors under which `value` is no surprise; the gaps keep the proportions they were seen in.

    A value smaller than what a calibrated model usually shows is luck: the upper end is then that of the usual one.
    """
    noise = np.random.default_rng(SEED).standard_normal((DRAWS, gap.size)) * error
    shape = np.abs(gap) if value > 0 else error
    shape = shape / float((weight * shape).sum())

    def simulated(truth: float) -> Floats:
        return np.asarray((np.abs(truth * shape + noise) * weight).sum(axis=1))

    lowest = _first(lambda truth: float((simulated(truth) >= value).mean()) >= 0.025, 0.0, value)
    top = value + 10 * float((weight * error).sum())
    seen = max(value, float(np.median(simulated(0.0))))
    highest = _first(lambda truth: float((simulated(truth) <= seen).mean()) < 0.025, 0.0, top)
    return min(lowest, value), min(1.0, max(highest, value))


def _first(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `holds` turns true between `low` and `high`; `low` when it does there."""
    if holds(low):
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def reliability(score: Floats, label: Floats) -> tuple[ReliabilityBin, ...]:
    """Return mean score and observed rate per quantile bin, lowest scores first; each over at least 11 rows.

    A bin with fewer rows is joined with the one above it, the last one with the one below; empty below 11 rows.
    """
    _, index, sizes = np.unique(binned(score), return_inverse=True, return_counts=True)
    group, rows, groups = 0, 0, np.zeros(sizes.size, dtype=np.int64)  # group of each bin
    for b, size in enumerate(sizes):
        groups[b], rows = group, rows + int(size)
        if rows >= SMALL_CELL and int(sizes[b + 1 :].sum()) >= SMALL_CELL:
            group, rows = group + 1, 0
    index = groups[index]
    n = np.bincount(index)
    scores, rates = (np.bincount(index, weights=values) / n for values in (score, label))
    if n.min() < SMALL_CELL:
        return ()
    bins = zip(n, scores, rates, strict=True)
    return tuple(ReliabilityBin(int(k), float(s), float(r), *wilson(float(r), int(k))) for k, s, r in bins)
