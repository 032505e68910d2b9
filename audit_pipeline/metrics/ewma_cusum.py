"""Two charts that add up small shifts: the exponentially weighted moving average and the two-sided cumulative sum.

Known limits, independent normal nights: EWMA with LAMBDA and WIDTH, and tabular CUSUM with K and H, give a false alarm
every 370 and every 465 nights on average (Lucas and Saccucci 1990; Montgomery, *Introduction to Statistical Quality
Control*, chapter 9), a Shewhart chart every 370.

A centre that was estimated from `nights` nights is wrong by a part of the deviation, and a sum of nights adds that up
night by night: both limits are widened by it.
"""

import math
from collections.abc import Sequence

LAMBDA = 0.2  # weight of the newest night
WIDTH = 2.86  # standard deviations of the average
K = 0.5  # half the shift that is looked for, standard deviations
H = 5.0  # alarm above it


def ewma(
    z: Sequence[float], *, nights: float = math.inf, weight: float = LAMBDA, width: float = WIDTH
) -> tuple[float, float]:
    """Return (average, half width of its limits) at the last of `z`; both 0.0 for none.

    The limits are the exact ones of the number of points, narrower at first: a shift that is there from the
    beginning is found as soon as one that comes later.

    Args:
        z: standard deviations from the centre, oldest first.
        nights: that the centre was estimated from.
        weight: of the newest night.
        width: of the limits, standard deviations of the average.
    """
    if not z:
        return 0.0, 0.0
    average = 0.0
    for x in z:
        average = weight * x + (1 - weight) * average
    variance = weight / (2 - weight) * (1 - (1 - weight) ** (2 * len(z)))
    return average, width * math.sqrt(variance + 1 / nights)


def cusum(z: Sequence[float], *, k: float = K) -> tuple[float, float]:
    """Return the tabular sums (low, high) at the last of `z`: how far below and above the centre it has been."""
    low = high = 0.0
    for x in z:
        low = max(0.0, low - x - k)
        high = max(0.0, high + x - k)
    return low, high


def cusum_limit(nights: float = math.inf) -> float:
    """Return the sum above which there is an alarm, widened like the limits of an EWMA in the long run."""
    return H * math.sqrt(1 + (2 - LAMBDA) / LAMBDA / nights)
