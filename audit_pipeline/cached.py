"""Small files that can be deleted at any time and are then computed again; encrypted where there is a key.

What is kept is never trusted blindly: its address says what it is, its first 32 bytes are the sha256 of address and
content, and one that does not fit is computed anew.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from audit_pipeline.cipher import WrappingKey
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import EvidenceError

DIGEST = 32  # bytes


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

    def content(self, about: list[object], compute: Callable[[], bytes]) -> memoryview:
        """Return what is kept under `about`, computed and kept first where it is not there or does not fit."""
        address = hashlib.sha256(json.dumps(about).encode()).hexdigest()
        found = self.read(address)
        if found is not None and found[:DIGEST] == _digest(address, found[DIGEST:]):
            return found[DIGEST:]
        made = memoryview(compute())
        self.write(address, _digest(address, made) + made)
        return made


def _digest(address: str, content: memoryview) -> bytes:
    """Return the sha256 that binds content to its address; it shows damage, not a writer who knows of it."""
    digest = hashlib.sha256(address.encode())
    digest.update(content)
    return digest.digest()
