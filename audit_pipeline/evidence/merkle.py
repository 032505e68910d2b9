"""The Merkle tree of RFC 6962 and its proofs (algorithms of RFC 9162, section 2.1), apart from any file.

Leaf sha256(0x00 || entry), node sha256(0x01 || left || right); an odd last node moves up unchanged. One hash, the root,
stands for every entry in its order. An inclusion proof shows that an entry is in it, a consistency proof that an older
root is of the same log's beginning; both are about log2(n) hashes long.
"""

import hashlib
from collections.abc import Callable, Sequence

EMPTY = hashlib.sha256(b"").digest()  # root of the tree without entries
Node = Callable[[int, int], bytes]  # level, position -> hash of the whole subtree over 2**level leaves


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Peaks:
    """A tree that grows: the roots of its whole subtrees, largest first, tell the root of every size on the way."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Go on from a tree of `size` leaves, whose whole subtrees are `peaks`."""
        self.size, self._peaks = size, list(peaks)

    def add(self, leaf: bytes) -> list[bytes]:
        """Add a leaf; return the hashes that are new, from the leaf upwards."""
        self.size += 1
        made, rest = [leaf], self.size
        while rest % 2 == 0:
            made.append(node_hash(self._peaks.pop(), made[-1]))
            rest //= 2
        self._peaks.append(made[-1])
        return made

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        if not self._peaks:
            return EMPTY
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_of(node: Node, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return _over(node, 0, size) if size else EMPTY


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root of `size` leaves.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not among {size}")
    path, lo, hi = [], 0, size
    while hi - lo > 1:
        middle = lo + _split(hi - lo)
        if index < middle:
            path.append(_over(node, middle, hi))
            hi = middle
        else:
            path.append(_over(node, lo, middle))
            lo = middle
    return path[::-1]


def consistency_proof(node: Node, old: int, size: int) -> list[bytes]:
    """Return the hashes that show the root of `old` leaves to be of the beginning of `size` leaves.

    Raises:
        ValueError: `old` is not from 1 to `size`.
    """
    if not 0 < old <= size:
        raise ValueError(f"a tree of {old} entries is no beginning of one of {size}")
    path, lo, hi = [], 0, size
    while old < hi:
        middle = lo + _split(hi - lo)
        if old <= middle:
            path.append(_over(node, middle, hi))
            hi = middle
        else:
            path.append(_over(node, lo, middle))
            lo = middle
    if lo > 0:  # else the old tree is a whole subtree, and its root is known
        path.append(_over(node, lo, hi))
    return path[::-1]


def is_included(leaf: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `path` leads from the leaf at `index` to the root of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at % 2 or at == last:
            found = node_hash(step, found)
            at, last = _up(at, last)
        else:
            found = node_hash(found, step)
        at, last = at // 2, last // 2
    return last == 0 and found == root


def is_consistent(*, old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether the tree of `old` leaves is the beginning of the one of `size` leaves (RFC 9162, 2.1.4.2)."""
    if old == size:
        return not path and old_root == root
    if not 0 < old < size or not path:
        return False
    steps = list(path) if old & (old - 1) else [old_root, *path]
    at, last = old - 1, size - 1
    while at % 2:
        at, last = at // 2, last // 2
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at % 2 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            at, last = _up(at, last)
        else:
            after = node_hash(after, step)
        at, last = at // 2, last // 2
    return last == 0 and before == old_root and after == root


def _up(at: int, last: int) -> tuple[int, int]:
    """Climb past the levels on which a node without a neighbour moves up unchanged."""
    while at and at % 2 == 0:
        at, last = at // 2, last // 2
    return at, last


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _over(node: Node, lo: int, hi: int) -> bytes:
    """Return the hash over the leaves from `lo` to before `hi`; `lo` is a multiple of the largest whole subtree."""
    size = hi - lo
    if size & (size - 1) == 0:
        return node(size.bit_length() - 1, lo // size)
    middle = lo + _split(size)
    return node_hash(_over(node, lo, middle), _over(node, middle, hi))
