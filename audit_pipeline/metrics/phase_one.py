"""Phase I: what a number does when nothing is wrong, estimated once from a model's first nights and then frozen.

A night that is far out among them is set aside once: told by the median and the median absolute deviation, which it
cannot move. Of the nights that are kept come mean, standard deviation, the effect of the weekday if there is one, and
how much a night resembles the one before.

The deviation is widened for having been estimated: by the t quantile in place of the normal one, and by the error of
the centre, both of as many independent nights as those that resemble each other are worth. Limits from 28 nights then
err as seldom as known ones; without it, twice as often.

Sources: Montgomery, *Introduction to Statistical Quality Control*, chapters 6 and 10; Hahn and Meeker, *Statistical
Intervals* (prediction of one future observation).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, median

from audit_pipeline.metrics.nelson import LIMIT, ONE_SIDE
from audit_pipeline.metrics.season import DAYS, has_weeks, weekday_effects, without_weekdays
from audit_pipeline.records import Baseline

FAR = 4.5  # robust standard deviations from which a night is set aside; of 28 quiet nights one in 50 series has such
MOST = 0.25  # share of the nights; if more are far out, the spread is wide and none is
NORMAL = 1.4826  # standard deviations per median absolute deviation of a normal distribution


@dataclass(frozen=True, slots=True)
class Point:
    """One night of a series, on its scale."""

    night: date
    y: float
    error: float  # standard error of y by the rows behind it; 0: not known


def spread(point: Point, baseline: Baseline) -> float:
    """Return the standard deviation of one night: that of phase I, or its own sampling error where that is larger."""
    return max(baseline.sigma, point.error)


def middle(night: date, baseline: Baseline) -> float:
    """Return what is expected of a night, on the scale."""
    return baseline.centre + (baseline.weekdays[night.weekday()] if baseline.weekdays else 0.0)


def standardised(point: Point, baseline: Baseline) -> float:
    """Return how many standard deviations a night is from what is expected of it."""
    return (point.y - middle(point.night, baseline)) / spread(point, baseline)


def estimate_baseline(points: Sequence[Point]) -> Baseline:
    """Return the frozen centre and spread.

    Args:
        points: the nights of phase I in order, at least 20; what is too few is for the caller to say.
    """
    kept, effects = _kept(points)
    plain = [p.y - (effects[p.night.weekday()] if effects else 0.0) for p in kept]
    centre = fmean(plain)
    spent = DAYS if effects else 1  # numbers estimated
    deviation = math.sqrt(sum((y - centre) ** 2 for y in plain) / (len(plain) - spent))
    tiny = 1e-12 * max(abs(centre), 1e-300)  # of a constant, rounding is no spread
    alike = _autocorrelation([y - centre for y in plain]) if deviation > tiny else 0.0
    return Baseline(
        first=points[0].night,
        last=points[-1].night,
        nights=len(kept),
        set_aside=len(points) - len(kept),
        centre=centre,
        sigma=deviation * widening(len(kept), spent, alike) if deviation > tiny else 0.0,
        weekdays=effects,
        autocorrelation=alike,
    )


def widening(nights: int, spent: int, autocorrelation: float) -> float:
    """Return by how much a deviation from so many nights is widened, so that 3 of it err as often as known ones."""
    from scipy.special import stdtrit  # here: durations are charted where nothing heavy is loaded

    worth = nights / inflation(autocorrelation) ** 2  # independent nights
    free = max(worth - spent, 2.0)
    return float(-stdtrit(free, ONE_SIDE)) / LIMIT * math.sqrt(1 + spent / worth)


def inflation(autocorrelation: float) -> float:
    """Return by how much the mean of many nights varies more than that of as many independent ones; an AR(1) series."""
    return math.sqrt((1 + autocorrelation) / (1 - autocorrelation))


def _kept(points: Sequence[Point]) -> tuple[list[Point], tuple[float, ...]]:
    """Set aside what is far out, beside the weekday's level where weekdays differ; return the rest and the effects."""
    nights, values = [p.night for p in points], [p.y for p in points]
    error = median(p.error for p in points)
    if has_weeks(nights):
        left = without_weekdays(nights, values)
        fitted = math.sqrt(len(points) / (len(points) - DAYS))  # seven medians were taken from them
        kept = _near(points, left, error, widened=fitted)
        effects = weekday_effects([p.night for p in kept], [p.y for p in kept])
        if effects:
            return kept, effects
    middle = median(values)
    return _near(points, [y - middle for y in values], error, widened=1.0), ()


def _near(points: Sequence[Point], left: Sequence[float], error: float, *, widened: float) -> list[Point]:
    """Return the points that are not far out; all, when too many are."""
    spread = max(NORMAL * median(map(abs, left)) * widened, error)
    near = [p for p, x in zip(points, left, strict=True) if abs(x) <= FAR * spread]
    return near if len(near) >= (1 - MOST) * len(points) else list(points)


def _autocorrelation(left: Sequence[float]) -> float:
    """Return the correlation of a night and the next, 0.0 when it is below: at most 0.9, of which little is left."""
    found = sum(a * b for a, b in pairwise(left)) / sum(x * x for x in left)
    return min(max(found, 0.0), 0.9)
