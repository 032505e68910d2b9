"""Runs whose process died without a word: found, closed in Dagster, and ended in lineage.

A killed run worker leaves a run that is "started" for ever; Dagster's run monitoring does not look at processes. The
run's own log names the process; a run of another machine is left alone.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import psutil

from audit_pipeline import lineage
from audit_pipeline.config import Project
from audit_pipeline.fleet import publish_store
from audit_pipeline.publish import published
from audit_pipeline.records import RunContext, Stage

OPEN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
NIGHT_TAG = "dagster/partition"
REASON = "The process of this run died before it ended."


def close_dead_runs(project: Project, instance: dg.DagsterInstance) -> list[str]:
    """Report runs of dead processes as failed and end their lineage; return their ids."""
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=OPEN)):
        run = record.dagster_run
        if _is_dead(instance, run.run_id):
            instance.report_run_failed(run, REASON)
            closed.append(run.run_id)
    reconcile(project, instance)
    return closed


def reconcile(project: Project, instance: dg.DagsterInstance) -> int:
    """Give every stage of every model-night of a failed or cancelled run its terminal event; return how many lacked it.

    Ids and times follow from the run's own log, so that a second pass writes the same bytes and adds nothing.
    """
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    records = [r for r in instance.get_run_records(dg.RunsFilter(statuses=ended)) if NIGHT_TAG in r.dagster_run.tags]
    known = _ended_in_lineage(project) if records else set()
    written = 0
    for record in records:
        run = RunContext(record.dagster_run.run_id, record.create_timestamp.astimezone(UTC))
        night = date.fromisoformat(record.dagster_run.tags[NIGHT_TAG])
        at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
        for model_id in _planned_models(instance, run.run_id):
            missing = tuple(s for s in Stage if lineage.run_id(run, model_id, night, s) not in known)
            if model_id not in project.models or not missing:
                continue
            owner = project.models[model_id].config.owner
            events = lineage.aborted_events(
                run, model_id, night, owner, project.config.name, stages=missing, at=at, reason=REASON
            )
            lineage.append(project.layout.outbox, events)
            written += len(missing)
    return written


def _ended_in_lineage(project: Project) -> set[str]:
    """Return the lineage runs that have an end, after loading what the outbox holds."""
    publish_store(project)
    with published(project.layout) as connection:
        rows = connection.execute("SELECT run_id FROM lineage.run WHERE state <> 'RUNNING'").fetchall()
    return {str(run_id) for (run_id,) in rows}


def _planned_models(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return the models a run set out to audit."""
    found: dict[str, None] = {}
    for entry in _records(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        event = entry.event_log_entry.dagster_event
        if event is not None and event.asset_key is not None:
            found[event.asset_key.path[0]] = None
    return list(found)


def _is_dead(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the process that the run's log names is gone, or is another one by now."""
    for entry in _records(instance, run_id, dg.DagsterEventType.ENGINE_EVENT):
        event = entry.event_log_entry.dagster_event
        value = event.event_specific_data.metadata.get("pid") if event is not None else None  # type: ignore[union-attr]
        if value is not None:
            return not _alive(int(str(value.value)), entry.event_log_entry.timestamp)
    return False


def _alive(pid: int, seen: float) -> bool:
    """Whether process `pid` lives and is older than the log line that named it."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= seen + 1.0
    except psutil.NoSuchProcess:
        return False


def _records(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Iterator[dg.EventLogRecord]:
    """Yield the events of one kind of one run, page by page."""
    cursor = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=kind, limit=500)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor
