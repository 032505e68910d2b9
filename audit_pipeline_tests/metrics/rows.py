"""Random labelled rows: ties, rare classes, extreme and shuffled scores; the seed decides."""

from typing import Any

import numpy as np


def random_rows(seed: int, *, least: int = 60) -> tuple[Any, Any, Any]:
    """Return (score, label, decision) of a binary model; both classes occur, in every score region."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(least, 2000))
    score = rng.beta(rng.uniform(0.5, 4), rng.uniform(0.5, 4), n)
    score = np.clip(np.round(score, int(rng.integers(2, 9))), 0.01, 0.99)
    label = (rng.random(n) < np.clip(score * rng.uniform(0.5, 1.2) + rng.uniform(0, 0.1), 0.05, 0.95)).astype(float)
    label[:4] = [0, 1, 0, 1]
    score[:4] = [0.01, 0.01, 0.99, 0.99]
    return score, label, (score >= rng.uniform(0.2, 0.8)).astype(float)
