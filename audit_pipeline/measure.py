"""Check, measure and explain one frozen night; a stage that breaks leaves a finding and the others stand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from audit_pipeline.cached import Cached
from audit_pipeline.config import Limits, ModelConfig, Project
from audit_pipeline.config.policy import ReasonCodesPolicy
from audit_pipeline.decision import Measured, nights_to_look_back
from audit_pipeline.engines import program
from audit_pipeline.errors import AuditError, ModelDigestError
from audit_pipeline.evidence.canonical import plain
from audit_pipeline.evidence.history import earlier_nights
from audit_pipeline.evidence.past import Past
from audit_pipeline.gather import Gathered
from audit_pipeline.records import (
    ColumnProfile,
    Concept,
    DomainScore,
    Drift,
    Explanation,
    Fairness,
    Finding,
    Maturity,
    Outcome,
    Performance,
    ReasonCodes,
    Severity,
    Snapshot,
    Stage,
    Validation,
)
from audit_pipeline.stages import Stopwatch, sentence, unless_full
from audit_pipeline.tell import told_measures
from audit_pipeline.vault import Vault

if TYPE_CHECKING:
    from audit_pipeline.metrics.domain import Told  # numpy: not at import

T = TypeVar("T")


def measure(
    project: Project, model: ModelConfig, night: date, gathered: Gathered, *, vault: Vault, work: Path, watch: Stopwatch
) -> Measured:
    """Run checks, metrics and explanation over what was frozen.

    A night without a usable log, or with a failed critical check, ends where it stands: what comes after is
    not run, and not passed.

    Raises:
        EvidenceError: what was frozen is encrypted, and was changed since.
        MemoryRoomError: it is encrypted, and does not fit into memory.
    """
    snapshot = gathered.snapshot
    if snapshot is None:
        return Measured(faults=gathered.faults)
    night_of = _Night(project, model, night, gathered, snapshot, vault, work, watch)
    validation = night_of.attempt(Stage.VALIDATION, night_of.validate)
    if snapshot.duplicate_row_ids or (validation is not None and validation.stops):
        return Measured(snapshot, validation, faults=(*gathered.faults, *night_of.faults, _stopped()))
    drift = night_of.attempt(Stage.DRIFT, night_of.drift)
    performance = night_of.attempt(Stage.PERFORMANCE, night_of.performance)
    fairness = night_of.fairness() if model.fairness else None
    drift, performance = night_of.report(drift, performance, fairness)
    explanation = night_of.attempt(Stage.EXPLANATION, night_of.explain) if model.explained else None
    faults = (*gathered.faults, *night_of.faults)
    return Measured(snapshot, validation, drift, performance, explanation, faults, fairness)


def compare_with_earlier(
    model: ModelConfig, night: date, profile: Sequence[ColumnProfile], measured: Measured, past: Past
) -> Measured:
    """Look back: did a warning stay, and are tonight's numbers, as they are told, like those of the nights before?

    Raises:
        EvidenceError: a record that decides whether a warning stayed is missing or was changed.
    """
    from audit_pipeline.metrics.control_charts import measure_charts

    earlier = earlier_nights(past, nights=nights_to_look_back(model, measured.drift))
    measured = replace(measured, earlier=earlier)
    stages = (Stage.SNAPSHOT, Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.EXPLANATION)
    told = told_measures(measured)
    tonight = {stage.value: plain(getattr(told, stage.value)) for stage in stages}
    tonight |= {"profile": plain(profile), "fairness": plain(measured.fairness)}
    try:
        charts = measure_charts(tonight, night, past.whole(), version=model.version, policy=model.policy.charts)
    except Exception as error:  # noqa: BLE001 (the edge: the charts never take the night's own numbers down)
        unless_full(error)
        return replace(measured, faults=(*measured.faults, _broken(Stage.AUDIT, "control_chart", error)))
    return replace(measured, charts=charts)


class _Night:
    """The stages over one frozen night."""

    def __init__(
        self,
        project: Project,
        model: ModelConfig,
        night: date,
        gathered: Gathered,
        snapshot: Snapshot,
        vault: Vault,
        work: Path,
        watch: Stopwatch,
    ) -> None:
        self._project, self._model, self._night = project, model, night
        self._gathered, self._snapshot, self._watch = gathered, snapshot, watch
        self._vault = vault
        self._current = vault.plain(snapshot.path)
        self._references = tuple(vault.plain(ref.path) for ref in gathered.references)
        self._labels = vault.plain(gathered.labels.path) if gathered.labels else None
        self._artefact = vault.plain(gathered.artefact.path) if gathered.artefact else None
        self._rendered = work / "rendered"
        self._rendered.mkdir()
        self._told: Told | None = None  # what the domain classifier said, for the stages after it
        self.faults: list[Finding] = []

    @property
    def _limits(self) -> Limits:
        return self._project.config.limits

    def attempt(self, stage: Stage, work: Callable[[], T]) -> T | None:
        """Run one stage; what it raises becomes a NOT_EVALUATED finding."""
        with self._watch.stage(stage):
            try:
                return work()
            except Exception as error:  # noqa: BLE001 (the edge: one stage never takes another down)
                unless_full(error)
                self._watch.failed(error)
                self.faults.append(_broken(stage, stage.value, error))
                return None

    def validate(self) -> Validation:
        """Hold the night against the owner's expectations."""
        from audit_pipeline import checks

        validation = checks.validate(
            self._current,
            self._project.model(self._model.model_id).suite,
            self._snapshot.columns,
            night=self._night,
            rows=self._snapshot.rows,
            duckdb_from_rows=self._limits.checks_duckdb_from_rows,
            threads=self._limits.threads,
            memory=self._limits.memory,
        )
        self._watch.outcome(Outcome.FAIL if validation.stops else Outcome.PASS)
        return validation

    def drift(self) -> Drift:
        """Measure how far every column moved, exactly, over all rows."""
        from audit_pipeline import metrics

        if not self._references:
            raise AuditError(f"Drift was not measured: {self._gathered.reference_problem}.")
        drift = metrics.measure_drift(
            self._current,
            self._references,
            self._model,
            threads=self._limits.threads,
            memory=self._limits.memory,
            kept=self._kept_reference(),
        )
        self._watch.outcome(Outcome.PASS)
        self._told = self._domain()
        return replace(drift, domain=self._told.score)

    def _domain(self) -> "Told":
        """Ask whether a classifier can tell the night from the reference."""
        from audit_pipeline import metrics
        from audit_pipeline.metrics.domain import untold

        seed = self._project.config.seed
        try:
            return metrics.measure_domain(
                self._current,
                self._references,
                self._model,
                seed=seed,
                threads=self._limits.threads,
                memory=self._limits.memory,
            )
        except Exception as error:  # noqa: BLE001 (the edge: one number never takes the others down)
            unless_full(error)
            return untold(DomainScore(None, None, None, 0, 0, 0, seed, sentence(error)))

    def _kept_reference(self) -> Cached | None:
        """Where what is made of a reference file is kept; a window is another reference every night."""
        if self._model.reference.window is not None or not self._gathered.references:
            return None
        [reference] = self._gathered.references
        folder = self._vault.root / ".cache" / "reference" / self._model.model_id / reference.sha256
        return self._vault.cached(folder)

    def performance(self) -> Performance:
        """Measure quality, as far as labels are there."""
        from audit_pipeline import metrics

        performance = metrics.measure_performance(
            self._current,
            self._labels,
            self._references,
            self._model,
            due=self._gathered.labels_due,
            overdue=self._gathered.labels_overdue,
            threads=self._limits.threads,
            memory=self._limits.memory,
        )
        self._watch.outcome(Outcome.PASS if performance.metrics else Outcome.NOT_EVALUATED)
        # Overdue speaks of labels that are not there; once all are, the statement must not depend on today.
        overdue = performance.overdue and performance.maturity is not Maturity.FINAL
        return replace(performance, overdue=overdue, concept=self._concept())

    def _concept(self) -> Concept:
        """Ask whether the relation of inputs and outcome moved, or the inputs."""
        from audit_pipeline import metrics
        from audit_pipeline.metrics.concept import not_evaluated
        from audit_pipeline.metrics.domain import untold

        why = f"drift was not measured: {self._gathered.reference_problem or 'its stage failed'}"
        missing = untold(DomainScore(None, None, None, 0, 0, 0, self._project.config.seed, why))
        told = self._told or missing
        try:
            return metrics.measure_concept(
                told,
                self._current,
                self._labels,
                self._references,
                self._model,
                threads=self._limits.threads,
                memory=self._limits.memory,
            )
        except Exception as error:  # noqa: BLE001 (the edge: one conclusion never takes the numbers down)
            unless_full(error)
            return not_evaluated(told.score, self._model, sentence(error))

    def fairness(self) -> Fairness | None:
        """Measure the declared groups; what it raises is a finding of its own, and the performance stands."""
        try:
            from audit_pipeline.metrics.fairness import measure_fairness

            return measure_fairness(
                self._current,
                self._labels,
                self._references,
                self._model,
                seed=self._project.config.seed,
                threads=self._limits.threads,
                memory=self._limits.memory,
            )
        except Exception as error:  # noqa: BLE001 (the edge: the groups never take the numbers of the whole down)
            unless_full(error)
            self.faults.append(_broken(Stage.PERFORMANCE, "fairness", error))
            return None

    def report(
        self, drift: Drift | None, performance: Performance | None, fairness: Fairness | None
    ) -> tuple[Drift | None, Performance | None]:
        """Let Evidently compute and draw its own; its numbers stand beside ours under its name."""
        if drift is None or performance is None:
            return drift, performance
        try:
            from audit_pipeline.metrics.engine_evidently import evidently_report

            made = evidently_report(
                self._current,
                self._references,
                self._labels,
                self._model,
                drift,
                performance,
                night=self._night,
                folder=self._rendered,
                rows=self._snapshot.rows,
                row_limit=self._limits.evidently_rows,
                fairness=fairness,
            )
        except Exception as error:  # noqa: BLE001 (the edge: the report never takes the numbers down)
            unless_full(error)
            self.faults.append(_broken(Stage.DRIFT, "evidently", error))
            return drift, performance
        return (
            replace(drift, scores=(*drift.scores, *made.scores)),
            replace(performance, metrics=(*performance.metrics, *made.metrics)),
        )

    def explain(self) -> Explanation:
        """Explain the model on a recorded sample; the artefact must be the pinned one."""
        from audit_pipeline import explain
        from audit_pipeline.explain.reference import Beside

        artefact, pinned = self._artefact, self._gathered.artefact_sha256
        if self._model.artefact and (artefact is None or pinned is None):
            raise AuditError(self._gathered.artefact_problem or "The model file is not there.")
        try:
            explanation = explain.explain(
                self._current,
                artefact,
                self._model,
                sha256=pinned,
                seed=self._project.config.seed,
                rows=self._limits.explain_rows,
                beside=Beside(self._references, self._labels, self._kept_reference(), program()),
            )
        except ModelDigestError as error:
            self.faults.append(_wrong_model(error))
            raise
        self._watch.outcome(Outcome.PASS if explanation.importances else Outcome.NOT_EVALUATED)
        asked = self._model.policy.explanation.reason_codes
        if asked is None or artefact is None or pinned is None or not explanation.importances:
            return explanation
        return replace(explanation, reason_codes=self._reasons(asked, artefact, pinned))

    def _reasons(self, asked: ReasonCodesPolicy, artefact: Path, pinned: str) -> ReasonCodes:
        """Keep the reasons of single rows that the owner asks for."""
        from audit_pipeline.reason_codes import keep_reasons

        return keep_reasons(
            self._vault,
            self._snapshot,
            artefact,
            self._model,
            asked,
            sha256=pinned,
            seed=self._project.config.seed,
            rows=self._limits.explain_rows,
        )


def _broken(stage: Stage, name: str, error: Exception) -> Finding:
    """A stage that could not do its work: not evaluated, and counted."""
    return _finding(stage, name, Outcome.NOT_EVALUATED, sentence(error))


def _wrong_model(error: ModelDigestError) -> Finding:
    """The artefact is not the pinned file: that is a failure, not only a missing explanation."""
    return _finding(Stage.EXPLANATION, "model_digest", Outcome.FAIL, str(error))


def _stopped() -> Finding:
    """Say that the line ended, so that nothing after it can be taken as passed."""
    reason = "A critical check failed, so drift, performance and explanation were not run on this data."
    return _finding(Stage.DRIFT, "line", Outcome.NOT_EVALUATED, reason, conclusion="stopped")


def _finding(stage: Stage, name: str, outcome: Outcome, reason: str, *, conclusion: str | None = None) -> Finding:
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=Severity.CRITICAL,
        outcome=outcome,
        counts=True,
        value=None,
        limit=None,
        n=None,
        reason=reason,
        conclusion=conclusion,
    )
