"""The nightly schedule: when a night should be complete, what of it is not audited yet is audited, there or not."""

from collections.abc import Iterator

import dagster as dg

from audit_pipeline.config import Project, load_project
from audit_pipeline.due import due_nights
from audit_pipeline.orchestration.partitions import night_before
from audit_pipeline.orchestration.requests import requests


def every_night(project: Project, job: str) -> dg.ScheduleDefinition:
    """Return the schedule of `project`; a night that came for no model at all is found by it alone."""
    root = project.root
    hour, minute = project.config.nights.complete_at.split(":")

    @dg.schedule(
        name="every_night",
        job_name=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=project.config.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Audits what is not audited of the night before, at the project's `nights.complete_at`.",
    )
    def _schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        current = load_project(root)
        night = night_before(current, context.scheduled_execution_time)
        if night is None:
            yield dg.SkipReason("The night before is outside the project's nights.")
            return
        due = due_nights(current, first=night, last=night, now=context.scheduled_execution_time)
        yield from requests(due)
        if not due:
            yield dg.SkipReason(f"{night} is audited already, as its logs and labels are now.")

    return _schedule
