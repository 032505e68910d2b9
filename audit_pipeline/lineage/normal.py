"""From a line of JSON to its normal form: an event, then the run its events describe.

Both are pure functions, and a run's normal form depends on the set of its events only, never on their order of
arrival: loading at once, in parts or again gives equal tables. Lines may come from other producers, or from
nobody honest: what cannot be used is refused with a reason, and a facet of an unexpected shape is passed over.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.lineage.own_facets import HOME

MAX_BYTES = 4 * 1024 * 1024  # of a line; a full event of a 1,000-column model has about 0.5 MB
MAX_DEPTH = 64  # of nested objects and lists; ours have 8
MAX_NAME = 1_000  # characters of a job's or dataset's namespace or name
TERMINAL = ("COMPLETE", "FAIL", "ABORT")
TYPES = (*TERMINAL, "START", "RUNNING", "OTHER")
INT64 = 2**63
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

    @property
    def node(self) -> str:
        """Node of its job."""
        return job_node(self.namespace, self.job)


@dataclass(frozen=True, slots=True)
class NormalRun:
    """Rows of lineage.run, run_io and column_edge, in the order of their columns."""

    run: tuple[Any, ...]
    io: tuple[tuple[Any, ...], ...]
    columns: tuple[tuple[Any, ...], ...]


def job_node(namespace: str, name: str) -> str:
    """Return the node of a job."""
    return f"job:{namespace}:{name}"


def dataset_node(namespace: str, name: str) -> str:
    """Return the node of a dataset."""
    return f"dataset:{namespace}:{name}"


def parse(data: bytes) -> Event:
    """Return the event in one line.

    Raises:
        Refused: with the reason.
    """
    if len(data) > MAX_BYTES:
        raise Refused(f"longer than {MAX_BYTES:,} bytes")
    try:
        body = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        if _deeper(body, MAX_DEPTH):
            raise Refused(f"nested deeper than {MAX_DEPTH} levels")
        text = canonical(body)
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
    if b"\\u0000" in text and _NUL.search(text):  # the plain search first: it is a hundred times faster
        raise Refused("holds a NUL character")
    return _event(body, text)


def run_of(events: Iterable[Event]) -> NormalRun:
    """Return the normal form of one run from all of its events, in any order."""
    ordered = sorted(events, key=lambda event: (event.time, event.event_id))
    first = ordered[0]
    ordered = [event for event in ordered if event.node == first.node]  # a run belongs to one job
    facets: dict[str, Any] = {}
    for event in ordered:
        facets |= {key: value for key, value in _dict(event.body, "run", "facets").items() if value}
    end = next((event for event in ordered if event.type in TERMINAL), None)
    started = min([e.time for e in ordered if e.type == "START"] or [first.time])
    stage = _dict(facets, "audit_stage")
    row = (
        first.run_id,
        first.node,
        first.namespace,
        first.job,
        started,
        end.time if end else None,
        _time(_get(facets, "nominalTime", "nominalStartTime")) or started,
        end.type if end else "RUNNING",
        _text(facets, "parent", "run", "runId"),
        _text(stage, "model"),
        _night(_text(stage, "night")),
        _text(stage, "stage"),
        _text(stage, "outcome"),
        _integer(stage, "counts", "fail"),
        _own_error(facets),
    )
    return NormalRun(row, tuple(_io(ordered)), tuple(sorted(set(_columns(ordered)), key=repr)))


def _event(body: dict[str, Any], text: bytes) -> Event:
    """Check what the tables need, and pick it."""
    at = _time(body.get("eventTime"))
    if at is None:
        raise Refused("eventTime is not a date-time with a zone")
    kind = body.get("eventType")
    if kind not in TYPES:
        raise Refused("eventType is none of " + ", ".join(TYPES))
    try:
        run = str(uuid.UUID(_text(body, "run", "runId") or ""))
    except ValueError:
        raise Refused("run.runId is not a UUID") from None
    namespace, name = _names(_get(body, "job"), "job")
    for side in ("inputs", "outputs"):
        if not isinstance(body.get(side, []), list):
            raise Refused(f"{side} is not a list")
        for dataset in body.get(side, []):
            _names(dataset, side)
    identity = hashlib.sha256(text).hexdigest()
    return Event(identity, at, str(kind), run, namespace, name, text.decode("utf-8"), body)


def _names(value: Any, where: str) -> tuple[str, str]:
    """Return namespace and name of a job or dataset."""
    namespace, name = _text(value, "namespace") or "", _text(value, "name") or ""
    if not (0 < len(namespace) <= MAX_NAME and 0 < len(name) <= MAX_NAME):
        raise Refused(f"{where} without a namespace and a name of at most {MAX_NAME:,} characters")
    return namespace, name


def _io(events: list[Event]) -> Iterator[tuple[Any, ...]]:
    """Yield every dataset of a run once per direction; what a later event says of it wins."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for event in events:
        for side, direction in (("inputs", "input"), ("outputs", "output")):
            for dataset in event.body.get(side, []):
                said = found.setdefault((direction, dataset["namespace"], dataset["name"]), {})
                said |= {k: v for k, v in _facts(dataset, direction).items() if v is not None}
    for (direction, namespace, name), said in sorted(found.items()):
        node = dataset_node(namespace, name)
        facts = (said.get("version"), said.get("kind"), said.get("rows"))
        yield (events[0].run_id, direction, node, namespace, name, *facts)


