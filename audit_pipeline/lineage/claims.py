"""What another producer's event may not say: only this project speaks for its jobs, its runs and what it writes.

The inbox joins the graph, never a verdict. What an event is depends on where it came in, never on what it says of
itself; an event of the inbox that takes the place of one of ours is refused. Ours may come later than the claim:
`overtaken` says so, and the store then takes everything in again, so that the order of arrival plays no part.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_pipeline.lineage.fields import moment, value_at
from audit_pipeline.lineage.normal import Event, dataset_node
from audit_pipeline.lineage.rows import show
from audit_pipeline.lineage.runs import other_names

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AHEAD = timedelta(days=1)  # clocks and zones differ by less
# Every name our events gave a dataset, the node it goes by as they have it, and whether we write it.
OWN = """
create or replace temp table lineage_own as
with io as (
    select 'dataset:' || namespace || ':' || name as given, location, direction
    from lineage.run_io join lineage.run using (run_id) where origin = 'outbox'),
named as (
    select given as name, given as node, direction from io
    union all select location, given, direction from io)
select name, node, bool_or(direction = 'output') as written from named group by name, node"""
OVERTAKEN = """
select exists (from lineage.run where origin = 'inbox' and (job_namespace = $project or job_namespace in (
        select job_namespace from lineage.run where origin = 'outbox')))
    or exists (
        from lineage.run_io i join lineage.run r using (run_id)
        where r.origin = 'inbox' and i.direction = 'output' and i.node in (select name from lineage_own where written))
    or exists (
        from lineage.symlink s where s.node in (select name from lineage_own where written)
            or s.other in (select name from lineage_own)
                and not exists (from lineage_own o where o.name = s.other and o.node = s.node)
            or s.node in (select name from lineage_own)
                and not exists (from lineage_own o where o.name = s.node and o.node = s.node))"""


class Claims:
    """What is ours, as far as the outbox has been taken."""

    def __init__(self, connection: "DuckDBPyConnection", project: str, now: datetime) -> None:
        """Look at the tables.

        Args:
            connection: the database, as the current one, with all of the outbox.
            project: its name, which is ours before the first event.
            now: naive, UTC.
        """
        self._connection, self._latest = connection, now + AHEAD
        connection.execute(OWN)
        spaces = connection.execute("select distinct job_namespace from lineage.run where origin = 'outbox'").fetchall()
        self._spaces = {project, *(space for (space,) in spaces)}

    def overtaken(self, project: str) -> bool:
        """Whether an event of the inbox was taken that would be refused now."""
        [(found,)] = self._connection.execute(OVERTAKEN, {"project": project}).fetchall()
        return bool(found)

    def refused(self, events: Iterable[Event]) -> dict[str, str]:
        """Return of `events` from the inbox those that are refused: event id -> why."""
        events = list(events)
        runs, names = self._own_runs(events), self._written(events)
        why = {event.event_id: self._why(event, runs, names) for event in events}
        return {event_id: reason for event_id, reason in why.items() if reason}

    def _why(self, event: Event, runs: set[str], written: set[str]) -> str | None:
        """Say why one event is refused, if it is."""
        if event.namespace in self._spaces:
            return "from the inbox, of a job of this project: only the project speaks for its jobs"
        if event.run_id in runs:
            return "from the inbox, of a run of this project: only the project speaks for its runs"
        if not written.isdisjoint({*_outputs(event), *(node for pair in other_names(event) for node in pair)}):
            return "from the inbox, and says that it writes, or gives another name to, what this project writes"
        about = moment(value_at(event.body, "run", "facets", "nominalTime", "nominalStartTime"))
        if max(event.time, about or event.time) > self._latest:
            return "from the future: more than a day ahead of the clock when it was loaded"
        return None

    def _own_runs(self, events: list[Event]) -> set[str]:
        """Return the runs of `events` that are ours."""
        show(self._connection, "lineage_asked", "run_id", [(event.run_id,) for event in events])
        sql = "select run_id from lineage.run where origin = 'outbox' and run_id in (from lineage_asked)"
        rows = self._connection.execute(sql).fetchall()
        self._connection.unregister("lineage_asked")
        return {run for (run,) in rows}

    def _written(self, events: list[Event]) -> set[str]:
        """Return the names in `events` of what we write; of our own folder also what we have not written yet."""
        named = {node for e in events for node in (*_outputs(e), *(n for pair in other_names(e) for n in pair))}
        show(self._connection, "lineage_asked", "node", [(node,) for node in sorted(named)])
        sql = "select name from lineage_own where written and name in (from lineage_asked)"
        rows = self._connection.execute(sql).fetchall()
        self._connection.unregister("lineage_asked")
        homes = tuple(dataset_node(f"audit://{space}", "") for space in self._spaces)
        return {name for (name,) in rows} | {name for name in named if name.startswith(homes)}


def own_names(connection: "DuckDBPyConnection", pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what others say of names so that ours holds: theirs stand for our datasets, never ours for theirs.

    Args:
        connection: the database, with `lineage_own`.
        pairs: (other name, dataset it was given to), as others said.
    """
    show(connection, "lineage_asked", "node", [(node,) for node in sorted({node for pair in pairs for node in pair})])
    sql = (
        "select name, coalesce(min(node) filter (node <> name), name) from lineage_own "
        "where name in (from lineage_asked) group by name"
    )
    ours = dict(connection.execute(sql).fetchall())
    connection.unregister("lineage_asked")
    held = set()
    for other, node in pairs:
        if other not in ours:
            held.add((other, ours.get(node, node)))
        elif node not in ours:
            held.add((node, ours[other]))
    return {(other, node) for other, node in held if other != node}


def _outputs(event: Event) -> set[str]:
    """Return the nodes of what an event says was written."""
    return {dataset_node(dataset["namespace"], dataset["name"]) for dataset in event.body.get("outputs", [])}
