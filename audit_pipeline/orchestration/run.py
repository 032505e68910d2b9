"""Audit model-nights through Dagster in this process, night by night, visible in the UI afterwards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.due import Due
from audit_pipeline.errors import LineageError
from audit_pipeline.orchestration.assets import LISTENER, key
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.orchestration.emitter import emit_ended
from audit_pipeline.orchestration.failure import why
from audit_pipeline.records import Stage

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class NightRun:
    """One Dagster run: one night of the models that were due."""

    run_id: str
    night: date
    models: tuple[str, ...]
    crashed: dict[str, str]  # model whose step failed -> why, in our own words; no record was made
    lineage: str | None = None  # why its lineage could not be written yet; the next pass does it


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
        failed = {e.step_key: e for e in result.get_step_failure_events()}
        crashed = {m: why(failed[step]) for m in models if (step := f"audit__{m}") in failed}
        yield NightRun(result.run_id, night, models, crashed, _tell_lineage(project, instance))


def _tell_lineage(project: Project, instance: dg.DagsterInstance) -> str | None:
    """Write the lineage of what has ended; return why that failed: an audit does not fail by it."""
    try:
        return next(iter(emit_ended(project, instance).problems), None)
    except LineageError as error:
        return str(error)
