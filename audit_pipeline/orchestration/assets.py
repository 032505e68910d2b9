"""One step per model-night: six assets and four checks, all or nothing; the partition key is the night."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from audit_pipeline import fleet
from audit_pipeline.config import ModelConfig, Project, load_project
from audit_pipeline.orchestration.failure import told_without_values
from audit_pipeline.orchestration.metadata import check_results, materializations, traced
from audit_pipeline.pipeline import Audited
from audit_pipeline.records import RunContext, Stage, Trace

DEPS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.SNAPSHOT: (),
    Stage.VALIDATION: (Stage.SNAPSHOT,),
    Stage.DRIFT: (Stage.SNAPSHOT, Stage.VALIDATION),
    Stage.PERFORMANCE: (Stage.SNAPSHOT, Stage.VALIDATION),
    Stage.EXPLANATION: (Stage.SNAPSHOT, Stage.VALIDATION),
    Stage.AUDIT: (Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.EXPLANATION),
}
KINDS: Mapping[Stage, set[str]] = {
    Stage.SNAPSHOT: {"parquet", "duckdb"},
    Stage.VALIDATION: {"greatexpectations"},
    Stage.DRIFT: {"python", "evidently"},
    Stage.PERFORMANCE: {"python", "evidently"},
    Stage.EXPLANATION: {"python", "shap"},
    Stage.AUDIT: {"json", "duckdb"},
}
WHAT: Mapping[Stage, str] = {
    Stage.SNAPSHOT: "The night's prediction log, frozen and pseudonymised.",
    Stage.VALIDATION: "Whether the data may be trusted: the owner's expectations.",
    Stage.DRIFT: "How far every column moved from the reference.",
    Stage.PERFORMANCE: "Quality of the predictions, as far as labels are there.",
    Stage.EXPLANATION: "What drives the model, by SHAP on a recorded sample.",
    Stage.AUDIT: "The verdict, the evidence record and the report.",
}
CHECKS: Mapping[str, tuple[Stage, str]] = {
    "gx_critical": (Stage.VALIDATION, "Expectations whose failure ends the line."),
    "gx_warning": (Stage.VALIDATION, "Expectations whose failure warns."),
    "gx_info": (Stage.VALIDATION, "Known defects: shown, not in the verdict."),
    "verdict": (Stage.AUDIT, "The model-night against its owner's policy."),
}

Shown = dg.MaterializeResult[Any] | dg.AssetCheckResult
HOST_TAG = "audit/host"  # where a run's processes are to be looked for

# Who hears of stages as they begin, in this process; the command line sets it to draw progress.
LISTENER: ContextVar[Callable[[str, date, Stage], None] | None] = ContextVar("listener", default=None)


def key(model_id: str, stage: Stage) -> dg.AssetKey:
    """Return the asset key of one stage of one model."""
    return dg.AssetKey([model_id, stage.value])


def audit_assets(project: Project, model: ModelConfig, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the step that audits one model."""
    specs = [_spec(project, model, stage, partitions) for stage in Stage]
    checks = [
        dg.AssetCheckSpec(
            name, asset=key(model.model_id, stage), description=text, blocking=False, partitions_def=partitions
        )
        for name, (stage, text) in CHECKS.items()
    ]
    root: Path = project.root

    @dg.multi_asset(
        name=f"audit__{model.model_id}",
        specs=specs,
        check_specs=checks,
        can_subset=False,
        description=f"Audits {model.model_id} on one night.",
    )
    def _audit(context: dg.AssetExecutionContext) -> Iterator[Shown]:
        with told_without_values():
            current = load_project(root)
            audited = _run(context, current, model.model_id)
            shown: list[Shown] = [*materializations(current, audited), *check_results(audited)]
        yield from shown

    return _audit


def _run(context: dg.AssetExecutionContext, project: Project, model_id: str) -> Audited:
    """Take the night from the partition and audit it."""
    night = date.fromisoformat(context.partition_key)
    record = context.instance.get_run_record_by_id(context.run_id)
    created = record.create_timestamp if record else datetime.now(UTC)
    if record and record.dagster_run.tags.get(HOST_TAG) != socket.gethostname():
        context.instance.add_run_tags(context.run_id, {HOST_TAG: socket.gethostname()})
    run = RunContext(context.run_id, created.astimezone(UTC), attempt=context.retry_number + 1)
    listener = LISTENER.get()
    on_stage = (lambda stage: listener(model_id, night, stage)) if listener else None

    def on_crash(trace: Trace) -> None:
        context.log_event(dg.AssetObservation(key(model_id, Stage.AUDIT), partition=str(night), metadata=traced(trace)))

    audited = fleet.audit(project, model_id, night, run=run, on_stage=on_stage, on_crash=on_crash)
    context.log.info(f"{model_id} {night}: {audited.result.decision.conclusion} ({audited.seconds:.1f} s)")
    return audited


def _spec(project: Project, model: ModelConfig, stage: Stage, partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(model.model_id, stage),
        deps=[key(model.model_id, dep) for dep in DEPS[stage]],
        description=f"{model.model_id}: {WHAT[stage]}",
        group_name=model.domain,
        partitions_def=partitions,
        kinds=KINDS[stage],
        owners=[f"team:{model.owner}"],
        tags={"audit/model": model.model_id, "audit/tier": str(model.tier), "audit/stage": stage.value},
        metadata={"audit/project": project.config.name},
    )
