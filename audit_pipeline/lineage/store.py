"""Load outbox and inbox into the `lineage` tables of a database: incremental, idempotent, in one transaction.

An event is kept once, by the sha256 of its canonical JSON, however often and from wherever it arrives. Every derived
table is a function of the set of events: loading in parts and loading at once give equal tables.
"""

import hashlib
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.lineage.derived import begin, derive_graph, derive_runs
from audit_pipeline.lineage.inbox import FOLDER, Taken, read_inbox
from audit_pipeline.lineage.normal import Event, Refused, parse
from audit_pipeline.lineage.outbox import CHUNK, Line, read_new
from audit_pipeline.lineage.rows import insert, show, statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EVENT = "event_id event_time event_type run_id job event"
QUARANTINE = "file byte_offset bytes sha256 reason"


def create(connection: "DuckDBPyConnection") -> None:
    """Make the `lineage` schema in the current database, unless it is there."""
    there = connection.execute(
        "select 1 from information_schema.tables where table_catalog = current_database() "
        "and table_schema = 'lineage' and table_name = 'event'"
    ).fetchall()
    if not there:
        connection.execute(statement("schema.sql"))


def load(connection: "DuckDBPyConnection", outbox: Path, inbox: Path | None = None) -> int:
    """Take what is new in `outbox` and `inbox` into the current database; return the number of events added.

    What is no usable event goes to lineage.quarantine, with the reason. The caller is in no transaction.
    """
    connection.execute("begin transaction")
    try:
        create(connection)
        added = _take(connection, outbox, inbox)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return added


def _take(connection: "DuckDBPyConnection", outbox: Path, inbox: Path | None) -> int:
    """Read part by part, then derive the graph once."""
    before = _count(connection)
    begin(connection)
    rows = connection.execute("select file, bytes, mark, sha256 from lineage.loaded").fetchall()
    offsets = {file: size for file, size, *_ in rows if not file.startswith(FOLDER)}
    taken = {file: Taken(*how) for file, *how in rows if file.startswith(FOLDER)}
    batch = _Batch(connection)
    while True:
        lines, offsets = read_new(outbox, offsets)
        if not lines:
            break
        batch.add(lines)
    if inbox is not None:
        taken |= _take_inbox(connection, inbox, taken, batch)
    batch.take()
    added = _count(connection) - before
    if added:
        derive_graph(connection)
    connection.execute("delete from lineage.loaded")
    insert(connection, "loaded", "file bytes", sorted(offsets.items()))
    insert(
        connection, "loaded", "file bytes mark sha256", [(file, *astuple(how)) for file, how in sorted(taken.items())]
    )
    return added


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
    connection.execute("delete from lineage.quarantine where sha256 is null")  # of the last look
    insert(connection, "quarantine", QUARANTINE, waits)
    return reached


class _Batch:
    """Lines until they are worth a round through the tables: one costs the same for a line and for a thousand."""

    def __init__(self, connection: "DuckDBPyConnection") -> None:
        self._connection = connection
        self._lines: list[Line] = []
        self._bytes = 0

    def add(self, lines: list[Line]) -> None:
        """Add lines, and take them when there are enough."""
        self._lines += lines
        self._bytes += sum(len(line.data) for line in lines)
        if self._bytes >= CHUNK:
            self.take()

    def take(self) -> None:
        """Keep events that are new, refuse what is none, and derive the runs that changed."""
        events: dict[str, Event] = {}
        refused = []
        for line in self._lines:
            try:
                event = parse(line.data)
                events[event.event_id] = event
            except Refused as reason:
                digest = hashlib.sha256(line.data).hexdigest()
                refused.append((line.file, line.offset, len(line.data), digest, str(reason)))
        self._lines, self._bytes = [], 0
        insert(self._connection, "quarantine", QUARANTINE, refused, by="file byte_offset sha256")
        if events:
            self._keep(events)

    def _keep(self, events: dict[str, Event]) -> None:
        """Keep those of `events` that are not there yet."""
        show(self._connection, "lineage_asked", "event_id", [(event,) for event in events])
        known = "select event_id from lineage.event where event_id in (from lineage_asked)"
        for (event_id,) in self._connection.execute(known).fetchall():
            del events[event_id]
        self._connection.unregister("lineage_asked")
        rows = [(e.event_id, e.time, e.type, e.run_id, e.node, e.text) for e in events.values()]
        insert(self._connection, "event", EVENT, rows)
        if events:
            derive_runs(self._connection, events.values())


def _count(connection: "DuckDBPyConnection") -> int:
    """Return the number of events."""
    [(count,)] = connection.execute("select count(*) from lineage.event").fetchall()
    return int(count)
