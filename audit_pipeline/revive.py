"""Plain JSON back to the frozen values of records.py, by what their fields are declared to hold."""

import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def revived(kind: Any, value: Any) -> Any:
    """Return `value` as an object of `kind`: a dataclass of records.py, or what its fields are declared to hold.

    A field that is left out has its default, or is None where it may be; one that `kind` does not know is passed over.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: `value` is not what `kind` says.
    """
    inner = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):  # only `X | None` is used
        return None if value is None else revived(next(k for k in inner if k is not type(None)), value)
    if get_origin(kind) is tuple:
        kinds = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
        return tuple(revived(k, v) for k, v in zip(kinds, value, strict=True))
    if is_dataclass(kind) and isinstance(kind, type):
        hints, absent = _declared(kind)
        return kind(**absent | {name: revived(hints[name], inner) for name, inner in value.items() if name in hints})
    if kind in (date, datetime):
        return kind.fromisoformat(value)
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value


@cache
def _declared(kind: type) -> tuple[dict[str, Any], dict[str, None]]:
    """Return what the fields of a dataclass hold, and those that are None when they are left out."""
    hints = get_type_hints(kind)
    left_out = (f.name for f in fields(kind) if f.default is MISSING and type(None) in get_args(hints[f.name]))
    return hints, dict.fromkeys(left_out)
