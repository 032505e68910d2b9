"""The definitions of a project: assets, checks, the nightly job, its schedule and the sensors."""

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.orchestration.assets import audit_assets
from audit_pipeline.orchestration.partitions import nights
from audit_pipeline.orchestration.schedule import every_night
from audit_pipeline.orchestration.sensors import sensors

JOB = "nightly"
PRELOAD = "audit_pipeline.orchestration.preload"


def definitions(project: Project) -> dg.Definitions:
    """Return everything Dagster needs to know of `project`."""
    partitions = nights(project)
    assets = [audit_assets(project, model.config, partitions) for model in project.models.values()]
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(*assets) | dg.AssetSelection.checks_for_assets(*assets),
        description="Audits every model on one night; one step per model, so that a crash stays alone.",
        tags={"audit/project": project.config.name},
    )
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        schedules=[every_night(project, JOB)],
        sensors=sensors(project, JOB),
        executor=executor(),
    )


def executor() -> dg.ExecutorDefinition:
    """Fork warm steps: a spawned step would pay all imports again."""
    return dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": [PRELOAD]}}}
    )
