"""The private build file: brought up to the log, renamed over the published file, and copied back for the next time.

So a night is published once its rows are written; that the whole file is copied comes after, when readers have it.
Seals tell what was published, and what waits to be: size and time of the file, the form of its tables, and the log
entry it reaches to. A build that fits one is carried on. If none does (a publisher died on the way), it is copied from
the published file, when that fits; else (the log was restored from a backup, a new version of the program) everything
is projected anew. A seal tells of accidents, not of an adversary: nothing here is evidence, and `rebuild` trusts none.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline import __version__
from audit_pipeline.durable import is_full, sync, write_whole
from audit_pipeline.offline import DUCKDB
from audit_pipeline.publish.project import Entry, ReadRecord, project
from audit_pipeline.publish.schema import create, schema_sql

STORAGE = "v1.2.0"  # clients from DuckDB 1.2 on can open the file
Also = Callable[[duckdb.DuckDBPyConnection], None]
Entries = Callable[[int], Iterable[Entry]]  # of the log, from an index on


class Build:
    """The build file of one project."""

    def __init__(self, folder: Path, published: Path) -> None:
        """Take a folder that holds nothing else and only the one publisher touches, on the disk of `published`."""
        self.folder = folder
        self.file = folder / "build.duckdb"
        self._published = published
        self._seal = folder / "seal.json"

    def discard(self) -> None:
        """Start over at the next `bring_up_to`."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def drop(self) -> None:
        """Remove all but the seal: by it, what was published last is carried on."""
        for left in self.folder.glob("*"):
            if left.is_dir():
                shutil.rmtree(left)
            elif left != self._seal:
                left.unlink()

    def bring_up_to(self, log: Entries, read_record: ReadRecord, also: Also | None) -> None:
        """Add what the file does not have yet; afterwards it is whole, closed and sealed.

        What it holds already is not read again, so that a night costs the same in the second year as on the second day.

        Raises:
            duckdb.Error: the file cannot be carried on, or not be written.
            OSError: the disk refused.
            EvidenceError: a record is missing or was changed.
        """
        reached = self._reaches_to(log)
        done, leaf = reached or (0, "")
        if reached is None:
            self.discard()
        else:
            with suppress(PermissionError):  # another account's, whose group may write to it
                self.file.chmod(0o660)  # one that died before the swap may have left it as readers get it
        self._make_folder()
        with duckdb.connect(config={**DUCKDB, "temp_directory": str(self.folder / "spill")}) as connection:
            connection.execute(f"ATTACH '{quoted(self.file)}' AS build (STORAGE_VERSION '{STORAGE}')")
            connection.execute("USE build")
            connection.execute("BEGIN")
            if reached is None:
                create(connection)
            last = project(connection, log(done), read_record)
            connection.execute("COMMIT")
            if also is not None:
                also(connection)  # in a transaction of its own
            connection.execute("CHECKPOINT build")
            connection.execute("USE memory")
            connection.execute("DETACH build")
        if last is not None:
            done, leaf = last["index"] + 1, last["leaf"]
        self.seal(done, leaf)

    def seal(self, entries: int, leaf: str) -> None:
        """Note that the file, as it is now, holds so many entries of the log, the last of which has this hash."""
        seals = [{"entries": entries, "leaf": leaf, **state_of(self.file)}]
        seals += [seal for seal in self._seals() if _fits(seal, self._published)]  # until this one is published
        write_whole(self._seal, json.dumps(seals).encode())

    def copy_back(self) -> None:
        """Make the build of the next publication from the published file, which was this one's.

        A disk that is full here takes nothing from anybody: the next publication copies, or says so.
        """
        with suppress(OSError):
            self._copy()

    def _make_folder(self) -> None:
        """Keep others out of it: the build shows what no role's file may. A group may publish together."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(self.folder.stat().st_mode)
        if mode & 0o007:
            self.folder.chmod(mode & ~0o007)

    def _copy(self) -> None:
        self._make_folder()
        self.drop()  # changes that DuckDB noted belong to another file
        shutil.copyfile(self._published, self.file)
        sync(self.file)
        was = self._published.stat()
        os.utime(self.file, ns=(was.st_atime_ns, was.st_mtime_ns))  # last: a copy cut short does not fit the seal

    def _reaches_to(self, log: Entries) -> tuple[int, str] | None:
        """Return how many entries of `log` the file holds, and the hash of the last; None when that cannot be told."""
        try:
            seals, waiting = self._seals(), self.file.with_name("build.duckdb.wal")  # of a publisher that died
            found = next((seal for seal in seals if not waiting.exists() and _fits(seal, self.file)), None)
            if found is None:
                found = next(seal for seal in seals if _fits(seal, self._published))
                self._copy()
            entries, leaf = int(found["entries"]), str(found["leaf"])
            if next(iter(log(entries - 1)))["leaf"] == leaf if entries else leaf == "":
                return entries, leaf
        except OSError as error:
            if is_full(error):
                raise  # there is no room to project everything anew either
        except (ValueError, KeyError, StopIteration, TypeError, AttributeError):
            return None
        return None

    def _seals(self) -> list[dict[str, Any]]:
        """Return the seals of what waits to be published and of what is published; none when they cannot be read."""
        with suppress(OSError, ValueError):
            seals = json.loads(self._seal.read_text(encoding="utf-8"))
            return seals if isinstance(seals, list) else []
        return []


def _fits(seal: dict[str, Any], file: Path) -> bool:
    """Whether a file is the sealed one."""
    return file.exists() and state_of(file).items() <= seal.items()


def state_of(file: Path) -> dict[str, Any]:
    """Return what must not have changed between two publications."""
    state = file.stat()
    return {"form": _form(), "bytes": state.st_size, "changed": state.st_mtime_ns}


@cache
def _form() -> str:
    """Return what the form of the tables follows from, as a digest."""
    return hashlib.sha256(f"{__version__}{schema_sql()}".encode()).hexdigest()


def quoted(path: Path) -> str:
    """Return a path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")
