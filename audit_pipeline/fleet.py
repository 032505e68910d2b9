"""What goes on around the model-nights of a project: audit and remember, publish, alert."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline import lineage
from audit_pipeline.config import Project
from audit_pipeline.config.secrets import read_secret
from audit_pipeline.due import newest_night, remember, state_of
from audit_pipeline.errors import KeyMissingError, NotifyError
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.files import locked
from audit_pipeline.notify import Alarm, compose, send
from audit_pipeline.pipeline import Audited, audit_model_night
from audit_pipeline.publish import publish
from audit_pipeline.records import Outcome, RunContext, Stage

ALARMING = (Outcome.FAIL.value, Outcome.NOT_EVALUATED.value)
TRIES = 3  # deliveries of one alert before it is given up; each try stands in the log


def audit(
    project: Project,
    model_id: str,
    night: date,
    *,
    run: RunContext,
    on_stage: Callable[[Stage], None] | None = None,
) -> Audited:
    """Audit one model-night and remember what it was made from.

    Raises:
        AuditError: as `audit_model_night`.
    """
    newest = max(newest_night(project) or night, night)
    state = state_of(project, project.model(model_id).config, night, newest)  # before: what changes later is due again
    audited = audit_model_night(project, model_id, night, run=run, newest=newest, on_stage=on_stage)
    remember(project, model_id, night, state=state, record=audited.committed.record)
    return audited


def publish_store(project: Project, *, anew: bool = False) -> Path:
    """Bring `audit.duckdb` up to the evidence log and the lineage outbox; one publisher at a time.

    Raises:
        PublishError: it could not be written; the old file stays.
    """
    store = Store(project.layout)

    def load_lineage(connection: duckdb.DuckDBPyConnection) -> None:
        lineage.load(connection, project.layout.outbox)

    with locked(project.layout.audit / ".locks" / "publish"):
        entries = (asdict(entry) for entry in store.log.entries())
        return publish(project.layout, entries, store.read_record, also=load_lineage, anew=anew)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to reach one channel."""

    owner: str
    channel: str
    model_nights: int
    delivered: bool
    reason: str | None


def send_alerts(project: Project, *, runs: Collection[str] = (), since: datetime | None = None) -> list[Delivery]:
    """Send what is due: one message per owner about the alarming records of `runs`, and what failed before.

    Args:
        project: the project.
        runs: runs that have ended and whose records are due now.
        since: also retry alerts that were not delivered, of records logged after this time.

    Each try is an entry of the log. An owner without channels is owed nothing.
    """
    store = Store(project.layout)
    sent: list[Delivery] = []
    with locked(project.layout.audit / ".locks" / "alert"):
        entries = list(store.log.entries())
        alerts = [e for e in entries if e.kind == "alert"]
        for owner, alarming in _alarming(project, store, entries, set(runs), since).items():
            for channel in project.config.owners[owner].channels:
                tries = [a for a in alerts if a.body["owner"] == owner and a.body["channel"] == channel]
                due = [e for e in alarming if _is_due(e, tries)]
                if due:
                    sent.append(_send(project, store, owner, channel, due))
    return sent


def _alarming(
    project: Project, store: Store, entries: list[LogEntry], runs: set[str], since: datetime | None
) -> dict[str, list[LogEntry]]:
    """Return by owner the newest records that need a message: new in these runs, or not delivered yet."""
    tried = {digest for e in entries if e.kind == "alert" for digest in e.body["records"]}
    found: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in store.heads().values():
        late = since is not None and datetime.fromisoformat(entry.time) >= since and entry.digest in tried
        known = entry.body["owner"] in project.config.owners
        wanted = entry.body["verdict"] in ALARMING and (entry.body["run_id"] in runs or late)
        if known and wanted and _is_news(store, entry):
            found[entry.body["owner"]].append(entry)
    return found


def _is_due(entry: LogEntry, tries: list[LogEntry]) -> bool:
    """Whether this record has neither been delivered nor given up."""
    mine = [t for t in tries if entry.digest in t.body["records"]]
    return not any(t.body["delivered"] for t in mine) and len(mine) < TRIES


def _is_news(store: Store, entry: LogEntry) -> bool:
    """Whether a record says something its predecessor did not: other findings, or another verdict."""
    record = store.read_record(entry.model_id, entry.night, entry.digest)
    before = record["execution"]["supersedes"]
    if before is None:
        return True
    return _deciding(record) != _deciding(store.read_record(entry.model_id, entry.night, before))


def _deciding(record: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(f["stage"], f["name"], f["column"], f["outcome"]) for f in _reasons(record)}


def _reasons(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the findings that decided an alarming verdict."""
    verdict = record["result"]["decision"]["verdict"]
    return (f for f in record["result"]["decision"]["findings"] if f["counts"] and f["outcome"] == verdict)


def _send(project: Project, store: Store, owner: str, channel: str, due: list[LogEntry]) -> Delivery:
    """Send one message and log the try."""
    alarms = [_alarm(store, e) for e in sorted(due, key=lambda e: (e.night, e.model_id))]
    message = compose(project.config.name, project.config.owners[owner].name, alarms)
    reason = None
    try:
        send(read_secret(f"channel {channel}", project.config.channels[channel].url, project.root), message)
    except (NotifyError, KeyMissingError) as error:
        reason = str(error)
    body = {
        "run_ids": sorted({e.body["run_id"] for e in due}),
        "records": sorted(e.digest for e in due),
        "owner": owner,
        "channel": channel,
        "model_nights": len(due),
        "delivered": reason is None,
        "reason": reason,
        "title": message.title,
    }
    store.log.append("alert", model_id="", night="", digest=sha256(canonical(body)), body=body)
    return Delivery(owner, channel, len(due), reason is None, reason)


def _alarm(store: Store, entry: LogEntry) -> Alarm:
    record = store.read_record(entry.model_id, entry.night, entry.digest)
    decision = record["result"]["decision"]
    reasons = tuple(f["reason"] for f in _reasons(record))
    return Alarm(entry.model_id, entry.night, Outcome(decision["verdict"]), decision["conclusion"], reasons)
