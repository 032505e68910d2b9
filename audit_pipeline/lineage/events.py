"""OpenLineage events of one run: of each stage of a model-night, and of the nightly job above them.

Source: the OpenLineage specification 2-0-2 (run cycle, naming, facets). Each stage is one run of the job
`<model>.<stage>`: a START, and exactly one of

    COMPLETE   the stage ran; what it found (also a FAIL of the data) stands in its facets
    FAIL       the stage could not run; our own sentence in `errorMessage`, nothing of the exception
    ABORT      it never ran, because an earlier stage ended the line or the process died

Everything is derived from the arguments, identifiers too: the same trace gives the same bytes.
"""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as of
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_static_uuid

from audit_pipeline import __version__
from audit_pipeline.lineage.dataset_facets import facet, identity, input_of, output_of
from audit_pipeline.lineage.own_facets import PRODUCER, run_facets
from audit_pipeline.records import Outcome, RunContext, SourceCode, Stage, StageTrace, Trace

TICK = timedelta(microseconds=1)  # an end is later than its start
SOURCE = "audit-pipeline"  # of tags, and the name of the processing engine
GATES = (Stage.SNAPSHOT, Stage.VALIDATION)  # what comes after runs only on data that they let through
Facets = dict[str, Any]


def events_of(trace: Trace) -> list[dict[str, Any]]:
    """Return two events per stage of `trace`, in order, as JSON-ready objects.

    Raises:
        LineageError: a column source names a dataset or a column that the stage did not see.
    """
    events = []
    for position, stage in enumerate(trace.stages):
        unrun = stage.outcome is None and stage.error is None
        reason = _why_not(trace.stages, position) if unrun else None
        events += _pair(trace, stage, reason)
    return events


def aborted_events(
    run: RunContext,
    model_id: str,
    night: date,
    owner: str,
    project: str,
    *,
    started: datetime,
    ended: datetime,
    reason: str,
) -> list[dict[str, Any]]:
    """Return START and ABORT of each stage of a model-night whose process died before it could report.

    Args:
        run: the run that died.
        model_id: model of the model-night.
        night: night of the model-night.
        owner: who answers for the model; "" when that is not known any more.
        project: job namespace.
        started: when the try began, as the run's log says; never the clock, so that a second pass gives the same bytes.
        ended: when it ended, likewise.
        reason: our own sentence.
    """
    unrun = tuple(StageTrace(stage, started, ended, None, None, (), ()) for stage in Stage)
    trace = Trace(run, model_id, night, owner, project, unrun)
    return [event for stage in unrun for event in _pair(trace, stage, reason)]


def run_id(run: RunContext, model_id: str, night: date, stage: Stage) -> str:
    """Return the UUIDv7 of one stage of one model-night in one attempt."""
    text = f"{run.run_id}|{model_id}|{night.isoformat()}|{stage.value}|{run.attempt}"
    return str(generate_static_uuid(run.created, text.encode()))


def _why_not(stages: tuple[StageTrace, ...], position: int) -> str:
    """Say why a stage never ran, from the others: a crash, a night whose data may not be used, or nothing to do."""
    if stages[-1].outcome is None:  # the line never came to its audit
        crashed = next((stage for stage in reversed(stages[:position]) if stage.error is not None), None)
        return f"did not run: {crashed.stage.value} could not be carried out" if crashed else "did not run"
    gates = (stage for stage in stages[:position] if stage.stage in GATES)
    stopped = next((s for s in gates if s.outcome in (Outcome.FAIL, Outcome.NOT_EVALUATED)), None)
    if stopped is not None and all(s.outcome is None for s in stages[len(GATES) : -1]):
        return f"did not run: {stopped.stage.value} stopped the line"
    return "did not run: the model has nothing configured for it"


def _pair(trace: Trace, stage: StageTrace, reason: str | None) -> list[dict[str, Any]]:
    """Return the START and the terminal event of one stage; `reason` is set when it never ran."""
    end = ol.RunState.ABORT if reason else ol.RunState.FAIL if stage.error else ol.RunState.COMPLETE
    ended = max(stage.ended, stage.started + TICK)
    seen = () if reason else stage.inputs  # what never ran has read nothing
    made = () if reason else stage.outputs
    brief = [ol.InputDataset(d.namespace, d.name, facets=identity(d)) for d in seen]
    inputs = [input_of(trace, stage, dataset) for dataset in seen]
    outputs = [output_of(trace, stage, dataset) for dataset in made]
    return [
        _event(trace, stage, ol.RunState.START, stage.started, brief, [], None),
        _event(trace, stage, end, ended, inputs, outputs, reason),
    ]


