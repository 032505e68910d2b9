"""Durable hand-over of lineage events: one append-only file per process, read by whole lines.

`append` returns only once the lines are on disk, and no reader, database lock or network can block it. Each
process has a file of its own, so that writers never share one; a fork opens its own at its first event.
A line is torn only when its writer died in the middle: it is left where it is until its end arrives.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from audit_pipeline.durable import make_folder, sync
from audit_pipeline.errors import LineageError

CHUNK = 8 * 1024 * 1024  # bytes read in one go; as parsed events they take some twenty times that
BLOCK = 128 * 1024  # the same, where many files are read side by side

_ENCODER = json.JSONEncoder(  # its own look-out for circles costs a quarter; a circle still ends, as a RecursionError
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


class Line(NamedTuple):
    """One whole line of the outbox."""

    file: str
    offset: int  # bytes before it
    data: bytes  # without its newline


class _Writer:
    """The open file of each outbox in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.files: dict[Path, int] = {}

    def descriptor(self, outbox: Path) -> int:
        """Return the open file, a new one when there is none or it was deleted under us."""
        held = self.files.get(outbox)
        if held is not None and os.fstat(held).st_nlink:
            return held
        self.drop(outbox)
        make_folder(outbox)
        path = outbox / f"{time.time_ns()}-{os.getpid()}.jsonl"
        self.files[outbox] = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o640)
        sync(outbox)
        return self.files[outbox]

    def drop(self, outbox: Path) -> None:
        """Close and forget the file of `outbox`."""
        held = self.files.pop(outbox, None)
        if held is not None:
            with contextlib.suppress(OSError):
                os.close(held)


_writer = _Writer()


def _start_afresh() -> None:
    """Give a forked child its own files and a lock that no vanished thread holds."""
    global _writer
    inherited, _writer = _writer, _Writer()
    for descriptor in inherited.files.values():
        with contextlib.suppress(OSError):
            os.close(descriptor)


os.register_at_fork(after_in_child=_start_afresh)


def canonical(event: dict[str, Any]) -> bytes:
    """Return the one JSON text of an event: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: it holds NaN, an infinity, or text that is not Unicode.
    """
    return _ENCODER.encode(event).encode("utf-8")


def append(outbox: Path, events: list[dict[str, Any]]) -> None:
    """Write `events`, one line each, and return when they are on disk.

    Raises:
        LineageError: the disk refused. What was written of this call may or may not be read; calling again with
            the same events is safe, because an event is kept once however often it arrives.
    """
    if not events:
        return
    folder = outbox.resolve()
    pending = memoryview(b"".join(canonical(event) + b"\n" for event in events))
    with _writer.lock:
        try:
            descriptor = _writer.descriptor(folder)
            while pending:
                pending = pending[os.write(descriptor, pending) :]
            os.fsync(descriptor)
        except OSError as error:
            _writer.drop(folder)  # the next call must not continue a torn line
            raise LineageError(
                f"{len(events)} lineage events could not be written to '{outbox}': {error.strerror}. "
                "Free space or correct the rights, then audit the night again."
            ) from error


def read_new(outbox: Path, offsets: dict[str, int], *, limit: int = CHUNK) -> tuple[list[Line], dict[str, int]]:
    """Return whole lines that `offsets` has not covered yet, and the offsets after them.

    Args:
        outbox: folder of the writers' files; it need not exist.
        offsets: file name -> bytes already taken; not changed.
        limit: bytes after which reading stops, at the end of a line: call again until no line comes.
    """
    lines: list[Line] = []
    reached = dict(offsets)
    left = limit
    for path in sorted(outbox.glob("*.jsonl")):
        if left <= 0:
            break
        start = _start(path, reached.get(path.name, 0))
        found = _lines(path, start, left)
        lines += found
        reached[path.name] = start + sum(len(line.data) + 1 for line in found)
        left -= reached[path.name] - start
    return lines, {name: offset for name, offset in reached.items() if offset}


def read_on(path: Path, offset: int) -> Iterator[Line]:
    """Yield the whole lines of one file after `offset`, a block at a time, so that many files can be read at once."""
    start = _start(path, offset)
    while found := _lines(path, start, BLOCK):
        yield from found
        start = found[-1].offset + len(found[-1].data) + 1


def _start(path: Path, offset: int) -> int:
    """Return where to read on; a file that is shorter was replaced, and events already kept are recognised."""
    return offset if path.stat().st_size >= offset else 0


def _lines(path: Path, start: int, limit: int) -> list[Line]:
    """Return the whole lines of about `limit` bytes from `start`."""
    lines = []
    for data in _whole_lines(path, start, limit).split(b"\n")[:-1]:
        lines.append(Line(path.name, start, data))
        start += len(data) + 1
    return lines


def _whole_lines(path: Path, start: int, limit: int) -> bytes:
    """Return about `limit` bytes from `start`, ending with a newline; nothing when there is none."""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(limit)
        if not data.endswith(b"\n"):
            data += file.readline()
    return data[: data.rfind(b"\n") + 1]
