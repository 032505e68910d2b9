"""A trace as plain JSON and back: it travels in the metadata of Dagster's log, from the step to the emitter.

The same datasets recur in many stages; they are written once, and stages name them by their place in that list.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from audit_pipeline.errors import LineageError
from audit_pipeline.records import Dataset, Trace
from audit_pipeline.revive import revived

FORM = 1  # of the JSON; a reader of another form says so
SIDES = ("inputs", "outputs")


def encode(trace: Trace) -> dict[str, Any]:
    """Return `trace` as objects, lists, text and numbers; what is None or a field's default is left out."""
    places: dict[Dataset, int] = {}
    stages = []
    for stage in trace.stages:
        named = {side: [places.setdefault(d, len(places)) for d in getattr(stage, side)] for side in SIDES}
        stages.append({**_plain(stage), **named})
    return {"form": FORM, **_plain(trace), "datasets": [_plain(d) for d in places], "stages": stages}


def decode(body: Mapping[str, Any]) -> Trace:
    """Return the trace that `encode` wrote.

    Raises:
        LineageError: it is of another form, or no trace.
    """
    if body.get("form") != FORM:
        raise LineageError(f"A trace of form {body.get('form')!r} cannot be read; this version reads form {FORM}.")
    try:
        datasets = body["datasets"]
        stages = [{**s, **{side: [datasets[place] for place in s[side]] for side in SIDES}} for s in body["stages"]]
        trace: Trace = revived(Trace, {**body, "stages": stages})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise LineageError(f"A trace in Dagster's log is damaged ({type(error).__name__}).") from None
    return trace


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    match value:
        case Enum():
            return value.value
        case date():  # a datetime is one too
            return value.isoformat()
        case tuple():
            return [_plain(inner) for inner in value]
    if is_dataclass(value):
        held = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: _plain(inner) for f, inner in held if inner is not None and inner != f.default}
    return value
