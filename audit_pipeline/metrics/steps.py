"""Two sorted columns on one grid of steps, so that distances are exact without a merge of all values.

Both distribution functions are known exactly at the grid's edges and just before them. Between two edges each only
rises, by no more than the rows that lie there, which bounds their gap: only where a bound leaves the answer open are
single values looked at. The grid is finer than the gaps that chance makes, so those places are few; the result is that
of the whole merge, whatever the grid.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from audit_pipeline.metrics.bins import Counts
from audit_pipeline.metrics.read import Floats

FINE = 16  # edges per square root of the smaller side: chance makes gaps of one over that root
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Steps:
    """Sorted values of the reference and of the night, no NaN, at least one each."""

    reference: Floats
    current: Floats
    fine: int = FINE  # the result does not depend on it, the cost does

    @cached_property
    def edges(self) -> Floats:
        """Ascending and distinct: evenly spaced ranks of the reference, with the smallest and the largest value."""
        n, m = self.reference.size, self.current.size
        count = min(n, int(self.fine * min(n, m) ** 0.5) + 2)
        ranks = np.linspace(0, n - 1, count).astype(np.int64)
        return np.unique(np.concatenate([self.reference[ranks], self.current[[0, -1]]]))

    @cached_property
    def below(self) -> tuple[Counts, Counts]:
        """Rows of (reference, current) below each edge."""
        return self._counted(self.edges, "left")

    @cached_property
    def up_to(self) -> tuple[Counts, Counts]:
        """Rows of (reference, current) up to and with each edge."""
        return self._counted(self.edges, "right")

    def gaps(self, points: Floats) -> tuple[Floats, Floats]:
        """Return reference minus current distribution function (just before, at) each of the ascending `points`."""
        return self._gap(self._counted(points, "left")), self._gap(self._counted(points, "right"))

    @property
    def edge_gaps(self) -> tuple[Floats, Floats]:
        """The gaps just before and at each edge."""
        return self._gap(self.below), self._gap(self.up_to)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Least and largest gap that is possible strictly between each edge and the next."""
        (r_start, c_start), (r_end, c_end) = self.up_to, self.below
        least = self._gap((r_start[:-1], c_end[1:]))
        return least, self._gap((r_end[1:], c_start[:-1]))

    def inside(self, side: int, chosen: Flags) -> Floats:
        """Return the values of side 0 (reference) or 1 (current) strictly between the edges of the chosen steps."""
        values = (self.reference, self.current)[side]
        starts, ends = self.up_to[side][:-1][chosen], self.below[side][1:][chosen]
        sizes = ends - starts
        first = np.repeat(starts - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes) if sizes.size else sizes
        return np.asarray(values[first + np.arange(first.size)], dtype=np.float64)

    def _counted(self, points: Floats, side: str) -> tuple[Counts, Counts]:
        before, now = (np.searchsorted(values, points, side) for values in (self.reference, self.current))  # type: ignore[call-overload]
        return before, now

    def _gap(self, counts: tuple[Counts, Counts]) -> Floats:
        return np.asarray(counts[0] / self.reference.size - counts[1] / self.current.size, dtype=np.float64)
