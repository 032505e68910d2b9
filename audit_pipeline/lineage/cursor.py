"""How far one consumer has been told: a journal that a kill at any moment leaves readable.

One line per event that was taken or refused, on disk before the next event is sent: one small fsync, where writing all
offsets whole would copy as many as there have been processes. Each opening folds the journal, whole, to one line per
file. A line that is torn or damaged is passed over: what it said is then sent once more, and nothing is lost.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.durable import storing, write_whole
from audit_pipeline.lineage.outbox import Line


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the consumer, or our own reader, will never take; nothing of its content."""

    file: str  # in the outbox
    at: int  # bytes before its line
    sha256: str  # of its line
    status: int | None  # HTTP; None: the line is no usable event and was not sent


class Cursor:
    """Offsets and refusals of one consumer. One process at a time writes, under the relay's lock."""

    def __init__(self, path: Path) -> None:
        """Read the journal at `path`; it need not exist."""
        self.path = path
        self.offsets: dict[str, int] = {}  # file name -> bytes taken or refused
        self.refused: list[Refusal] = []
        self._file: int | None = None
        for note in _notes(path):
            self.offsets[note["file"]] = note["to"]
            if "sha256" in note:
                self.refused.append(Refusal(note["file"], note["at"], note["sha256"], note["status"]))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Fold the journal and hold it open for `passed`.

        Raises:
            EvidenceError: the disk is full or refuses.
        """
        write_whole(self.path, b"".join(map(_line, self._folded())))
        with storing(self.path.name):
            self._file = os.open(self.path, os.O_APPEND | os.O_WRONLY)
        try:
            yield
        finally:
            os.close(self._file)
            self._file = None

    def passed(self, line: Line, refusal: Refusal | None = None) -> None:
        """Note that the event in `line` is done with, and return when that is on disk.

        Raises:
            EvidenceError: the disk is full or refuses.
        """
        assert self._file is not None, "only inside `writing`"  # noqa: S101 (a fault of the program)
        to = line.offset + len(line.data) + 1
        note = asdict(refusal) if refusal else {"file": line.file}
        with storing(self.path.name):
            data = _line(note | {"to": to})
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        self.offsets[line.file] = to
        if refusal:
            self.refused.append(refusal)

    def _folded(self) -> Iterator[dict[str, Any]]:
        """Yield the notes that say the same in the fewest lines; the last of a file counts."""
        for refusal in self.refused:
            yield asdict(refusal) | {"to": self.offsets[refusal.file]}
        for file, to in self.offsets.items():
            yield {"file": file, "to": to}


def _line(note: dict[str, Any]) -> bytes:
    return json.dumps(note, separators=(",", ":")).encode() + b"\n"


def _notes(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every whole note; a line that is none says nothing."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            note = json.loads(line)
            whole = isinstance(note["file"], str) and isinstance(note["to"], int)
            refused = "sha256" not in note or (isinstance(note["at"], int) and "status" in note)
        except (ValueError, TypeError, KeyError):
            continue
        if whole and refused:
            yield note
