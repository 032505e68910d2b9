"""The private build file: carried on from publication to publication, and thrown away whenever it is in doubt.

Beside it stands a seal: the sha256 of the file as the last publication left it, the form of its tables, and the log
entry it reaches to. Without a seal that fits (a publisher died, the log was restored from a backup, a new version of
the program) everything is projected anew.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from audit_pipeline import __version__
from audit_pipeline.durable import file_sha256
from audit_pipeline.offline import DUCKDB
from audit_pipeline.publish.project import Entry, ReadRecord, project
from audit_pipeline.publish.schema import create, schema_sql

STORAGE = "v1.2.0"  # clients from DuckDB 1.2 on can open the file
Also = Callable[[duckdb.DuckDBPyConnection], None]


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

    def bring_up_to(self, log: Sequence[Entry], read_record: ReadRecord, also: Also | None) -> None:
        """Add what the file does not have yet; afterwards it is whole, closed and sealed.

        Raises:
            duckdb.Error: the file cannot be carried on, or not be written.
            OSError: the disk refused.
            EvidenceError: a record is missing or was changed.
        """
        done = self._reaches_to(log)
        if done < 0:
            self.discard()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._seal.unlink(missing_ok=True)
        with duckdb.connect(config={**DUCKDB, "temp_directory": str(self.folder / "spill")}) as connection:
            connection.execute(f"ATTACH '{quoted(self.file)}' AS build (STORAGE_VERSION '{STORAGE}')")
            connection.execute("USE build")
            connection.execute("BEGIN")
            if done < 0:
                create(connection)
            project(connection, (e for e in log if e["index"] >= done), read_record)
            connection.execute("COMMIT")
            if also is not None:
                also(connection)  # in a transaction of its own
            connection.execute("CHECKPOINT build")
            connection.execute("USE memory")
            connection.execute("DETACH build")
        leaf = log[-1]["leaf"] if log else ""
        self._seal.write_text(json.dumps({"entries": len(log), "leaf": leaf, **self.now()}), encoding="utf-8")

    def _reaches_to(self, log: Sequence[Entry]) -> int:
        """Return how many entries of `log` the file holds; -1 when that cannot be told."""
        try:
            seal = json.loads(self._seal.read_text(encoding="utf-8"))
            entries, leaf = seal.pop("entries"), seal.pop("leaf")
            if seal == self.now() and (log[entries - 1]["leaf"] == leaf if entries else leaf == ""):
                return int(entries)
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
            return -1
        return -1

    def now(self) -> dict[str, str]:
        """Return what must not have changed between two publications."""
        form = hashlib.sha256(f"{__version__}{schema_sql()}".encode()).hexdigest()
        return {"form": form, "sha256": file_sha256(self.file)}


def quoted(path: Path) -> str:
    """Return a path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")
