"""Check the log: every entry in its place, the roots that were signed over them, and the keys that signed.

Everything is computed from the lines; the tree beside the log only helps to name an entry, after its own root was found
to be the signed one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.entry import KEY, REFUSAL, LogEntry, parse, wrote
from audit_pipeline.evidence.keyring import Keyring
from audit_pipeline.evidence.log import Log
from audit_pipeline.evidence.merkle import EMPTY, Peaks
from audit_pipeline.evidence.roots import FILE, SignedRoot, said_in
from audit_pipeline.evidence.roots import parse as parse_root
from audit_pipeline.evidence.tree import Tree

LOG = "log/entries.jsonl"
NAMED = 5  # entries named one by one; of more, the number is said


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the log says."""

    path: str  # below the audit folder
    message: str


@dataclass(slots=True)
class Proof:
    """What the log was found to be."""

    entries: list[LogEntry] = field(default_factory=list)
    root: str = EMPTY.hex()  # over all entries
    signed: int = 0  # entries under a root whose signature holds
    keys: list[str] = field(default_factory=list)  # in the order of their time
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_log(log: Log, *, since: str | Path | None = None) -> Proof:
    """Check the whole log. With `log.key`, what is not signed yet is checked by its writers' marks too.

    Args:
        log: the log.
        since: a root seen earlier, in hex, or a file of roots (an anchor's): all must be of this log's beginning.

    Raises:
        EvidenceError: the file in `since` is none.
    """
    return _Check(log, since).run()


