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

from audit_pipeline.errors import EvidenceError

BLOCK = 1 << 20  # bytes read at a time


def write_whole(target: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `target` so that a reader, or a crash, sees all of it or none.

    Raises:
        EvidenceError: the disk is full; nothing is left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            text = f"The disk is full: '{target.name}' was not written. Free space and run again; nothing is lost."
            raise EvidenceError(text) from error
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex, reading a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def move_aside(path: Path, quarantine: Path, reason: str) -> None:
    """Move `path` into `quarantine` with a text file beside it that says why."""
    quarantine.mkdir(parents=True, exist_ok=True)
    target = quarantine / f"{uuid.uuid4().hex[:12]}-{path.name}"
    shutil.move(path, target)
    write_whole(target.with_name(f"{target.name}.reason.txt"), f"{path.name}: {reason}\n".encode())


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file `path`; yield whether it was taken (always True when `wait`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    with path.open("a") as file:
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
