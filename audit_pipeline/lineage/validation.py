"""Are events what the OpenLineage standard asks for: every line judged, offline, every fault with its place.

Schemas judge each event alone (`schemas.py`); `strict` adds what only a whole stream shows and what every event of ours
carries (`habits.py`). A line that is no JSON is a fault like any other, and the lines after it are judged all the same.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from audit_pipeline.lineage.outbox import read_new

Violation = tuple[str, str]  # JSON path, what is wrong there


class Found(NamedTuple):
    """One fault."""

    where: str  # `file:line`, or `run <id>`
    path: str  # JSON path inside the event; "" for a run as a whole
    message: str


class Text(NamedTuple):
    """One line to judge."""

    where: str  # `file:line`
    data: bytes


@dataclass(frozen=True, slots=True)
class Validated:
    """What was judged, and what was found."""

    events: int
    violations: tuple[Found, ...]


def validate(lines: Iterable[Text], *, strict: bool) -> Validated:
    """Judge every line; one without any text is none."""
    from audit_pipeline.lineage.habits import Stream
    from audit_pipeline.lineage.schemas import Schemas

    schemas, stream, count, found = Schemas(), Stream(), 0, []
    for where, data in lines:
        if not data.strip():
            continue
        count += 1
        event, faults = _event(data)
        if not faults:
            faults = _judged(schemas, stream if strict else None, event)
        found += [Found(where, path, message) for path, message in faults]
    found += [Found(f"run {run_id}", "", message) for run_id, message in stream.finish()]
    return Validated(count, tuple(found))


def read_file(data: Iterable[bytes], name: str) -> Iterator[Text]:
    """Yield the lines of one source of events, counted from 1, the last one with or without its newline."""
    for number, line in enumerate(data, 1):
        yield Text(f"{name}:{number}", line)


def read_outbox(outbox: Path) -> Iterator[Text]:
    """Yield the whole lines of an outbox; an event that was written again counts once, as in the store."""
    offsets: dict[str, int] = {}
    numbers: dict[str, int] = {}
    seen: set[bytes] = set()
    while True:
        lines, offsets = read_new(outbox, offsets)
        if not lines:
            return
        for line in lines:
            numbers[line.file] = numbers.get(line.file, 0) + 1
            digest = hashlib.sha256(line.data).digest()
            if digest not in seen:
                seen.add(digest)
                yield Text(f"{line.file}:{numbers[line.file]}", line.data)


def _event(data: bytes) -> tuple[Any, list[Violation]]:
    """Return what stands in a line, or the fault that it is no JSON."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_number), []
    except UnicodeDecodeError:
        return None, [("$", "not UTF-8 text")]
    except RecursionError:
        return None, [("$", "nested too deep")]
    except ValueError as error:
        return None, [("$", f"not JSON: {error}")]


def _judged(schemas: Any, stream: Any, event: Any) -> list[Violation]:
    """Return the faults of one event."""
    try:
        return [*schemas.violations(event), *(stream.violations(event) if stream else ())]
    except RecursionError:
        return [("$", "nested too deep to be judged")]


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
