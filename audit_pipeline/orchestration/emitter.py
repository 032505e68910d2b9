"""Lineage of Dagster's runs: derived from the log of a run that has ended, whoever started it and however it ended.

The log says which model-nights a run set out to audit, when each try of a step began and ended, and, in the metadata
that the step left, the trace of what it did. A try that was killed left none: each of its stages gets START and ABORT.
Identifiers and times follow from the log alone, so that a second pass gives the same bytes, which the store keeps once.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from audit_pipeline import lineage
from audit_pipeline.config import Project
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import EvidenceError, LineageError, PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.entry import RECORD
from audit_pipeline.fleet import publish_store
from audit_pipeline.lineage.fields import day
from audit_pipeline.orchestration.run_log import RunLog, Try, read_log
from audit_pipeline.publish import published
from audit_pipeline.records import RunContext
from audit_pipeline.retrace import events_of_record, trace_of_run

Events = list[dict[str, Any]]
NIGHT_TAG = "dagster/partition"
PROJECT_TAG = "audit/project"  # of our job, which its runs have too
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
    problems: tuple[str, ...]  # runs and records whose events could not be derived, with the reason
    records: int = 0  # records that no run's lineage had, and whose events were derived from themselves


def emit_ended(project: Project, instance: dg.DagsterInstance) -> Reconciled:
    """Write the lineage of runs that have ended since the last pass; what it could not, the next pass tries again.

    Raises:
        LineageError: the outbox cannot be written; the next pass does it.
    """
    began, mark = datetime.now(UTC), project.layout.audit / ".state" / "lineage_pass"
    last = _time_of(mark)
    chosen = dg.RunsFilter(statuses=list(ENDED), updated_after=last)
    fresh = [r for r in _nightly(instance, chosen) if r.dagster_run.tags.get(EMITTED_TAG) != r.dagster_run.run_id]
    if any(last is None or r.end_time is None or _at(r.end_time) < last + OVERLAP for r in fresh):
        # The last pass saw them: their tag was lost, and another version would give them other bytes.
        with suppress(PublishError):  # a database that cannot be read costs the same events once more
            known = _ended_in_lineage(project)
            fresh = [r for r in fresh if lineage.nightly_id(_run(r)) not in known]
    done = _emit(project, instance, fresh)
    lineage.tell_problems(project.layout, done.problems)
    if not done.problems:
        write_whole(mark, (began - OVERLAP).isoformat().encode())
    return done


def reconcile(project: Project, instance: dg.DagsterInstance) -> Reconciled:
    """See that every run that has ended, and every record, has its end in lineage, and write what is missing.

    Raises:
        LineageError: the outbox cannot be written.
        PublishError: what lineage knows cannot be read.
    """
    runs = list(_nightly(instance, dg.RunsFilter(statuses=list(ENDED))))
    publish_store(project)
    known = _ended_in_lineage(project)
    done = _emit(project, instance, [r for r in runs if lineage.nightly_id(_run(r)) not in known])
    if done.events:
        publish_store(project)
    written, problems = _emit_records(project)
    if written:
        publish_store(project)
    done = replace(
        done,
        ended=len(runs),
        events=done.events + sum(written),
        problems=(*done.problems, *problems),
        records=len(written),
    )
    lineage.tell_problems(project.layout, done.problems)
    return done


def _emit(project: Project, instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]) -> Reconciled:
    """Write the events of some runs, oldest first, and mark each; one that cannot be told holds up no other."""
    runs, written, problems = 0, 0, []
    for record in records:
        run_id = record.dagster_run.run_id
        try:
            events = events_of_run(project, instance, record)
        except LineageError as error:
            problems.append(f"Run {run_id}: {error}")
            continue
        except Exception as error:  # noqa: BLE001 (the edge: what stands in a log must not stop alerts and publishing)
            problems.append(f"Run {run_id}: its log cannot be read for the lineage ({type(error).__name__}).")
            continue
        if not events:
            continue
        lineage.append(project.layout.outbox, events)
        instance.add_run_tags(run_id, {EMITTED_TAG: run_id})
        runs, written = runs + 1, written + len(events)
    return Reconciled(len(records), runs, written, tuple(problems))


def _emit_records(project: Project) -> tuple[list[int], list[str]]:
    """Write the events of records that no lineage names; return how many of each, and what could not be derived."""
    with published(project.layout) as connection:
        sql = "SELECT version FROM lineage.run_io WHERE kind = 'record' AND direction = 'output'"
        known = {digest for (digest,) in connection.execute(sql).fetchall()}
    store, written, problems = Store.of(project), [], []
    for entry in store.log.of_kind(RECORD):
        try:
            if entry.digest in known or store.kept_record(entry.model_id, entry.night, entry.digest) is None:
                continue
            events = events_of_record(project, store, entry)
        except (EvidenceError, LineageError) as error:
            problems.append(f"Record {entry.digest[:16]} of {entry.model_id} on {entry.night}: {error}")
            continue
        lineage.append(project.layout.outbox, events)
        written.append(len(events))
    return written, problems


def _ended_in_lineage(project: Project) -> set[str]:
    """Return the runs whose end is stored; none when nothing is published yet."""
    if not project.layout.database.exists():
        return set()
    with published(project.layout) as connection:
        sql = "SELECT run_id FROM lineage.run WHERE state <> 'RUNNING'"
        return {str(run_id) for (run_id,) in connection.execute(sql).fetchall()}


def _nightly(instance: dg.DagsterInstance, chosen: dg.RunsFilter) -> Iterator[dg.RunRecord]:
    """Yield the runs of `chosen` that are about a night, oldest first; other jobs have partitions of other kinds."""
    for record in instance.get_run_records(chosen, ascending=True):
        if day(record.dagster_run.tags.get(NIGHT_TAG)) is not None:
            yield record


def events_of_run(project: Project, instance: dg.DagsterInstance, record: dg.RunRecord) -> Events:
    """Return the events of one ended run: its own START, those of its stages, its own end; of another's job none.

    Raises:
        LineageError: a step succeeded and its trace is not in the log, or cannot be read.
    """
    run, night, log = (
        _run(record),
        date.fromisoformat(record.dagster_run.tags[NIGHT_TAG]),
        read_log(instance, record.dagster_run.run_id),
    )
    if not log.models and record.dagster_run.tags.get(PROJECT_TAG) != project.config.name:
        return []
    begin = _at(log.started) if log.started is not None else run.created
    end = max(_at(log.ended), begin) if log.ended is not None else begin
    state = ENDED[record.dagster_run.status]
    _add_traces_of_records(project, run, night, log)
    stages = [
        event
        for model_id, tries in sorted(log.models.items())
        for one in tries or [Try(1, end.timestamp())]
        for event in _events_of_try(project, run, night, model_id, one, log, state)
    ]
    error = _why_failed(log) if state == "FAIL" else None
    first, last = lineage.nightly_events(
        run,
        project.config.name,
        night,
        started=begin,
        ended=end,
        state=state,
        error=error,
        owners=_owners(project, log),
    )
    return [first, *stages, last]


def _add_traces_of_records(project: Project, run: RunContext, night: date, log: RunLog) -> None:
    """Add the traces of tries that died after their record was committed: it is evidence, and no ABORT."""
    for model_id, tries in log.models.items():
        for one in tries:
            if (model_id, one.number) not in log.traces and not one.succeeded:
                made = trace_of_run(project, model_id, night, replace(run, attempt=one.number))
                if made is not None:
                    log.traces[model_id, one.number] = made


def _owners(project: Project, log: RunLog) -> set[str]:
    """Return who answered for the models of a run then; for one that left no trace, who does now."""
    then = {model_id: trace.owner for (model_id, _), trace in log.traces.items()}
    now = {model_id: project.models[model_id].config.owner for model_id in log.models if model_id in project.models}
    return {owner for model_id, owner in (now | then).items() if model_id in log.models}


def _why_failed(log: RunLog) -> str:
    """Say what a run that failed left undone."""
    failed = sorted(m for m, tries in log.models.items() if not (tries and _recorded(log, m, tries[-1])))
    if log.models and not failed:
        return "The run ended badly after all its records were made."
    return f"No record was made of {', '.join(failed) or 'any model'}."


def _recorded(log: RunLog, model_id: str, one: Try) -> bool:
    """Whether a try came to a verdict."""
    trace = log.traces.get((model_id, one.number))
    return one.succeeded or (trace is not None and trace.stages[-1].outcome is not None)


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
