"""What did each raw feature add to a black box's output, row by row?

Source: Strumbelj and Kononenko, "Explaining prediction models and individual predictions with feature
contributions" (2014), walked forward and backward (antithetic), as `shap.PermutationExplainer` does: exact for
models with interactions of at most two features, and the values of a row always add up to its output.

Own code, because SHAP's explainer takes only numbers, holds values within a relative 1e-5 for equal, asks the
model row by row, and compiles itself for 6 to 9 s in every process. Here all rows take a step together, and columns
of any type are carried as they are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.explain.inputs import Floats, table

if TYPE_CHECKING:
    import pandas as pd

Score = Callable[["pd.DataFrame"], Floats]


def permutation_shap(
    score: Score, rows: "pd.DataFrame", background: "pd.DataFrame", *, permutations: int, seed: int
) -> tuple[Floats, float]:
    """Return (k, features) SHAP values of `rows` against `background`, and the base.

    Args:
        score: the model's output, (n,) for n raw rows.
        rows: (k, features) what is explained.
        background: (b, features) what a hidden feature is replaced from; each step asks for k * b rows.
        permutations: orders in which features are shown, each forward and backward.
        seed: of the orders.
    """
    rng = np.random.default_rng(seed)
    base = float(score(background).mean())
    whole = score(rows)
    values = np.zeros(rows.shape)
    walk = _Walk(score, rows, background)
    for _ in range(permutations):
        order = rng.permutation(rows.shape[1])
        for hide in (False, True):  # hiding in the same order is showing in the reverse one
            before = whole if hide else np.full(len(rows), base)
            walk.begin(shown=hide)
            for column in order[:-1]:
                after = walk.step(column)
                values[:, column] += before - after if hide else after - before
                before = after
            values[:, order[-1]] += before - base if hide else whole - before
    return values / (2 * permutations), base


class _Walk:
    """Every row beside every background row, with some columns shown and the others hidden."""

    def __init__(self, score: Score, rows: "pd.DataFrame", background: "pd.DataFrame") -> None:
        self._score = score
        self._names = list(rows.columns)
        self._shape = (len(rows), len(background))
        self._shown = [rows[name].to_numpy().repeat(len(background)) for name in self._names]
        self._hidden = [np.tile(background[name].to_numpy(), len(rows)) for name in self._names]
        self._now = list(self._hidden)

    def begin(self, *, shown: bool) -> None:
        """Show or hide everything."""
        self._now = list(self._shown if shown else self._hidden)

    def step(self, column: int) -> Floats:
        """Show one column, or hide it when it is shown; return (k,) the mean output over the background."""
        was_shown = self._now[column] is self._shown[column]
        self._now[column] = self._hidden[column] if was_shown else self._shown[column]
        output = self._score(table(dict(zip(self._names, self._now, strict=True))))
        return np.asarray(output.reshape(self._shape).mean(axis=1), dtype=np.float64)
