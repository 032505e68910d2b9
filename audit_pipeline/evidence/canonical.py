"""Dataclasses to canonical JSON (RFC 8785) and its sha256: the one meaning of "the same"."""

import dataclasses
import hashlib
import json
import math
from datetime import date
from enum import Enum
from typing import Any

import rfc8785

SAFE = 2**53  # RFC 8785 knows whole numbers below this; a larger one is a float that has no fraction


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: dataclasses to objects, tuples to lists, dates to ISO 8601.

    Raises:
        ValueError: a float is not finite: a number that does not exist is None with a reason.
        TypeError: a type that JSON does not know, such as a numpy scalar, or a key that is no text. (numpy.float64 is
            a Python float and is written as one.)
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
            return {_key(key): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} cannot stand in a record")


def _key(key: Any) -> str:
    """Refuse what is no text: 1 and "1" would become the same key."""
    if not isinstance(key, str):
        raise TypeError(f"a key of type {type(key).__name__} cannot stand in a record")
    return str(key)


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value`.

    Raises:
        ValueError: as `plain`; also a whole number of 2**53 and more, which JSON does not hold exactly.
        TypeError: as `plain`.
    """
    return rfc8785.dumps(plain(value))


def read_json(data: bytes) -> Any:
    """Return the value of canonical JSON, such that `canonical` gives the same bytes again.

    Raises:
        ValueError: it is no JSON, or nested beyond reason.
    """
    try:
        return _READER.decode(data.decode())
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def _number(text: str) -> int | float:
    """1e20 is written as 100000000000000000000: beyond 2**53 digits without a point are a float."""
    number = float(text)
    return int(text) if abs(number) < SAFE else number


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


_READER = json.JSONDecoder(parse_int=_number, parse_constant=_refuse)  # made once: a log has many lines


def sha256(data: bytes) -> str:
    """Return the sha256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()
