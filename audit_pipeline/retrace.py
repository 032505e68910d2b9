"""The path of a model-night from its evidence record alone, where Dagster's log has none: what was committed was read.

The record says when each stage ran, what it read in which version and what was found; the configuration of that night
is in the store. Not in it: the digest of the labels' and the reference's own file (their frozen copies have others),
so that these two are named without a version.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from audit_pipeline import lineage
from audit_pipeline.config import ModelConfig, Project
from audit_pipeline.decision import nights_to_look_back
from audit_pipeline.errors import AuditError, LineageError
from audit_pipeline.evidence import Committed, LogEntry, Store
from audit_pipeline.gather import Gathered
from audit_pipeline.records import AuditResult, EarlierNight, FileRef, Outcome, RunContext, Stage, Trace
from audit_pipeline.replay.recorded import CONFIGURATION, project_in, read
from audit_pipeline.revive import revived
from audit_pipeline.stages import StageRun, Stopwatch
from audit_pipeline.trace import trace_of


class _Read(Stopwatch):
    """When the stages of a record ran."""

    def __init__(self, execution: Mapping[str, Any], verdict: Outcome) -> None:
        """The record is written within the audit stage: what stands in it is of the stages before."""
        super().__init__()
        self.started = datetime.fromisoformat(execution["started"])
        self._runs = list(revived(tuple[StageRun, ...], execution["stages"]))
        if all(run.stage is not Stage.AUDIT for run in self._runs):
            begun = max((run.ended for run in self._runs), default=self.started)
            ended = max(datetime.fromisoformat(execution["ended"]), begun)
            self._runs.append(StageRun(Stage.AUDIT, begun, ended, verdict, None))


def trace_of_run(project: Project, model_id: str, night: date, run: RunContext) -> Trace | None:
    """Return the trace of the record that one try of a run made; None when it made none.

    Raises:
        LineageError: there is a record, and its path cannot be derived.
    """
    store = _store(project)
    for entry in store.log.of_model(model_id):
        if entry.kind != "record" or entry.night != night.isoformat():
            continue
        made = _execution(store, entry)
        if (made["run_id"], made.get("attempt", 1)) == (run.run_id, run.attempt):
            return trace_of_record(project, store, entry)
    return None


def trace_of_record(project: Project, store: Store, entry: LogEntry) -> Trace:
    """Return the trace of the model-night whose record `entry` names, as the run that made it would have left it.

    Raises:
        LineageError: the record or its configuration is gone, or of a form that this version does not read.
    """
    what = f"the lineage of the record of {entry.model_id} on {entry.night} cannot be derived"
    try:
        record = store.read_record(entry.model_id, entry.night, entry.digest)
        result: AuditResult = revived(AuditResult, record["result"])
        execution = record["execution"]
        created = datetime.fromisoformat(execution["created"])
        run = RunContext(execution["run_id"], created, execution.get("attempt", 1))
        committed = Committed(
            entry.digest, record["result_digest"], True, revived(tuple[FileRef, ...], execution["artifacts"])
        )
        model = _model(record, store)
        watch = _Read(execution, result.decision.verdict)
    except AuditError as error:
        raise LineageError(f"{what}: {' '.join(str(error).split())}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LineageError(f"{what}: it is not of a form that this version reads.") from error
    return trace_of(
        project,
        model,
        result.night,
        run,
        watch,
        _gathered(result),
        result=result,
        committed=committed,
        earlier=_earlier(model, result),
    )


def events_of_record(project: Project, store: Store, entry: LogEntry) -> list[dict[str, Any]]:
    """Return the events of a record that no log of a run tells of, under a run of their own.

    Dagster's log may have ended the stages of the run that made it (its process died after the record was committed),
    and a run ends once: the id of this one holds the record's digest too.

    Raises:
        LineageError: as `trace_of_record`.
    """
    trace = trace_of_record(project, store, entry)
    trace = replace(trace, run=replace(trace.run, run_id=f"{trace.run.run_id}/{entry.digest[:16]}"))
    started, ended = trace.stages[0].started, trace.stages[-1].ended
    first, last = lineage.nightly_events(
        trace.run,
        trace.project,
        trace.night,
        started=started,
        ended=ended,
        state="COMPLETE",
        error=None,
        owners=[trace.owner],
    )
    return [first, *lineage.events_of(trace), last]


def _store(project: Project) -> Store:
    """Return the store, with the key that opens what is encrypted."""
    try:
        return Store.of(project)
    except AuditError as error:
        raise LineageError(f"the evidence cannot be read for the lineage: {error}") from error


def _execution(store: Store, entry: LogEntry) -> dict[str, Any]:
    """Return when and by whom a record was made; nothing that fits anybody when it cannot be read."""
    try:
        made: dict[str, Any] = store.read_record(entry.model_id, entry.night, entry.digest)["execution"]
    except AuditError:
        return {"run_id": None}
    return made


def _model(record: Mapping[str, Any], store: Store) -> ModelConfig:
    """Return the model's settings of that night."""
    recorded = read(record)
    settings = tuple(ref for ref in recorded.inputs if ref.role in CONFIGURATION)
    with store.vault.session(), tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder), replace(recorded, snapshot=None, inputs=settings), store)
        return project.model(recorded.model_id).config


def _gathered(result: AuditResult) -> Gathered:
    """Return what had been gathered for the night, as far as its path is concerned."""
    single = {ref.role: ref for ref in result.inputs}
    return Gathered(
        source=result.source,
        snapshot=result.snapshot,
        profile=result.profile,
        references=tuple(ref for ref in result.inputs if ref.role == "reference"),
        labels=single.get("labels"),
        artefact=single.get("model"),
        configuration=tuple(ref for ref in result.inputs if ref.role in CONFIGURATION),
    )


def _earlier(model: ModelConfig, result: AuditResult) -> tuple[EarlierNight, ...]:
    """Return the nights that decided whether a warning stayed: the newest of those that were looked back at."""
    many = nights_to_look_back(model, result.drift)
    return tuple(EarlierNight(night, digest, frozenset()) for night, digest in result.look_back[:many])