def _event(
    trace: Trace,
    stage: StageTrace,
    kind: ol.RunState,
    at: datetime,
    inputs: list[ol.InputDataset],
    outputs: list[ol.OutputDataset],
    reason: str | None,
) -> dict[str, Any]:
    """Return one event of a stage."""
    tags = {
        "model": trace.model_id,
        "stage": stage.stage.value,
        "attempt": str(trace.run.attempt),
        "reason": reason,
    }
    facets = _run(trace.run, trace.project, trace.night, tags) | _parent(trace.run, trace.project)
    facets |= run_facets(trace, stage, ended=kind is not ol.RunState.START)
    if kind is ol.RunState.FAIL:
        facets["errorMessage"] = _error(str(stage.error))
    return _plain(
        ol.RunEvent(
            eventTime=_instant(at),
            producer=PRODUCER,
            eventType=kind,
            run=ol.Run(run_id(trace.run, trace.model_id, trace.night, stage.stage), facets=facets),
            job=ol.Job(
                trace.project,
                f"{trace.model_id}.{stage.stage.value}",
                facets=_job("ASSET", [trace.owner] if trace.owner else [], trace.source_code),
            ),
            inputs=inputs,
            outputs=outputs,
        )
    )


def nightly_events(
    run: RunContext,
    project: str,
    night: date,
    *,
    started: datetime,
    ended: datetime,
    state: str,
    error: str | None,
    owners: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Return START and the terminal event of the job that audited a night: the parent of its stages.

    Args:
        run: the run.
        project: job namespace.
        night: night it was about.
        started: when it began, aware.
        ended: when it ended, aware.
        state: COMPLETE, FAIL or ABORT.
        error: why it failed, in our own words; only with FAIL.
        owners: who answer for the models it audited.
    """
    facets = _run(run, project, night, {})
    end = facets | ({"errorMessage": _error(error)} if error else {})
    job = ol.Job(project, _nightly(project), facets=_job("JOB", sorted({*owners} - {""}), None))
    return [
        _plain(
            ol.RunEvent(
                eventTime=_instant(at),
                producer=PRODUCER,
                eventType=kind,
                run=ol.Run(nightly_id(run), facets=said),
                job=job,
                inputs=[],
                outputs=[],
            )
        )
        for kind, at, said in (
            (ol.RunState.START, started, facets),
            (ol.RunState[state], max(ended, started + TICK), end),
        )
    ]


def _plain(event: ol.RunEvent) -> dict[str, Any]:
    """Take an event through JSON, so that only plain values leave this module."""
    plain: dict[str, Any] = json.loads(json.dumps(Serde.to_dict(event), allow_nan=False))
    return plain


def _nightly(project: str) -> str:
    return f"{project}.nightly"


def nightly_id(run: RunContext) -> str:
    """Return the UUIDv7 of the job that audited a night: the parent of its stages."""
    return str(generate_static_uuid(run.created, run.run_id.encode()))


def _parent(run: RunContext, project: str) -> Facets:
    """Return the facet that ties a stage to its nightly run, which is the root as well."""
    parent, above = nightly_id(run), _nightly(project)
    return {
        "parent": facet(
            of.parent_run.ParentRunFacet,
            run=of.parent_run.Run(parent),
            job=of.parent_run.Job(project, above),
            root=of.parent_run.Root(run=of.parent_run.RootRun(parent), job=of.parent_run.RootJob(project, above)),
        )
    }


def _run(run: RunContext, project: str, night: date, more: dict[str, str | None]) -> Facets:
    """Return the standard's run facets; `more` are further tags, those without a value left out."""
    midnight = datetime.combine(night, time(), UTC)
    tags = {"project": project, "night": night.isoformat(), "run": run.run_id, **more}
    return {
        "nominalTime": facet(
            of.nominal_time_run.NominalTimeRunFacet, _instant(midnight), _instant(midnight + timedelta(days=1))
        ),
        "processing_engine": facet(
            of.processing_engine_run.ProcessingEngineRunFacet,
            __version__,
            name=SOURCE,
            openlineageAdapterVersion=__version__,
        ),
        "tags": facet(
            of.tags_run.TagsRunFacet,
            [of.tags_run.TagsRunFacetFields(k, v, source=SOURCE) for k, v in tags.items() if v is not None],
        ),
    }


def _job(kind: str, owners: list[str], code: SourceCode | None) -> Facets:
    """Return the standard's job facets; where the code is only when the project says so."""
    facets: Facets = {"jobType": facet(of.job_type_job.JobTypeJobFacet, "BATCH", "DAGSTER", jobType=kind)}
    if owners:
        facets["ownership"] = facet(
            of.ownership_job.OwnershipJobFacet, [of.ownership_job.Owner(owner, type="OWNER") for owner in owners]
        )
    if code:
        facets["sourceCodeLocation"] = facet(
            of.source_code_location_job.SourceCodeLocationJobFacet,
            "git",
            "/".join(part.strip("/") for part in (code.repository, code.path) if part),
            repoUrl=code.repository,
            path=code.path or None,
            version=code.version,
        )
    return facets


def _error(message: str) -> Any:
    return facet(of.error_message_run.ErrorMessageRunFacet, message, programmingLanguage="PYTHON")


def _instant(at: datetime) -> str:
    """Return RFC 3339 in UTC with six decimals: text of equal length sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
