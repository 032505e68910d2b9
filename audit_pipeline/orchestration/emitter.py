"""Lineage of Dagster's runs: derived from the log of a run that has ended, whoever started it and however it ended.

The log says which model-nights a run set out to audit, when each try of a step began and ended, and, in the metadata
that the step left, the trace of what it did. A try that was killed left none: each of its stages gets START and ABORT.
Identifiers and times follow from the log alone, so that a second pass gives the same bytes, which the store keeps once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from audit_pipeline import lineage
from audit_pipeline.config import Project
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import LineageError
from audit_pipeline.fleet import publish_store
from audit_pipeline.orchestration.run_log import RunLog, Try, read_log
from audit_pipeline.publish import published
from audit_pipeline.records import RunContext

Events = list[dict[str, Any]]
NIGHT_TAG = "dagster/partition"
EMITTED_TAG = "audit/lineage"  # holds the run's own id (a retry inherits tags) once its events are on disk
ENDED = {
    dg.DagsterRunStatus.SUCCESS: "COMPLETE",
    dg.DagsterRunStatus.FAILURE: "FAIL",
    dg.DagsterRunStatus.CANCELED: "ABORT",
}
OVERLAP = timedelta(hours=1)  # how far back a pass looks behind the one before it


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a pass over the runs did."""

    ended: int  # runs that were looked at
    runs: int  # runs whose events were written
    events: int
    problems: tuple[str, ...]  # runs whose events could not be derived, with the reason


def emit_ended(project: Project, instance: dg.DagsterInstance) -> Reconciled:
    """Write the lineage of runs that have ended since the last pass.

    Raises:
        LineageError: the outbox cannot be written; the next pass does it.
    """
    began, mark = datetime.now(UTC), project.layout.audit / ".state" / "lineage_pass"
    chosen = dg.RunsFilter(statuses=list(ENDED), updated_after=_time_of(mark))
    fresh = [r for r in _nightly(instance, chosen) if r.dagster_run.tags.get(EMITTED_TAG) != r.dagster_run.run_id]
    done = _emit(project, instance, fresh)
    write_whole(mark, (began - OVERLAP).isoformat().encode())
    return done


def reconcile(project: Project, instance: dg.DagsterInstance) -> Reconciled:
    """See that every run that has ended has its end in lineage, and write what is missing.

    Raises:
        LineageError: the outbox cannot be written.
        PublishError: what lineage knows cannot be read.
    """
    records = list(_nightly(instance, dg.RunsFilter(statuses=list(ENDED))))
    publish_store(project)
    with published(project.layout) as connection:
        sql = "SELECT run_id FROM lineage.run WHERE state <> 'RUNNING'"
        known = {str(run_id) for (run_id,) in connection.execute(sql).fetchall()}
    done = _emit(project, instance, [r for r in records if lineage.nightly_id(_run(r)) not in known])
    if done.events:
        publish_store(project)
    return replace(done, ended=len(records))


def _emit(project: Project, instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]) -> Reconciled:
    """Write the events of some runs, oldest first, and mark each."""
    runs, written, problems = 0, 0, []
    for record in records:
        run_id = record.dagster_run.run_id
        try:
            events = events_of_run(project, instance, record)
        except LineageError as error:
            problems.append(f"Run {run_id}: {error}")
            continue
        lineage.append(project.layout.outbox, events)
        instance.add_run_tags(run_id, {EMITTED_TAG: run_id})
        runs, written = runs + 1, written + len(events)
    return Reconciled(len(records), runs, written, tuple(problems))


def _nightly(instance: dg.DagsterInstance, chosen: dg.RunsFilter) -> Iterator[dg.RunRecord]:
    """Yield the runs of `chosen` that are about a night, oldest first."""
    for record in instance.get_run_records(chosen, ascending=True):
        if NIGHT_TAG in record.dagster_run.tags:
            yield record


def events_of_run(project: Project, instance: dg.DagsterInstance, record: dg.RunRecord) -> Events:
    """Return the events of one ended run: its own START, those of its stages, its own end.

    Raises:
        LineageError: a step succeeded and its trace is not in the log, or cannot be read.
    """
    run, night, log = (
        _run(record),
        date.fromisoformat(record.dagster_run.tags[NIGHT_TAG]),
        read_log(instance, record.dagster_run.run_id),
    )
    begin = _at(log.started) if log.started is not None else run.created
    end = max(_at(log.ended), begin) if log.ended is not None else begin
    state = ENDED[record.dagster_run.status]
    stages = [
        event
        for model_id, tries in sorted(log.models.items())
        for one in tries or [Try(1, end.timestamp())]
        for event in _events_of_try(project, run, night, model_id, one, log, state)
    ]
    failed = sorted(m for m, tries in log.models.items() if not (tries and tries[-1].succeeded))
    error = f"No record was made of {', '.join(failed) or 'any model'}." if state == "FAIL" else None
    first, last = lineage.nightly_events(
        run, project.config.name, night, started=begin, ended=end, state=state, error=error
    )
    return [first, *stages, last]


def _events_of_try(
    project: Project, run: RunContext, night: date, model_id: str, one: Try, log: RunLog, state: str
) -> Events:
    """Return the events of the stages of one model-night in one try."""
    trace = log.traces.get((model_id, one.number))
    if trace is not None:
        return lineage.events_of(trace)
    if one.succeeded:
        raise LineageError(f"the audit of {model_id} left no trace in Dagster's log; another version made it.")
    ended = one.ended if one.ended is not None else log.ended
    known = project.models.get(model_id)
    return lineage.aborted_events(
        RunContext(run.run_id, run.created, one.number),
        model_id,
        night,
        known.config.owner if known else "",
        project.config.name,
        started=_at(one.started),
        ended=_at(ended if ended is not None else one.started),
        reason=f"did not run: {_reason(one, state)}",
    )


def _reason(one: Try, state: str) -> str:
    """Say why a try left no trace."""
    if state == "ABORT":
        return "the run was cancelled"
    return one.failure if one.failure is not None else "the process of the run died"


def _run(record: dg.RunRecord) -> RunContext:
    return RunContext(record.dagster_run.run_id, record.create_timestamp.astimezone(UTC))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _time_of(mark: Path) -> datetime | None:
    """Return when the last pass was made; None when that is not known: then all runs are looked at."""
    try:
        return datetime.fromisoformat(mark.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
