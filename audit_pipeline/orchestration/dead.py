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
from audit_pipeline.records import RunContext, Stage

OPEN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
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
    """Give every planned model-night of a failed or cancelled run its terminal events; return how many it lacked."""
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    written = 0
    accounted = lineage.model_nights_in(project.layout.outbox)
    for record in instance.get_run_records(dg.RunsFilter(statuses=ended)):
        run = record.dagster_run
        night = run.tags.get("dagster/partition")
        if night is None:
            continue
        for model_id in _planned_models(instance, run.run_id):
            if (run.run_id, model_id, night) in accounted or model_id not in project.models:
                continue
            context = RunContext(run.run_id, record.create_timestamp.astimezone(UTC))
            at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
            events = lineage.aborted_events(
                context,
                model_id=model_id,
                night=date.fromisoformat(night),
                owner=project.models[model_id].config.owner,
                project=project.config.name,
                stages=tuple(Stage),
                at=at,
                reason=REASON,
            )
            lineage.append(project.layout.outbox, events)
            written += 1
    return written


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
