"""From bytes to a usable event, or the reason why they are none.

They may come from other producers, or from nobody honest: what cannot be used is refused with a reason that holds
nothing of its content, and a facet of an unexpected shape is passed over.
"""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, NoReturn

from audit_pipeline.lineage.fields import moment, text_at, value_at
from audit_pipeline.lineage.outbox import canonical

MAX_BYTES = 4 * 1024 * 1024  # of an event; a full one of a 1,000-column model has about 0.5 MB
MAX_DEPTH = 64  # of nested objects and lists; ours have 8
MAX_NAME = 1_000  # characters of a job's or dataset's namespace or name
TERMINAL = ("COMPLETE", "FAIL", "ABORT")
TYPES = (*TERMINAL, "START", "RUNNING", "OTHER")
OURS, THEIRS = "outbox", "inbox"  # where an event came in
_BRACKETS = bytes.maketrans(b"{[}]", b"(())")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{[}]"))
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Refused(ValueError):  # noqa: N818 (a judgement of the input, not a failure of ours)
    """Why a line is no usable event; the sentence holds nothing of its content."""


@dataclass(frozen=True, slots=True)
class Event:
    """One usable event."""

    event_id: str
    time: datetime  # UTC, naive
    type: str
    run_id: str
    namespace: str
    job: str
    text: str  # canonical JSON
    body: dict[str, Any]
    ours: bool  # from the outbox, not from the inbox: by where it came in, since whoever writes it can say anything

    @property
    def origin(self) -> str:
        """Where it came in."""
        return OURS if self.ours else THEIRS

    @property
    def node(self) -> str:
        """Node of its job."""
        return job_node(self.namespace, self.job)


def job_node(namespace: str, name: str) -> str:
    """Return the node of a job."""
    return f"job:{namespace}:{name}"


def dataset_node(namespace: str, name: str) -> str:
    """Return the node of a dataset."""
    return f"dataset:{namespace}:{name}"


def parse(data: bytes, *, ours: bool = True) -> Event:
    """Return the event in `data`; `ours` says that it came by the outbox.

    Raises:
        Refused: with the reason.
    """
    if len(data) > MAX_BYTES:
        raise Refused(f"longer than {MAX_BYTES:,} bytes")
    try:
        body = _DECODER.decode(data.decode("utf-8"))
        # A line of the outbox is canonical as it stands, and to write it again costs as much as to read it.
        text = data if ours and b"\\u" not in data else canonical(body)
    except RecursionError:
        raise Refused(f"nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeError:
        raise Refused("not UTF-8 text") from None
    except Refused:
        raise
    except ValueError:
        raise Refused("not JSON, or a number out of range") from None
    if not isinstance(body, dict):
        raise Refused("not a JSON object")
    if _depth(text) > MAX_DEPTH:
        raise Refused(f"nested deeper than {MAX_DEPTH} levels")
    if b"\\u0000" in text and _NUL.search(text):  # the plain search first: it is a hundred times faster
        raise Refused("holds a NUL character")
    return _event(body, text, ours)


def _event(body: dict[str, Any], text: bytes, ours: bool) -> Event:
    """Check what the tables need, and pick it."""
    if "run" not in body and "eventType" not in body and ("job" in body or "dataset" in body):
        sort = "JobEvent" if "job" in body else "DatasetEvent"
        raise Refused(f"a {sort}: it tells of no run, and this graph is made of runs")
    at = moment(body.get("eventTime"))
    if at is None:
        raise Refused("eventTime is not a date-time with a zone")
    kind = body.get("eventType")
    if kind not in TYPES:
        raise Refused("eventType is none of " + ", ".join(TYPES))
    try:
        run = str(uuid.UUID(text_at(body, "run", "runId") or ""))
    except ValueError:
        raise Refused("run.runId is not a UUID") from None
    namespace, name = _names(value_at(body, "job"), "job")
    for side in ("inputs", "outputs"):
        if not isinstance(body.get(side, []), list):
            raise Refused(f"{side} is not a list")
        for dataset in body.get(side, []):
            _names(dataset, side)
    identity = hashlib.sha256(text).hexdigest()
    return Event(identity, at, str(kind), run, namespace, name, text.decode("utf-8"), body, ours)


def _names(value: Any, where: str) -> tuple[str, str]:
    """Return namespace and name of a job or dataset."""
    namespace, name = text_at(value, "namespace") or "", text_at(value, "name") or ""
    if not (0 < len(namespace) <= MAX_NAME and 0 < len(name) <= MAX_NAME):
        raise Refused(f"{where} without a namespace and a name of at most {MAX_NAME:,} characters")
    return namespace, name


def _depth(text: bytes) -> int:
    """Return how deep the containers of a JSON text are nested; to walk through its values costs five times more."""
    outside = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]  # of strings
    left = b"".join(outside).translate(_BRACKETS, _NO_BRACKETS)
    for depth in range(MAX_DEPTH + 1):
        if not left:
            return depth
        left = left.replace(b"()", b"")  # the innermost ones
    return MAX_DEPTH + 1


def _finite(word: str) -> float:
    """Return a number that a database and JSON can hold."""
    value = float(word)
    if value in (inf, -inf):
        raise Refused("not JSON, or a number out of range")
    return value


def _no_number(word: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON does not have."""
    raise Refused(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
