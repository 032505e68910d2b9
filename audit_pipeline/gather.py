"""Freeze everything a model-night stands on: log, reference, labels, model, configuration.

A fault of a source becomes a finding or a stated problem here; what comes after works on frozen files only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from audit_pipeline import in_memory, sources
from audit_pipeline import snapshot as snapshots
from audit_pipeline.config import AuditedModel, Limits, ModelConfig, Project, ReferenceConfig
from audit_pipeline.config.secrets import read_key
from audit_pipeline.errors import (
    AddressTakenError,
    ColumnMissingError,
    ColumnTypeError,
    ErasedError,
    ExplainError,
    NightEmptyError,
    NightMissingError,
    SourceError,
)
from audit_pipeline.evidence import Store, signing_key
from audit_pipeline.evidence.erased import erased_rows
from audit_pipeline.explain import pinned_digest
from audit_pipeline.records import (
    Column,
    ColumnProfile,
    FileRef,
    Finding,
    Outcome,
    Relation,
    Severity,
    Snapshot,
    Stage,
)
from audit_pipeline.refrozen import frozen_before, origin_of
from audit_pipeline.stages import Stopwatch
from audit_pipeline.vault import Vault
from audit_pipeline.window import PARQUET, window

YAML, BINARY = "application/yaml", "application/octet-stream"
COMPARED = (  # roles a reference may have; the person, so that its rows can be found and erased
    "row_id",
    "subject_id",
    "feature",
    "segment",
    "score",
    "prediction",
    "probability",
    "prediction_lo",
    "prediction_hi",
    "model_version",
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was frozen for one model-night, and what could not be."""

    source: str | None = None
    snapshot: Snapshot | None = None
    profile: tuple[ColumnProfile, ...] = ()
    versions_seen: tuple[tuple[str, int], ...] = ()
    references: tuple[FileRef, ...] = ()
    reference_problem: str | None = None
    labels: FileRef | None = None
    labels_due: date | None = None
    labels_overdue: bool = False
    artefact: FileRef | None = None
    artefact_sha256: str | None = None  # as pinned
    artefact_problem: str | None = None
    configuration: tuple[FileRef, ...] = ()
    look_back: tuple[tuple[date, str], ...] = ()
    faults: tuple[Finding, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()  # (labels or reference, sha256 of the bytes that were read)

    @property
    def inputs(self) -> tuple[FileRef, ...]:
        """Every file the result depends on beside the snapshot."""
        single = tuple(ref for ref in (self.labels, self.artefact) if ref is not None)
        return (*self.configuration, *self.references, *single)


def gather(
    project: Project, model: AuditedModel, night: date, *, store: Store, newest: date, watch: Stopwatch
) -> Gathered:
    """Freeze the night's log and all it is held against.

    Raises:
        KeyMissingError: a column needs pseudonyms and the key is not there.
    """
    with watch.stage(Stage.SNAPSHOT):
        freezer = _Freezer(project, model.config, store)
        gathered = Gathered(configuration=_configuration(project, model, store))
        gathered = _with_labels(gathered, freezer, night, newest)
        try:
            gathered = _with_log(gathered, freezer, night)
        except SourceError as error:
            watch.outcome(_fault(error).outcome)
            where = _place(model.config, night)
            return replace(gathered, source=where, faults=(_fault(error),))
        gathered = _with_reference(gathered, freezer, night)
        gathered = _with_artefact(gathered, project, model.config, store)
        watch.outcome(Outcome.FAIL if gathered.snapshot and gathered.snapshot.duplicate_row_ids else Outcome.PASS)
        return gathered


def require_keys(project: Project) -> None:
    """See that every key a model needs is there, before any work is done.

    Raises:
        KeyMissingError: it is not.
        MemoryRoomError: files are to be encrypted, and there is no tmpfs to read them in.
    """
    signing_key(project.config, project.root)
    Vault.of(project.config, project.root).require()
    for model in project.models.values():
        pseudonym_key(project, model.config)


def pseudonym_key(project: Project, model: ModelConfig) -> bytes | None:
    """Return the key of the pseudonyms; None when no column needs one."""
    masked = any(c.privacy == "direct_identifier" for c in model.columns.values())
    return read_key("pseudonym", project.config.keys.pseudonym, project.root) if masked else None


class _Freezer:
    """Turns a relation of this model into a frozen file of the store."""

    def __init__(self, project: Project, model: ModelConfig, store: Store) -> None:
        self.project, self.model, self.store = project, model, store
        self.key = pseudonym_key(project, model)

    def freeze(self, relation: Relation, columns: Sequence[Column], *, place: str, suffix: str = "") -> Snapshot:
        """Write the canonical columns of `relation` under `place`.

        Raises:
            ErasedError: that file was frozen before, and rows of it were erased.
            AuditError: as `snapshot.take`.
        """
        limits = self.project.config.limits
        try:
            return snapshots.take(
                relation,
                columns,
                vault=self.store.vault,
                place=place,
                suffix=suffix,
                key=self.key,
                threads=limits.threads,
                memory=limits.memory,
            )
        except AddressTakenError as error:
            if erased_rows(self.store, error.path, sha256=self.store.vault.sha256(error.path)) is None:
                raise
            raise ErasedError(relation.name, path=error.path) from error

    def columns(self, names: Sequence[str] | None = None) -> tuple[Column, ...]:
        """Return the model's columns as the snapshot knows them (all, or those of `names`)."""
        return tuple(
            Column(name, column.type, column.role, column.privacy, generalised=column.generalised)
            for name, column in self.model.columns.items()
            if names is None or name in names
        )

    def reference(self, relation: Relation) -> FileRef:
        """Freeze the reference, unless the model's newest record stands on it already."""
        columns = self._present(relation)
        origin = origin_of(relation, columns, self.model.reference, self.key)
        before = frozen_before(self.store, self.model.model_id, origin)
        if before is not None:
            return before
        frozen = self.freeze(relation, columns, place="inputs")
        return FileRef("reference", frozen.path, frozen.sha256, frozen.bytes, PARQUET, origin)

    def _present(self, relation: Relation) -> tuple[Column, ...]:
        """The columns to compare that the relation has; one that is missing is a finding of its metric."""
        names = [n for n, c in self.model.columns.items() if c.role in COMPARED and n in relation.columns]
        label = (label_column(self.model),) if "label" in relation.columns else ()
        return (*self.columns(names), *label)


def label_column(model: ModelConfig) -> Column:
    """The outcome as the snapshot of labels knows it: a number, or a class written like the predicted one."""
    privacy = model.labels.privacy if model.labels else "sensitive"
    kind = model.columns[model.output].type if model.task == "multiclass" else "number"
    rule = model.labels.generalised if model.labels else None
    return Column("label", kind, "label", privacy, generalised=rule)


def _configuration(project: Project, model: AuditedModel, store: Store) -> tuple[FileRef, ...]:
    """Keep the model file (with its policy) and the suite as they are now."""
    return (
        store.put_input("model_config", model.config_bytes, media_type=YAML),
        store.put_input("suite", model.suite_bytes, media_type=YAML),
    )


def _with_log(gathered: Gathered, freezer: _Freezer, night: date) -> Gathered:
    """Freeze and profile the night's prediction log.

    Raises:
        SourceError: it is missing, empty, unreadable, or not what the model file declares.
    """
    model = freezer.model
    relation = sources.open_night(model.log, freezer.project.root, night)
    sources.require_columns(relation, tuple(model.columns))
    frozen = freezer.freeze(
        relation, freezer.columns(), place=f"snapshots/{model.model_id}/{night.isoformat()}", suffix=".parquet"
    )
    gathered = replace(gathered, source=relation.name, snapshot=frozen)
    return described(gathered, model, freezer.project.config.limits, vault=freezer.store.vault)


def described(gathered: Gathered, model: ModelConfig, limits: Limits, *, vault: Vault) -> Gathered:
    """Add what the snapshot in `vault` looks like, when there is one: profile and model versions."""
    frozen = gathered.snapshot
    if frozen is None:
        return gathered
    path = vault.plain(frozen.path)
    profile = snapshots.profile(path, frozen.columns, threads=limits.threads, memory=limits.memory)
    return replace(gathered, profile=profile, versions_seen=_versions(model, path, memory=limits.memory))


def _versions(model: ModelConfig, path: Path, *, memory: str) -> tuple[tuple[str, int], ...]:
    """Count rows per model version; one version, the configured one, when the log does not say."""
    column = model.by_role("model_version")
    with in_memory.connect(threads=1, memory=memory) as connection:
        what = f'"{column}"' if column else "NULL"
        sql = f"SELECT coalesce({what}::VARCHAR, ?), count(*) FROM read_parquet(?) GROUP BY 1 ORDER BY 1"
        rows = connection.execute(sql, [model.version, str(path)]).fetchall()
    return tuple((str(version), int(count)) for version, count in rows)


def _with_labels(gathered: Gathered, freezer: _Freezer, night: date, newest: date) -> Gathered:
    """Freeze the outcomes known now; absent ones are pending until they are due, then overdue."""
    model = freezer.model
    due = model.labels_due(night)
    if model.labels is None or due is None:
        return gathered
    try:
        relation = sources.open_night(model.labels, freezer.project.root, night, what="labels")
        labels = _labels(freezer, relation)
    except (NightMissingError, NightEmptyError):
        return replace(gathered, labels_due=due, labels_overdue=newest >= due)
    except SourceError as error:
        fault = _unusable(Stage.PERFORMANCE, "labels", str(error))
        return replace(gathered, labels_due=due, labels_overdue=newest >= due, faults=(*gathered.faults, fault))
    return replace(
        gathered,
        labels=labels,
        labels_due=due,
        labels_overdue=newest >= due,
        sources=(*gathered.sources, ("labels", relation.sha256)),
    )


def _labels(freezer: _Freezer, relation: Relation) -> FileRef:
    """Freeze row id and outcome under the names the metrics join on."""
    model = freezer.model
    config = model.labels
    if config is None:
        raise SourceError("The model has no labels.")
    row_id = config.row_id or model.row_id
    sources.require_columns(relation, (row_id, config.column))
    relation = renamed(relation, {row_id: model.row_id, config.column: "label"})
    columns = (*freezer.columns((model.row_id,)), label_column(model))
    frozen = freezer.freeze(relation, columns, place="inputs")
    return FileRef("labels", frozen.path, frozen.sha256, frozen.bytes, PARQUET)


def renamed(relation: Relation, names: dict[str, str]) -> Relation:
    """Return `relation` with only the columns of `names`, under their new names."""
    chosen = ", ".join(f'"{old}" AS "{new}"' for old, new in names.items())
    return replace(relation, sql=f"SELECT {chosen} FROM ({relation.sql})", columns=tuple(names.values()))


def _with_reference(gathered: Gathered, freezer: _Freezer, night: date) -> Gathered:
    """Freeze the reference, or name the earlier nights that are one."""
    config = freezer.model.reference
    if config.window is not None:
        return _with_window(gathered, freezer, night, config.window.nights)
    try:
        relation = sources.open_table(config, freezer.project.root)
        if gathered.snapshot and relation.sha256 == gathered.snapshot.source_sha256:
            problem = f"the reference '{relation.name}' is this night's own log, and a log cannot drift from itself"
            return replace(gathered, reference_problem=problem)
        reference = freezer.reference(_with_label(relation, config))
    except SourceError as error:
        return replace(gathered, reference_problem=str(error))
    return replace(gathered, references=(reference,), sources=(*gathered.sources, ("reference", relation.sha256)))


def _with_label(relation: Relation, config: ReferenceConfig) -> Relation:
    """Name the reference's outcome `label`, when it has one."""
    if not config.label:
        others = tuple(c for c in relation.columns if c != "label")
        return replace(relation, columns=others)
    sources.require_columns(relation, (config.label,))
    if config.label == "label":
        return relation
    return replace(
        relation,
        sql=f'SELECT *, "{config.label}" AS label FROM ({relation.sql})',
        columns=(*relation.columns, "label"),
    )


def _with_window(gathered: Gathered, freezer: _Freezer, night: date, nights: int) -> Gathered:
    """Use the newest earlier nights whose data was not stopped by a check."""
    found = window(freezer.store, freezer.model.model_id, night, nights=nights)
    if not found:
        problem = (
            "this is the first audited night and the reference is a window of earlier ones. The next night is "
            "compared with it; a file under `reference` would be compared with at once"
        )
        return replace(gathered, reference_problem=problem)
    return replace(
        gathered,
        references=tuple(ref for _, _, ref in found),
        look_back=tuple((earlier, digest) for earlier, digest, _ in found),
    )


def _with_artefact(gathered: Gathered, project: Project, model: ModelConfig, store: Store) -> Gathered:
    """Keep the model file, whatever its digest: the record shows what was there."""
    if model.artefact is None:
        return gathered
    path = project.root / model.artefact.path
    if not path.is_file():
        problem = f"The model file '{model.artefact.path}' does not exist. Deliver it, or remove `artefact`."
        return replace(gathered, artefact_problem=problem)
    try:
        pinned = pinned_digest(model.artefact, project.root)
    except ExplainError as error:
        return replace(gathered, artefact_problem=str(error))
    kept = store.put_input_file("model", path, media_type=BINARY)
    return replace(gathered, artefact=kept, artefact_sha256=pinned)


def _place(model: ModelConfig, night: date) -> str:
    """Return the log of `night` as the configuration names it."""
    if model.log.path:
        return model.log.path.replace("{night}", night.isoformat())
    return f"{model.log.database}:{model.log.table}"


def _fault(error: SourceError) -> Finding:
    """A log that breaks its contract has failed; one that is not there or not readable was not evaluated."""
    kinds: dict[type[SourceError], tuple[Outcome, str]] = {
        NightMissingError: (Outcome.NOT_EVALUATED, "missing night"),
        NightEmptyError: (Outcome.NOT_EVALUATED, "empty night"),
        ColumnMissingError: (Outcome.FAIL, "stopped"),
        ColumnTypeError: (Outcome.FAIL, "stopped"),
    }
    outcome, conclusion = kinds.get(type(error), (Outcome.NOT_EVALUATED, "unreadable"))
    return Finding(
        stage=Stage.SNAPSHOT,
        name="source",
        column=getattr(error, "column", None),
        severity=Severity.CRITICAL,
        outcome=outcome,
        counts=True,
        value=None,
        limit=None,
        n=0,
        reason=str(error),
        conclusion=conclusion,
    )


def _unusable(stage: Stage, name: str, reason: str) -> Finding:
    """Something a stage needs is there and cannot be used."""
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=Severity.CRITICAL,
        outcome=Outcome.NOT_EVALUATED,
        counts=True,
        value=None,
        limit=None,
        n=0,
        reason=reason,
    )
