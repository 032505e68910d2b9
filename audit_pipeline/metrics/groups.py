"""Which group a row belongs to: columns as keys in SQL, keys as names a person can read, in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from audit_pipeline.config.fairness import JOIN, MISSING, Fairness, band_names
from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics.read import Table, quoted

MOST = 100  # groups of one attribute; more are no groups but an identifier, or a number that wants bands
Key = tuple[str, ...]  # one text per column


@dataclass(frozen=True)
class Attribute:
    """One column, or several whose combinations are the groups."""

    kind: str  # protected or slice
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the attribute is called."""
        return JOIN.join(self.columns)


def attributes(config: Fairness) -> tuple[Attribute, ...]:
    """Return protected columns, their intersections, slices: in that order, each set of columns once per kind."""
    protected = [*((column,) for column in config.protected), *config.crossed]
    found = {("protected", frozenset(columns)): Attribute("protected", columns) for columns in protected}
    found |= {("slice", frozenset(columns)): Attribute("slice", columns) for columns in config.sliced}
    return tuple(found.values())


@dataclass(frozen=True)
class Naming:
    """How the values of the model's columns become groups."""

    model: ModelConfig
    config: Fairness

    def sql(self, table: Table, column: str) -> str:
        """SQL of the key of `column`: the number of its band, else its text; `missing` for NULL and NaN.

        A category that is itself called `missing` means the same and falls into the same group.
        """
        if column not in table.types:
            return f"'{MISSING}'"
        value, edges = quoted(column), self.config.bands.get(column)
        if not edges:
            return f"coalesce(cast({value} as varchar), '{MISSING}')"
        number = f"try_cast({value} as double)"
        steps = " ".join(f"when {number} < {edge!r}::double then '{band}'" for band, edge in enumerate(edges))
        missing = f"when {number} is null or isnan({number}) then '{MISSING}'"
        return f"case {missing} {steps} else '{len(edges)}' end"

    def group(self, columns: Sequence[str], key: Key) -> str:
        """What a group is called."""
        return JOIN.join(self._part(column, part) for column, part in zip(columns, key, strict=True))

    def place(self, columns: Sequence[str], key: Key) -> tuple[tuple[bool, float, str], ...]:
        """Return what groups are ordered by: bands and whole numbers by size, the rest by text, missing last."""
        return tuple(self._order(column, part) for column, part in zip(columns, key, strict=True))

    def _part(self, column: str, key: str) -> str:
        bands = self._bands[column] if column in self._bands and key != MISSING else ()
        name = bands[int(key)] if bands else key
        return self.config.names.get(column, {}).get(name, name)

    def _order(self, column: str, key: str) -> tuple[bool, float, str]:
        counted = key != MISSING and (column in self._bands or self.model.columns[column].type == "integer")
        return key == MISSING, float(key) if counted else 0.0, key

    @cached_property
    def _bands(self) -> dict[str, tuple[str, ...]]:
        return {column: band_names(edges) for column, edges in self.config.bands.items()}
