"""Nights as Dagster's partitions, and which of them the nightly schedule audits."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.due import newest_log, today


def nights(project: Project) -> dg.DailyPartitionsDefinition:
    """Return one partition per night, from the first night of data to the last, if it has one, else to today.

    Dagster ends at the present; a log that bears a later date is a night all the same.
    """
    config = project.config.nights
    now = today(project, datetime.now(UTC))
    newest = max(now, config.last or newest_log(project) or now)
    return dg.DailyPartitionsDefinition(
        start_date=config.first.isoformat(),
        end_date=(config.last + timedelta(days=1)).isoformat() if config.last else None,
        timezone=project.config.time_zone,
        end_offset=1 + (newest - now).days,
    )


def night_before(project: Project, scheduled: datetime) -> date | None:
    """Return the night that a tick of the schedule is about: the day before; None when it is not the project's."""
    config = project.config.nights
    night = scheduled.astimezone(project.config.zone).date() - timedelta(days=1)
    return night if config.first <= night <= (config.last or date.max) else None
