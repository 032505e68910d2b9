"""One model-night from its log to evidence: `audit_model_night()` joins the stages. No Dagster in it."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from audit_pipeline.config import Project
from audit_pipeline.decision import Measured
from audit_pipeline.durable import storing
from audit_pipeline.engines import all_engines, code_digest, platform
from audit_pipeline.evidence import Committed, Store
from audit_pipeline.evidence.history import history_of
from audit_pipeline.evidence.past import Past
from audit_pipeline.gather import Gathered, gather
from audit_pipeline.measure import compare_with_earlier, measure
from audit_pipeline.records import (
    SCHEMA_VERSION,
    AuditResult,
    Circumstances,
    Decision,
    RunContext,
    Stage,
    Trace,
)
from audit_pipeline.small_cells import few
from audit_pipeline.stages import Stopwatch
from audit_pipeline.tell import told_decision, told_measures, told_profile
from audit_pipeline.trace import trace_of

OnStage = Callable[[Stage], None]
OnCrash = Callable[[Trace], None]


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit left: evidence, and how it came about."""

    result: AuditResult
    committed: Committed
    trace: Trace
    seconds: float


def audit_model_night(
    project: Project,
    model_id: str,
    night: date,
    *,
    run: RunContext,
    newest: date | None = None,
    on_stage: OnStage | None = None,
    on_crash: OnCrash | None = None,
) -> Audited:
    """Audit one model on one night and make the outcome evidence.

    What the data, the labels or the model's file get wrong becomes a finding of the record; what is raised from here is
    a fault of the configuration, the keys, the disk or the program.

    Args:
        project: the project; its model and suite files are inputs of the result.
        model_id: the model.
        night: the night; never taken from the clock.
        run: who computes.
        newest: newest night that has come, against which labels are pending or overdue; default `night`.
        on_stage: called as each stage begins, for progress.
        on_crash: called with the path so far when the model-night ends by an exception, before that is raised. What
            ended well is in `Audited.trace`. No lineage is written here: an audit waits for no sink, and fails by none.

    Raises:
        ConfigError: no such model.
        KeyMissingError: a key that the project names is not there.
        MemoryRoomError: files are encrypted, and there is no room in memory to read them.
        StorageError: the disk is full; nothing half-written is left as evidence, and the night is still due.
        EvidenceError: the log is damaged.
    """
    model = project.model(model_id)
    store = Store.of(project)
    watch = Stopwatch(on_stage)
    with (
        storing(f"{model_id} {night}", only_full=True),
        store.session(),
        store.model_night(model_id, night),
        store.workspace() as work,
    ):
        gathered, measured = Gathered(), Measured()
        try:
            gathered = gather(project, model, night, store=store, newest=newest or night, watch=watch)
            measured = measure(project, model.config, night, gathered, vault=store.vault, work=work, watch=watch)
            with watch.stage(Stage.AUDIT):
                past = Past(store, model_id, before=night)
                result, measured = judge(project, model_id, night, gathered, measured, past)
                watch.outcome(result.decision.verdict)
                committed = _keep(store, result, project, past, run=run, rendered=work / "rendered", watch=watch)
        except BaseException:
            if on_crash:
                on_crash(trace_of(project, model.config, night, run, watch, gathered))
            raise
        trace = trace_of(
            project,
            model.config,
            night,
            run,
            watch,
            gathered,
            result=result,
            committed=committed,
            earlier=measured.earlier,
        )
        return Audited(result, committed, trace, watch.seconds())


def judge(
    project: Project, model_id: str, night: date, gathered: Gathered, measured: Measured, past: Past
) -> tuple[AuditResult, Measured]:
    """Compare with earlier nights, judge, and state; return what was looked back at as well.

    Args:
        project: the project.
        model_id: the model.
        night: the night.
        gathered: what was frozen.
        measured: what the stages brought.
        past: the earlier nights.

    Raises:
        EvidenceError: a record that is looked back at is missing or was changed.
    """
    config = project.model(model_id).config
    profile = told_profile(gathered.profile)
    measured = compare_with_earlier(config, night, profile, measured, past)
    shown = told_measures(measured)
    versions = tuple((version, rows) for version, rows in gathered.versions_seen if not few(rows))
    gathered = replace(gathered, snapshot=shown.snapshot, profile=profile, versions_seen=versions)
    return _result(project, model_id, night, gathered, shown, told_decision(config, measured, shown)), shown


def _result(
    project: Project, model_id: str, night: date, gathered: Gathered, measured: Measured, decision: Decision
) -> AuditResult:
    """Gather what was seen, measured and judged into the statement."""
    config = project.model(model_id).config
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        project=project.config.name,
        model_id=model_id,
        model_version=config.version,
        versions_seen=gathered.versions_seen,
        night=night,
        description=config.description,
        owner=config.owner,
        domain=config.domain,
        tier=config.tier,
        task=config.task,
        seed=project.config.seed,
        engines=all_engines(config.artefact.format if config.artefact else None),
        source=gathered.source,
        snapshot=gathered.snapshot,
        inputs=gathered.inputs,
        look_back=_look_back(gathered, measured),
        profile=gathered.profile,
        validation=measured.validation,
        drift=measured.drift,
        performance=measured.performance,
        explanation=measured.explanation,
        decision=decision,
        fairness=measured.fairness,
        charts=measured.charts,
        circumstances=Circumstances(
            limits=project.config.limits.sizes,
            faults=gathered.faults,
            reference_problem=gathered.reference_problem,
            artefact_problem=gathered.artefact_problem,
            artefact_sha256=gathered.artefact_sha256,
        ),
    )


def _look_back(gathered: Gathered, measured: Measured) -> tuple[tuple[date, str], ...]:
    """Name the earlier nights of a window, and those where a warning may have stayed, newest first.

    Those of the control charts stand with the charts.
    """
    looked_at = {earlier.night: earlier.result_digest for earlier in measured.earlier}
    return tuple(sorted((looked_at | dict(gathered.look_back)).items(), reverse=True))


def _keep(
    store: Store,
    result: AuditResult,
    project: Project,
    past: Past,
    *,
    run: RunContext,
    rendered: Path,
    watch: Stopwatch,
) -> Committed:
    """Render the report and commit the record."""
    from audit_pipeline.evidence.report import render_report
    from audit_pipeline.evidence.store import files_in, result_digest

    rendered.mkdir(exist_ok=True)
    page = render_report(
        result,
        result_digest=result_digest(result),
        run_id=run.run_id,
        created=run.created,
        history=history_of(past),
        files=files_in(rendered),
    )
    (rendered / "report.html").write_text(page, encoding="utf-8")
    execution = {
        "run_id": run.run_id,
        "attempt": run.attempt,
        "created": run.created,
        "started": watch.started,
        "ended": datetime.now(UTC),
        "host": socket.gethostname(),
        "platform": platform(),
        "code": code_digest(),
        "resources": project.config.limits.resources,
        "stages": watch.runs(),
    }
    return store.commit(result, rendered=rendered, execution=execution)
