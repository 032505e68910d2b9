"""The path of one model-night as lineage sees it: which stage read and wrote which dataset and column."""

from collections.abc import Iterable
from datetime import date, datetime

from audit_pipeline.config import ModelConfig, Project, Source
from audit_pipeline.config.fairness import JOIN
from audit_pipeline.evidence import Committed
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.gather import Gathered, label_column
from audit_pipeline.records import (
    AuditResult,
    Column,
    ColumnSource,
    ControlCharts,
    Dataset,
    EarlierNight,
    FileRef,
    Outcome,
    RunContext,
    SourceCode,
    Stage,
    StageTrace,
    Trace,
    worst,
)
from audit_pipeline.stages import StageRun, Stopwatch
from audit_pipeline.tell import told_profile

FRAMEWORKS = {  # what a model of each artefact format is made with
    "skops": "scikit-learn",
    "onnx": "ONNX",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "pickle": "Python (pickle)",
}

CHARTED_BY = {  # first word of a charted number, or all of it -> the stage it was measured in
    "volume": Stage.VALIDATION,
    "volume.labelled": Stage.PERFORMANCE,
    "quality": Stage.VALIDATION,
    "drift": Stage.DRIFT,
    "performance": Stage.PERFORMANCE,
    "concept": Stage.PERFORMANCE,
    "fairness": Stage.PERFORMANCE,
    "attribution": Stage.EXPLANATION,
}


def trace_of(
    project: Project,
    model: ModelConfig,
    night: date,
    run: RunContext,
    watch: Stopwatch,
    gathered: Gathered,
    *,
    result: AuditResult | None = None,
    committed: Committed | None = None,
    earlier: tuple[EarlierNight, ...] = (),
) -> Trace:
    """Return the trace of what ran so far; stages that never began stand in it without an outcome.

    `earlier` are the nights the verdict looked back at.
    """
    nodes = _Nodes(project, model, night, gathered, result, committed, earlier)
    ran = {r.stage: r for r in watch.runs()}
    last = max((r.ended for r in ran.values()), default=watch.started)
    return Trace(
        run=run,
        model_id=model.model_id,
        night=night,
        owner=model.owner,
        project=project.config.name,
        stages=tuple(_stage(ran.get(stage), stage, nodes, last, result) for stage in Stage),
        checks=result.validation.results if result and result.validation else (),
        profile=told_profile(gathered.profile),
        drift=tuple(s for s in result.drift.scores if s.engine == "exact") if result and result.drift else (),
        decision=result.decision if result else None,
        model_version=model.version,
        source_code=_source_code(project),
    )


def _source_code(project: Project) -> SourceCode | None:
    """Return where the project says its code is; nothing unless it says so."""
    place = project.config.lineage.source_code
    if place is None:
        return None
    return SourceCode(place.repository, place.path, place.deployed())


def _stage(
    run: StageRun | None, stage: Stage, nodes: "_Nodes", last: datetime, result: AuditResult | None
) -> StageTrace:
    if run is None:
        return StageTrace(stage, last, last, None, None, (), ())
    inputs, outputs = nodes.of(stage)
    outcome = _judged(stage, result) or run.outcome
    return StageTrace(stage, run.started, run.ended, outcome, run.error, tuple(inputs), tuple(outputs))


def _judged(stage: Stage, result: AuditResult | None) -> Outcome | None:
    """What the stage's findings came to, once they were judged; None when none of them counts."""
    if result is None:
        return None
    if stage is Stage.AUDIT:
        return result.decision.verdict
    counted = [f.outcome for f in result.decision.findings if f.stage is stage and f.counts]
    return worst(counted) if counted else None


