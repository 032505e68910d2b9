"""A room of this process in a file system that lives in memory: what is written there is on no disk.

The room belongs to its process: a lock that the kernel drops says whether it still lives, and the next process of the
same user that makes one removes those of the dead. The operating system may swap a tmpfs out: swap must be off or
encrypted where rows must never be on a disk (docs/operations.md).
"""

import atexit
import fcntl
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from audit_pipeline.durable import locked
from audit_pipeline.errors import MemoryRoomError

IN_MEMORY = ("tmpfs", "ramfs")
_guard = threading.RLock()
_rooms: dict[tuple[int, Path], tuple[Path, IO[str]]] = {}  # (process, tmpfs) -> room and its held lock
_before: list[tuple[str | None, str | None]] = []  # one per user of `temporary_files`: folder and TMPDIR before it


def room(place: Path) -> Path:
    """Return this process's folder in the tmpfs `place`; it is made once, and removed when the process ends.

    Raises:
        MemoryRoomError: `place` is no tmpfs, cannot be written, or somebody else prepared the folder.
    """
    with _guard:
        mine = (os.getpid(), place)  # a forked child makes its own
        if mine not in _rooms:
            _rooms[mine] = _make(place)
            atexit.register(_leave, mine)
        return _rooms[mine][0]


@contextmanager
def temporary_files(folder: Path) -> Iterator[None]:
    """Let temporary files of all packages go to `folder` and not to a disk, until the last user of this has left."""
    with _guard:
        _before.append((tempfile.tempdir, os.environ.get("TMPDIR")))
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        with _guard:
            tempdir, variable = _before.pop()
            if not _before:
                tempfile.tempdir = tempdir
                os.environ.pop("TMPDIR")
                os.environ.update({"TMPDIR": variable} if variable is not None else {})


def _make(place: Path) -> tuple[Path, IO[str]]:
    """Make a room, and remove those whose processes have died."""
    if _file_system(place) not in IN_MEMORY:
        raise MemoryRoomError(f"'{place}' is no tmpfs, and encrypted files are decrypted in memory only")
    top = place / f"audit-pipeline-{os.geteuid()}"
    try:
        with suppress(FileExistsError):
            top.mkdir(mode=0o700)
        _require_private(top)
        with locked(top / ".lock"):
            _sweep(top)
            folder = Path(tempfile.mkdtemp(prefix="room-", dir=top))
            lock = (folder / ".lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise MemoryRoomError(f"'{top}' cannot be written: {error.strerror}") from error
    return folder, lock


def _require_private(top: Path) -> None:
    """Refuse a folder that another user could read, or made for us to write into."""
    found = top.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise MemoryRoomError(f"'{top}' is not a folder of this user alone (mode 0700): somebody else prepared it")


def _sweep(top: Path) -> None:
    """Remove the rooms that no living process holds."""
    for folder in top.glob("room-*"):
        with suppress(BlockingIOError):
            with suppress(FileNotFoundError), (folder / ".lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _leave(mine: tuple[int, Path]) -> None:
    """Remove the room; a forked child leaves its parent's alone."""
    if mine[0] == os.getpid():
        folder, lock = _rooms.pop(mine)
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _file_system(place: Path) -> str:
    """Return the type of the file system that `place` is on; "" where nobody can tell."""
    place = place.resolve()
    best, kind = -1, ""
    with suppress(OSError), Path("/proc/self/mountinfo").open(encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            at = Path(fields[4].encode().decode("unicode_escape"))  # a space in a path is written \040
            if place.is_relative_to(at) and len(at.parts) >= best:  # the last mount at a place hides those before
                best, kind = len(at.parts), fields[fields.index("-") + 1]
    return kind
