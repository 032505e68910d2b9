"""Audit model-nights through Dagster in this process, night by night, visible in the UI afterwards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.due import Due
from audit_pipeline.errors import AuditError
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
    crashed: dict[str, str]  # model whose step failed -> why, in our own words; no record was made


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
        crashed = {m: _why(failed[step]) for m in models if (step := f"audit__{m}") in failed}
        yield NightRun(result.run_id, night, models, crashed)


def _why(event: dg.DagsterEvent) -> str:
    """Return our own sentence when the error is ours, else only its class: a foreign message can hold row values."""
    error = event.step_failure_data.error
    cause = error.cause if error is not None and error.cause is not None else error
    if cause is None:
        return "it failed without an error"
    ours = {c.__name__ for c in _tree(AuditError)}
    name = str(cause.cls_name)
    return cause.message.partition(": ")[2].strip() if name in ours else f"{name} was raised"


def _tree(kind: type[AuditError]) -> Iterator[type[AuditError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
