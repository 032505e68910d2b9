"""Runs whose process died without a word: found, closed in Dagster, and ended in lineage.

A killed run worker leaves a run that is "started" for ever; Dagster's run monitoring does not look at processes. A
run says by its tags and its log on which machine and in which processes it is; a run of another machine is left alone
(`max_runtime_seconds` of the instance ends it).
"""

import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psutil

from audit_pipeline import lineage
from audit_pipeline.config import Project
from audit_pipeline.errors import PublishError
from audit_pipeline.fleet import publish_store
from audit_pipeline.orchestration.assets import HOST_TAG
from audit_pipeline.publish import published
from audit_pipeline.records import RunContext, Stage

Status = dg.DagsterRunStatus
OPEN = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
ENDED = [Status.FAILURE, Status.CANCELED]
NIGHT_TAG = "dagster/partition"
NAMES_PROCESS = {dg.DagsterEventType.RUN_START, dg.DagsterEventType.STEP_WORKER_STARTED}
CLOSED_TAG = "audit/lineage"  # holds the run's own id (a retry inherits tags) when every stage has its end in lineage
REASON = "The process of this run died before it ended."
CLOCK_S = 1.0  # the log's clock and the kernel's agree to this
SILENT = timedelta(hours=1)  # a run that was created and has started nothing by then will not


def close_dead_runs(project: Project, instance: dg.DagsterInstance) -> list[str]:
    """Report runs of dead processes as failed and end their lineage; return their ids."""
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=OPEN)):
        if _is_dead(instance, record):
            instance.report_run_failed(record.dagster_run, REASON)
            closed.append(record.dagster_run.run_id)
    reconcile(project, instance)
    return closed


def reconcile(project: Project, instance: dg.DagsterInstance) -> int:
    """Give every stage of every model-night of a failed or cancelled run its terminal event; return how many lacked it.

    Ids and times follow from the run's own log, so that a second pass writes the same bytes and adds nothing. While
    the database cannot be published it is not known what is missing: the next pass does it.
    """
    records = [
        r
        for r in instance.get_run_records(dg.RunsFilter(statuses=ENDED))
        if NIGHT_TAG in r.dagster_run.tags and r.dagster_run.tags.get(CLOSED_TAG) != r.dagster_run.run_id
    ]
    stages = {r.dagster_run.run_id: list(_planned(project, instance, r)) for r in records}
    try:
        known = _ended_in_lineage(project, [run_id for planned in stages.values() for _, _, run_id in planned])
    except PublishError:
        return 0
    written = 0
    for record in records:
        missing = [(m, s) for m, s, run_id in stages[record.dagster_run.run_id] if run_id not in known]
        events = list(_aborts(project, record, missing))
        lineage.append(project.layout.outbox, events)
        instance.add_run_tags(record.dagster_run.run_id, {CLOSED_TAG: record.dagster_run.run_id})
        written += len(missing)
    return written


def _planned(project: Project, instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[tuple[str, Stage, str]]:
    """Yield the stages a run set out to carry out: model, stage, lineage run."""
    run, night = _run(record), _night(record)
    models: dict[str, None] = {}
    for entry in _records(instance, run.run_id, {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED}):
        event = entry.event_log_entry.dagster_event
        if event is not None and event.asset_key is not None:
            models[event.asset_key.path[0]] = None
    for model_id in models:
        if model_id in project.models:
            yield from ((model_id, stage, lineage.run_id(run, model_id, night, stage)) for stage in Stage)


def _run(record: dg.RunRecord) -> RunContext:
    return RunContext(record.dagster_run.run_id, record.create_timestamp.astimezone(UTC))


def _night(record: dg.RunRecord) -> date:
    return date.fromisoformat(record.dagster_run.tags[NIGHT_TAG])


def _aborts(
    project: Project, record: dg.RunRecord, missing: Sequence[tuple[str, Stage]]
) -> Iterator[dict[str, object]]:
    """Yield START and ABORT of each stage that has no end, at the time the run ended."""
    at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
    for model_id in dict.fromkeys(model for model, _ in missing):
        stages = [stage for model, stage in missing if model == model_id]
        owner = project.models[model_id].config.owner
        yield from lineage.aborted_events(
            _run(record), model_id, _night(record), owner, project.config.name, stages=stages, at=at, reason=REASON
        )


def _ended_in_lineage(project: Project, run_ids: Sequence[str]) -> set[str]:
    """Return which of the lineage runs have an end, after loading what the outbox holds.

    Raises:
        PublishError: the database could not be published.
    """
    if not run_ids:
        return set()
    publish_store(project)
    with published(project.layout) as connection:
        sql = "SELECT run_id FROM lineage.run WHERE state <> 'RUNNING' AND list_contains(?, run_id)"
        return {str(run_id) for (run_id,) in connection.execute(sql, [list(run_ids)]).fetchall()}


def _is_dead(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether all processes of a run are gone, or others by now; or it has named none in all the time it had."""
    run = record.dagster_run
    if run.tags.get(HOST_TAG, socket.gethostname()) != socket.gethostname():
        return False
    processes = list(_processes(instance, run.run_id))
    if not processes:
        return datetime.now(UTC) - record.update_timestamp.astimezone(UTC) > SILENT
    return not any(_alive(pid, seen) for pid, seen in processes)


def _processes(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[int, float]]:
    """Yield the processes of a run with the time each spoke: its worker, and steps, which may outlive it."""
    for entry in _records(instance, run_id, NAMES_PROCESS):
        event = entry.event_log_entry.dagster_event
        if event is not None and event.pid is not None:
            yield event.pid, entry.event_log_entry.timestamp


def _alive(pid: int, seen: float) -> bool:
    """Whether process `pid` lives and is older than the moment that named it."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= seen + CLOCK_S
    except psutil.NoSuchProcess:
        return False


def _records(instance: dg.DagsterInstance, run_id: str, kinds: set[dg.DagsterEventType]) -> Iterator[dg.EventLogRecord]:
    """Yield the events of some kinds of one run, page by page."""
    cursor = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=kinds, limit=500)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor
