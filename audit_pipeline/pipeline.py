"""One model-night from its log to evidence: `audit_model_night()` joins the stages. No Dagster in it."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from audit_pipeline import __version__
from audit_pipeline.config import Project
from audit_pipeline.decision import Measured, decide, nights_to_look_back
from audit_pipeline.engines import engine_versions
from audit_pipeline.evidence import Committed, Store
from audit_pipeline.evidence.history import earlier_nights, history_of
from audit_pipeline.gather import Gathered, gather
from audit_pipeline.measure import measure
from audit_pipeline.records import (
    SCHEMA_VERSION,
    AuditResult,
    Decision,
    RunContext,
    Stage,
    Trace,
)
from audit_pipeline.stages import Stopwatch
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
        KeyMissingError: the pseudonym key or the signing key is not there.
        EvidenceError: the disk is full, or the log is damaged; nothing half-written is left as evidence.
    """
    model = project.model(model_id)
    store = Store.of(project)
    watch = Stopwatch(on_stage)
    with store.session(), store.model_night(model_id, night), store.workspace() as work:
        gathered, measured = Gathered(), Measured()
        try:
            gathered = gather(project, model, night, store=store, newest=newest or night, watch=watch)
            measured = measure(project, model.config, night, gathered, work=work, watch=watch)
            with watch.stage(Stage.AUDIT):
                back = nights_to_look_back(model.config, measured.drift)
                measured = replace(measured, earlier=earlier_nights(store, model_id, before=night, nights=back))
                decision = decide(model.config, measured)
                watch.outcome(decision.verdict)
                result = _result(project, model_id, night, gathered, measured, decision)
                committed = _keep(store, result, run=run, rendered=work / "rendered", watch=watch)
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
        engines=(("audit-pipeline", __version__), *engine_versions()),
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
    )


def _look_back(gathered: Gathered, measured: Measured) -> tuple[tuple[date, str], ...]:
    """Name every earlier night the result depends on, newest first: a window's, and where a warning may have stayed."""
    looked_at = {earlier.night: earlier.result_digest for earlier in measured.earlier}
    return tuple(sorted((looked_at | dict(gathered.look_back)).items(), reverse=True))


def _keep(store: Store, result: AuditResult, *, run: RunContext, rendered: Path, watch: Stopwatch) -> Committed:
    """Render the report and commit the record."""
    from audit_pipeline.evidence.report import render_report
    from audit_pipeline.evidence.store import files_in, result_digest

    rendered.mkdir(exist_ok=True)
    page = render_report(
        result,
        result_digest=result_digest(result),
        run_id=run.run_id,
        created=run.created,
        history=history_of(store, result.model_id, before=result.night),
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
        "stages": watch.runs(),
    }
    return store.commit(result, rendered=rendered, execution=execution)
