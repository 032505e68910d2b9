"""Audit model-nights through Dagster in this process, night by night, visible in the UI afterwards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.due import Due
from audit_pipeline.orchestration.assets import LISTENER, key
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.records import Stage

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class NightRun:
    """One Dagster run: one night of the models that were due."""

    run_id: str
    night: date
    models: tuple[str, ...]
    crashed: tuple[str, ...]  # models whose step failed: no record was made


def run_due(
    project: Project,
    instance: dg.DagsterInstance,
    due: Sequence[Due],
    *,
    on_stage: Callable[[str, date, Stage], None] | None = None,
) -> Iterator[NightRun]:
    """Run what is due in order of date; a model that crashes leaves the others alone."""
    job = definitions(project).resolve_job_def(JOB)
    for night, items in groupby(due, key=lambda d: d.night):
        models = tuple(item.model_id for item in items)
        token = LISTENER.set(on_stage)
        try:
            result = job.execute_in_process(
                instance=instance,
                partition_key=night.isoformat(),
                asset_selection=[key(model, stage) for model in models for stage in Stage],
                run_config=QUIET,
                raise_on_error=False,
            )
        finally:
            LISTENER.reset(token)
        crashed = tuple(m for m in models if not result.asset_materializations_for_node(f"audit__{m}"))
        yield NightRun(result.run_id, night, models, crashed)
