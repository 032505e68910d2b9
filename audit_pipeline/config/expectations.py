"""Hold a suite against Great Expectations' official types, and against the columns of its model."""

import json
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from typing import Any

from audit_pipeline.config.base import mapping
from audit_pipeline.errors import Fault, did_you_mean


@cache
def expectation_types() -> dict[str, dict[str, list[str]]]:
    """Return official expectation types: `all` and `required` arguments, and why one is `refused`.

    Written by `checks/catalogue.py`.
    """
    text = (resources.files("audit_pipeline.config") / "expectation_types.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, list[str]]] = json.loads(text)
    return types


def suite_faults(document: dict[str, Any], columns: Collection[str], *, file: str) -> Iterator[Fault]:
    """Yield what is wrong with the expectations of a suite.

    Args:
        document: the suite as YAML gave it; what has the wrong shape is passed over, since its parser tells that.
        columns: of the model file; none when they could not be read, and then no column is held against them.
        file: what a fault calls the suite.
    """
    entries = document.get("expectations")
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        kind, kwargs = mapping(entry).get("type"), mapping(mapping(entry).get("kwargs"))
        if isinstance(kind, str):
            key = f"expectations[{number}]"
            yield from _type_faults(kind, kwargs, file, key)
            yield from _column_faults(kwargs, columns, file, f"{key}.kwargs")


def _type_faults(kind: str, kwargs: dict[str, Any], file: str, key: str) -> Iterator[Fault]:
    """Refuse what Great Expectations would drop in silence: unknown types and arguments."""
    known = expectation_types()
    if kind not in known:
        text = f"'{kind}' is no expectation of Great Expectations.{did_you_mean(kind, known)}"
        yield Fault(file, f"{key}.type", text)
        return
    arguments = known[kind]
    for reason in arguments.get("refused", ()):
        yield Fault(file, f"{key}.type", f"{kind} {reason}")
    for argument in kwargs:
        if argument not in arguments["all"]:
            hint = did_you_mean(str(argument), arguments["all"])
            text = f"is no argument of {kind}.{hint} It takes: {', '.join(arguments['all'])}"
            yield Fault(file, f"{key}.kwargs.{argument}", text)
    for argument in arguments["required"]:
        if argument not in kwargs:
            yield Fault(file, f"{key}.kwargs", f"{kind} needs `{argument}`")


def _column_faults(kwargs: dict[str, Any], columns: Collection[str], file: str, key: str) -> Iterator[Fault]:
    """Name columns of an expectation that the model file does not declare."""
    listed = kwargs.get("column_list")
    named = [(argument, kwargs.get(argument)) for argument in ("column", "column_A", "column_B")]
    named += [("column_list", column) for column in (listed if isinstance(listed, list) else [])]
    for argument, column in named:
        if columns and column is not None and column not in columns:
            hint = did_you_mean(str(column), columns)
            yield Fault(file, f"{key}.{argument}", f"'{column}' is not in `columns` of the model file.{hint}")