class _Check:
    """One check."""

    def __init__(self, log: Log, since: str | Path | None) -> None:
        self.log, self.found, self.keyring = log, Proof(), Keyring()
        self.known = said_in(since) if isinstance(since, Path) else []
        self.wanted = since if isinstance(since, str) else None
        self.roots = self._read_roots()
        sizes = {r.root.size for r in self.roots} | {r.size for r in self.known}
        self.at: dict[int, str | None] = dict.fromkeys(sizes)

    def run(self) -> Proof:
        self._read_entries()
        self.found.keys = [key for _, key in self.keyring.introduced]
        self._check_roots()
        self._check_keys()
        self._check_since()
        self._check_unsigned()
        if self.log.lines.torn():
            self._note("The last line of the log is not finished and not an entry; the next entry sets it aside.")
        if self.log.roots.lines.torn():
            self._note("The last root is not finished and counts for nothing; the next one sets it aside.")
        return self.found

    def _read_roots(self) -> list[SignedRoot]:
        roots: list[SignedRoot] = []
        try:
            for number, line in enumerate(self.log.roots.lines.read(), start=1):
                roots.append(parse_root(line, f"line {number}"))
        except EvidenceError as error:
            self._problem(FILE, f"{str(error).removeprefix(f'{FILE}: ')} What follows it was not checked.")
        return roots

    def _read_entries(self) -> None:
        """Read the lines, and note the root at every size that a root, or `since`, speaks of."""
        peaks, index = Peaks(), -1
        try:
            for number, line in enumerate(self.log.lines.read()):
                entry = parse(line, number)
                if entry.index != index + 1:
                    fault = f"carries index {entry.index}: an entry is missing, was added or was reordered"
                    self._problem(f"{LOG}: entry {number}", fault)
                index = entry.index
                if entry.kind == KEY:
                    self._introduce(entry, number, peaks)
                self.found.entries.append(entry)
                peaks.add(bytes.fromhex(entry.leaf))
                if peaks.size in self.at:
                    self.at[peaks.size] = peaks.root().hex()
                if self.wanted and peaks.root().hex() == self.wanted:
                    self.wanted = None
        except EvidenceError as error:
            self._problem(LOG, f"{str(error).removeprefix(f'{LOG}: ')} What follows it was not checked.")
        self.found.root = peaks.root().hex()

    def _introduce(self, entry: LogEntry, number: int, peaks: Peaks) -> None:
        key = entry.body.get("key_id")
        if key != entry.writer.key or entry.body.get("root") != peaks.root().hex():
            self._problem(f"{LOG}: entry {number}", "introduces a key over another log than what stands before it")
        self.keyring.introduced.append((number, str(key)))

    def _check_roots(self) -> None:
        """Hold every root against the entries, and its signatures against the keys; the first that differs tells."""
        whole, last = 0, 0
        for number, signed in enumerate(self.roots, start=1):
            root, where = signed.root, f"{FILE}: root {number}"
            fault = self.keyring.fault(signed)
            if fault is None and root.size <= last:
                fault = f"is over {root.size} entries, the one before over {last}: a root was added or reordered"
            last = max(last, root.size)
            if fault is not None:
                self._problem(where, fault)
            elif self.at[root.size] == root.root and root.log_id == self.found.entries[0].leaf:
                whole = root.size
                self.found.signed = whole if signed.by else self.found.signed
            else:
                for problem in self._difference(whole, signed):
                    self._problem(*problem)
                return

    def _difference(self, whole: int, signed: SignedRoot) -> Iterator[tuple[str, str]]:
        """Say which entries after the first `whole` ones are not those that were signed."""
        size, there = signed.root.size, len(self.found.entries)
        if there < size:
            yield LOG, f"has {there} entries, and {size} were signed: entries are missing"
        leaves = self._signed_leaves(signed)
        if leaves is None:
            yield (
                LOG,
                f"entries {whole} to {size - 1} are not those that were signed: one was changed, added or reordered",
            )
            return
        now = [entry.leaf for entry in self.found.entries[:size]]
        places = {leaf: place for place, leaf in enumerate(leaves)}
        wrong = [place for place, leaf in enumerate(now) if leaf != leaves[place]]
        for place in wrong[:NAMED]:
            moved = places.get(now[place])
            what = (
                "was changed or added"
                if moved is None
                else f"stood at place {moved}: entries were dropped or reordered"
            )
            yield f"{LOG}: entry {place}", f"is not the one that was signed: it {what}"
        if len(wrong) > NAMED:
            yield LOG, f"{len(wrong) - NAMED} more entries are not at their places"

    def _signed_leaves(self, signed: SignedRoot) -> list[str] | None:
        """Return the leaves that were signed, from the tree beside the log if that gives the signed root."""
        size = signed.root.size
        try:
            with self.log.tree.open("rb") as file:
                tree = Tree(file)
                if tree.size >= size and tree.root(size).hex() == signed.root.root:
                    return [tree.node(0, place).hex() for place in range(size)]
        except OSError:
            return None
        return None

    def _check_keys(self) -> None:
        own = self.log.key.key_id if self.log.key else None
        for index, key in self.keyring.orphans({own} if own else ()):
            fault = f"the key {key[:16]}... was not handed over by the one before: it is unknown"
            self._problem(f"{LOG}: entry {index}", fault)
        keys = self.found.keys
        if own and keys and own != keys[-1]:
            what = "expired" if own in keys else "not known to the log"
            self._problem(LOG, f"the key that project.yaml names is {what}; the log's is {keys[-1][:16]}...")
        if own and not keys and self.found.entries:
            self._problem(LOG, "is not signed, though project.yaml names a key")
        elif not keys:
            self._note("Unsigned: no key signs this log, so whoever may write here can make one that holds together.")
        elif own is None:
            self._note(f"Signed with the key {keys[-1]}: it is known by the log only. Compare it with its owner's.")

    def _check_since(self) -> None:
        """Hold the log against what was seen of it earlier."""
        if self.wanted and self.wanted != EMPTY.hex():
            self._problem(LOG, f"has no beginning with the root {self.wanted[:16]}...: it was cut or replaced")
        for root in self.known:
            if self.at[root.size] != root.root:
                fault = f"its first {root.size} entries do not give the root {root.root[:16]}... seen earlier"
                self._problem(LOG, f"{fault}: it was cut or replaced")
                return

    def _check_unsigned(self) -> None:
        """Check the writers of what no root covers yet, and say what was refused."""
        entries, signed = self.found.entries, self.found.signed
        if self.found.keys and signed < len(entries):
            self._note(f"{len(entries) - signed} of {len(entries)} entries are not covered by a signed root yet.")
            if self.log.key is None and signed == 0:
                self._problem(FILE, "holds no signed root, and the key that would tell the log's writers is not here")
        if self.log.key is not None and self.found.keys:
            signed = max([signed, *(r.root.size for r in self.roots if r.by)])  # for those, the root has told already
            for number, line in enumerate(self.log.lines.read(signed), signed):
                if number < len(entries) and not wrote(self.log.key, line, entries[number]):
                    self._problem(f"{LOG}: entry {number}", "no known writer wrote it: it is not evidence")
        for entry in entries:
            if entry.kind == REFUSAL:
                self._note(f"Entry {entry.index}: {entry.body.get('lines')} lines of strangers were set aside.")

    def _problem(self, path: str, message: str) -> None:
        self.found.problems.append(Problem(path, message))

    def _note(self, text: str) -> None:
        self.found.notes.append(text)
