"""Small files that can be deleted at any time and are then computed again; encrypted where there is a key."""

from contextlib import suppress
from pathlib import Path

from audit_pipeline.cipher import WrappingKey
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import EvidenceError


class Cached:
    """A folder of them."""

    def __init__(self, folder: Path, key: WrappingKey | None = None) -> None:
        """`folder` is made when something is written."""
        self.folder, self._key = folder, key

    def read(self, name: str) -> memoryview | None:
        """Return what was written under `name`; None when it is not there or does not open."""
        with suppress(OSError):
            data = (self.folder / name).read_bytes()
            opened = self._key.open_cached(name, data) if self._key else data
            return None if opened is None else memoryview(opened)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`; a disk that is full costs the next one time, and this one nothing."""
        with suppress(EvidenceError):
            write_whole(self.folder / name, self._key.seal_cached(name, content) if self._key else content)
