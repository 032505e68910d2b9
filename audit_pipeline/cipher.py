"""Bytes that only the holder of a key can read: AES-256-GCM in chunks, with a key per file that another key wraps.

An encrypted file is a header (form, length of the plaintext, random prefix) and chunks of 1 MiB. A chunk's nonce is
prefix and number; header, name, number and whether it is the last are authenticated with it (the STREAM construction),
so that a file that was cut, reordered, or put under another name does not open. The wrapped key names its file and the
key that wraps it, and can be wrapped anew without touching the file.
"""

import hashlib
import hmac
import json
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from audit_pipeline.errors import CiphertextError, EncryptedError

CHUNK = 1 << 20  # bytes of plaintext
TAG = 16  # bytes that GCM adds
NONCE = 12
HEADER = struct.Struct(">8sQ8s")  # form, bytes of plaintext, prefix of the nonces
FORM = b"auditenc"
SHOWN = 16  # hex digits of a key's name
WRAPS, CACHES = b"audit-pipeline: a file's key\0", b"audit-pipeline: caches"  # keep the uses of a key apart


class WrappingKey:
    """The project's key: it wraps the keys of files, and reads no file itself."""

    def __init__(self, key: bytes) -> None:
        """`key` has 32 bytes."""
        self._aead = _gcm(key)
        self._caches = _gcm(hmac.digest(key, CACHES, "sha256"))
        self.key_id = hashlib.sha256(b"audit-pipeline: name of a key\0" + key).hexdigest()[:SHOWN]

    def wrap(self, data_key: bytes, name: str) -> bytes:
        """Return the small file that holds the wrapped key of the file `name`."""
        nonce = os.urandom(NONCE)
        wrapped = nonce + self._aead.encrypt(nonce, data_key, WRAPS + name.encode())
        said = {"schema_version": 1, "file": name, "key": self.key_id, "wrapped": wrapped.hex()}
        return json.dumps(said, indent=1).encode()

    def unwrap(self, content: bytes, name: str) -> bytes:
        """Return the key of the file `name` from the small file beside it.

        Raises:
            CiphertextError: it was changed, or is of another file.
            EncryptedError: another key wrapped it.
        """
        said = wrapped_in(content, name)
        if said["key"] != self.key_id:
            raise EncryptedError(name, why=f"with the key {said['key']}, and the project's key is {self.key_id}")
        wrapped = bytes.fromhex(said["wrapped"])
        opened = _opened(self._aead, wrapped[:NONCE], wrapped[NONCE:], WRAPS + name.encode())
        if opened is None:
            raise CiphertextError(name, "its wrapped key was changed")
        return opened

    def seal_cached(self, name: str, data: bytes) -> bytes:
        """Encrypt what can be computed again: its key is not wrapped, and is another one under another key."""
        nonce = os.urandom(NONCE)
        return nonce + bytes(self._caches.encrypt(nonce, data, name.encode()))

    def open_cached(self, name: str, data: bytes) -> bytes | None:
        """Return what was cached under `name`; None when it was changed, or encrypted with another key."""
        return _opened(self._caches, data[:NONCE], data[NONCE:], name.encode())


def wrapped_in(content: bytes, name: str) -> dict[str, str]:
    """Return what the small file beside an encrypted one says: `key` wrapped it, and `wrapped` in hex.

    Raises:
        CiphertextError: it has no such form, or is of another file.
    """
    try:
        said = json.loads(content)
        if len(bytes.fromhex(said["wrapped"])) == NONCE + 32 + TAG and said["schema_version"] == 1:
            found = {"file": str(said["file"]), "key": str(said["key"]), "wrapped": str(said["wrapped"])}
            if found["file"] != name:
                raise CiphertextError(name, f"its wrapped key is the one of {found['file']}")
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise CiphertextError(name, "its wrapped key was changed: it has no form that was ever written")


def seal(source: BinaryIO, target: BinaryIO, *, size: int, name: str, key: bytes) -> None:
    """Encrypt `size` bytes of `source` to `target`, a chunk at a time.

    Args:
        source: the plaintext.
        target: the encrypted file.
        size: bytes of plaintext.
        name: of the file; it opens under no other.
        key: 32 bytes, used for no other file.
    """
    header = HEADER.pack(FORM, size, os.urandom(8))
    chunks, aead = _Chunks(header, name, size), _gcm(key)
    target.write(header)
    for number in range(chunks.count):
        data = source.read(chunks.size(number))
        target.write(aead.encrypt(chunks.nonce(number), data, chunks.about(number)))


def unseal(source: BinaryIO, *, name: str, key: bytes) -> Iterator[bytes]:
    """Yield the plaintext of an encrypted file, a chunk at a time; what was yielded is as it was written.

    Raises:
        CiphertextError: it was changed, cut off, reordered or grown; what was yielded before is a true beginning.
    """
    header = source.read(HEADER.size)
    if len(header) < HEADER.size or header[: len(FORM)] != FORM:
        raise CiphertextError(name, "it does not begin as an encrypted file: its header was changed or cut off")
    chunks, aead = _Chunks(header, name, HEADER.unpack(header)[1]), _gcm(key)
    for number in range(chunks.count):
        data = source.read(chunks.size(number) + TAG)
        opened = _opened(aead, chunks.nonce(number), data, chunks.about(number))
        if opened is None:
            raise CiphertextError(name, _fault(chunks, aead, number, data))
        yield opened
    if source.read(1):
        raise CiphertextError(name, "it has bytes after its end")


class _Chunks:
    """Where the chunks of one file begin and what each is bound to."""

    def __init__(self, header: bytes, name: str, size: int) -> None:
        self._header, self._name, self._size = header, name.encode(), size
        self.count = max(1, -(-size // CHUNK))

    def size(self, number: int) -> int:
        """Bytes of plaintext in a chunk."""
        return min(CHUNK, self._size - number * CHUNK)

    def nonce(self, number: int) -> bytes:
        return self._header[-8:] + number.to_bytes(4)

    def about(self, number: int) -> bytes:
        last = b"\1" if number == self.count - 1 else b"\0"
        return self._header + last + number.to_bytes(4) + self._name


def _fault(chunks: _Chunks, aead: Any, number: int, data: bytes) -> str:
    """Say why a chunk does not open."""
    if len(data) < chunks.size(number) + TAG:
        return f"it was cut off in chunk {number} of {chunks.count}" + (", or its header was changed" * (number == 0))
    for other in range(chunks.count):
        if other != number and _opened(aead, chunks.nonce(other), data, chunks.about(other)) is not None:
            return f"chunk {other} stands at the place of chunk {number}: they were reordered"
    return "its header or chunk 0 was changed" if number == 0 else f"chunk {number} was changed"


def _opened(aead: Any, nonce: bytes, data: bytes, about: bytes) -> bytes | None:
    """Decrypt, or return None when it is not what was encrypted."""
    from cryptography.exceptions import InvalidTag

    try:
        return bytes(aead.decrypt(nonce, data, about))
    except (InvalidTag, ValueError):  # the second: too short to be anything
        return None


def _gcm(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
