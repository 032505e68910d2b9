"""95 % intervals: Wilson's for a share, the normal one for a mean, Newcombe's for a difference."""

import math

import numpy as np

from audit_pipeline.metrics.read import Floats

Z = 1.959963984540054  # 97.5 % quantile of the standard normal distribution
Interval = tuple[float, float]


def wilson(share: float, n: float, *, z: float = Z) -> Interval:
    """Return Wilson's score interval of a share over `n` trials (Wilson 1927); inside 0 to 1 by itself."""
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # at a share of 0 or 1 one end is the share itself, which rounding would miss
    return max(0.0, min(share, (centre - half) / scale)), min(1.0, max(share, (centre + half) / scale))


def of_mean(values: Floats) -> Interval:
    """Return mean -+ z sd / sqrt(n); n >= 2."""
    return around(float(values.mean()), standard_error(values))


def standard_error(values: Floats) -> float:
    """Return sd / sqrt(n); n >= 2."""
    return float(values.std(ddof=1)) / math.sqrt(values.size)


def around(value: float, error: float, *, low: float = -np.inf, high: float = np.inf, z: float = Z) -> Interval:
    """Return value -+ z error, cut to [low, high]."""
    return max(low, value - z * error), min(high, value + z * error)


def of_difference(value: float, interval: Interval, other: float, others: Interval) -> Interval:
    """Return the interval of `value - other`, two independent numbers with intervals of their own.

    Square-and-add: each end combines the arms that point to it. For two shares with Wilson's intervals this is
    Newcombe's method 10 (1998), for two normal intervals the root of the summed variances; Zou and Donner (2008)
    give it for any pair of numbers.
    """
    lower = math.hypot(value - interval[0], others[1] - other)
    upper = math.hypot(interval[1] - value, other - others[0])
    return value - other - lower, value - other + upper
