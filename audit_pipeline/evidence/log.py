"""The append-only log: one line per record or alert, each chained to the one before by sha256.

`chain` of an entry is sha256(previous chain || canonical JSON of the entry without `chain`). Whoever holds a chain
value from outside can tell whether anything before it was changed, dropped or reordered; without one, a writer who
replaces the whole log is not found (`verify` says so).
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit_pipeline.durable import locked, make_folder, storing, sync, write_whole
from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, read_json, sha256

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log."""

    index: int
    time: str  # UTC, ISO 8601, by the writer's clock; the order is that of `index`
    kind: str  # record or alert
    model_id: str  # "" for an alert
    night: str  # ISO date, "" for an alert
    digest: str  # of the record file; of the alert's body
    body: dict[str, Any]  # record: result_digest, verdict; alert: what was sent
    previous: str
    chain: str

    def expected_chain(self) -> str:
        """Return the chain value that this entry's content gives.

        Raises:
            ValueError: the content has no canonical form; `append` never wrote it.
        """
        return _chain(self.previous, {name: getattr(self, name) for name in _FIELDS})


_FIELDS = ("index", "time", "kind", "model_id", "night", "digest", "body")
_TYPES = {"index": int, "body": dict}  # every other field is text


def _chain(previous: str, content: dict[str, Any]) -> str:
    return sha256(previous.encode() + canonical(content))


class Log:
    """The log file of one store."""

    def __init__(self, folder: Path, quarantine: Path) -> None:
        """`folder` is the store's `log/`; a torn last line goes to `quarantine`."""
        self._file = folder / "entries.jsonl"
        self._lock = folder / ".lock"
        self._quarantine = quarantine

    def entries(self, start: int = 0) -> Iterator[LogEntry]:
        """Yield the whole entries from index `start`; a torn last line is not an entry.

        Raises:
            EvidenceError: a line in the middle is no entry.
        """
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            for number, line in enumerate(file):
                if line.endswith(b"\n") and number >= start:
                    yield _parse(line, number)

    def torn(self) -> bool:
        """Tell whether the last line has no end: its writer died in the middle, or is at it."""
        if not self._file.exists() or self._file.stat().st_size == 0:
            return False
        with self._file.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def append(self, kind: str, *, model_id: str, night: str, digest: str, body: dict[str, Any]) -> LogEntry:
        """Append one entry and make it durable.

        Raises:
            EvidenceError: the last line of the log is no entry, or the disk is full or refuses. A part that was
                written then is no entry; the next append sets it aside.
        """
        with storing(self._file.name), locked(self._lock):
            last = self._last()
            content: dict[str, Any] = {
                "index": last.index + 1 if last else 0,
                "time": datetime.now(UTC).isoformat(timespec="microseconds"),
                "kind": kind,
                "model_id": model_id,
                "night": night,
                "digest": digest,
                "body": body,
            }
            previous = last.chain if last else GENESIS
            entry = LogEntry(**content, previous=previous, chain=_chain(previous, content))
            self._write(canonical(entry) + b"\n")
        return entry

    def _last(self) -> LogEntry | None:
        """Return the last whole entry, after setting a torn tail aside."""
        if not self._file.exists() or self._file.stat().st_size == 0:
            return None
        with self._file.open("rb+") as file:
            tail, start = _tail(file)
            whole = tail.rfind(b"\n") + 1
            if whole < len(tail):
                self._set_aside(tail[whole:])
                file.truncate(start + whole)
                os.fsync(file.fileno())
        if whole == 0:
            return None
        return _parse(tail[:whole].split(b"\n")[-2], -1)

    def _set_aside(self, torn: bytes) -> None:
        """Keep what a dead writer left of a line, out of the log."""
        target = self._quarantine / f"{uuid.uuid4().hex[:12]}-{self._file.name}"
        write_whole(target, torn)
        reason = b"log/entries.jsonl: the last line, which its writer did not finish\n"
        write_whole(target.with_name(f"{target.name}.reason.txt"), reason)

    def _write(self, line: bytes) -> None:
        fresh = not self._file.exists()
        make_folder(self._file.parent)
        handle = os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        try:
            while line:
                line = line[os.write(handle, line) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if fresh:
            sync(self._file.parent)


def _tail(file: Any) -> tuple[bytes, int]:
    """Return the end of the file, far enough back to hold a whole line, and where it starts."""
    size = file.seek(0, os.SEEK_END)
    length = min(size, 1 << 16)
    while True:
        file.seek(size - length)
        tail = file.read(length)
        if length == size or tail.count(b"\n") >= 2:
            return tail, size - length
        length = min(size, length * 4)


def _parse(line: bytes, number: int) -> LogEntry:
    """Read one line.

    Raises:
        EvidenceError: it is no entry.
    """
    try:
        entry = LogEntry(**read_json(line))
        for field in fields(entry):
            if type(getattr(entry, field.name)) is not _TYPES.get(field.name, str):
                raise TypeError(field.name)
    except (ValueError, TypeError) as error:
        where = "the last line" if number < 0 else f"line {number + 1}"
        raise EvidenceError(f"log/entries.jsonl: {where} is no log entry. Restore the log from a backup.") from error
    return entry
