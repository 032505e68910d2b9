"""The tables that follow from the events: runs with what they read and wrote, then the graph they make.

Each is a function of the set of events. The table `lineage_changed` remembers of every run that one load touches how
it stood before, so that the graph is derived anew only where something can have changed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from audit_pipeline.lineage.claims import own_names
from audit_pipeline.lineage.names import learn, names_of
from audit_pipeline.lineage.normal import OURS, Event, parse
from audit_pipeline.lineage.rows import insert, show, statement
from audit_pipeline.lineage.runs import datasets_of, other_names, run_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUN = (
    "run_id node job_namespace job started ended effective state parent_run_id "
    "model_id night stage outcome failed error origin"
)
IO = "run_id direction node namespace name version kind row_count location"
COLUMN_EDGE = "run_id job src src_column dst dst_column type subtype masking"
BATCH = 500  # runs derived again at a time, so that memory stays bounded
LINK = "src, src_column, dst, dst_column, type, subtype, masking"


def begin(connection: "DuckDBPyConnection") -> None:
    """Forget which runs were touched."""
    connection.execute(
        "create or replace temp table lineage_changed (run_id varchar, node varchar, state varchar, "
        "effective timestamp, started timestamp, renamed boolean)"
    )


def derive_runs(connection: "DuckDBPyConnection", fresh: Iterable[Event]) -> None:
    """Write the normal form of every run that `fresh` events belong to, or whose datasets go by another name now."""
    runs: dict[str, list[Event]] = {}
    for event in fresh:
        runs.setdefault(event.run_id, []).append(event)
    said = {pair for events in runs.values() for event in events for pair in other_names(event)}
    theirs = not all(event.ours for events in runs.values() for event in events)  # one load's batch is of one origin
    moved = learn(connection, own_names(connection, said) if theirs else said)
    renamed = sorted(_runs_that_name(connection, moved)) if moved else []
    _remember(connection, [*((run, False) for run in runs), *((run, True) for run in renamed)])
    _derive(connection, runs)
    others = [run for run in renamed if run not in runs]
    for start in range(0, len(others), BATCH):
        _derive(connection, {run: [] for run in others[start : start + BATCH]})


def derive_graph(connection: "DuckDBPyConnection") -> None:
    """Write what the touched runs change of edges, column links and run edges; and all nodes anew."""
    connection.execute(statement("job.sql"))
    job_of_edge = "(select e.*, j.node as job from lineage.edge e join lineage_job j on j.node in (e.src, e.dst))"
    reads = "case direction when 'input' then i.node else r.node end as src"
    writes = "case direction when 'input' then r.node else i.node end as dst"
    shows = f"select run_id, {reads}, {writes} from lineage.run_io i join lineage.run r using (run_id)"
    _spans(connection, "edge", "src, dst", shows, of_job=job_of_edge, written="src, dst")
    links = "lineage.column_link"
    shows = f"select run_id, {LINK} from lineage.column_edge"
    _spans(connection, "column_link", LINK, shows, of_job=links, written=f"job, {LINK}")
    _run_edges(connection)
    connection.execute("delete from lineage.node")
    connection.execute("insert into lineage.node " + statement("node.sql"))
    connection.execute("drop table lineage_job")


def _runs_that_name(connection: "DuckDBPyConnection", nodes: set[str]) -> set[str]:
    """Return the runs that read, write or take a column from one of `nodes`."""
    show(connection, "lineage_asked", "node", [(node,) for node in sorted(nodes)])
    rows = connection.execute(
        "select run_id from lineage.run_io where node in (from lineage_asked) union "
        "select run_id from lineage.column_edge where src in (from lineage_asked) or dst in (from lineage_asked)"
    ).fetchall()
    connection.unregister("lineage_asked")
    return {run for (run,) in rows}


def _remember(connection: "DuckDBPyConnection", runs: list[tuple[str, bool]]) -> None:
    """Note how `runs` stand, unless this load touched them before; whether datasets were renamed is always noted."""
    show(connection, "lineage_asked", "run_id renamed", runs)
    connection.execute(
        "update lineage_changed c set renamed = true where run_id in (select run_id from lineage_asked where renamed)"
    )
    connection.execute(
        "insert into lineage_changed select a.run_id, r.node, r.state, r.effective, r.started, bool_or(a.renamed) "
        "from lineage_asked a left join lineage.run r using (run_id) "
        "where a.run_id not in (select run_id from lineage_changed) group by all"
    )
    connection.unregister("lineage_asked")


def _derive(connection: "DuckDBPyConnection", runs: dict[str, list[Event]]) -> None:
    """Write the rows of `runs` anew: from the events given and all that are kept."""
    show(connection, "lineage_asked", "run_id event_id", [(e.run_id, e.event_id) for es in runs.values() for e in es])
    show(connection, "lineage_runs", "run_id", [(run,) for run in runs])
    known = connection.execute("select 1 from lineage.run where run_id in (from lineage_runs) limit 1").fetchall()
    kept = (
        connection.execute(
            "select event, origin from lineage.event where run_id in (from lineage_runs) "
            "and event_id not in (select event_id from lineage_asked)"
        ).fetchall()
        if known
        else []
    )
    events = [parse(text.encode(), ours=origin == OURS) for text, origin in kept]
    events += [event for given in runs.values() for event in given]
    names = names_of(connection, {node for event in events for node in datasets_of(event)})
    of_run: dict[str, list[Event]] = {}
    for event in events:
        of_run.setdefault(event.run_id, []).append(event)
    for table in ("run", "run_io", "column_edge") if known else ():
        connection.execute(f"delete from lineage.{table} where run_id in (from lineage_runs)")
    connection.unregister("lineage_asked")
    connection.unregister("lineage_runs")
    normal = [run_of(given, names) for given in of_run.values()]
    insert(connection, "run", RUN, [run.run for run in normal])
    insert(connection, "run_io", IO, [row for run in normal for row in run.io])
    insert(connection, "column_edge", COLUMN_EDGE, [row for run in normal for row in run.columns])


def _spans(connection: "DuckDBPyConnection", table: str, key: str, shows: str, *, of_job: str, written: str) -> None:
    """Write the life spans of the touched jobs' links: a continued job's from those still open, else all anew."""
    connection.execute(
        f"create or replace temp table lineage_open as select t.* from {of_job} t join lineage_job j on j.node = t.job "
        "where t.valid_to is null or not j.continued"
    )
    same = " and ".join(f"t.{name} is not distinct from o.{name}" for name in written.split(", "))
    connection.execute(
        f"delete from lineage.{table} t using lineage_open o where {same} and t.valid_from = o.valid_from"
    )
    connection.execute("delete from lineage_open where job in (select node from lineage_job where not continued)")
    connection.execute(
        f"insert into lineage.{table} " + statement("span.sql").format(key=key, shows=shows, written=written)
    )
    connection.execute("drop table lineage_open")


def _run_edges(connection: "DuckDBPyConnection") -> None:
    """Write anew who fed the touched runs, the runs they fed, and those that may be fed by them now."""
    connection.execute(
        "create or replace temp table lineage_reader as "
        "with wrote as (select node, version, location from lineage.run_io "
        "    where direction = 'output' and run_id in (select run_id from lineage_changed)) "
        "select run_id from lineage_changed "
        "union select dst from lineage.run_edge where src in (select run_id from lineage_changed) "
        "union select run_id from lineage.run_io where direction = 'input' and version in (select version from wrote) "
        "union select run_id from lineage.run_io where direction = 'input' and location in (select location from wrote)"
    )
    connection.execute("delete from lineage.run_edge where dst in (from lineage_reader)")
    connection.execute(statement("run_edge.sql"))
    connection.execute("drop table lineage_reader")
