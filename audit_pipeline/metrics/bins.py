"""Fixed bins at the reference's quantiles: where the edges are, and how many values fall between them.

The edges belong to the reference alone, so that neither an outlier nor the night itself can move them.
"""

import numpy as np
import numpy.typing as npt

from audit_pipeline.metrics.read import Floats

Counts = npt.NDArray[np.int64]


def quantile_edges(reference: Floats, *, bins: int) -> Floats:
    """Return the inner edges of up to `bins` bins, ascending and distinct.

    Bins are closed on the right: (-inf, e0], (e0, e1], ..., (ek, inf). Each edge is a value of the reference
    (the inverted empirical distribution), so that no bin of the reference is empty; ties are merged.
    A reference of a single value v is split into below, equal and above v.

    Args:
        reference: (n,) sorted, no NaN, n >= 1.
        bins: number of bins before ties are merged.
    """
    n, top = reference.size, reference[-1]
    if reference[0] == top:
        return np.unique([np.nextafter(top, -np.inf), top])
    ranks = -(-n * np.arange(1, bins) // bins) - 1  # ceil(n k / bins), counted from 0
    edges = reference[np.maximum(ranks, 0)]
    # Above the largest value the reference has no rows: a quantile tied with it becomes the value before it.
    before_top = reference[np.searchsorted(reference, top, side="left") - 1]
    return np.unique(np.minimum(edges, before_top))


def bin_counts(values: Floats, edges: Floats) -> Counts:
    """Return how many of the sorted `values` fall into each of the `edges.size + 1` bins."""
    upper = np.searchsorted(values, edges, side="right")
    return np.diff(np.concatenate(([0], upper, [values.size]))).astype(np.int64)
