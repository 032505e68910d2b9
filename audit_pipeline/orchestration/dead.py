"""Runs whose process died without a word: found, and closed in Dagster's log, from which lineage ends them too.

A killed run worker leaves a run that is "started" for ever; Dagster's run monitoring does not look at processes. A
run says by its tags and its log on which machine and in which processes it is; a run of another machine is left alone
(`max_runtime_seconds` of the instance ends it).
"""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

from audit_pipeline.orchestration.assets import HOST_TAG
from audit_pipeline.orchestration.run_log import entries

Status = dg.DagsterRunStatus
OPEN = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
NAMES_PROCESS = {dg.DagsterEventType.RUN_START, dg.DagsterEventType.STEP_WORKER_STARTED}
REASON = "The process of this run died before it ended."
CLOCK_S = 1.0  # the log's clock and the kernel's agree to this
SILENT = timedelta(hours=1)  # a run that was created and has started nothing by then will not


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report runs of dead processes as failed; return their ids."""
    closed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=OPEN)):
        if _is_dead(instance, record):
            instance.report_run_failed(record.dagster_run, REASON)
            closed.append(record.dagster_run.run_id)
    return closed


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
    for event, at in entries(instance, run_id, NAMES_PROCESS):
        if event.pid is not None:
            yield event.pid, at


def _alive(pid: int, seen: float) -> bool:
    """Whether process `pid` lives and is older than the moment that named it."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= seen + CLOCK_S
    except psutil.NoSuchProcess:
        return False
