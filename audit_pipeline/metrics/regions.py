"""In which parts of the inputs does a difference differ? A shallow regression tree on coded features.

Each part holds the ratio of two sums, such as a difference of means; a split is taken where the squares of the sums
over the weights grow most (CART, Breiman et al. 1984).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit_pipeline.metrics.additive import Codes
from audit_pipeline.metrics.read import Floats

DEPTH = 3
LEAF = 0.05  # least share of the weight in a part
NOTHING = 1e-12  # of the largest sum
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Regions:
    """What a tree says of every row, also of those it did not learn from."""

    values: Floats  # (n,) sum of the moments over that of the weights, of the row's part
    gains: Floats  # (features,) what the splits on each brought


def regions(features: Sequence[Codes], moment: Floats, weight: Floats, learn: Flags) -> Regions:
    """Grow a tree on the rows `learn`.

    Args:
        features: (n,) codes from 0, one array each.
        moment: (n,) whose sum over that of the weights is what a part is about.
        weight: (n,) not below 0, and above 0 somewhere in `learn`.
        learn: (n,) rows to learn from.
    """
    tree = _Tree(np.stack(features, axis=1), moment, weight, learn)
    tree.grow(np.ones(moment.size, dtype=bool), DEPTH)
    return Regions(tree.values, tree.gains)


class _Tree:
    """A tree as it grows."""

    def __init__(self, table: Codes, moment: Floats, weight: Floats, learn: Flags) -> None:
        self._table, self._moment, self._weight, self._learn = table, moment, weight, learn
        self._width = int(table.max()) + 1
        self._cells = table + self._width * np.arange(table.shape[1])
        self._least = LEAF * float(weight[learn].sum())
        self.values, self.gains = np.zeros(moment.size), np.zeros(table.shape[1])

    def grow(self, here: Flags, depth: int) -> None:
        """Give the rows `here` their value, and split them where that pays."""
        mine = here & self._learn
        m, w = self._moment[mine], self._weight[mine]
        self.values[here] = float(m.sum()) / float(w.sum())
        gain = self._gains(mine) if depth else np.zeros((1, 1))
        feature, code = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[feature, code] <= 0:
            return
        self.gains[feature] += gain[feature, code]
        low = self._table[:, feature] <= code
        for side in (here & low, here & ~low):
            self.grow(side, depth - 1)

    def _gains(self, mine: Flags) -> Floats:
        """Return (features, codes) what a split of the rows `mine` above each code brings; 0 where a part is too small.

        A whole sum less a part of it may stray from 0 by rounding; what brings less than that brings nothing.
        """
        m, w = self._below(self._moment, mine), self._below(self._weight, mine)
        rest_m, rest_w = m[:, -1:] - m, w[:, -1:] - w
        fits = (w >= self._least) & (rest_w >= self._least)
        w, rest_w = np.where(fits, w, 1.0), np.where(fits, rest_w, 1.0)
        gain = np.where(fits, m**2 / w + rest_m**2 / rest_w - m[:, -1:] ** 2 / (w + rest_w), 0.0)
        return np.asarray(np.where(gain > NOTHING * np.abs(m).max(), gain, 0.0))

    def _below(self, values: Floats, mine: Flags) -> Floats:
        """Return (features, codes) the sum of the values of the rows `mine` up to each code."""
        features = self._table.shape[1]
        weights = np.repeat(values[mine], features)
        sums = np.bincount(self._cells[mine].ravel(), weights=weights, minlength=features * self._width)
        return sums.reshape(features, self._width).cumsum(axis=1)