class _Nodes:
    """The datasets of one model-night."""

    def __init__(
        self,
        project: Project,
        model: ModelConfig,
        night: date,
        gathered: Gathered,
        result: AuditResult | None,
        committed: Committed | None,
        earlier: tuple[EarlierNight, ...],
    ) -> None:
        self._project, self._model, self._night, self._gathered = project, model, night, gathered
        self._result, self._committed, self._earlier = result, committed, earlier
        self._store = f"audit://{project.config.name}"
        self._source_digests = dict(gathered.sources)

    def of(self, stage: Stage) -> tuple[list[Dataset], list[Dataset]]:
        """Return what `stage` read and wrote; only what was really there."""
        settings, suite = (self._config(role) for role in ("model_config", "suite"))
        snapshot, references, labels = self._snapshot(), self._references(), self._labels()
        measured = [self._measured(s) for s in (Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.EXPLANATION)]
        inputs: dict[Stage, list[Dataset | None]] = {
            Stage.SNAPSHOT: [self._log(), settings],
            Stage.VALIDATION: [snapshot, suite],
            Stage.DRIFT: [snapshot, *references],
            Stage.PERFORMANCE: [snapshot, labels, *references],
            Stage.EXPLANATION: [snapshot, labels, *references, self._artefact()],
            Stage.AUDIT: [snapshot, *measured, *self._looked_back(), self._policy()],
        }
        outputs: dict[Stage, list[Dataset | None]] = {
            Stage.SNAPSHOT: [snapshot],
            Stage.AUDIT: self._evidence(),
        }
        written = outputs[stage] if stage in outputs else [self._measured(stage)]
        return [d for d in inputs[stage] if d], [d for d in written if d]

    def _log(self) -> Dataset:
        snapshot = self._gathered.snapshot
        namespace, name, file = self._place(self._model.log)
        return Dataset(
            namespace,
            name,
            "log",
            snapshot.source_sha256 if snapshot else "",
            columns=tuple(_raw(c) for c in snapshot.columns) if snapshot else (),
            rows=snapshot.rows if snapshot else None,
            file=file,
        )

    def _place(self, source: Source) -> tuple[str, str, str | None]:
        """Name a source by the OpenLineage rules: the night is a version, not part of the name; the file apart."""
        root = self._project.root
        if source.path:
            name = str((root / source.path).absolute())
            file = name.replace("{night}", self._night.isoformat())
            return "file", name, file if file != name else None
        path = (root / str(source.database)).absolute()
        table = str(source.table)
        return f"duckdb://localhost{path}", f"{path.stem}.{table if '.' in table else 'main.' + table}", None

    def _snapshot(self) -> Dataset | None:
        frozen = self._gathered.snapshot
        if frozen is None:
            return None
        log = self._log().name
        sources = tuple((c.name, (_copied(log, c),)) for c in frozen.columns)
        return Dataset(
            self._store,
            f"snapshots/{self._model.model_id}",
            "snapshot",
            frozen.sha256,
            columns=frozen.columns,
            sources=sources,
            rows=frozen.rows,
            bytes=frozen.bytes,
        )

    def _config(self, role: str) -> Dataset | None:
        ref = next((r for r in self._gathered.configuration if r.role == role), None)
        folder = {"model_config": "models", "suite": "expectations"}[role]
        path = (self._project.root / folder / f"{self._model.model_id}.yaml").absolute()
        return Dataset("file", str(path), role, ref.sha256, bytes=ref.bytes) if ref else None

    def _policy(self) -> Dataset:
        """The owner's policy: part of the model file, with a version of its own that only its limits change."""
        version = sha256(canonical(self._model.policy.model_dump(mode="json")))
        return Dataset(self._store, f"policies/{self._model.model_id}", "policy", version)

    def _references(self) -> list[Dataset]:
        """The reference file, or every earlier snapshot of the window."""
        compared = tuple(self._columns(("feature", "segment", "score", "prediction", "probability")))
        refs = self._gathered.references
        if self._model.reference.window is not None:
            name = f"snapshots/{self._model.model_id}"
            return [Dataset(self._store, name, "snapshot", r.sha256, columns=compared, bytes=r.bytes) for r in refs]
        namespace, name, file = self._place(self._model.reference)
        version = self._source_digests.get("reference", "")
        return [Dataset(namespace, name, "reference", version, columns=compared, file=file) for _ in refs]

    def _labels(self) -> Dataset | None:
        if self._gathered.labels is None or self._model.labels is None:
            return None
        namespace, name, file = self._place(self._model.labels)
        label = label_column(self._model)
        version = self._source_digests.get("labels", "")
        return Dataset(namespace, name, "labels", version, columns=(label,), file=file)

    def _artefact(self) -> Dataset | None:
        ref, config = self._gathered.artefact, self._model.artefact
        if ref is None or config is None:
            return None
        path = str((self._project.root / config.path).absolute())
        return Dataset("file", path, "model", ref.sha256, bytes=ref.bytes, framework=FRAMEWORKS[config.format])

    def _measured(self, stage: Stage) -> Dataset | None:
        """The numbers of one stage; their version is the result they stand in."""
        if self._result is None or getattr(self._result, stage.value) is None or self._committed is None:
            return None
        sources = tuple(self._aggregated(stage))
        columns = tuple(Column(name, "number", "measure", "none") for name, _ in sources)
        name = f"{stage.value}/{self._model.model_id}"
        return Dataset(self._store, name, stage.value, self._committed.result_digest, columns=columns, sources=sources)

    def _looked_back(self) -> list[Dataset]:
        """The results of earlier nights that the verdict looked at.

        Drift scores (did a warning stay?), and where the policy judges a control chart the numbers behind it: of each
        night whose record the chart looked at, what the number's stage measured. The nights of phase I that lie
        further back stand in the record by date only, and are not followed.
        """
        charts = self._result.charts if self._result else None
        looked = [(Stage.DRIFT, night.result_digest) for night in self._earlier]
        if charts:
            looked += [(stage, digest) for stage in _judged_stages(charts) for _, digest in charts.look_back]
        return [
            Dataset(self._store, f"{stage.value}/{self._model.model_id}", stage.value, digest)
            for stage, digest in dict.fromkeys(looked)
        ]

    def _aggregated(self, stage: Stage) -> Iterable[tuple[str, tuple[ColumnSource, ...]]]:
        """Yield each measure with the columns it aggregates."""
        snapshot, references, labels = self._snapshot(), self._references(), self._labels()
        if snapshot is None or self._result is None:
            return
        if stage is Stage.DRIFT and self._result.drift and references:
            compared = dict.fromkeys(d.name for d in (snapshot, *references))
            for column in dict.fromkeys(s.column for s in self._result.drift.scores):
                yield column, tuple(_over(name, column) for name in compared)
        elif stage is Stage.PERFORMANCE and self._result.performance:
            used = (_over(snapshot.name, self._model.output), *self._outcomes(snapshot, labels))
            slices: dict[str, dict[str, None]] = {}
            for metric in self._result.performance.metrics if labels else ():
                segment = metric.slice.partition("=")[0]
                slices.setdefault(metric.name, {})
                if segment in self._model.columns:
                    slices[metric.name][segment] = None
            for name, segments in slices.items():
                yield name, (*used, *(_by(snapshot.name, segment, "GROUP_BY") for segment in segments))
            concept = self._result.performance.concept
            if labels and concept and concept.numbers:
                inputs = (_over(snapshot.name, feature) for feature in self._model.features)
                yield "concept drift", (*inputs, *used)
            for grouping in self._result.fairness.groupings if self._result.fairness else ():
                parts = [part for part in grouping.attribute.split(JOIN) if part in self._model.columns]
                yield (
                    f"fairness of {grouping.attribute}",
                    (*(_by(snapshot.name, part, "GROUP_BY") for part in parts), *used),
                )
        elif stage is Stage.EXPLANATION and self._result.explanation:
            moved = self._result.explanation.attribution
            compared = dict.fromkeys(d.name for d in (snapshot, *(references if moved and moved.features else [])))
            for importance in self._result.explanation.importances:
                yield importance.feature, tuple(_over(name, importance.feature) for name in compared)
            shuffled = self._result.explanation.permutation
            if labels and shuffled and shuffled.over == "night" and shuffled.features:
                inputs = (_over(snapshot.name, each.feature) for each in shuffled.features)
                yield "permutation importance", (*inputs, _over(labels.name, "label"))

    def _outcomes(self, snapshot: Dataset, labels: Dataset | None) -> tuple[ColumnSource, ...]:
        """The outcomes, and the column by which they were found: its values are in no number."""
        if labels is None:
            return ()
        row_id = self._model.row_id
        return _over(labels.name, "label"), *(_by(name, row_id, "JOIN") for name in (snapshot.name, labels.name))

    def _evidence(self) -> list[Dataset | None]:
        if self._committed is None:
            return []
        record = Dataset(self._store, f"evidence/{self._model.model_id}", "record", self._committed.record)
        return [record, *(self._page(file) for file in self._committed.artifacts if file.media_type == "text/html")]

    def _page(self, file: FileRef) -> Dataset:
        name = f"artifacts/{self._model.model_id}/{file.path.rsplit('/', 1)[-1]}"
        return Dataset(self._store, name, "report", file.sha256, bytes=file.bytes)

    def _columns(self, roles: tuple[str, ...]) -> Iterable[Column]:
        return (Column(n, c.type, c.role, c.privacy) for n, c in self._model.columns.items() if c.role in roles)


def _judged_stages(charts: ControlCharts) -> Iterable[Stage]:
    """Return the stages whose numbers were held against a control chart that the policy judges."""
    metrics = [chart.metric for chart in charts.charts if chart.judged and chart.z is not None]
    if charts.joint.judged and charts.joint.distance is not None:
        metrics += charts.joint.metrics
    return dict.fromkeys(CHARTED_BY.get(metric, CHARTED_BY[metric.partition(".")[0]]) for metric in metrics)


def _raw(column: Column) -> Column:
    """The column as the log had it, before any mask."""
    return Column(column.name, column.type, column.role, column.privacy)


def _copied(log: str, column: Column) -> ColumnSource:
    hidden = column.masked or column.generalised is not None  # the raw value cannot be read behind it
    return ColumnSource(log, column.name, "TRANSFORMATION" if hidden else "IDENTITY", masking=hidden)


def _over(dataset: str, column: str) -> ColumnSource:
    return ColumnSource(dataset, column, "AGGREGATION")


def _by(dataset: str, column: str, how: str) -> ColumnSource:
    return ColumnSource(dataset, column, how, direct=False)
