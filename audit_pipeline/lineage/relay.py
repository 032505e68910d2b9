"""Send our events on to one consumer: in order, at least once, and never in an audit's way.

Whoever audits writes to the outbox and knows nothing of this. The relay reads the outbox like the loader does, with a
cursor of its own per consumer (the address); a new address is told everything from the first event on.

Order: each writer's events as it wrote them, and those of several writers by event time, so that a run's end does not
come before its start even when two processes wrote them. An event that the consumer refuses for good is noted and
passed over; anything else ends the call, and the next one begins with that event.
"""

import hashlib
import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit_pipeline.config import Layout, Project, Relay
from audit_pipeline.config.secrets import read_secret
from audit_pipeline.durable import locked
from audit_pipeline.errors import EvidenceError, KeyMissingError, LineageError
from audit_pipeline.lineage.cursor import Cursor, Refusal
from audit_pipeline.lineage.normal import Event, Refused, parse
from audit_pipeline.lineage.outbox import Line, read_new, read_on

if TYPE_CHECKING:
    from audit_pipeline.lineage.transport import Consumer

BLOCK = 1024 * 1024  # bytes read in one go when lines are counted


@dataclass(frozen=True, slots=True)
class Behind:
    """What a consumer has not got."""

    waiting: int  # events that were not sent yet
    refused: int  # events that were passed over, ever


@dataclass(frozen=True, slots=True)
class Relayed:
    """What one call came to."""

    sent: int
    refused: tuple[Refusal, ...]
    behind: Behind
    trouble: str | None  # why it ended before all was sent; None also when only the time was up


def relay_events(
    project: Project, *, budget_s: float | None = None, on_sent: Callable[[int], None] | None = None
) -> Relayed:
    """Send what waits to the consumer that the project names; one relay at a time.

    Args:
        project: the project.
        budget_s: seconds after which no further event is begun; default: until nothing waits.
        on_sent: told the number of events sent so far, after each.

    Raises:
        LineageError: the project names no consumer.
    """
    to = project.config.lineage.relay
    if to is None:
        raise LineageError(
            "No consumer of lineage is configured, and nothing was sent. Name one in project.yaml, e.g. "
            "`lineage: {relay: {url: http://marquez:5000}}`."
        )
    until = None if budget_s is None else time.monotonic() + budget_s
    with locked(project.layout.audit / ".locks" / "relay", wait=False) as alone:
        cursor = Cursor(_journal(project.layout, to))
        call = _Call(project.layout.outbox, cursor, until, on_sent or (lambda _: None))
        before = len(cursor.refused)
        trouble = call.run(project, to) if alone else "another relay is at work on this project"
        refused = tuple(cursor.refused[before:])
        return Relayed(call.sent, refused, _behind(project.layout.outbox, cursor), trouble)


def behind(layout: Layout, to: Relay) -> Behind:
    """Return how far the consumer is behind; reads files only."""
    return _behind(layout.outbox, Cursor(_journal(layout, to)))


class _Read(NamedTuple):
    """A line of the outbox and the event in it, if it is one."""

    line: Line
    event: Event | None


class _Call:
    """One call of the relay."""

    def __init__(self, outbox: Path, cursor: Cursor, until: float | None, on_sent: Callable[[int], None]) -> None:
        self.outbox, self.cursor, self.until, self.on_sent = outbox, cursor, until, on_sent
        self.sent = 0

    def run(self, project: Project, to: Relay) -> str | None:
        """Send until nothing waits or the time is up; return the trouble that ended it earlier."""
        if not read_new(self.outbox, self.cursor.offsets, limit=1)[0]:
            return None
        from audit_pipeline.lineage.transport import Consumer

        try:
            key = read_secret("relay's API key", to.api_key, project.root) if to.api_key else None
            with Consumer(to.url, api_key=key, timeout_s=to.timeout_s) as consumer, self.cursor.writing():
                while read_new(self.outbox, self.cursor.offsets, limit=1)[0]:
                    for read in in_order(self.outbox, dict(self.cursor.offsets)):
                        if self.until is not None and time.monotonic() > self.until:
                            return None
                        self._pass(consumer, read)
        except (LineageError, EvidenceError, KeyMissingError) as error:
            return str(error)
        return None

    def _pass(self, consumer: "Consumer", read: _Read) -> None:
        """Send one event and note it; a line that the loader puts into quarantine is noted without being sent."""
        line, event = read
        status = consumer.send(event.body) if event else None
        if event and status is None:
            self.cursor.passed(line)
            self.sent += 1
            self.on_sent(self.sent)
        else:
            digest = hashlib.sha256(line.data).hexdigest()
            self.cursor.passed(line, Refusal(line.file, line.offset, digest, status))


def in_order(outbox: Path, offsets: dict[str, int]) -> Iterator[_Read]:
    """Yield what waits, with the events: lines of a file as they stand, those of several files by event time.

    Each file is read as far as the others have come, so that the order holds however long they are.
    """
    paths = sorted(outbox.glob("*.jsonl"))
    files = [map(_read, read_on(path, offsets.get(path.name, 0))) for path in paths]
    return heapq.merge(*files, key=lambda read: read.event.time if read.event else datetime.min)


def _read(line: Line) -> _Read:
    try:
        return _Read(line, parse(line.data))
    except Refused:
        return _Read(line, None)


def _journal(layout: Layout, to: Relay) -> Path:
    """Return the journal of a consumer: another address is another consumer, which has been told nothing."""
    return layout.relayed / f"{hashlib.sha256(to.url.rstrip('/').encode()).hexdigest()[:16]}.jsonl"


def _behind(outbox: Path, cursor: Cursor) -> Behind:
    waiting = sum(_lines_after(path, cursor.offsets.get(path.name, 0)) for path in outbox.glob("*.jsonl"))
    return Behind(waiting, len(cursor.refused))


def _lines_after(path: Path, offset: int) -> int:
    """Count the whole lines after `offset`; a file shorter than that was replaced, and is new."""
    size = path.stat().st_size
    if size == offset:
        return 0
    with path.open("rb") as file:
        file.seek(offset if offset < size else 0)
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))
