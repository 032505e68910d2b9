"""Sensors: what arrived is audited without waiting for the night; what was made is published and told.

A sensor that fails does so in silence, so each tick of `deliver` writes a heartbeat that `status` looks at.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from audit_pipeline import fleet, lineage
from audit_pipeline.anchor import anchor_roots
from audit_pipeline.config import Project, load_project
from audit_pipeline.due import Due, due_nights
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import LineageError, PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.orchestration.dead import close_dead_runs
from audit_pipeline.orchestration.emitter import emit_ended
from audit_pipeline.orchestration.requests import requests

EVERY_S = 30
LABELS_EVERY_S = 300  # outcomes come days late; looking costs as much as for logs
RELAY_S = 5  # work per tick; the daemon ticks one sensor after the other, so a long one would hold up the alerts
SETTLED_S = 5  # a file younger than this may still be written
RETRY = timedelta(days=1)  # how long an undelivered alert is tried again
LOGS = ("new", "not there", "log changed", "state lost")


def sensors(project: Project, job: str) -> list[dg.SensorDefinition]:
    """Return the sensors of `project`."""
    root = project.root
    made = [_arrivals("arrived_logs", job, root, True), _arrivals("arrived_labels", job, root, False), _deliver(root)]
    return [*made, _relay(root)] if project.config.lineage.relay else made


def _arrivals(name: str, job: str, root: Path, logs: bool) -> dg.SensorDefinition:
    what = "logs that arrived or changed, and nights that did not come" if logs else "labels that came or are overdue"

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=EVERY_S if logs else LABELS_EVERY_S,
        description=f"Audits model-nights with {what}, once the night is over.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def _sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        project = load_project(root)
        due = [d for d in due_nights(project, over=True, now=datetime.now(UTC)) if (d.why in LOGS) is logs]
        asked = set(json.loads(context.cursor or "[]"))
        fresh = [d for d in due if _word(d) not in asked and _settled(project, d)]
        asked.update(_word(d) for d in fresh)
        context.update_cursor(json.dumps([word for d in due if (word := _word(d)) in asked]))
        yield from requests(fresh)
        if not fresh:
            yield dg.SkipReason(f"Nothing new; {len(due)} model-nights were requested before or are still written.")

    return _sensor


def _word(due: Due) -> str:
    """Name a state of a model-night: what was requested once is not requested again, whatever became of it."""
    return f"{due.night}|{due.model_id}|{due.fingerprint[:16]}"


def _settled(project: Project, due: Due) -> bool:
    """Whether the night's files have not been touched for a moment; by the time of change, which no copy sets back."""
    model = project.models[due.model_id].config
    for source in (model.log, model.labels):
        if source is not None and source.path is not None:
            path = project.root / source.path.replace("{night}", due.night.isoformat())
            if path.exists() and time.time() - path.stat().st_ctime < SETTLED_S:
                return False
    return True


def _deliver(root: Path) -> dg.SensorDefinition:
    @dg.sensor(
        name="deliver",
        minimum_interval_seconds=EVERY_S,
        description="Closes dead runs, writes lineage, publishes, sends alerts, sweeps leftovers; leaves a heartbeat.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def _sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(deliver(load_project(root), context.instance))

    return _sensor


def deliver(project: Project, instance: dg.DagsterInstance) -> str:
    """Do what follows an audit, whoever made it; return what was done, in words."""
    if not project.layout.audit.exists():
        return "nothing audited yet"
    now = datetime.now(UTC)
    closed = close_dead_runs(instance)
    try:
        done = emit_ended(project, instance)
        told = f"lineage of {done.runs} runs written"
        told += "".join(f"; NOT WRITTEN: {problem}" for problem in done.problems)
    except LineageError as error:
        told = str(error)
    swept = Store(project.layout).sweep_if_alone()
    sent = fleet.send_alerts(project, runs=_ended(instance, now - RETRY), since=now - RETRY)
    try:
        fleet.publish_store(project)  # last, so that the alerts just sent stand in it
        published = "published"
    except PublishError as error:
        published = str(error)
    anchored = anchor_roots(project)
    write_whole(heartbeat(project), now.isoformat().encode())
    undelivered = sum(not d.delivered for d in sent)
    words = [f"{len(closed)} dead runs closed", told, f"{swept} leftovers set aside", published, *anchored]
    return "; ".join([*words, f"{len(sent) - undelivered} alerts sent, {undelivered} not delivered"])


def _relay(root: Path) -> dg.SensorDefinition:
    @dg.sensor(
        name="relay_lineage",
        minimum_interval_seconds=EVERY_S,
        description="Sends new lineage events to the consumer in `lineage.relay`; a dead one holds up nothing else.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def _sensor() -> dg.SkipReason:
        return dg.SkipReason(relay(load_project(root)))

    return _sensor


def relay(project: Project) -> str:
    """Send lineage events for a few seconds; return what was done, in words."""
    if not project.layout.outbox.exists():
        return "nothing audited yet"
    done = lineage.relay_events(project, budget_s=RELAY_S)
    words = f"{done.sent} events sent, {len(done.refused)} refused, {done.behind.waiting} waiting"
    return f"{words}: {done.trouble}" if done.trouble else words


def _ended(instance: dg.DagsterInstance, since: datetime) -> set[str]:
    """Return the ids of runs that ended after `since`."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    chosen = dg.RunsFilter(statuses=ended, updated_after=since)
    return {record.dagster_run.run_id for record in instance.get_run_records(chosen)}


def heartbeat(project: Project) -> Path:
    """Return the file whose age tells whether the daemon is at work."""
    return project.layout.audit / ".state" / "heartbeat"
