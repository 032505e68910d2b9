"""Population stability index: how far shares moved, in nats.

Source: Siddiqi, *Credit Risk Scorecards* (2006); the usual reading is below 0.10 stable, 0.10 to 0.25 watch, above
0.25 shifted.
"""

import numpy as np

from audit_pipeline.metrics.bins import Counts

FLOOR = 1e-6  # share given to an empty bin, so that the logarithm exists


def psi(reference: Counts, current: Counts) -> float:
    """Return the PSI between two histograms on the same bins, in nats; 0.0 for equal shares.

    Args:
        reference: (k,) counts, sum > 0.
        current: (k,) counts, sum > 0.

    Raises:
        ValueError: either side is empty: an empty night is not evaluated, never 0.0.
    """
    if reference.sum() == 0 or current.sum() == 0:
        raise ValueError("PSI needs values on both sides")
    r = np.maximum(reference / reference.sum(), FLOOR)
    c = np.maximum(current / current.sum(), FLOOR)
    return float(((c - r) * np.log(c / r)).sum())
