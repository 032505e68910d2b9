"""The private build file: brought up to the log, renamed over the published file, and copied back for the next time.

So a night is published once its rows are written; that the whole file is copied comes after, when readers have it.
A seal tells what was published last: size and time of the file, the form of its tables, and the log entry it reaches
to. The build is carried on when it fits the seal. When it does not (a publisher died on the way), it is copied from the
published file, if that one fits; else (the log was restored from a backup, a new version of the program) everything is
projected anew. A seal tells of accidents, not of an adversary: nothing here is evidence.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline import __version__
from audit_pipeline.durable import sync, write_whole
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
        self._make_folder()
        if reached is not None:
            self.file.chmod(0o600)  # one that died before the swap may have left it as readers get it
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
        write_whole(self._seal, json.dumps({"entries": entries, "leaf": leaf, **state_of(self.file)}).encode())

    def copy_back(self) -> None:
        """Make the build of the next publication from the published file, which was this one's.

        A disk that is full here takes nothing from anybody: the next publication copies, or says so.
        """
        with suppress(OSError):
            self._copy()

    def _make_folder(self) -> None:
        """Keep others out of it: the build shows what no role's file may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def _copy(self) -> None:
        self._make_folder()
        for left in self.folder.glob("build.duckdb*"):  # changes that DuckDB noted belong to another file
            left.unlink()
        shutil.copyfile(self._published, self.file)
        sync(self.file)
        was = self._published.stat()
        os.utime(self.file, ns=(was.st_atime_ns, was.st_mtime_ns))  # last: a copy cut short does not fit the seal

    def _reaches_to(self, log: Entries) -> tuple[int, str] | None:
        """Return how many entries of `log` the file holds, and the hash of the last; None when that cannot be told."""
        try:
            sealed = json.loads(self._seal.read_text(encoding="utf-8"))
            entries, leaf = sealed.pop("entries"), sealed.pop("leaf")
            if not self._fits(sealed):
                if sealed != state_of(self._published):
                    return None
                self._copy()
            if next(iter(log(entries - 1)))["leaf"] == leaf if entries else leaf == "":
                return int(entries), str(leaf)
        except (OSError, ValueError, KeyError, StopIteration, TypeError, AttributeError):
            return None
        return None

    def _fits(self, sealed: dict[str, Any]) -> bool:
        """Whether the file is the sealed one, and a dead publisher's changes do not wait beside it."""
        waiting = self.file.with_name("build.duckdb.wal")
        return self.file.exists() and not waiting.exists() and sealed == state_of(self.file)


def state_of(file: Path) -> dict[str, Any]:
    """Return what must not have changed between two publications."""
    form = hashlib.sha256(f"{__version__}{schema_sql()}".encode()).hexdigest()
    state = file.stat()
    return {"form": form, "bytes": state.st_size, "changed": state.st_mtime_ns}


def quoted(path: Path) -> str:
    """Return a path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")
