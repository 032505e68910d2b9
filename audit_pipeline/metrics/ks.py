"""Two-sample Kolmogorov-Smirnov distance of one numeric column, with its p-value.

The distance D is the number to judge by: the p-value mostly measures the number of rows. Source of the p-value:
Simard and L'Ecuyer (2011), as `scipy.stats.kstwo` with n m / (n + m) rounded, like `scipy.stats.ks_2samp`.
"""

import numpy as np

from audit_pipeline.metrics.read import Floats


def ks(reference: Floats, current: Floats) -> tuple[float, float]:
    """Return (D, p): the largest gap between the two distribution functions, and its two-sided p.

    Between two points of one sample its function is flat and the other one only rises, so the largest gap lies
    at a point of the smaller sample, or just before it.

    Args:
        reference: (n,) sorted, no NaN, n >= 1; infinities are ordinary values at the ends.
        current: (m,) likewise.
    """
    from scipy.stats import kstwo

    n, m = reference.size, current.size
    points = np.unique(reference if n < m else current)
    gap = max(
        float(np.abs(np.searchsorted(reference, points, side) / n - np.searchsorted(current, points, side) / m).max())
        for side in ("left", "right")
    )
    effective = max(1, round(n * m / (n + m)))
    return gap, float(np.clip(kstwo.sf(gap, effective), 0.0, 1.0))
