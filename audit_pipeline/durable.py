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

from audit_pipeline.errors import AuditError, StorageError

FULL = (errno.ENOSPC, errno.EDQUOT)
# DuckDB, Arrow and SQLite say it in words only; the second is what DuckDB says of a folder it would spill to.
FULL_WORDS = ("No space left", "max_temp_directory_size", "database or disk is full", "Disk quota exceeded")


def write_whole(target: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `target` so that a reader, or a crash, sees all of it or none.

    Raises:
        StorageError: the disk is full or refuses; nothing is left behind.
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
def storing(name: str, *, only_full: bool = False) -> Iterator[None]:
    """Say in our own words that the disk refused to take `name`: a file, or what is made of several.

    Args:
        name: as the message calls it.
        only_full: leave errors alone that do not say that the disk is full: files are read inside as well.

    Raises:
        StorageError: inside, the disk is full by any package's words, or there is another OSError.
    """
    try:
        yield
    except AuditError:
        raise
    except Exception as error:
        full = is_full(error)
        if not full and (only_full or not isinstance(error, OSError)):
            raise
        why = "the disk is full" if full else getattr(error, "strerror", None) or type(error).__name__
        raise StorageError(name, why=why) from error


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one behind it, says that a disk is full."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(words in str(error) for words in FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


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
        StorageError: the disk is full or refuses.
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
