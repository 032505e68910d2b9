"""95 % intervals: Wilson's for a share, the normal one for a mean."""

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
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def of_mean(values: Floats) -> Interval:
    """Return mean -+ z sd / sqrt(n); n >= 2."""
    return around(float(values.mean()), standard_error(values))


def standard_error(values: Floats) -> float:
    """Return sd / sqrt(n); n >= 2."""
    return float(values.std(ddof=1)) / math.sqrt(values.size)


def around(value: float, error: float, *, low: float = -np.inf, high: float = np.inf, z: float = Z) -> Interval:
    """Return value -+ z error, cut to [low, high]."""
    return max(low, value - z * error), min(high, value + z * error)
