"""How far values moved on average, in standard deviations of the reference.

That is the area between the two distribution functions: the Wasserstein distance of order one, as
`scipy.stats.wasserstein_distance`. One extreme value moves it a lot (it is an average of distances), which is why it is
shown beside PSI and KS distance and not judged unless the owner says so.
"""

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.read import Floats


def wasserstein(reference: Floats, current: Floats) -> float:
    """Return the distance over the reference's (population) standard deviation.

    Args:
        reference: (n,) sorted, no NaN, n >= 1.
        current: (m,) likewise.

    Raises:
        MetricError: a value is infinite, or the reference is one value and so has no unit to measure in.
    """
    ends = (reference[0], reference[-1], current[0], current[-1])
    if not np.isfinite(ends).all():
        raise MetricError("it holds infinite values, which are at no distance from others")
    if reference[0] == reference[-1]:
        raise MetricError("the reference is one and the same value, which gives no unit to measure in")
    with np.errstate(over="ignore", invalid="ignore"):
        area, unit = _area(reference, current), reference.std()
    if not np.isfinite((area, unit)).all():
        raise MetricError("the values are too large to be averaged")
    return float(area / unit)


def _area(reference: Floats, current: Floats) -> float:
    """Return the area between the two distribution functions."""
    both = np.sort(np.concatenate([reference, current]), kind="stable")
    here = np.searchsorted(reference, both[:-1], side="right") / reference.size
    there = np.searchsorted(current, both[:-1], side="right") / current.size
    return float((np.abs(here - there) * np.diff(both)).sum())
