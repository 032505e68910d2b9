"""One column of the night beside the same column of the reference, read only as far as a method needs it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit_pipeline.metrics.bins import Counts, bin_counts, quantile_edges
from audit_pipeline.metrics.read import Floats, Table

RARE = 0.01  # share of the reference: rarer categories, unseen ones among them, are compared together
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
        """Rows per category, in the order of the categories."""
        return self.table.counts(self.column)


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
    def histogram(self) -> tuple[Counts, Counts]:
        """Counts of (reference, current) on the same bins: categories, or quantiles of the reference.

        Rare categories share one bin, for the same reason that numbers have quantile bins: a category of a few
        rows that happens to be absent one night would move the PSI by its floor, not by its weight.
        """
        if self.kind in NUMERIC:
            edges = quantile_edges(self.reference.values, bins=self.bins)
            return bin_counts(self.reference.values, edges), bin_counts(self.current.values, edges)
        least = RARE * self.reference.present
        common = [value for value, count in self.reference.counts.items() if count >= least]
        return _with_rest(self.reference.counts, common), _with_rest(self.current.counts, common)


def _with_rest(found: dict[str, int], common: list[str]) -> Counts:
    """Return the counts of `common`, then of everything else."""
    counts = [found.get(value, 0) for value in common]
    rest = sum(found.values()) - sum(counts)
    return np.array([*counts, rest], dtype=np.int64)
