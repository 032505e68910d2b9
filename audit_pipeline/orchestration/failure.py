"""What Dagster may keep of a crash, and what its log says of one: our own sentences, never a foreign message.

A foreign message can hold a row's values, and everybody who reaches the UI can read it.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from audit_pipeline.errors import AuditError

KILLED = "ChildProcessCrashException"  # Dagster's word for a step whose process was killed


@contextmanager
def told_without_values() -> Iterator[None]:
    """Raise what crashed in our own words, without what caused it, whose message Dagster would keep as well."""
    try:
        yield
    except AuditError as error:
        crash: AuditError = error
    except Exception as error:  # noqa: BLE001 (the edge)
        where = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        crash = AuditError(f"{type(error).__name__} was raised ({' > '.join(where)})")
    else:
        return
    raise crash from None


def why(event: dg.DagsterEvent) -> str:
    """Return why a step failed: our own sentence when the error is ours, else only its class."""
    data = event.event_specific_data
    error = getattr(data, "error", None)
    cause = error.cause if error is not None and error.cause is not None else error
    if cause is None:
        return "it failed without an error"
    name = str(cause.cls_name)
    if name == KILLED:
        return "its process was killed"
    ours = {c.__name__ for c in _tree(AuditError)}
    return str(cause.message).partition(": ")[2].strip() if name in ours else f"{name} was raised"


def _tree(kind: type[AuditError]) -> Iterator[type[AuditError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
