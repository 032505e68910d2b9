"""Load the outbox into the `lineage` tables of a database: incremental, idempotent, in one transaction.

Every derived table is a function of the set of events: runs of new events are derived again from all their
events, edges of their jobs from all their runs. Loading in parts and loading at once give equal tables.
"""

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.lineage.normal import Event, NormalRun, Refused, parse, run_of
from audit_pipeline.lineage.outbox import Line, read_new

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUN = (
    "run_id node job_namespace job started ended effective state parent_run_id "
    "model_id night stage outcome failed error"
)
IO = "run_id direction node namespace name version kind row_count"
COLUMN_EDGE = "run_id job src src_column dst dst_column type subtype masking"
EVENT = "event_id event_time event_type run_id job event"
QUARANTINE = "file byte_offset bytes sha256 reason"


def create(connection: "DuckDBPyConnection") -> None:
    """Make the `lineage` schema in the current database, unless it is there."""
    there = connection.execute(
        "select 1 from information_schema.tables where table_catalog = current_database() "
        "and table_schema = 'lineage' and table_name = 'event'"
    ).fetchall()
    if not there:
        connection.execute(_sql("schema.sql"))


def load(connection: "DuckDBPyConnection", outbox: Path) -> int:
    """Take what is new in `outbox` into the current database; return the number of events added.

    Lines that are no usable event go to lineage.quarantine, with the reason. The caller is in no transaction.
    """
    connection.execute("begin transaction")
    try:
        create(connection)
        added = _take(connection, outbox)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return added


def _take(connection: "DuckDBPyConnection", outbox: Path) -> int:
    """Read chunk by chunk, then derive edges and nodes once."""
    offsets = dict(connection.execute("select file, bytes from lineage.loaded").fetchall())
    before = _count(connection)
    jobs: set[str] = set()
    while True:
        lines, reached = read_new(outbox, offsets)
        if not lines:
            break
        jobs |= _take_lines(connection, lines)
        offsets = reached
    if jobs:
        _derive_graph(connection, jobs)
    connection.execute("delete from lineage.loaded")
    _insert(connection, "loaded", "file bytes", sorted(offsets.items()))
    return _count(connection) - before


def _take_lines(connection: "DuckDBPyConnection", lines: list[Line]) -> set[str]:
    """Keep events, refuse the rest, derive the runs that changed; return the jobs they belong to."""
    events: dict[str, Event] = {}
    refused = []
    for line in lines:
        try:
            event = parse(line.data)
            events[event.event_id] = event
        except Refused as reason:
            digest = hashlib.sha256(line.data).hexdigest()
            refused.append((line.file, line.offset, len(line.data), digest, str(reason)))
    if refused:
        _insert(connection, "quarantine", QUARANTINE, refused, by="file byte_offset")
    if not events:
        return set()
    rows = [(e.event_id, e.time, e.type, e.run_id, e.node, e.text) for e in events.values()]
    _insert(connection, "event", EVENT, rows, by="event_id")
    return _derive_runs(connection, events)


def _derive_runs(connection: "DuckDBPyConnection", events: dict[str, Event]) -> set[str]:
    """Write the normal form of every run that `events` belong to, anew; return the jobs that changed."""
    runs: dict[str, list[Event]] = {event.run_id: [] for event in events.values()}
    _register(connection, "lineage_runs", "run_id", [(run,) for run in runs])
    _register(connection, "lineage_new", "event_id", [(event,) for event in events])
    of_runs = "where run_id in (select run_id from lineage_runs)"
    jobs = {row[0] for row in connection.execute(f"select distinct node from lineage.run {of_runs}").fetchall()}
    earlier = connection.execute(
        f"select event from lineage.event {of_runs} and event_id not in (select event_id from lineage_new)"
    ).fetchall()
    for event in (*events.values(), *(parse(text.encode()) for (text,) in earlier)):
        runs[event.run_id].append(event)
    for table in ("run", "run_io", "column_edge"):
        connection.execute(f"delete from lineage.{table} {of_runs}")
    for name in ("lineage_runs", "lineage_new"):
        connection.unregister(name)
    normal = [run_of(of_run) for of_run in runs.values()]
    _insert_runs(connection, normal)
    return jobs | {run.run[1] for run in normal}


def _insert_runs(connection: "DuckDBPyConnection", runs: list[NormalRun]) -> None:
    """Write rows of run, run_io and column_edge."""
    _insert(connection, "run", RUN, [run.run for run in runs])
    _insert(connection, "run_io", IO, [row for run in runs for row in run.io])
    _insert(connection, "column_edge", COLUMN_EDGE, [row for run in runs for row in run.columns])


def _derive_graph(connection: "DuckDBPyConnection", jobs: set[str]) -> None:
    """Write the edges of `jobs`, and all nodes, anew."""
    _register(connection, "lineage_jobs", "node", [(job,) for job in sorted(jobs)])
    connection.execute(
        "delete from lineage.edge "
        "where src in (select node from lineage_jobs) or dst in (select node from lineage_jobs)"
    )
    connection.execute("insert into lineage.edge " + _sql("edge.sql"))
    connection.unregister("lineage_jobs")
    connection.execute("delete from lineage.node")
    connection.execute("insert into lineage.node " + _sql("node.sql"))


def _insert(connection: "DuckDBPyConnection", table: str, columns: str, rows: list[Any], *, by: str = "") -> None:
    """Insert `rows` by way of Arrow (row by row is far slower); with `by`, only those that are not there."""
    if not rows:
        return
    _register(connection, "lineage_rows", columns, rows)
    names = ", ".join(f'"{name}"' for name in columns.split())
    known = " and ".join(f'k."{name}" = r."{name}"' for name in by.split())
    fresh = f" where not exists (select 1 from lineage.{table} k where {known})" if by else ""
    connection.execute(f"insert into lineage.{table} ({names}) select {names} from lineage_rows r{fresh}")
    connection.unregister("lineage_rows")


def _register(connection: "DuckDBPyConnection", name: str, columns: str, rows: list[Any]) -> None:
    """Show `rows` to the database under `name`."""
    import pyarrow as pa

    values = zip(*rows, strict=True)
    arrays = [pa.array(column, type=_arrow(label)) for label, column in zip(columns.split(), values, strict=True)]
    connection.register(name, pa.table(dict(zip(columns.split(), arrays, strict=True))))


def _arrow(column: str) -> Any:
    """Return the Arrow type of a column; said, because a column may hold nothing but None."""
    import pyarrow as pa

    if column in ("started", "ended", "effective", "event_time"):
        return pa.timestamp("us")
    if column in ("failed", "row_count", "byte_offset", "bytes"):
        return pa.int64()
    return {"night": pa.date32(), "masking": pa.bool_()}.get(column, pa.large_string())


def _count(connection: "DuckDBPyConnection") -> int:
    """Return the number of events."""
    [(count,)] = connection.execute("select count(*) from lineage.event").fetchall()
    return int(count)


def _sql(name: str) -> str:
    """Return a statement that ships with the package."""
    return (resources.files("audit_pipeline.lineage") / name).read_text(encoding="utf-8")
