"""One column of the night beside the same column of the reference, read only as far as a method needs it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit_pipeline.metrics.bins import Counts, bin_counts, quantile_edges
from audit_pipeline.metrics.read import Floats, Table

LOW_CARDINALITY = 20  # an integer with at most so many values in the reference is compared value by value
NUMERIC = frozenset({"number", "integer", "date", "timestamp"})
TYPES = NUMERIC | {"category", "boolean"}


@dataclass(frozen=True)
class Side:
    """One column of one table."""

    table: Table
    column: str
    kind: str  # canonical type

    @cached_property
    def present(self) -> int:
        """Rows in which the column is not missing; 0 when the table does not have it."""
        return self.table.present(self.column) if self.column in self.table.types else 0

    @property
    def missing_share(self) -> float | None:
        """Missing rows over rows; None without rows or without the column."""
        if not self.table.rows or self.column not in self.table.types:
            return None
        return (self.table.rows - self.present) / self.table.rows

    @cached_property
    def values(self) -> Floats:
        """Sorted non-missing values of a numeric column."""
        return self.table.doubles(self.column, self.kind)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows per value of a column that is compared value by value, in the order of the values."""
        if self.kind not in NUMERIC:
            return self.table.counts(self.column)
        values, counts = np.unique(self.values, return_counts=True)
        return {str(int(value)): int(count) for value, count in zip(values, counts, strict=True)}


@dataclass(frozen=True)
class Pair:
    """One column, current against reference."""

    column: str
    kind: str  # canonical type
    bins: int
    min_rows: int
    current: Side
    reference: Side

    @cached_property
    def by_value(self) -> bool:
        """Whether each value is its own bin: categories, booleans, integers with few values."""
        if self.kind != "integer":
            return self.kind not in NUMERIC
        return np.unique(self.reference.values).size <= LOW_CARDINALITY

    @cached_property
    def histogram(self) -> tuple[Counts, Counts]:
        """Counts of (reference, current) on the same bins: all values of both sides, or reference quantiles."""
        if self.by_value:
            r, c = self.reference.counts, self.current.counts
            values = sorted(r.keys() | c.keys())
            return _in_order(r, values), _in_order(c, values)
        edges = quantile_edges(self.reference.values, bins=self.bins)
        return bin_counts(self.reference.values, edges), bin_counts(self.current.values, edges)

    @cached_property
    def constant(self) -> bool:
        """Whether both sides hold one and the same value only, so that there is no distribution to compare."""
        if self.kind in NUMERIC:
            r, c = self.reference.values, self.current.values
            return bool(r[0] == r[-1] == c[0] == c[-1])
        return len(self.reference.counts.keys() | self.current.counts.keys()) == 1


def _in_order(found: dict[str, int], values: list[str]) -> Counts:
    return np.array([found.get(value, 0) for value in values], dtype=np.int64)
