"""Sensors: what arrived is audited without waiting for the night; what was made is published and told.

A sensor that fails does so in silence, so each tick of `deliver` writes a heartbeat that `status` looks at.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from audit_pipeline import fleet
from audit_pipeline.config import Project, load_project
from audit_pipeline.due import Due, due_nights
from audit_pipeline.errors import PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.files import write_whole
from audit_pipeline.orchestration.dead import close_dead_runs
from audit_pipeline.records import Stage

EVERY_S = 30
SETTLED_S = 5  # a file younger than this may still be written
RETRY = timedelta(days=1)  # how long an undelivered alert is tried again
LOGS = ("new", "not there", "log changed", "state lost")


def sensors(project: Project, job: str) -> list[dg.SensorDefinition]:
    """Return the sensors of `project`."""
    root = project.root
    return [_arrivals("arrived_logs", job, root, True), _arrivals("arrived_labels", job, root, False), _deliver(root)]


def _arrivals(name: str, job: str, root: Path, logs: bool) -> dg.SensorDefinition:
    what = "logs that arrived or changed, and nights that did not come" if logs else "labels that came or are overdue"

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=EVERY_S,
        description=f"Audits model-nights with {what}.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def _sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        project = load_project(root)
        due = [
            d for d in due_nights(project, now=datetime.now(UTC)) if (d.why in LOGS) is logs and _settled(project, d)
        ]
        yield from requests(due)
        if not due:
            yield dg.SkipReason("nothing new")

    return _sensor


def requests(due: list[Due]) -> Iterator[dg.RunRequest]:
    """Yield one run per night for the models that are due; the same state is never requested twice."""
    by_night: dict[str, list[Due]] = defaultdict(list)
    for item in due:
        by_night[item.night.isoformat()].append(item)
    for night, items in sorted(by_night.items()):
        yield dg.RunRequest(
            run_key="|".join([night, *(f"{i.model_id}:{i.fingerprint[:16]}" for i in items)]),
            partition_key=night,
            asset_selection=[dg.AssetKey([i.model_id, stage.value]) for i in items for stage in Stage],
        )


def _settled(project: Project, due: Due) -> bool:
    """Whether the night's files have not been touched for a moment."""
    model = project.models[due.model_id].config
    for source in (model.log, model.labels):
        if source is not None and source.path is not None:
            path = project.root / source.path.replace("{night}", due.night.isoformat())
            if path.exists() and time.time() - path.stat().st_mtime < SETTLED_S:
                return False
    return True


def _deliver(root: Path) -> dg.SensorDefinition:
    @dg.sensor(
        name="deliver",
        minimum_interval_seconds=EVERY_S,
        description="Closes dead runs, publishes audit.duckdb, sends alerts, sweeps leftovers; writes a heartbeat.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(deliver(load_project(root), context.instance))

    return _sensor


def deliver(project: Project, instance: dg.DagsterInstance) -> str:
    """Do what follows an audit, whoever made it; return what was done, in words."""
    closed = close_dead_runs(project, instance)
    swept = Store(project.layout).sweep_if_alone()
    now = datetime.now(UTC)
    if not project.layout.audit.exists():
        return "nothing audited yet"
    try:
        fleet.publish_store(project)
        published = "published"
    except PublishError as error:
        published = str(error)
    sent = fleet.send_alerts(project, runs=_ended(instance, now - RETRY), since=now - RETRY)
    undelivered = sum(not d.delivered for d in sent)
    write_whole(heartbeat(project), now.isoformat().encode())
    words = [f"{len(closed)} dead runs closed", f"{swept} leftovers set aside", published]
    return "; ".join([*words, f"{len(sent) - undelivered} alerts sent, {undelivered} not delivered"])


def _ended(instance: dg.DagsterInstance, since: datetime) -> set[str]:
    """Return the ids of runs that ended after `since`."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    chosen = dg.RunsFilter(statuses=ended, updated_after=since)
    return {record.dagster_run.run_id for record in instance.get_run_records(chosen)}


def heartbeat(project: Project) -> Path:
    """Return the file whose age tells whether the daemon is at work."""
    return project.layout.audit / ".state" / "heartbeat"
