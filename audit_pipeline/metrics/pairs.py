"""Groups compared with each other: intervals that hold for all pairs of an attribute's groups at once.

Which group is best off is seen in the data, and an attribute of many groups offers many chances to look unfair. So
every comparison is made at Tukey's critical value for all pairs (Tukey 1953, Kramer 1956; conservative for unequal
groups, Hayter 1984): the statement stays true whichever pair the data points at. Single intervals (Wilson's for a
share, the normal one for a mean) are joined by MOVER, the method of variance estimates recovery: for a difference
Newcombe (1998, method 10), for a ratio Donner and Zou (2012). It is closed: no seed, and no trouble with 0 of n.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from audit_pipeline.metrics.interval import Interval, around, wilson

ALPHA = 0.05  # of all statements of one metric in a night together
STEPS = 400  # of Simpson's rule: the range's distribution to 1e-9
REACH = 8.0  # standard deviations that are integrated over


@dataclass(frozen=True)
class Sample:
    """A share or a mean of one group, and how sure it is."""

    value: float
    n: int  # rows behind it
    error: float | None = None  # standard error of a mean; None: it is a share

    def bounds(self, z: float) -> Interval:
        """Return the interval at the critical value `z`."""
        if self.error is None:
            return wilson(self.value, self.n, z=z)
        return around(self.value, self.error, z=z)


def difference(a: Sample, b: Sample, z: float) -> Interval:
    """Return the interval of a - b."""
    (la, ua), (lb, ub) = a.bounds(z), b.bounds(z)
    gap = a.value - b.value
    return gap - math.hypot(a.value - la, ub - b.value), gap + math.hypot(ua - a.value, b.value - lb)


def ratio(a: Sample, b: Sample, z: float) -> Interval:
    """Return the interval of a / b, two shares; the upper end is infinite where b may be 0."""
    (la, ua), (lb, ub) = a.bounds(z), b.bounds(z)
    product = a.value * b.value
    low = max(0.0, la * (2 * a.value - la))  # at most a squared
    root = math.sqrt(max(0.0, product * product - low * ub * (2 * b.value - ub)))
    lower = low / (product + root) if product + root > 0 else 0.0
    below = max(0.0, lb * (2 * b.value - lb))  # at most b squared
    root = math.sqrt(max(0.0, product * product - ua * (2 * a.value - ua) * below))
    return lower, (product + root) / below if below > 0 else math.inf


def ratio_to_best(values: Sequence[Sample], others: Sequence[Sample], z: float) -> list[Interval]:
    """Return for each value the interval of value / (largest of the `others`), over all that may be the largest.

    A value that is one of the others may be the largest itself: its ratio is at most 1.
    """
    pairs = [[(1.0, 1.0) if other is value else ratio(value, other, z) for other in others] for value in values]
    return [(min(low for low, _ in each), min(high for _, high in each)) for each in pairs]


def spread(samples: Sequence[Sample], z: float) -> tuple[float, float, float]:
    """Return (largest - smallest, lo, hi); at least two samples."""
    values = [sample.value for sample in samples]
    pairs = [difference(a, b, z) for i, a in enumerate(samples) for b in samples[i + 1 :]]
    lo = max(max(0.0, low, -high) for low, high in pairs)
    hi = max(max(abs(low), abs(high)) for low, high in pairs)
    return max(values) - min(values), lo, hi


@cache
def all_pairs(groups: int, alpha: float) -> float:
    """Return z such that |difference| of any pair of `groups` equal ones exceeds z standard errors with chance `alpha`.

    It is the 1 - alpha quantile of the studentised range with infinite degrees of freedom, over the root of 2; for two
    groups the normal quantile itself (1.96 at 0.05).
    """
    low, high = 0.0, 2 * REACH
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle * math.sqrt(2), max(2, groups)) < 1 - alpha else (low, middle)
    return (low + high) / 2


def _within(width: float, groups: int) -> float:
    """Return the chance that `groups` standard normal values lie within `width` of each other (Simpson's rule)."""
    step = 2 * REACH / STEPS
    total = 0.0
    for i in range(STEPS + 1):
        x = -REACH + i * step
        weight = 1 if i in (0, STEPS) else 4 if i % 2 else 2
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        total += weight * density * (_normal(x + width) - _normal(x)) ** (groups - 1)
    return groups * total * step / 3


def _normal(x: float) -> float:
    """Return the standard normal distribution function."""
    return math.erfc(-x / math.sqrt(2)) / 2
