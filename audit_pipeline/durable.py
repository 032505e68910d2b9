"""Files that are whole or not there: temporary name, fsync, rename, fsync of the folder; and locks.

A lock is an `flock`: the kernel drops it when its holder dies, so that no lock outlives its process.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from audit_pipeline.errors import EvidenceError

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(target: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `target` so that a reader, or a crash, sees all of it or none.

    Raises:
        EvidenceError: the disk is full or refuses; nothing is left behind.
    """
    temporary = target.with_name(f".{target.name[-100:]}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    with storing(target.name):
        make_folder(target.parent)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync(target.parent)


@contextmanager
def storing(name: str) -> Iterator[None]:
    """Say in our own words that the disk refused to take the file `name`.

    Raises:
        EvidenceError: any OSError inside.
    """
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno in FULL else error.strerror or type(error).__name__
        text = f"'{name}' was not written: {why}. What stood before is not lost: mend it and run again."
        raise EvidenceError(text) from error


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents such that their names survive a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex, reading a block at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def move_aside(path: Path, quarantine: Path, reason: str) -> None:
    """Move `path` into `quarantine` with a text file beside it that says where it stood and why.

    Raises:
        EvidenceError: the disk is full or refuses.
    """
    target = quarantine / f"{uuid.uuid4().hex[:12]}-{path.name[-100:]}"
    with storing(target.name):
        make_folder(quarantine)
        shutil.move(path, target)
    write_whole(target.with_name(f"{target.name}.reason.txt"), f"{readable(path)}: {reason}\n".encode())


def readable(path: Path) -> str:
    """Return a path as text that can be printed, whatever bytes somebody named it with."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file `path`; yield whether it was taken (always True when `wait`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        taken = _flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        try:
            yield taken
        finally:
            if taken:
                fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may hold the file open beyond us


def _flock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False
    return True
