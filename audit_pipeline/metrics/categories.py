"""How far the shares of categories moved, and whether chance explains it.

The chance of new categories is bounded by exchangeability: if night and reference are draws from one source, every
assignment of the pooled rows to the two sides is equally likely, and a category is new when all its rows fell into the
night. Membership of rows in a sample without replacement is negatively associated (Joag-Dev and Proschan 1983), so the
moment generating function of the number of new rows is at most the product over categories: Chernoff's bound follows.
"""

import math
from collections.abc import Mapping

import numpy as np

from audit_pipeline.metrics.bins import Counts
from audit_pipeline.metrics.read import Floats

LEAST_EXPECTED = 5  # rows: cells that expect fewer on either side share one (Cochran 1954)
TILTS = np.geomspace(1e-3, 50, 400)  # at which Chernoff's bound is taken; each of them is a bound


def total_variation(reference: Counts, current: Counts) -> float:
    """Return half the sum of absolute differences of the shares: 0 when they are equal, 1 when they are apart."""
    return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2)


def chi_square(reference: Counts, current: Counts) -> float:
    """Return the p of Pearson's test of homogeneity, cells of fewer than five expected rows taken together.

    Args:
        reference: (k,) counts, sum > 0.
        current: (k,) counts, sum > 0.
    """
    from scipy.special import chdtrc

    table = _pooled(np.array([reference, current], dtype=np.float64))
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    return float(chdtrc(table.shape[1] - 1, (np.square(table - expected) / expected).sum()))


def _pooled(table: Floats) -> Floats:
    """Drop empty cells and join those that expect too few; a joined cell that is still small takes the smallest other.

    Expected rows depend on the sum of both sides alone, hence not on which side drew them.
    """
    table = table[:, table.sum(0) > 0]
    expected = table.sum(0) * table.sum(1).min() / table.sum()
    small = expected < LEAST_EXPECTED
    if not small.any():
        return table
    if expected[small].sum() < LEAST_EXPECTED and not small.all():
        small[np.flatnonzero(~small)[expected[~small].argmin()]] = True
    return np.column_stack([table[:, ~small], table[:, small].sum(1)])


def chance_of_new(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """Return an upper bound of the chance that so many rows fall into categories the reference lacks."""
    new = sum(count for name, count in current.items() if name not in reference)
    if not new:
        return 1.0
    n, m = sum(current.values()), sum(reference.values())
    pooled = np.array([current.get(name, 0) + reference.get(name, 0) for name in current.keys() | reference.keys()])
    sizes, times = np.unique(pooled[pooled <= n], return_counts=True)
    all_here = _log_all_in_one(sizes, n, m)
    tilted = np.logaddexp(np.log1p(-np.exp(all_here))[:, None], all_here[:, None] + np.outer(sizes, TILTS))
    bounds = (times[:, None] * tilted).sum(0) - TILTS * new
    return math.exp(min(0.0, float(bounds.min())))


def _log_all_in_one(sizes: Counts, n: int, m: int) -> Floats:
    """Return log C(n, c) / C(n + m, c) for each size c <= n: the chance that c given rows are all among n of n + m."""
    from scipy.special import gammaln

    found = gammaln(n + 1) - gammaln(n - sizes + 1) - gammaln(n + m + 1) + gammaln(n + m - sizes + 1)
    return np.minimum(np.asarray(found, dtype=np.float64), -1e-12)  # never certain: there is a row on the other side
