"""Dataclasses to canonical JSON (RFC 8785) and its sha256: the one meaning of "the same"."""

import dataclasses
import hashlib
import math
from datetime import date
from enum import Enum
from typing import Any

import rfc8785


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: dataclasses to objects, tuples to lists, dates to ISO 8601.

    Raises:
        ValueError: a float is not finite: a number that does not exist is None with a reason.
        TypeError: a type that JSON does not know, such as a numpy scalar.
    """
    match value:
        case Enum():
            return value.value
        case float():
            if not math.isfinite(value):
                raise ValueError("a number that is not finite stands in a result")
            return float(value)
        case None | bool() | str() | int():
            return value
        case date():  # a datetime is one too
            return value.isoformat()
        case dict():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} cannot stand in a record")


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value`."""
    return rfc8785.dumps(plain(value))


def sha256(data: bytes) -> str:
    """Return the sha256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()
