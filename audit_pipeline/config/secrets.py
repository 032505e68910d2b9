"""Secrets by reference: `env:NAME` or `file:PATH`; the value is never logged or shown."""

import os
from pathlib import Path

from audit_pipeline.errors import KeyMissingError, SecretMissingError


def read_secret(name: str, reference: str, root: Path) -> str:
    """Return the text behind `reference`; a file's path is relative to `root`.

    Raises:
        SecretMissingError: the variable is unset or empty, or the file cannot be read or is empty.
    """
    value = _text(reference, root)
    if not value:
        raise SecretMissingError(name, reference=reference)
    return value


def read_key(name: str, reference: str, root: Path) -> bytes:
    """Return a 32-byte key given as 64 hex digits.

    Raises:
        KeyMissingError: it is not there, or not 32 bytes in hex.
    """
    try:
        key = bytes.fromhex(_text(reference, root))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyMissingError(name, reference=reference)
    return key


def _text(reference: str, root: Path) -> str:
    """Return what stands there without surrounding space; nothing when it cannot be read."""
    kind, _, where = reference.partition(":")
    if kind == "env":
        return os.environ.get(where, "").strip()
    try:
        return (root / where).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
