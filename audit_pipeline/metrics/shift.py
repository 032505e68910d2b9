"""Did the relation of inputs and outcome move, whatever the inputs did? Answered where night and reference overlap.

Without concept drift the outcome of a row depends on its inputs x alone, and not on the side (D: 1 of the night, 0 of
the reference) it stands on. Then for any number t that follows from outcome and inputs, and any direction h(x),

    E[ (D - e(x)) h(x) (t - m(x)) ] = 0,

with e(x) the chance that a row of these inputs is the night's, and m(x) what t is expected to be. It holds when either
e or m is right, and errs by the product of both errors (double robustness). A row counts by e (1 - e): most where both
sides have rows, not at all where only one has. No weight can exceed 1, so that none need be clipped.

Sources: Shah and Peters (2020), *The hardness of conditional independence testing and the generalised covariance
measure*; with directions, Scheidegger, Hoerrmann and Buehlmann (2022), *The weighted generalised covariance measure*;
as a regression, Nie and Wager (2021), *Quasi-oracle estimation of heterogeneous treatment effects*; as a distribution
that both sides share, Cai, Namkoong and Yadlowsky (2023), *Diagnosing model performance under distribution shift*.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.additive import Codes
from audit_pipeline.metrics.calibration import logistic
from audit_pipeline.metrics.interval import around
from audit_pipeline.metrics.read import Floats
from audit_pipeline.metrics.regions import regions

ROUNDING = 1e-12  # a standard error this small beside its number is none
SURE = 1e-6  # a chance this near 0 or 1 is no nearer


@dataclass(frozen=True)
class Shift:
    """How far the relation moved in one direction."""

    value: float  # in units of t per unit of h
    error: float  # its standard error
    scale: float  # standard deviations of t around what is expected, per unit of `value`
    p: float  # that it is chance

    @property
    def effect(self) -> float:
        """How far the relation moved, in standard deviations of t around what is expected."""
        return self.value * self.scale

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the 95 % interval of `value`."""
        return around(self.value, self.error)


def overlap(chance: Floats, night: Floats) -> Floats:
    """Return (n,) D - e: the side of each row less the chance of it.

    A boosted tree on few rows is too sure of itself, so its log-odds are scaled to what came true (Platt 1999); where
    they foretell nothing, e is the night's share. Of rows that are a part of those the chances were made for, the
    share is adjusted by the same step.

    Args:
        chance: (n,) that the row is the night's, by a classifier that never saw it.
        night: (n,) 1.0 of the night, 0.0 of the reference; both occur.
    """
    share = float(night.mean())
    p = np.clip(chance, SURE, 1 - SURE)
    odds = np.log(p) - np.log1p(-p)
    spread = float(odds.std())
    if spread < SURE:
        return night - share
    x = (odds - float(odds.mean())) / spread
    one, zero = x[night == 1], x[night == 0]
    if one.min() >= zero.max():
        return np.zeros(night.size)  # nothing is shared
    if one.max() <= zero.min():
        return night - share
    a, b, _ = logistic(x, night)
    return night - (share if b <= 0 else 1 / (1 + np.exp(-np.clip(a + b * x, -700, 700))))


def shared_rows(g: Floats) -> float:
    """Return the rows on each side that would tell as much if no input had moved; g is D - e."""
    return 2 * float(np.square(g).sum())


def along(g: Floats, h: Floats, rest: Floats) -> Shift:
    """Return the shift in direction `h`: the regression of `rest` on g h, with White's standard error.

    Args:
        g: (n,) D - e.
        h: (n,) direction; ones ask for the mean, a centred score for the slope.
        rest: (n,) t - m.

    Raises:
        MetricError: the direction or the rest does not vary, or nothing is left to chance.
    """
    step = g * h
    weight, told = float(np.square(step).sum()), float(np.square(g).sum())
    sd = math.sqrt(float(np.square(g * rest).sum()) / told) if told > 0 else 0.0
    if not (weight > 0 and sd > 0 and math.isfinite(weight + sd)):
        raise MetricError("the outcome follows from the inputs without a rest, or the direction has no size")
    value = float((step * rest).sum()) / weight
    error = math.sqrt(float(np.square(step * (rest - value * step)).sum())) / weight
    if error <= ROUNDING * abs(value):
        raise MetricError("the outcome follows from side and inputs without a rest: there is no chance to compare with")
    return Shift(value, error, math.sqrt(weight / told) / sd, 2 * _above(abs(value) / error))


def centred(g: Floats, score: Floats) -> Floats:
    """Return the score less its mean over what is shared."""
    weight = np.square(g)
    return score - float((weight * score).sum()) / float(weight.sum())


def structure(features: Sequence[Codes], g: Floats, rest: Floats, half: Codes) -> tuple[Shift, int]:
    """Return the shift along a direction found in the other half of the rows, and the place of the feature behind it.

    The direction is a shallow tree of sum(g rest) / sum(g^2) (the R-learner). Its size is the standard deviation that
    the relation moved by, as far as the tree finds it again in rows it has not seen; only above 0 it speaks for a
    shift. The p is that of the mean of both halves' statistics, which go together by an unknown amount: it is too
    large, if anything.

    Args:
        features: (n,) codes each.
        g: (n,) D - e.
        rest: (n,) outcome less what is expected.
        half: (n,) 0 or 1, both of them.

    Raises:
        MetricError: nothing varies.
    """
    h, gains, found = np.zeros(g.size), np.zeros(len(features)), []
    for held in (0, 1):
        test = half == held
        tree = regions(features, g * rest, np.square(g), ~test)
        h[test] = tree.values[test]
        gains += tree.gains
        found.append(along(g[test], h[test], rest[test]))
    whole = along(g, h, rest)
    p = _above(sum(one.value / one.error for one in found) / len(found))
    return Shift(whole.effect, whole.error * whole.scale, 1.0, p), int(np.argmax(gains))


@dataclass(frozen=True)
class Part:
    """A part of the difference in loss, with its 95 % interval."""

    value: float
    error: float

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return around(self.value, self.error)


def parted(loss: Floats, night: Floats, g: Floats, rest: Floats) -> tuple[Part, Part]:
    """Part the night's mean loss less the reference's into (covariate, concept).

    Concept is the shift of the loss where both sides have rows, by `along`; covariate is what is left: other inputs,
    where the relation is as it was. Its error is that of the difference, by the influence of each row on both.

    Args:
        loss: (n,) of each row.
        night: (n,) 1.0 of the night, 0.0 of the reference.
        g: (n,) D - e.
        rest: (n,) loss less what is expected of the inputs.
    """
    moved = along(g, np.ones(g.size), rest)
    mine, theirs = night == 1, night == 0
    total = float(loss[mine].mean()) - float(loss[theirs].mean())
    of_total = np.where(mine, (loss - loss[mine].mean()) / mine.sum(), -(loss - loss[theirs].mean()) / theirs.sum())
    of_moved = g * (rest - moved.value * g) / float(np.square(g).sum())
    error = math.sqrt(float(np.square(of_total - of_moved).sum()))
    return Part(total - moved.value, error), Part(moved.value, moved.error)


def _above(z: float) -> float:
    """Return the chance of a standard normal value above `z`."""
    return math.erfc(z / math.sqrt(2)) / 2
