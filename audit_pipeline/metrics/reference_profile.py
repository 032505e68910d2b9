"""The reference's sorted values and counts, computed once and kept, so that a night reads only its own rows.

A kept column is a cache: it can be deleted at any time, and the next night computes it again and finds the same. It
holds what the reference holds, so it lies in the store beside the snapshots, and one that belongs to another reference
is deleted. How far it is trusted: `cached.py`.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from audit_pipeline.cached import Cached
from audit_pipeline.metrics.pair import TableSide
from audit_pipeline.metrics.read import Floats, Table

VERSION = 1  # of what is kept; another one is another address


class Kept:
    """The kept columns of one reference."""

    def __init__(self, cached: Cached) -> None:
        """Take the folder of this reference, named by its sha256; what lies beside it is of a former one and goes."""
        self._cached, folder = cached, cached.folder
        for other in folder.parent.iterdir() if folder.parent.is_dir() else ():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)

    def content(self, what: str, column: str, kind: str, compute: Callable[[], bytes]) -> memoryview:
        """Return what is kept of a column, computed and kept first where it is not there or does not fit."""
        return self._cached.content([VERSION, self._cached.folder.name, what, column, kind], compute)


class KeptSide(TableSide):
    """A column of the reference, from what was kept of it."""

    def __init__(self, table: Table, column: str, kind: str, kept: Kept) -> None:
        """Name the column; nothing is read yet."""
        super().__init__(table, column, kind)
        self._kept = kept

    @cached_property
    def values(self) -> Floats:
        """Sorted non-missing values of a numeric column."""
        found = self._kept.content("values", self._column, self._kind, lambda: self._sorted().tobytes())
        return np.frombuffer(found, dtype="<f8")

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Rows per category, in the order of the categories."""
        found = self._kept.content("counts", self._column, self._kind, lambda: json.dumps(self._counted()).encode())
        counts: dict[str, int] = json.loads(bytes(found))
        return counts
