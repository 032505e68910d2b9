"""At which values is a feature looked at, and which rows stand behind each?

A number has points at quantiles of the rows, p5 to p95, or at its frequent values when it has few; a category has the
most frequent ones. No point stands on fewer than `FEWEST` rows, so that what is told of it is never one person's.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.records import SMALL_CELL
from audit_pipeline.small_cells import MOST, told

if TYPE_CHECKING:
    import pandas as pd

POINTS = 10  # at most
FEWEST = SMALL_CELL + MOST - 1  # rows of a point: what `told` takes from the largest leaves SMALL_CELL
LOWEST, HIGHEST = 0.05, 0.95  # quantiles; a tail beyond them is one point with what is next to it


@dataclass(frozen=True, slots=True)
class Grid:
    """Points of one feature, and the point of every row."""

    values: NDArray[Any]  # (points,) in the column's own type, rising; categories from the most frequent
    point: NDArray[np.intp]  # (rows,) index into `values`, -1: missing, or a category without a point
    ordered: bool  # numbers: a row of point k > 0 lies above value k - 1, and not above value k unless that is the last

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of each point as they may be told: those that have none are never told as 1 to 10."""
        counts = np.bincount(self.point[self.point >= 0], minlength=len(self.values))
        total = int(counts.sum())
        counts[int(counts.argmax())] -= total - told(total, len(self.point))
        return tuple(int(count) for count in counts)


def grid_of(column: "pd.Series[Any]") -> Grid:
    """Return the grid of one feature.

    Args:
        column: (n,) in the training type, n >= 50.

    Raises:
        ExplainError: it is a date, or fewer than two points have enough rows.
    """
    if column.dtype.kind == "M":
        raise ExplainError("Dates have no points to look at.")
    there = column.notna().to_numpy(dtype=bool)
    ordered = column.dtype.kind in "iufb"
    known = column[there].to_numpy()
    values = _edges(known) if ordered else _frequent(known)
    if len(values) < 2:
        raise ExplainError(f"Fewer than two of its values have {FEWEST} rows of the sample behind them.")
    point = np.full(len(column), -1, dtype=np.intp)
    point[there] = np.minimum(np.searchsorted(values, known), len(values) - 1) if ordered else _index(values, known)
    return Grid(values, point, ordered)


def _edges(known: NDArray[Any]) -> NDArray[Any]:
    """Return rising values of which each has enough rows at it or between it and the one before.

    None is an extreme: many rows have it, or it is a quantile.
    """
    values, counts = np.unique(known, return_counts=True)
    often = counts >= FEWEST
    if len(values) == 0 or (len(values) <= POINTS and often.sum() > 1):
        return np.asarray(values[often])
    at = np.linspace(LOWEST, HIGHEST, POINTS) * len(known)
    chosen = np.unique(np.searchsorted(np.cumsum(counts), at))
    values, counts = values[chosen], np.diff(np.cumsum(counts)[chosen], prepend=0)
    kept: list[int] = []
    held = 0
    for place, count in enumerate(counts):
        held += int(count)
        if held >= FEWEST:
            kept.append(place)
            held = 0
    return values[kept]  # rows above the last one are its own


def _frequent(known: NDArray[Any]) -> NDArray[Any]:
    """Return categories with enough rows, the most frequent first, equal ones by name."""
    values, counts = np.unique(known.astype(str), return_counts=True)
    order = sorted(range(len(values)), key=lambda i: (-counts[i], values[i]))
    return np.array([values[i] for i in order[:POINTS] if counts[i] >= FEWEST], dtype=object)


def _index(values: NDArray[Any], known: NDArray[Any]) -> NDArray[np.intp]:
    """Return the place of each category, -1 for one that has none."""
    places = {value: place for place, value in enumerate(values)}
    return np.array([places.get(str(value), -1) for value in known], dtype=np.intp)
