"""How much worse does the model predict when one feature's values are shuffled among the rows?

Source: Breiman, "Random forests" (2001); Fisher, Rudin and Dominici, "All models are wrong, but many are useful"
(2019). Mean |SHAP| says what moves the output; this says what the output is worth something for: a feature the model
leans on in vain has a large one of the former and none of the latter. It needs outcomes: those of the night, or of the
reference while the night has too few.

The interval is of the mean rise of the loss: that over rows, and that over the few shuffles (Student's t), added.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.blocks import Score, scores
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import PermutedFeature

if TYPE_CHECKING:
    import pandas as pd

REPEATS = 5
ROWS = 300  # that are shuffled, at most: a call of the model for each, feature and repeat
Z = 1.96  # two-sided 95 %
T = 2.776  # the same of Student's t with REPEATS - 1 degrees of freedom
LOSS = {"binary": "brier", "regression": "squared_error"}
Orders = NDArray[np.intp]


def orders(n: int, *, seed: int) -> Orders:
    """Return (REPEATS, n) shuffles of n rows; all features are shuffled by the same."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(n) for _ in range(REPEATS)])


def permuted(
    score: Score, frame: "pd.DataFrame", labels: Floats, shuffles: Orders
) -> tuple[float, tuple[PermutedFeature, ...]]:
    """Return the loss of the model as it is, and its rise by feature, the largest first; equal ones by name.

    Args:
        score: the model's output, (m,) for m raw rows.
        frame: (n, features) the rows, in training types; n >= 2.
        labels: (n,) what came true.
        shuffles: (REPEATS, n) orders of the rows.

    Raises:
        ExplainError: a row has no number.
    """
    names = [str(name) for name in frame.columns]
    variants = [{name: frame[name].to_numpy()[order]} for name in names for order in shuffles]
    with np.errstate(over="ignore", invalid="ignore"):
        losses = (scores(score, frame, [{}, *variants]) - labels) ** 2
    if not np.isfinite(losses).all():
        raise ExplainError("The model gives some rows no number when a feature is shuffled.")
    before, *after = losses
    rises = np.reshape(after, (len(names), *shuffles.shape)) - before
    found = [_feature(name, rise) for name, rise in zip(names, rises, strict=True)]
    return float(before.mean()), tuple(sorted(found, key=lambda f: (-f.value, f.feature)))


def _feature(name: str, rise: Floats) -> PermutedFeature:
    """Return the mean rise, (repeats, n) of a feature, with its interval."""
    repeats, n = rise.shape
    of_rows = rise.mean(axis=0).std(ddof=1) / np.sqrt(n)
    of_shuffles = rise.mean(axis=1).std(ddof=1) / np.sqrt(repeats)
    value, half = float(rise.mean()), float(np.hypot(Z * of_rows, T * of_shuffles))
    return PermutedFeature(name, value, value - half, value + half)
