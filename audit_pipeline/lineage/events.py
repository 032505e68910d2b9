"""OpenLineage events of one model-night; the only module that imports the OpenLineage client.

Source: the OpenLineage specification 2-0-2 (run cycle, naming, facets). Each stage is one run of the job
`<model>.<stage>`: a START, and exactly one of

    COMPLETE   the stage ran; what it found (also a FAIL of the data) stands in its facets
    FAIL       the stage could not run; our own sentence in `errorMessage`, nothing of the exception
    ABORT      it never ran, because an earlier stage ended the line or the process died

Everything is derived from the arguments, identifiers too: the same trace gives the same bytes.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as of
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_static_uuid

from audit_pipeline import __version__
from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.own_facets import PRODUCER, dataset_facets, run_facets
from audit_pipeline.records import (
    CheckResult,
    ColumnSource,
    Dataset,
    Outcome,
    RunContext,
    Stage,
    StageTrace,
    Trace,
)

TICK = timedelta(microseconds=1)  # an end is later than its start
SOURCE = "audit-pipeline"  # of tags, and the name of the processing engine
T = TypeVar("T")


def events_of(trace: Trace) -> list[dict[str, Any]]:
    """Return two events per stage of `trace`, in order, as JSON-ready objects.

    Raises:
        LineageError: a column source names a dataset or a column that the stage did not see.
    """
    events = []
    for position, stage in enumerate(trace.stages):
        unrun = stage.outcome is None and stage.error is None
        reason = _why_not(trace.stages[:position]) if unrun else None
        events += _pair(trace, stage, reason)
    return events


def aborted_events(
    run: RunContext,
    model_id: str,
    night: date,
    owner: str,
    project: str,
    stages: Iterable[Stage],
    at: datetime,
    reason: str,
) -> list[dict[str, Any]]:
    """Return START and ABORT of each stage of a model-night whose process died before it could report.

    Args:
        run: the run that died.
        model_id: model of the model-night.
        night: night of the model-night.
        owner: who answers for the model.
        project: job namespace.
        stages: those without a terminal event.
        at: when the run ended, as its log says; never the clock, so that a second pass gives the same bytes.
        reason: our own sentence.
    """
    unrun = tuple(StageTrace(stage, at, at, None, None, (), ()) for stage in stages)
    trace = Trace(run, model_id, night, owner, project, unrun)
    return [event for stage in unrun for event in _pair(trace, stage, reason)]


def run_id(run: RunContext, model_id: str, night: date, stage: Stage) -> str:
    """Return the UUIDv7 of one stage of one model-night in one attempt."""
    text = f"{run.run_id}|{model_id}|{night.isoformat()}|{stage.value}|{run.attempt}"
    return str(generate_static_uuid(run.created, text.encode()))


def _why_not(earlier: tuple[StageTrace, ...]) -> str:
    """Say why a stage never ran, from those before it."""
    for stage in reversed(earlier):
        if stage.error is not None:
            return f"did not run: {stage.stage.value} could not be carried out"
        if stage.outcome is Outcome.FAIL:
            return f"did not run: {stage.stage.value} stopped the line"
    return "did not run"


def _pair(trace: Trace, stage: StageTrace, reason: str | None) -> list[dict[str, Any]]:
    """Return the START and the terminal event of one stage; `reason` is set when it never ran."""
    end = ol.RunState.ABORT if reason else ol.RunState.FAIL if stage.error else ol.RunState.COMPLETE
    ended = max(stage.ended, stage.started + TICK)
    seen = () if reason else stage.inputs  # what never ran has read nothing
    made = () if reason else stage.outputs
    brief = [ol.InputDataset(d.namespace, d.name, facets=_identity(d)) for d in seen]
    inputs = [_input(trace, stage, dataset) for dataset in seen]
    outputs = [_output(trace, stage, dataset) for dataset in made]
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
    """Build one event and take it through JSON, so that only plain values leave this module."""
    facets = _run(trace, reason, stage.stage) | run_facets(trace, stage, ended=kind is not ol.RunState.START)
    if kind is ol.RunState.FAIL:
        facets["errorMessage"] = _facet(
            of.error_message_run.ErrorMessageRunFacet, stage.error, programmingLanguage="PYTHON"
        )
    event = ol.RunEvent(
        eventTime=_instant(at),
        producer=PRODUCER,
        eventType=kind,
        run=ol.Run(run_id(trace.run, trace.model_id, trace.night, stage.stage), facets=facets),
        job=ol.Job(trace.project, f"{trace.model_id}.{stage.stage.value}", facets=_job(trace)),
        inputs=inputs,
        outputs=outputs,
    )
    plain: dict[str, Any] = json.loads(json.dumps(Serde.to_dict(event), allow_nan=False))
    return plain


def _run(trace: Trace, reason: str | None, stage: Stage) -> dict[str, Any]:
    """Return the standard's run facets."""
    parent = str(generate_static_uuid(trace.run.created, trace.run.run_id.encode()))
    above = f"{trace.project}.nightly"
    midnight = datetime.combine(trace.night, time(), UTC)
    tags = {
        "project": trace.project,
        "model": trace.model_id,
        "night": trace.night.isoformat(),
        "stage": stage.value,
        "attempt": str(trace.run.attempt),
        "run": trace.run.run_id,
        "reason": reason,
    }
    return {
        "parent": _facet(
            of.parent_run.ParentRunFacet,
            run=of.parent_run.Run(parent),
            job=of.parent_run.Job(trace.project, above),
            root=of.parent_run.Root(run=of.parent_run.RootRun(parent), job=of.parent_run.RootJob(trace.project, above)),
        ),
        "nominalTime": _facet(
            of.nominal_time_run.NominalTimeRunFacet, _instant(midnight), _instant(midnight + timedelta(days=1))
        ),
        "processing_engine": _facet(
            of.processing_engine_run.ProcessingEngineRunFacet,
            __version__,
            name=SOURCE,
            openlineageAdapterVersion=__version__,
        ),
        "tags": _facet(
            of.tags_run.TagsRunFacet,
            [of.tags_run.TagsRunFacetFields(k, v, source=SOURCE) for k, v in tags.items() if v is not None],
        ),
    }


