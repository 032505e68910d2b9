"""The append-only log: one line per record, alert, review, ...; its order is the index, whatever the clocks say.

With a key, only lines that a known writer wrote count: each carries its run's mark (`entry.py`). What stands at the end
without one is set aside before anything is appended or signed, and a `refusal` entry keeps its digest. What was signed
already is not looked at here, that is for `verify`; a root is signed only over what goes on from the last one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from audit_pipeline.durable import locked, storing, write_whole
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import KEY, REFUSAL, LogEntry, line_of, parse, wrote
from audit_pipeline.evidence.lines import Lines
from audit_pipeline.evidence.roots import Roots, covered
from audit_pipeline.evidence.settle import entry_or_none, require, settled
from audit_pipeline.evidence.sign import SigningKey


class Log:
    """The log of one store."""

    def __init__(self, folder: Path, quarantine: Path, key: SigningKey | None = None) -> None:
        """`folder` is the store's `log/`; `key` is needed to write into a log that has one."""
        self.key = key
        self.lines = Lines(folder / "entries.jsonl", quarantine)
        self.roots = Roots(folder / "roots.jsonl", quarantine)
        self.tree = folder / "tree"
        self._lock = folder / ".lock"

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """Yield the whole entries from index `start`; a torn last line is not an entry.

        Raises:
            EvidenceError: a line in the middle is no entry.
        """
        for number, line in enumerate(self.lines.read(start), start):
            yield parse(line, number)

    def of_kind(self, kind: str) -> Iterator[LogEntry]:
        """Yield the entries of one kind that is rare: of all others, no more than the bytes is looked at.

        Raises:
            EvidenceError: a line that seems to be one is no entry.
        """
        return self._having("kind", kind)

    def covered(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the entries from index `start` as plain data, each with the first root that covers it.

        Raises:
            EvidenceError: a line of the log or of its roots is none.
        """
        return covered(self.entries(start), self.roots.all())

    def of_model(self, model_id: str) -> Iterator[LogEntry]:
        """Yield the entries about one model; the rest is as with `of_kind`."""
        return self._having("model_id", model_id)

    def _having(self, field: str, value: str) -> Iterator[LogEntry]:
        for number, line in self.lines.having(f'"{field}":"{value}"'.encode()):
            entry = parse(line, number)
            if getattr(entry, field) == value:
                yield entry

    def append(
        self, kind: str, *, model_id: str, night: str, digest: str, body: dict[str, Any], run: str = ""
    ) -> LogEntry:
        """Append one entry and make it durable; `run` is who writes.

        Raises:
            EvidenceError: the log was cut or edited, is written with another key, or the disk is full or refuses. A
                part that was written then is no entry; the next append sets it aside.
        """
        with self.writing() as number:
            return self.write(number, kind, model_id=model_id, night=night, digest=digest, body=body, run=run)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer; a torn last line is set aside."""
        with storing(self.lines.file.name), locked(self._lock):
            self.lines.last()
            yield

    @contextmanager
    def writing(self, *, thorough: bool = False, successor: SigningKey | None = None) -> Iterator[int]:
        """Be the only writer, of a log whose end is by known writers; yield the number of its entries.

        Args:
            thorough: look at every line since the last signed root, not only at the last one.
            successor: key of an unfinished handover, whose lines are set aside.
        """
        with self.alone():
            last, count = self.lines.last(), self.lines.count()
            known = last is not None and self._is_ours(last, count - 1)
            if self.key and (thorough or not known):
                count = self._settle(self.key, count, successor)
            yield count

    def check(self) -> None:
        """See that the log ends with a line of a known writer, before something stands on it; nothing is made.

        Raises:
            EvidenceError: as `append`.
        """
        if self.lines.file.exists():
            with self.writing():
                pass

    def write(self, number: int, kind: str, *, key: SigningKey | None = None, run: str = "", **said: Any) -> LogEntry:
        """Write entry `number`; the caller holds `writing`. `key` is the one to mark it with, if not the log's own."""
        content = {"index": number, "time": datetime.now(UTC).isoformat(timespec="microseconds"), "kind": kind, **said}
        line = line_of(content, run=run, key=key or self.key)
        self.lines.append(line)
        return parse(line, number)

    def introduce(self, number: int, key: SigningKey, root: bytes, *, run: str = "") -> LogEntry:
        """Write the entry from which on `key` is the log's; `root` is that of all entries before."""
        body = {"key_id": key.key_id, "root": root.hex()}
        about = {"model_id": "", "night": "", "digest": sha256(canonical(body)), "body": body}
        return self.write(number, KEY, key=key, run=run, **about)

    def _is_ours(self, line: bytes, number: int) -> bool:
        """Tell whether the last line is number `number` and by a known writer; without a key it needs none."""
        if self.key is None:
            entry = parse(line, -1)
            require(not entry.writer.key, "it is signed, and project.yaml names no `keys.signing`")
            require(entry.index == number, f"its last line, number {number}, carries index {entry.index}")
            return True
        found = entry_or_none(line)
        return found is not None and found.index == number and wrote(self.key, line, found)

    def _settle(self, key: SigningKey, count: int, successor: SigningKey | None) -> int:
        """Set aside what no known writer added since the last signed root; introduce the key into an empty log.

        Returns how many entries there are then.

        Raises:
            EvidenceError: the log does not go on where it was signed last.
        """
        start = self.signed()
        require(start <= count, f"it has {count} entries, and {start} were signed: it was cut")
        found = settled(self.lines.read(start), start=start, key=key, successor=successor)
        count = start + len(found.kept)
        if found.strange:
            self._set_aside([*islice(self.lines.read(), start), *found.kept], found.strange)
            count += 1
        if not found.begun:
            self.introduce(0, key, found.before.root())
            count = 1
        return count

    def signed(self) -> int:
        """Return how many entries the project's key has signed.

        Raises:
            EvidenceError: the last root is signed, but not with that key.
        """
        last = self.roots.last()
        if last is None or not (last.by or last.forged):
            return 0
        mine = self.key is not None and self.key.key_id in last.by
        require(mine, "its last root, in log/roots.jsonl, is not signed with the project's key")
        handed = last.root.key_id
        require(self.key is not None and handed == self.key.key_id, f"it was handed over to the key {handed[:16]}...")
        return last.root.size

    def _set_aside(self, kept: list[bytes], strange: list[bytes]) -> None:
        """Write the log without the lines of strangers, and note that there were some."""
        self.lines.set_aside(b"\n".join(strange), "lines that no known writer wrote")
        write_whole(self.lines.file, b"".join(line + b"\n" for line in kept))
        body = {"lines": len(strange), "sha256": [sha256(line) for line in strange]}
        self.write(len(kept), REFUSAL, model_id="", night="", digest=sha256(canonical(body)), body=body)