def _facts(dataset: dict[str, Any], direction: str) -> dict[str, Any]:
    """Return version, kind and rows of a dataset, as far as it says."""
    facets = _dict(dataset, "facets")
    kind = _text(facets, "datasetType", "subType") or _text(facets, "datasetType", "datasetType")
    return {
        "version": _text(facets, "version", "datasetVersion") or None,
        "kind": kind.lower() if kind else None,
        "rows": _integer(dataset, f"{direction}Facets", f"{direction}Statistics", "rowCount"),
    }


def _columns(events: list[Event]) -> Iterator[tuple[Any, ...]]:
    """Yield every input column behind every output column."""
    for event in events:
        for dataset in event.body.get("outputs", []):
            written = dataset_node(dataset["namespace"], dataset["name"])
            for column, entry in _dict(dataset, "facets", "columnLineage", "fields").items():
                for source in _dicts(_get(entry, "inputFields")):
                    names = [_text(source, key) for key in ("namespace", "name", "field")]
                    if all(names):
                        read = dataset_node(str(names[0]), str(names[1]))
                        for change in _dicts(source.get("transformations")) or [{}]:
                            how = (_text(change, "type") or "DIRECT", _text(change, "subtype"))
                            masking = change.get("masking") is True
                            yield (event.run_id, event.node, read, names[2], written, column, *how, masking)


def _own_error(facets: dict[str, Any]) -> str | None:
    """Return the message of an error that we wrote; another producer's may hold values of rows."""
    facet = _dict(facets, "errorMessage")
    return _text(facet, "message") if str(facet.get("_producer", "")).startswith(HOME) else None


def _deeper(value: Any, limit: int) -> bool:
    """Whether containers are nested deeper than `limit`; level by level, so that depth costs no stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        children = (c for parent in level for c in (parent.values() if isinstance(parent, dict) else parent))
        level = [child for child in children if isinstance(child, dict | list)]
    return bool(level)


def _no_number(word: str) -> NoReturn:
    """Refuse NaN and infinities, which JSON does not have."""
    raise Refused(f"{word} is no number of JSON")


def _get(value: Any, *keys: str) -> Any:
    """Follow keys through nested objects; None as soon as one is not there."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _dict(value: Any, *keys: str) -> dict[str, Any]:
    """Return the object at `keys`, or an empty one."""
    found = _get(value, *keys)
    return found if isinstance(found, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any, *keys: str) -> str | None:
    """Return the text at `keys`, or None."""
    found = _get(value, *keys)
    return found if isinstance(found, str) else None


def _integer(value: Any, *keys: str) -> int | None:
    """Return the integer at `keys` if the database can hold it, or None."""
    found = _get(value, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) and -INT64 <= found < INT64 else None


def _time(value: Any) -> datetime | None:
    """Return a date-time with a zone as naive UTC, or None."""
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _night(text: str | None) -> date | None:
    """Return a date, or None."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
