"""What stands decrypted while a session is open: in the room in memory, up to a limit, and gone at the end of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_pipeline import tmpfs
from audit_pipeline.config.project import Limits
from audit_pipeline.durable import is_full
from audit_pipeline.errors import AuditError, EvidenceError, MemoryRoomError

UNITS = {"MB": 10**6, "GB": 10**9}


class Copies:
    """The decrypted copies of one store's files, by the files' names."""

    def __init__(self, limits: Limits) -> None:
        """`limits` say where, and how much."""
        self._limits = limits
        self._folder: Path | None = None  # of the session that is open

    @property
    def room(self) -> Path:
        """The folder of this process in memory.

        Raises:
            MemoryRoomError: there is none.
        """
        return tmpfs.room(Path(self._limits.tmpfs))

    @property
    def is_open(self) -> bool:
        """Whether copies are held now."""
        return self._folder is not None

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold copies until the end of it; temporary files of all packages go to the room meanwhile."""
        if self._folder is not None:
            yield
            return
        with tmpfs.temporary_files(self.room):
            self._folder = Path(tempfile.mkdtemp(prefix="copies-", dir=self.room))
            try:
                yield
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def place(self, name: str) -> Path:
        """Return where the copy of a file stands, or will.

        Raises:
            EvidenceError: the name leads out of the store.
        """
        if self._folder is None:
            raise ValueError(f"{name} is asked for outside a session")
        copy = self._folder / name
        if not copy.resolve().is_relative_to(self._folder.resolve()):
            raise EvidenceError(f"{name} leads out of the store.")
        copy.parent.mkdir(parents=True, exist_ok=True)
        return copy

    def write(self, name: str, chunks: Iterator[bytes]) -> None:
        """Write the copy of a file; one that ends in an error is never taken for it."""
        copy = self.place(name)
        part = copy.with_name(".part")
        with self.in_memory(), part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        part.replace(copy)

    def require_fits(self, *files: Path) -> None:
        """Count what stands here and the `files` to come against the limit.

        Raises:
            MemoryRoomError: it is reached.
        """
        there = [f for f in self._folder.rglob("*") if f.is_file()] if self._folder else []
        wanted, limit = sum(f.stat().st_size for f in (*there, *files)), self._limits.decrypted
        if wanted > int(limit[:-2]) * UNITS[limit[-2:]]:
            raise MemoryRoomError(f"{wanted / 1e6:,.0f} MB would stand decrypted in memory, and {limit} may")

    @contextmanager
    def in_memory(self) -> Iterator[None]:
        """Say in our own words that there is no room left in the tmpfs."""
        try:
            yield
        except AuditError:
            raise
        except Exception as error:
            if is_full(error):
                raise MemoryRoomError(f"The tmpfs '{self._limits.tmpfs}' is full") from error
            raise
