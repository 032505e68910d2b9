"""Two-sample Kolmogorov-Smirnov distance of one numeric column, with its p-value.

The distance D is the number to judge by: the p-value mostly measures the number of rows. Source of the p-value:
Simard and L'Ecuyer (2011), as `scipy.stats.kstwo` with n m / (n + m) rounded, like `scipy.stats.ks_2samp`. Its tail is
a sum over n terms, which for millions of rows costs more than all else; there we take what Simard and L'Ecuyer take.
"""

import math

import numpy as np

from audit_pipeline.metrics.steps import Steps

LARGE, TAIL = 20_000, 2.2  # effective rows; n D^2 above which the two one-sided chances just add, as in scipy


def ks(steps: Steps) -> tuple[float, float]:
    """Return (D, p): the largest gap between the two distribution functions, and its two-sided p.

    Infinities are ordinary values at the ends. Between two points of one sample its function is flat and the other one
    only rises, so the largest gap inside a step lies at a point of the smaller sample, or just before it.
    """
    gap = max(float(np.abs(at).max()) for at in steps.edge_gaps)
    n, m = steps.reference.size, steps.current.size
    open_steps = np.maximum(-steps.bounds[0], steps.bounds[1]) > gap
    points = np.unique(steps.inside(0 if n < m else 1, open_steps))
    if points.size:
        gap = max(gap, *(float(np.abs(at).max()) for at in steps.gaps(points)))
    return gap, chance(gap, max(1, round(n * m / (n + m))))


def chance(gap: float, n: int) -> float:
    """Return P(D_n >= gap), two-sided.

    From 20,000 rows on, in the tail: twice the one-sided chance in the expansion of Maag and Dicaire (1971). Held
    against the exact sum its relative error is below 1e-6 down to p = 1e-5 and below 1e-4 down to 1e-16.
    """
    if n >= LARGE and n * gap * gap >= TAIL:
        z = (6 * n * gap + 1) ** 2 / (18 * n)
        return max(0.0, 2 * math.exp(-z) * (1 - (2 * z * z - 4 * z - 1) / (18 * n)))
    from scipy.stats import kstwo

    return float(np.clip(kstwo.sf(gap, n), 0.0, 1.0))
