"""OpenLineage facets of a dataset that a stage read or wrote: what it is, its columns, where each came from.

Source: the OpenLineage specification, facet by facet. Aggregates only: quantiles from p1 to p99, never a minimum, a
maximum or a value of a row.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as of

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.own_facets import PRODUCER, dataset_facets
from audit_pipeline.records import CheckResult, ColumnProfile, ColumnSource, Dataset, Outcome, Stage, StageTrace, Trace
from audit_pipeline.small_cells import few

SOURCE = "audit-pipeline"  # of tags
UPSTREAM = ("log", "labels", "reference")  # made by others: whose they are is theirs to say
T = TypeVar("T")


def input_of(trace: Trace, stage: StageTrace, dataset: Dataset) -> ol.InputDataset:
    """Return a dataset that was read; the checks stand on the snapshot that validation read."""
    facets: dict[str, Any] = {}
    described = _described(trace, dataset)
    if dataset.kind not in UPSTREAM and trace.owner:
        described["ownership"] = _ownership(trace)
    if dataset.rows is not None or dataset.bytes is not None:
        facets["inputStatistics"] = facet(
            of.input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.bytes,
        )
    if stage.stage is Stage.VALIDATION and dataset.kind == "snapshot":
        facets |= _quality(trace, dataset)
    return ol.InputDataset(dataset.namespace, dataset.name, facets=described, inputFacets=facets)


def _quality(trace: Trace, dataset: Dataset) -> dict[str, Any]:
    """Return what was measured of the snapshot's columns, and which expectations they met."""
    facets: dict[str, Any] = {}
    if trace.profile:
        facets["dataQualityMetrics"] = facet(
            of.data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
            {profile.column: _metrics(profile) for profile in trace.profile},
            rowCount=dataset.rows,
            bytes=dataset.bytes,
        )
    if trace.checks:
        names = {column.name for column in dataset.columns}
        facets["dataQualityAssertions"] = facet(
            of.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
            [_assertion(check, names) for check in trace.checks],
        )
    return facets


def _metrics(profile: ColumnProfile) -> Any:
    """Return the aggregates of one column."""
    return of.data_quality_metrics_input_dataset.ColumnMetrics(
        nullCount=None if few(profile.missing) else profile.missing,
        distinctCount=profile.distinct,
        count=None if few(profile.missing) else profile.n - profile.missing,
        quantiles={f"{probability:g}": value for probability, value in profile.quantiles} or None,
    )


def output_of(trace: Trace, stage: StageTrace, dataset: Dataset) -> ol.OutputDataset:
    """Return a dataset that was written, with where each of its columns came from."""
    facets = _described(trace, dataset)
    facets["ownership"] = _ownership(trace)
    if dataset.sources:
        facets["columnLineage"] = _column_lineage(stage, dataset)
    written: dict[str, Any] = {}
    if dataset.rows is not None or dataset.bytes is not None:
        written["outputStatistics"] = facet(
            of.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.bytes,
        )
    return ol.OutputDataset(dataset.namespace, dataset.name, facets=facets, outputFacets=written)


def _ownership(trace: Trace) -> Any:
    """Return who answers for the model, and so for what is its own."""
    return facet(of.ownership_dataset.OwnershipDatasetFacet, [of.ownership_dataset.Owner(trace.owner, type="OWNER")])


def identity(dataset: Dataset) -> dict[str, Any]:
    """Return the facets that say which dataset it is, in which version, and by which other name it is known."""
    kind = "MODEL" if dataset.kind == "model" else "TABLE" if dataset.namespace.startswith("duckdb:") else "FILE"
    facets: dict[str, Any] = {
        "datasetType": facet(of.dataset_type_dataset.DatasetTypeDatasetFacet, kind, subType=dataset.kind.upper())
    }
    if dataset.version:
        facets["version"] = facet(of.dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=dataset.version)
    if dataset.file:
        # Whoever writes a night's file names the file; here the night is a version of one dataset.
        known = of.symlinks_dataset.Identifier(dataset.namespace, dataset.file, "FILE")
        facets["symlinks"] = facet(of.symlinks_dataset.SymlinksDatasetFacet, [known])
    return facets


def _described(trace: Trace, dataset: Dataset) -> dict[str, Any]:
    """Return identity, where it lies, its columns and what each of them is to a person's privacy."""
    path = quote(dataset.name)
    uri = f"file://{path}" if dataset.namespace == "file" else f"{dataset.namespace}/{path}"
    facets = identity(dataset) | dataset_facets(trace, dataset)
    facets["dataSource"] = facet(of.datasource_dataset.DatasourceDatasetFacet, name=dataset.namespace, uri=uri)
    if dataset.columns:
        fields = [
            of.schema_dataset.SchemaDatasetFacetFields(c.name, type=c.type, ordinal_position=i)
            for i, c in enumerate(dataset.columns, 1)
        ]
        facets["schema"] = facet(of.schema_dataset.SchemaDatasetFacet, fields)
        said = [
            of.tags_dataset.TagsDatasetFacetFields(key, value, source=SOURCE, field=column.name)
            for column in dataset.columns
            for key, value in _tags(column.role, column.privacy, column.masked)
        ]
        facets["tags"] = facet(of.tags_dataset.TagsDatasetFacet, said)
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
    return facet(of.column_lineage_dataset.ColumnLineageDatasetFacet, fields)


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


def facet(kind: Callable[..., T], *values: Any, **named: Any) -> T:
    """Make a facet with our producer; the client's own default is global state shared with other code."""
    return kind(*values, producer=PRODUCER, **named)
