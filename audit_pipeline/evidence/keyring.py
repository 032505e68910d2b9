"""Which key signs which part of the log: the rules that a verifier goes by, apart from any file.

A key is introduced by an entry that holds the root of all entries before it. It signs the roots over that entry and
what follows, until the next key is introduced; the root that ends with such an introduction is signed by both keys. So
a key has its time in entries, not by clocks; after it, it is expired.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from audit_pipeline.evidence.roots import SignedRoot


@dataclass(slots=True)
class Keyring:
    """The keys of one log."""

    introduced: list[tuple[int, str]] = field(default_factory=list)  # entry, key; in order
    handed_over: set[str] = field(default_factory=set)  # keys that the one before has signed for

    def at(self, size: int) -> str | None:
        """Return the key of the root over the first `size` entries; None before there is one."""
        return next((key for index, key in reversed(self.introduced) if index < size), None)

    def fault(self, signed: SignedRoot) -> str | None:
        """Say what is wrong with the signatures of a root, None when nothing is; handovers are remembered."""
        size = signed.root.size
        if signed.forged:
            return f"its signature by the key {_short(signed.forged)} is forged, or the root was changed"
        own, before = self.at(size), self.at(size - 1)
        if own is None:
            return f"is signed with an unknown key, {_short(signed.by)}" if signed.by else None
        if own not in signed.by:
            return self._stranger(signed)
        if signed.root.key_id != own:
            return "names another key than the one that signed it"
        if own != before and before in signed.by:
            self.handed_over.add(own)
        return None

    def _stranger(self, signed: SignedRoot) -> str:
        """Say who signed instead of the key whose time it is."""
        if not signed.by:
            return "is unsigned, though the log has a key"
        if any(key in signed.by for index, key in self.introduced if index < signed.root.size):
            return f"is signed with an expired key, {_short(signed.by)}"
        return f"is signed with an unknown key, {_short(signed.by)}"

    def orphans(self, known: Collection[str]) -> Iterator[tuple[int, str]]:
        """Yield keys not handed over by the one before, after the last known from elsewhere, or else the first."""
        start = max([0, *(place for place, (_, key) in enumerate(self.introduced) if key in known)])
        return ((index, key) for index, key in self.introduced[start + 1 :] if key not in self.handed_over)


def _short(keys: Collection[str]) -> str:
    return ", ".join(f"{key[:16]}..." for key in sorted(keys))