def _job(trace: Trace) -> dict[str, Any]:
    """Return the standard's job facets."""
    return {
        "jobType": _facet(of.job_type_job.JobTypeJobFacet, "BATCH", "DAGSTER", jobType="ASSET"),
        "ownership": _facet(of.ownership_job.OwnershipJobFacet, [of.ownership_job.Owner(trace.owner, type="OWNER")]),
    }


def _input(trace: Trace, stage: StageTrace, dataset: Dataset) -> ol.InputDataset:
    """Return a dataset that was read; the checks stand on the snapshot that validation read."""
    facets: dict[str, Any] = {}
    if dataset.rows is not None or dataset.bytes is not None:
        facets["inputStatistics"] = _facet(
            of.input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.bytes,
        )
    if stage.stage is Stage.VALIDATION and dataset.kind == "snapshot" and trace.checks:
        names = {column.name for column in dataset.columns}
        facets["dataQualityAssertions"] = _facet(
            of.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
            [_assertion(check, names) for check in trace.checks],
        )
    return ol.InputDataset(dataset.namespace, dataset.name, facets=_described(trace, dataset), inputFacets=facets)


def _output(trace: Trace, stage: StageTrace, dataset: Dataset) -> ol.OutputDataset:
    """Return a dataset that was written, with where each of its columns came from."""
    facets = _described(trace, dataset)
    facets["ownership"] = _facet(
        of.ownership_dataset.OwnershipDatasetFacet, [of.ownership_dataset.Owner(trace.owner, type="OWNER")]
    )
    if dataset.sources:
        facets["columnLineage"] = _column_lineage(stage, dataset)
    written: dict[str, Any] = {}
    if dataset.rows is not None or dataset.bytes is not None:
        written["outputStatistics"] = _facet(
            of.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.bytes,
        )
    return ol.OutputDataset(dataset.namespace, dataset.name, facets=facets, outputFacets=written)


