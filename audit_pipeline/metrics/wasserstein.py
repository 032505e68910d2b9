"""How far values moved on average, in standard deviations of the reference.

That is the area between the two distribution functions: the Wasserstein distance of order one, as
`scipy.stats.wasserstein_distance`. One extreme value moves it a lot (it is an average of distances), which is why it is
shown beside PSI and KS distance and not judged unless the owner says so.
"""

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.read import Floats
from audit_pipeline.metrics.steps import Flags, Steps


def wasserstein(steps: Steps) -> float:
    """Return the distance over the reference's (population) standard deviation.

    Raises:
        MetricError: a value is infinite, or the reference is one value and so has no unit to measure in.
    """
    reference, edges = steps.reference, steps.edges
    if not np.isfinite(edges[[0, -1]]).all():
        raise MetricError("it holds infinite values, which are at no distance from others")
    if reference[0] == reference[-1]:
        raise MetricError("the reference is one and the same value, which gives no unit to measure in")
    with np.errstate(over="ignore", invalid="ignore"):
        area, unit = _area(steps), reference.std()
    if not np.isfinite((area, unit)).all():
        raise MetricError("the values are too large to be averaged")
    return float(area / unit)


def _area(steps: Steps) -> float:
    """Return the area between the two distribution functions.

    Where the sign of the gap is known, the area of a step is the difference of two integrals, which follow from the
    sums of the values in it; elsewhere every value is looked at.
    """
    least, largest = steps.bounds
    turns = (least < 0) & (largest > 0)
    signed = _integral(steps, 0) - _integral(steps, 1)
    return float(np.abs(signed[~turns]).sum()) + _area_where(steps, turns)


def _integral(steps: Steps, side: int) -> Floats:
    """Return the integral of one distribution function over each step."""
    values, edges = (steps.reference, steps.current)[side], steps.edges
    starts, ends = steps.up_to[side][:-1], steps.below[side][1:]
    middle = edges[edges.size // 2]  # values far from zero would lose their digits in the sums
    both = np.stack([starts, ends], axis=1).ravel()
    sums = np.add.reduceat(np.append(values - middle, 0.0), both)[::2]
    sums = np.where(ends > starts, sums, 0.0)
    low, high = edges[:-1] - middle, edges[1:] - middle
    return np.asarray((ends * high - starts * low - sums) / values.size, dtype=np.float64)


def _area_where(steps: Steps, chosen: Flags) -> float:
    """Return the area over the chosen steps, from every value in them."""
    ends = np.concatenate([steps.edges[:-1][chosen], steps.edges[1:][chosen]])
    points = np.unique(np.concatenate([ends, steps.inside(0, chosen), steps.inside(1, chosen)]))
    if not points.size:
        return 0.0
    _, at = steps.gaps(points[:-1])
    within = chosen[np.searchsorted(steps.edges, points[:-1], side="right") - 1]  # not from one step to a later one
    return float((np.abs(at) * np.diff(points))[within].sum())
