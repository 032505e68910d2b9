"""Load outbox and inbox into the `lineage` tables of a database: incremental, idempotent, in one transaction.

An event is kept once, by the sha256 of its canonical JSON, however often and from wherever it arrives. Every derived
table is a function of the set of events: loading in parts and loading at once give equal tables.
"""

import hashlib
from dataclasses import astuple, dataclass
from datetime import date, datetime
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


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that started and has no end."""

    run_id: str
    job: str
    started: datetime  # UTC, naive
    model_id: str | None
    night: date | None


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


def unfinished(connection: "DuckDBPyConnection") -> list[OpenRun]:
    """Return the runs with a START and no end, oldest first."""
    rows = connection.execute(
        "select run_id, job, started, model_id, night from lineage.run where state = 'RUNNING' order by started, run_id"
    ).fetchall()
    return [OpenRun(*row) for row in rows]


def _take(connection: "DuckDBPyConnection", outbox: Path, inbox: Path | None) -> int:
    """Read part by part, then derive the graph once."""
    before = _count(connection)
    begin(connection)
    rows = connection.execute("select file, bytes, mark, sha256 from lineage.loaded").fetchall()
    offsets = {file: size for file, size, *_ in rows if not file.startswith(FOLDER)}
    taken = {file: Taken(*how) for file, *how in rows if file.startswith(FOLDER)}
    offsets = _take_outbox(connection, outbox, offsets)
    if inbox is not None:
        taken = _take_inbox(connection, inbox, taken)
    added = _count(connection) - before
    if added:
        derive_graph(connection)
    connection.execute("delete from lineage.loaded")
    insert(connection, "loaded", "file bytes", sorted(offsets.items()))
    insert(
        connection, "loaded", "file bytes mark sha256", [(file, *astuple(how)) for file, how in sorted(taken.items())]
    )
    return added


def _take_outbox(connection: "DuckDBPyConnection", outbox: Path, offsets: dict[str, int]) -> dict[str, int]:
    """Take whole lines; return how far each file was read."""
    while True:
        lines, reached = read_new(outbox, offsets)
        if not lines:
            return offsets
        _take_lines(connection, lines)
        offsets = reached


def _take_inbox(connection: "DuckDBPyConnection", inbox: Path, taken: dict[str, Taken]) -> dict[str, Taken]:
    """Take what is whole, many small files at once; return how far each file was read."""
    connection.execute("delete from lineage.quarantine where sha256 is null")  # said again below, where it still holds
    reached, lines, waits, size = dict(taken), [], [], 0
    for part in read_inbox(inbox, taken):
        reached[part.file] = part.taken
        lines += part.lines
        size += sum(len(line.data) for line in part.lines)
        if part.waits:
            start, length, why = part.waits
            waits.append((part.file, start, length, None, why))
        if size >= CHUNK:
            _take_lines(connection, lines)
            lines, size = [], 0
    _take_lines(connection, lines)
    insert(connection, "quarantine", QUARANTINE, waits)
    return reached


def _take_lines(connection: "DuckDBPyConnection", lines: list[Line]) -> None:
    """Keep events that are new, refuse what is none, and derive the runs that changed."""
    events: dict[str, Event] = {}
    refused = []
    for line in lines:
        try:
            event = parse(line.data)
            events[event.event_id] = event
        except Refused as reason:
            digest = hashlib.sha256(line.data).hexdigest()
            refused.append((line.file, line.offset, len(line.data), digest, str(reason)))
    insert(connection, "quarantine", QUARANTINE, refused, by="file byte_offset sha256")
    show(connection, "lineage_asked", "event_id", [(event,) for event in events])
    known = connection.execute("select event_id from lineage.event where event_id in (from lineage_asked)").fetchall()
    connection.unregister("lineage_asked")
    for (event_id,) in known:
        del events[event_id]
    rows = [(e.event_id, e.time, e.type, e.run_id, e.node, e.text) for e in events.values()]
    insert(connection, "event", EVENT, rows)
    if events:
        derive_runs(connection, events.values())


def _count(connection: "DuckDBPyConnection") -> int:
    """Return the number of events."""
    [(count,)] = connection.execute("select count(*) from lineage.event").fetchall()
    return int(count)