def _identity(dataset: Dataset) -> dict[str, Any]:
    """Return the facets that say which dataset it is, and in which version."""
    kind = "MODEL" if dataset.kind == "model" else "TABLE" if dataset.namespace.startswith("duckdb:") else "FILE"
    facets: dict[str, Any] = {
        "datasetType": _facet(of.dataset_type_dataset.DatasetTypeDatasetFacet, kind, subType=dataset.kind.upper())
    }
    if dataset.version:
        facets["version"] = _facet(
            of.dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=dataset.version
        )
    return facets


def _described(trace: Trace, dataset: Dataset) -> dict[str, Any]:
    """Return identity, where it lies, its columns and what each of them is to a person's privacy."""
    path = quote(dataset.name)
    uri = f"file://{path}" if dataset.namespace == "file" else f"{dataset.namespace}/{path}"
    facets = _identity(dataset) | dataset_facets(trace, dataset)
    facets["dataSource"] = _facet(of.datasource_dataset.DatasourceDatasetFacet, name=dataset.namespace, uri=uri)
    if dataset.columns:
        fields = [
            of.schema_dataset.SchemaDatasetFacetFields(c.name, type=c.type, ordinal_position=i)
            for i, c in enumerate(dataset.columns, 1)
        ]
        facets["schema"] = _facet(of.schema_dataset.SchemaDatasetFacet, fields)
        said = [
            of.tags_dataset.TagsDatasetFacetFields(key, value, source=SOURCE, field=column.name)
            for column in dataset.columns
            for key, value in _tags(column.role, column.privacy, column.masked)
        ]
        facets["tags"] = _facet(of.tags_dataset.TagsDatasetFacet, said)
    return facets


def _tags(role: str, privacy: str, masked: bool) -> list[tuple[str, str]]:
    """Return the tags of one column; what is not sensitive is not said."""
    tags = [("role", role)]
    if privacy != "none":
        tags.append(("privacy", privacy))
    return [*tags, ("masked", "true")] if masked else tags


def _column_lineage(stage: StageTrace, dataset: Dataset) -> Any:
    """Return which input columns stand behind each output column."""
    namespaces = {read.name: read.namespace for read in stage.inputs}
    columns = {column.name for column in dataset.columns}
    fields = {}
    for column, sources in dataset.sources:
        if columns and column not in columns:
            raise _unknown(stage, f"column '{column}' of '{dataset.name}' has sources, but is not in its schema")
        fields[column] = of.column_lineage_dataset.Fields([_field(s, namespaces, stage) for s in sources])
    return _facet(of.column_lineage_dataset.ColumnLineageDatasetFacet, fields)


def _field(source: ColumnSource, namespaces: dict[str, str], stage: StageTrace) -> Any:
    """Return one input column and how it was changed on its way."""
    if source.dataset not in namespaces:
        raise _unknown(stage, f"a column comes from '{source.dataset}', which is not among its inputs")
    change = of.column_lineage_dataset.Transformation(
        "DIRECT" if source.direct else "INDIRECT", subtype=source.subtype, masking=source.masking
    )
    return of.column_lineage_dataset.InputField(namespaces[source.dataset], source.dataset, source.column, [change])


def _assertion(check: CheckResult, columns: set[str]) -> Any:
    """Return one expectation; what could not be evaluated has not succeeded."""
    return of.data_quality_assertions_dataset.Assertion(
        assertion=check.expectation,
        success=check.outcome is Outcome.PASS,
        column=check.column if check.column in columns else None,
        severity=check.severity.value,
        name=check.name,
        expected=check.expected,
        actual=check.observed,
        params={"outcome": check.outcome.value},
    )


def _unknown(stage: StageTrace, fault: str) -> LineageError:
    """Return the error of a trace that contradicts itself."""
    return LineageError(f"The trace of stage {stage.stage.value} cannot become lineage: {fault}.")


def _facet(kind: Callable[..., T], *values: Any, **named: Any) -> T:
    """Make a facet with our producer; the client's own default is global state shared with other code."""
    return kind(*values, producer=PRODUCER, **named)


def _instant(at: datetime) -> str:
    """Return RFC 3339 in UTC with six decimals: text of equal length sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
