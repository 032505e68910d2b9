"""The log's Merkle tree in a file: every hash once, 32 bytes each, in the order in which a growing tree knows them.

A leaf is followed by the hashes of the subtrees that it completes (the layout of Go's checksum database,
golang.org/x/mod/sumdb/tlog), so that the file only grows and a proof reads some twenty hashes. It is a cache beside the
log: made anew when it does not give the root that was signed, and never trusted by `verify`.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from audit_pipeline.evidence.merkle import Peaks, root_of

WIDTH = 32  # bytes of a hash


class Tree:
    """A tree over an open file."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is at least readable; what does not end with a whole leaf counts up to the last whole one."""
        self._file = file
        self.size = _leaves(file.seek(0, io.SEEK_END) // WIDTH)

    def node(self, level: int, position: int) -> bytes:
        """Return the hash of the whole subtree over 2**level leaves at `position`."""
        self._file.seek(_place(level, position) * WIDTH)
        return self._file.read(WIDTH)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""
        return root_of(self.node, size)

    def cut(self, size: int) -> None:
        """Forget what comes after the first `size` leaves."""
        self._file.truncate(_hashes(size) * WIDTH)
        self.size = size

    def add(self, leaves: Iterable[bytes]) -> None:
        """Append leaves."""
        self.cut(self.size)  # a dead writer may have left a part
        whole = [bit for bit in reversed(range(self.size.bit_length())) if self.size >> bit & 1]
        peaks = Peaks(self.size, [self.node(bit, (self.size >> bit) - 1) for bit in whole])
        self._file.seek(0, io.SEEK_END)
        for leaf in leaves:
            self._file.write(b"".join(peaks.add(leaf)))
        self.size = peaks.size


@contextmanager
def tree_in(path: Path) -> Iterator[Tree]:
    """Open the tree in `path` for reading and writing; made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with path.open("r+b") as file:
        yield Tree(file)


def tree_of(leaves: Iterable[bytes]) -> Tree:
    """Return a tree in memory."""
    tree = Tree(io.BytesIO())
    tree.add(leaves)
    return tree


def _place(level: int, position: int) -> int:
    """Return where a hash stands: a subtree's comes right after that of its last leaf and of the smaller ones there."""
    last = ((position + 1) << level) - 1
    return _hashes(last) + level


def _hashes(size: int) -> int:
    """Return how many hashes a tree of `size` leaves has: size + size // 2 + size // 4 + ..."""
    total = 0
    while size:
        total += size
        size //= 2
    return total


def _leaves(hashes: int) -> int:
    """Return how many whole leaves stand in a file of so many hashes."""
    lo, hi = 0, hashes
    while lo < hi:
        middle = (lo + hi + 1) // 2
        lo, hi = (middle, hi) if _hashes(middle) <= hashes else (lo, middle - 1)
    return lo
