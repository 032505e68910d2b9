"""Which lines at the end of the log are by known writers: what may be built upon, and what is set aside."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.entry import KEY, LogEntry, parse, wrote
from audit_pipeline.evidence.merkle import Peaks, leaf_hash
from audit_pipeline.evidence.sign import SigningKey

NAME = "log/entries.jsonl"
REMEDY = "Nothing was written. `audit-pipeline verify` says what else is wrong; restore the log from a backup."


@dataclass(slots=True)
class Settled:
    """The lines after the last signed root."""

    key: SigningKey
    start: int  # entries that are signed with the key; 0: it may have to be introduced yet
    successor: SigningKey | None = None  # key of a handover that its program did not finish
    kept: list[bytes] = field(default_factory=list)
    strange: list[bytes] = field(default_factory=list)  # by no known writer
    before: Peaks = field(default_factory=Peaks)  # what stood there before the key was introduced
    begun: bool = False  # whether the key was introduced

    def __post_init__(self) -> None:
        """What the key has signed, it was introduced before."""
        self.begun = self.start > 0

    def take(self, line: bytes) -> None:
        """Judge the next line.

        Raises:
            EvidenceError: an entry is missing before it, it is written with another key, or it shows that what stood
                before the key's introduction was changed.
        """
        entry = entry_or_none(line)
        ours = entry is not None and wrote(self.key, line, entry)
        if not self.begun and ours and entry and entry.kind == KEY:
            bound = entry.body.get("root") == self.before.root().hex() and entry.index == self.before.size
            require(bound, f"what stood before entry {entry.index} was changed")
            self.begun = True
        if not self.begun:  # the entry that introduces the key will bind these lines
            self.before.add(leaf_hash(line))
            self.kept.append(line)
        elif ours and entry and entry.index >= self._next():
            require(entry.index == self._next(), f"entry {self._next()} is missing or was changed")
            self.kept.append(line)
        else:
            known = ("", self.key.key_id, self.successor.key_id if self.successor else "")
            foreign = entry is not None and entry.writer.key not in known
            require(
                not foreign, f"a line after entry {self._next() - 1} is written with another key than the project's"
            )
            self.strange.append(line)

    def _next(self) -> int:
        return self.start + len(self.kept)


def settled(lines: Iterable[bytes], *, start: int, key: SigningKey, successor: SigningKey | None = None) -> Settled:
    """Judge the lines from number `start` on.

    Raises:
        EvidenceError: the log cannot be gone on with.
    """
    found = Settled(key, start, successor)
    for line in lines:
        found.take(line)
    # Only an empty log gets the key by itself: who replaced the log by an unsigned one must not have it signed.
    how = "If it was never signed, begin with `audit-pipeline keys introduce`"
    require(found.begun or not found.kept, f"it is not signed with the key that project.yaml names. {how}")
    return found


def entry_or_none(line: bytes) -> LogEntry | None:
    """Return the entry of a line; None when it is none."""
    try:
        return parse(line, -1)
    except EvidenceError:
        return None


def require(holds: bool, fault: str) -> None:
    """Refuse a log that cannot be gone on with.

    Raises:
        EvidenceError: `holds` is not true.
    """
    if not holds:
        raise EvidenceError(f"{NAME}: {fault}. {REMEDY}")
