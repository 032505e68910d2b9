"""The private build file: carried on from publication to publication, and thrown away whenever it is in doubt.

Beside it stands a seal: size and time of the file as the last publication left it, the form of its tables, and the
log entry it reaches to. Without a seal that fits (a publisher died, the log was restored from a backup, a new version
of the program) everything is projected anew. It tells of accidents, not of an adversary: nothing here is evidence.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline import __version__
from audit_pipeline.offline import DUCKDB
from audit_pipeline.publish.project import Entry, ReadRecord, project
from audit_pipeline.publish.schema import create, schema_sql

STORAGE = "v1.2.0"  # clients from DuckDB 1.2 on can open the file
Also = Callable[[duckdb.DuckDBPyConnection], None]
Entries = Callable[[int], Iterable[Entry]]  # of the log, from an index on


class Build:
    """The build file of one project."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds nothing else; only the one publisher touches it."""
        self.folder = folder
        self.file = folder / "build.duckdb"
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
        self.folder.mkdir(parents=True, exist_ok=True)
        self._seal.unlink(missing_ok=True)
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
        self._seal.write_text(json.dumps({"entries": done, "leaf": leaf, **self.now()}), encoding="utf-8")

    def _reaches_to(self, log: Entries) -> tuple[int, str] | None:
        """Return how many entries of `log` the file holds, and the hash of the last; None when that cannot be told."""
        try:
            seal = json.loads(self._seal.read_text(encoding="utf-8"))
            entries, leaf = seal.pop("entries"), seal.pop("leaf")
            if seal == self.now() and (next(iter(log(entries - 1)))["leaf"] == leaf if entries else leaf == ""):
                return int(entries), str(leaf)
        except (OSError, ValueError, KeyError, StopIteration, TypeError, AttributeError):
            return None
        return None

    def now(self) -> dict[str, Any]:
        """Return what must not have changed between two publications."""
        form = hashlib.sha256(f"{__version__}{schema_sql()}".encode()).hexdigest()
        state = self.file.stat()
        return {"form": form, "bytes": state.st_size, "changed": state.st_mtime_ns}


def quoted(path: Path) -> str:
    """Return a path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")
