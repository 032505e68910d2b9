"""A file that grows by one line at a time: its whole lines, a last one that its writer did not finish, appending."""

import mmap
import os
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from audit_pipeline.durable import make_folder, sync, write_whole

BLOCK = 1 << 20


class Lines:
    """The lines of one file; none may hold a line feed."""

    def __init__(self, file: Path, quarantine: Path) -> None:
        """A torn last line goes to `quarantine`."""
        self.file, self._quarantine = file, quarantine

    def read(self, start: int = 0) -> Iterator[bytes]:
        """Yield the whole lines from number `start`, without their ends."""
        if self.file.exists():
            with self.file.open("rb") as file:
                for line in islice(file, start, None):
                    if line.endswith(b"\n"):
                        yield line[:-1]

    def having(self, words: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield number and content of the whole lines that hold some bytes; the others are not even split."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            return
        with self.file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            number, end = 0, 0
            while (at := data.find(words, end)) >= 0:
                start = data.rfind(b"\n", 0, at) + 1
                number += data[end:start].count(b"\n")
                stop = data.find(b"\n", at)
                if stop < 0:
                    return
                yield number, data[start:stop]
                number, end = number + 1, stop + 1

    def count(self) -> int:
        """Return the number of whole lines."""
        if not self.file.exists():
            return 0
        with self.file.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))

    def torn(self) -> bool:
        """Tell whether the last line has no end: its writer died in the middle, or is at it."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            return False
        with self.file.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def last(self) -> bytes | None:
        """Return the last whole line, after setting a torn one aside; the caller is the only writer."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            return None
        with self.file.open("rb+") as file:
            tail, start = _tail(file)
            whole = tail.rfind(b"\n") + 1
            if whole < len(tail):
                self.set_aside(tail[whole:], "the last line, which its writer did not finish")
                file.truncate(start + whole)
                os.fsync(file.fileno())
        return tail[:whole].split(b"\n")[-2] if whole else None

    def append(self, line: bytes) -> None:
        """Append one line and make it durable; the caller is the only writer, and there is no torn line."""
        fresh = not self.file.exists()
        make_folder(self.file.parent)
        handle = os.open(self.file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        try:
            left = line + b"\n"
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if fresh:
            sync(self.file.parent)

    def set_aside(self, data: bytes, reason: str) -> None:
        """Keep what is not to stand in the file."""
        target = self._quarantine / f"{uuid.uuid4().hex[:12]}-{self.file.name}"
        write_whole(target, data)
        text = f"{self.file.parent.name}/{self.file.name}: {reason}\n"
        write_whole(target.with_name(f"{target.name}.reason.txt"), text.encode())


def _tail(file: BinaryIO) -> tuple[bytes, int]:
    """Return the end of the file, far enough back to hold a whole line, and where it starts."""
    size = file.seek(0, os.SEEK_END)
    length = min(size, 1 << 16)
    while True:
        file.seek(size - length)
        tail = file.read(length)
        if length == size or tail.count(b"\n") >= 2:
            return tail, size - length
        length = min(size, length * 4)
