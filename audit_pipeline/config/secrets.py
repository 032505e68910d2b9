"""Secrets by reference: `env:NAME` or `file:PATH`; the value is never logged or shown."""

import os
from pathlib import Path

from audit_pipeline.errors import KeyMissingError


def read_secret(name: str, reference: str, root: Path) -> str:
    """Return the text behind `reference`; a file's path is relative to `root`.

    Raises:
        KeyMissingError: the variable is unset or empty, or the file does not exist or is empty.
    """
    kind, _, where = reference.partition(":")
    value = ""
    if kind == "env":
        value = os.environ.get(where, "")
    elif (root / where).is_file():
        value = (root / where).read_text(encoding="utf-8")
    if not value.strip():
        raise KeyMissingError(name, reference=reference)
    return value.strip()


def read_key(name: str, reference: str, root: Path) -> bytes:
    """Return a 32-byte key given as 64 hex digits.

    Raises:
        KeyMissingError: it is not there, or not 32 bytes in hex.
    """
    try:
        key = bytes.fromhex(read_secret(name, reference, root))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyMissingError(name, reference=reference)
    return key
