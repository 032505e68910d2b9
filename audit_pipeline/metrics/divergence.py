"""Jensen-Shannon distance between two histograms: bounded, symmetric, and defined where a bin is empty.

Source: Lin (1991); Endres and Schindelin (2003) show that the square root is a metric. `scipy.spatial.distance.
jensenshannon(r, c, base=2)` is the same number.
"""

import numpy as np

from audit_pipeline.metrics.bins import Counts
from audit_pipeline.metrics.read import Floats


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the distance: 0 for equal shares, 1 when no bin is shared.

    Args:
        reference: (k,) counts, sum > 0.
        current: (k,) counts, sum > 0.
    """
    r, c = reference / reference.sum(), current / current.sum()
    middle = (r + c) / 2
    divergence = (_relative_entropy(r, middle) + _relative_entropy(c, middle)) / 2
    return float(np.sqrt(np.clip(divergence, 0.0, 1.0)))


def _relative_entropy(p: Floats, q: Floats) -> float:
    """Return the relative entropy in bits; q > 0 wherever p > 0."""
    here = p > 0
    return float((p[here] * np.log2(p[here] / q[here])).sum())
