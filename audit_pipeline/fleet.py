"""What goes on around the model-nights of a project: audit and remember, publish, alert."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline import __version__, lineage
from audit_pipeline.config import Project
from audit_pipeline.config.secrets import read_key, read_secret
from audit_pipeline.due import newest_night, remember, state_of
from audit_pipeline.durable import locked
from audit_pipeline.durations import chart_durations
from audit_pipeline.errors import ConfigError, EvidenceError, KeyMissingError, NotifyError, PublishError
from audit_pipeline.evidence import LogEntry, Store, seal
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import ALERT, RECORD
from audit_pipeline.notify import Alarm, compose, send
from audit_pipeline.pipeline import Audited, OnCrash, OnStage, audit_model_night
from audit_pipeline.publish import publish, role_faults
from audit_pipeline.records import Maturity, Outcome, RunContext

ALARMING = (Outcome.FAIL.value, Outcome.NOT_EVALUATED.value)
# An alert that was not delivered is tried again after each of these, then given up; each try stands in the log.
PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
TRIES = 1 + len(PAUSES)


def audit(
    project: Project,
    model_id: str,
    night: date,
    *,
    run: RunContext,
    on_stage: OnStage | None = None,
    on_crash: OnCrash | None = None,
) -> Audited:
    """Audit one model-night and remember what it was made from.

    Raises:
        AuditError: as `audit_model_night`.
    """
    newest = max(newest_night(project, run.created) or night, night)
    state = state_of(project, project.model(model_id).config, night, newest)  # before: what changes later is due again
    audited = audit_model_night(project, model_id, night, run=run, newest=newest, on_stage=on_stage, on_crash=on_crash)
    measured = audited.result.performance
    early = measured is not None and measured.maturity is Maturity.PROVISIONAL and not measured.overdue
    waits = measured.due if measured is not None and early else None
    remember(project, model_id, night, state=state, record=audited.committed.record, waits=waits)
    return audited


def publish_store(project: Project, *, anew: bool = False) -> Path:
    """Sign a root over the evidence log, and bring `audit.duckdb` up to it and the lineage events; one at a time.

    Nothing is written when nothing has arrived since: whoever watches can call this every half minute.

    Raises:
        PublishError: it could not be written, or there is nothing that a root may be signed over; the old file stays.
        KeyMissingError: the signing key is not there, or that of a role's masks.
        ConfigError: a role hides what there is not.
    """
    store, roles = Store.of(project), project.config.roles

    def beside(connection: duckdb.DuckDBPyConnection) -> None:
        chart_durations(connection)
        lineage.load(connection, project.layout.outbox, project.layout.inbox, project=project.config.name)

    with locked(project.layout.audit / ".locks" / "publish"):
        state, seen = canonical(_sources(project)), project.layout.audit / ".state" / "published"
        there = all(project.layout.database_of(role).exists() for role in (None, *roles))
        if not anew and there and seen.exists() and seen.read_bytes() == state:
            return project.layout.database
        key = require_roles(project)
        seen.unlink(missing_ok=True)
        try:
            seal(store.log)
        except EvidenceError as error:
            raise PublishError(f"audit.duckdb was not published. {error}") from error
        path = publish(
            project.layout, store.log.covered, store.kept_record, also=beside, anew=anew, roles=roles, key=key
        )
        with suppress(OSError):  # without the note, the next call publishes again
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.write_bytes(state)
        return path


def require_roles(project: Project) -> bytes | None:
    """See that every role can be given its database; return the key of the masks, when there are any.

    Raises:
        ConfigError: a role hides or masks what is not in the published database.
        KeyMissingError: the key is not there.
    """
    roles = project.config.roles
    if faults := list(role_faults(roles, also=lineage.create)) if roles else []:
        raise ConfigError(faults)
    masked = any(role.mask for role in roles.values())
    return read_key("pseudonym", project.config.keys.pseudonym, project.root) if masked else None


def _sources(project: Project) -> dict[str, Any]:
    """Return what the published database is made from: ours only grow, others' may be replaced."""
    files = [project.layout.audit / "log" / "entries.jsonl", *sorted(project.layout.outbox.glob("*.jsonl"))]
    sizes = {file.name: file.stat().st_size for file in files if file.exists()}
    roles = {name: role.model_dump(mode="json") for name, role in project.config.roles.items()}
    return {"version": __version__, "roles": roles, **sizes, **lineage.inbox_marks(project.layout.inbox)}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to reach one channel."""

    owner: str
    channel: str
    model_nights: int
    delivered: bool
    reason: str | None


def send_alerts(
    project: Project, *, runs: Collection[str] = (), since: datetime | None = None, now: datetime | None = None
) -> list[Delivery]:
    """Send what is due: one message per owner about the alarming records of `runs`, and what failed before.

    Args:
        project: the project.
        runs: runs that have ended and whose records are due now.
        since: also retry alerts that were not delivered, of records logged after this time.
        now: the present, from which pauses between tries are measured; default: the clock.

    Each try is an entry of the log. An owner without channels is owed nothing.
    """
    store, now = Store.of(project), now or datetime.now(UTC)
    sent: list[Delivery] = []
    with locked(project.layout.audit / ".locks" / "alert"):
        entries = list(store.log.entries())
        alerts = [e for e in entries if e.kind == ALERT]
        for owner, alarming in _alarming(project, entries, set(runs), since).items():
            for channel in project.config.owners[owner].channels:
                tries = [a for a in alerts if a.body["owner"] == owner and a.body["channel"] == channel]
                due = [e for e in alarming if _is_due(e, tries, now) and _is_news(store, e, tries)]
                if due:
                    sent.append(_send(project, store, owner, channel, due))
    return sent


def _alarming(
    project: Project, entries: list[LogEntry], runs: set[str], since: datetime | None
) -> dict[str, list[LogEntry]]:
    """Return by owner the newest records that may need a message: of these runs, or not delivered yet."""
    tried = {digest for e in entries if e.kind == ALERT for digest in e.body["records"]}
    heads = {(e.model_id, e.night): e for e in entries if e.kind == RECORD}
    found: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in heads.values():
        late = since is not None and entry.digest in tried and datetime.fromisoformat(entry.time) >= since
        known = entry.body["owner"] in project.config.owners
        if known and entry.body["verdict"] in ALARMING and (entry.body["run_id"] in runs or late):
            found[entry.body["owner"]].append(entry)
    return found


def _is_due(entry: LogEntry, tries: list[LogEntry], now: datetime) -> bool:
    """Whether this record was not delivered yet, is not given up, and has waited since its last try."""
    mine = [t for t in tries if entry.digest in t.body["records"]]
    if not mine:
        return True
    waited = now - datetime.fromisoformat(mine[-1].time)
    return not any(t.body["delivered"] for t in mine) and len(mine) < TRIES and waited >= PAUSES[len(mine) - 1]


def _is_news(store: Store, entry: LogEntry, tries: list[LogEntry]) -> bool:
    """Whether a record says something this channel was not told of the same model-night: other findings or verdict.

    An older record that was never delivered tells nothing: the message about it is owed by the newest.
    """
    told = {digest for t in tries if t.body["delivered"] for digest in t.body["records"]}
    try:
        record = store.read_record(entry.model_id, entry.night, entry.digest)
        deciding, before = _deciding(record), record["execution"]["supersedes"]
        while before is not None:
            older = store.read_record(entry.model_id, entry.night, before)
            if _deciding(older) != deciding:
                return True
            if before in told:
                return False
            before = older["execution"]["supersedes"]
    except EvidenceError:
        return True
    return True


def _deciding(record: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Return what an alarm is about: the verdict and the findings behind it."""
    verdict = record["result"]["decision"]["verdict"]
    return {(verdict,), *((f["stage"], f["name"], f["column"], f["outcome"]) for f in _reasons(record))}


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
    store.log.append(ALERT, model_id="", night="", digest=sha256(canonical(body)), body=body, run="alerts")
    return Delivery(owner, channel, len(due), reason is None, reason)


def _alarm(store: Store, entry: LogEntry) -> Alarm:
    """Say what is wrong; a record that cannot be read is itself worth an alarm, and holds up no other."""
    verdict = Outcome(entry.body["verdict"])
    try:
        record = store.read_record(entry.model_id, entry.night, entry.digest)
    except EvidenceError as error:
        return Alarm(entry.model_id, entry.night, verdict, "its record cannot be read", (str(error),))
    conclusion = record["result"]["decision"]["conclusion"]
    return Alarm(entry.model_id, entry.night, verdict, conclusion, tuple(f["reason"] for f in _reasons(record)))
