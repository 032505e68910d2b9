"""One column of the night beside the same column of the reference, read only as far as a method needs it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.bins import Counts, bin_counts, quantile_edges
from audit_pipeline.metrics.read import Floats, Table
from audit_pipeline.metrics.steps import Steps

RARE = 0.01  # share of the reference: rarer categories, unseen ones among them, are compared together
NUMERIC = frozenset({"number", "integer", "date", "timestamp"})
TYPES = NUMERIC | {"category", "boolean"}


class Side(ABC):
    """One column of the night or of the reference, from wherever it comes."""

    rows: int  # of the table
    lacks: str | None  # why the column is not there, e.g. "has no column 'age'"; None: it is

    @property
    @abstractmethod
    def present(self) -> int:
        """Rows in which the column is not missing; 0 when it is not there."""

    @property
    @abstractmethod
    def values(self) -> Floats:
        """Sorted non-missing values of a numeric column."""

    @property
    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """Rows per category, in the order of the categories."""

    @property
    def missing_share(self) -> float | None:
        """Missing rows over rows; None without rows or without the column."""
        return None if self.lacks or not self.rows else (self.rows - self.present) / self.rows


class TableSide(Side):
    """A column that is read from its table."""

    def __init__(self, table: Table, column: str, kind: str) -> None:
        """Name the column; nothing is read yet."""
        self._table, self._column, self._kind = table, column, kind
        self.rows = table.rows
        known = column in table.types
        self.lacks = None if known else f"has no column '{column}'" if table.types else "has no data"

    @cached_property
    def present(self) -> int:
        """Rows in which the column is not missing; 0 when the table does not have it."""
        if self.lacks:
            return 0
        try:
            return int(self.values.size) if self._kind in NUMERIC else sum(self.counts.values())
        except MetricError:  # its values cannot be read as what they are declared to be; they can be counted
            return self._table.present(self._column)

    @cached_property
    def values(self) -> Floats:
        """Sorted non-missing values of a numeric column."""
        return self._sorted()

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Rows per category, in the order of the categories."""
        return self._counted()

    def _sorted(self) -> Floats:
        return self._table.doubles(self._column, self._kind)

    def _counted(self) -> dict[str, int]:
        return self._table.counts(self._column)


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

    @cached_property
    def steps(self) -> Steps:
        """Both sides of a numeric column on one grid."""
        return Steps(self.reference.values, self.current.values)

    @property
    def categories(self) -> tuple[Counts, Counts]:
        """Counts of (reference, current) of every category of either side.

        A test must not choose its cells by the reference alone: what is common in it by luck is rarer in any night.
        """
        names = sorted(self.reference.counts.keys() | self.current.counts.keys())
        reference, current = ([side.counts.get(name, 0) for name in names] for side in (self.reference, self.current))
        return np.array(reference, dtype=np.int64), np.array(current, dtype=np.int64)


def _with_rest(found: Mapping[str, int], common: list[str]) -> Counts:
    """Return the counts of `common`, then of everything else."""
    counts = [found.get(value, 0) for value in common]
    rest = sum(found.values()) - sum(counts)
    return np.array([*counts, rest], dtype=np.int64)
