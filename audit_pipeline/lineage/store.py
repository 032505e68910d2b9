"""Load outbox and inbox into the `lineage` tables of a database: incremental, idempotent, in one transaction.

An event is kept once, by the sha256 of its canonical JSON, however often and from wherever it arrives. Every derived
table is a function of the set of events: loading in parts and loading at once give equal tables. Where ours come after
others' that claimed their place, everything is taken again, so that this holds of what is refused as well.
"""

import hashlib
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.lineage.claims import Claims
from audit_pipeline.lineage.derived import begin, derive_graph, derive_runs
from audit_pipeline.lineage.inbox import FOLDER, Taken, inbox_marks, read_inbox
from audit_pipeline.lineage.normal import Event, Refused, parse
from audit_pipeline.lineage.outbox import CHUNK, Line, read_new
from audit_pipeline.lineage.rows import insert, show, statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EVENT = "event_id event_time event_type run_id job origin event"
QUARANTINE = "file byte_offset bytes sha256 reason"


def create(connection: "DuckDBPyConnection") -> None:
    """Make the `lineage` schema in the current database, unless it is there; one of an older form is made anew."""
    columns = connection.execute(
        "select column_name from information_schema.columns where table_catalog = current_database() "
        "and table_schema = 'lineage' and table_name = 'event'"
    ).fetchall()
    if ("origin",) in columns:
        return
    if columns:
        connection.execute("drop schema lineage cascade")  # all of it follows from outbox and inbox
    connection.execute(statement("schema.sql"))


def load(
    connection: "DuckDBPyConnection",
    outbox: Path,
    inbox: Path | None = None,
    *,
    project: str = "",
    now: datetime | None = None,
) -> int:
    """Take what is new in `outbox` and `inbox` into the current database; return the number of events added.

    What is no usable event goes to lineage.quarantine with the reason, and so does what others may not say
    (`claims`). The caller is in no transaction.

    Args:
        connection: the database.
        outbox: folder of our events.
        inbox: folder of other producers' events.
        project: name of the project, for which only the outbox speaks.
        now: aware; what others tell of a time after it is refused; default: the clock.
    """
    clock = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    for anew in (False, True):
        connection.execute("begin transaction")
        try:
            if anew:
                connection.execute("drop schema lineage cascade")
            create(connection)
            before = _count(connection)
            whole = _take(connection, outbox, inbox, project, clock)
            added = _count(connection) - before
        except BaseException:
            connection.execute("rollback")
            raise
        if whole:
            break
        connection.execute("rollback")
    connection.execute("commit")
    return added


def _take(connection: "DuckDBPyConnection", outbox: Path, inbox: Path | None, project: str, now: datetime) -> bool:
    """Read part by part, then derive the graph once; False when ours overtook others' and all must be taken again."""
    before = _count(connection)
    begin(connection)
    rows = connection.execute("select file, bytes, mark, sha256 from lineage.loaded").fetchall()
    offsets = {file: size for file, size, *_ in rows if not file.startswith(FOLDER)}
    taken = {file: Taken(*how) for file, *how in rows if file.startswith(FOLDER)}
    batch = _Batch(connection, None)
    while True:
        lines, offsets = read_new(outbox, offsets)
        if not lines:
            break
        batch.add(lines)
    batch.take()
    if inbox is not None and (taken or inbox_marks(inbox)):
        claims = Claims(connection, project, now)
        if taken and (batch.overtook or claims.overtaken(project)):
            return False
        taken |= _take_inbox(connection, inbox, taken, _Batch(connection, claims))
    if _count(connection) != before:
        derive_graph(connection)
    connection.execute("delete from lineage.loaded")
    insert(connection, "loaded", "file bytes", sorted(offsets.items()))
    insert(
        connection, "loaded", "file bytes mark sha256", [(file, *astuple(how)) for file, how in sorted(taken.items())]
    )
    return True


def _take_inbox(
    connection: "DuckDBPyConnection", inbox: Path, taken: dict[str, Taken], batch: "_Batch"
) -> dict[str, Taken]:
    """Take what is whole, and name what waits; return how far each file was read."""
    reached, waits = {}, []
    for part in read_inbox(inbox, taken):
        reached[part.file] = part.taken
        batch.add(part.lines)
        if part.waits:
            start, length, why = part.waits
            waits.append((part.file, start, length, None, why))
    batch.take()
    connection.execute("delete from lineage.quarantine where sha256 is null")  # of the last look
    insert(connection, "quarantine", QUARANTINE, waits)
    return reached


class _Batch:
    """Lines until they are worth a round through the tables: one costs the same for a line and for a thousand."""

    def __init__(self, connection: "DuckDBPyConnection", claims: Claims | None) -> None:
        """Take lines of the outbox, or with `claims` those of the inbox."""
        self._connection, self._claims = connection, claims
        self._lines: list[Line] = []
        self._bytes = 0
        self.overtook = False  # whether a run of ours was taken that another producer had claimed before

    def add(self, lines: list[Line]) -> None:
        """Add lines, and take them when there are enough."""
        self._lines += lines
        self._bytes += sum(len(line.data) for line in lines)
        if self._bytes >= CHUNK:
            self.take()

    def take(self) -> None:
        """Keep events that are new, refuse what is none, and derive the runs that changed."""
        events: dict[str, Event] = {}
        read, refused = [], []
        for line in self._lines:
            try:
                event = parse(line.data, ours=self._claims is None)
                events[event.event_id] = event
                read.append((line, event.event_id))
            except Refused as reason:
                refused.append(_refusal(line, str(reason)))
        self._lines, self._bytes = [], 0
        if events:
            why = self._keep(events)
            refused += [_refusal(line, why[event_id]) for line, event_id in read if event_id in why]
        insert(self._connection, "quarantine", QUARANTINE, refused, by="file byte_offset sha256")

    def _keep(self, events: dict[str, Event]) -> dict[str, str]:
        """Keep those of `events` that are not there yet; return those that are refused, with the reason."""
        show(self._connection, "lineage_asked", "event_id run_id", [(e.event_id, e.run_id) for e in events.values()])
        known = "select event_id from lineage.event where event_id in (select event_id from lineage_asked)"
        held = [event_id for (event_id,) in self._connection.execute(known).fetchall()]
        if self._claims is None:
            claimed = (
                "select 1 from lineage.run where origin = 'inbox' and run_id in (select run_id from lineage_asked)"
            )
            self.overtook |= bool(self._connection.execute(claimed + " limit 1").fetchall())
        self._connection.unregister("lineage_asked")
        for event_id in held:
            del events[event_id]
        why = self._claims.refused(events.values()) if self._claims else {}
        fresh = [event for event_id, event in events.items() if event_id not in why]
        rows = [(e.event_id, e.time, e.type, e.run_id, e.node, e.origin, e.text) for e in fresh]
        insert(self._connection, "event", EVENT, rows)
        if fresh:
            derive_runs(self._connection, fresh)
        return why


def _refusal(line: Line, reason: str) -> tuple[str, int, int, str, str]:
    """Return a row of lineage.quarantine."""
    return (line.file, line.offset, len(line.data), hashlib.sha256(line.data).hexdigest(), reason)


def _count(connection: "DuckDBPyConnection") -> int:
    """Return the number of events."""
    [(count,)] = connection.execute("select count(*) from lineage.event").fetchall()
    return int(count)
