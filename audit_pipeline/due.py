"""Which model-nights are due: never audited, or their log or labels have changed since.

A change of policy, model or program does not make old nights due: they were audited under what held then.
`run --force` audits them again under what holds now.

What a record was made from is noted per model, one line per audit, outside the evidence: a lost note costs one more
audit, which ends in the same result and therefore in no new record.
"""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from audit_pipeline import sources
from audit_pipeline.config import ModelConfig, NightlySource, Project
from audit_pipeline.durable import storing
from audit_pipeline.errors import ConfigError, Fault, SourceError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import PURGE
from audit_pipeline.evidence.purged import purged_nights

ABSENT, OVERDUE, PENDING, NONE = "absent", "overdue", "pending", "none"
NEVER = date.max.isoformat()
DAY = timedelta(days=1)
State = dict[str, str]  # "log" and "labels" as they are now


@dataclass(frozen=True, slots=True)
class Due:
    """One model-night that is to be audited, and why."""

    model_id: str
    night: date
    fingerprint: str  # of the log and labels as they are now
    why: str  # new, not there, log changed, labels came, labels changed, labels overdue, state lost, forced


def due_nights(
    project: Project,
    *,
    models: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    force: bool = False,
    over: bool = False,
    now: datetime,
) -> list[Due]:
    """Return what is due in order of date, then model.

    Every night from the project's first to the newest that came is expected of every model: one that did not come is
    due too, once it should be complete, and its record says so. A night asked for by `last` is expected in any case.

    Args:
        project: the project.
        models: only these; default all.
        first: only from this night on.
        last: only to this night.
        force: also what is up to date.
        over: only nights that are over in the project's time zone: the log of a day that is not is still written.
        now: the present, aware.

    Raises:
        ConfigError: a model that does not exist, or nights that lie outside the project's or in the future.
    """
    chosen = [project.model(name).config for name in models] or [m.config for m in project.models.values()]
    _refuse_outside(project, first, last, now)
    start = max(first or project.config.nights.first, project.config.nights.first)
    newest = newest_night(project, now)
    end = last or (newest if over else newest_log(project))
    if end is None:
        return []
    bounds = [project.config.nights.last, today(project, now) - DAY if over else None]
    end = min([end, *(bound for bound in bounds if bound)])
    nights = [start + timedelta(days=i) for i in range((end - start).days + 1)]
    found = _due(project, chosen, nights, newest, force)
    if last is None:
        found = (d for d in found if d.why != "not there" or now >= complete_at(project, d.night))
    return sorted(found, key=lambda d: (d.night, d.model_id))


def _refuse_outside(project: Project, first: date | None, last: date | None, now: datetime) -> None:
    """Refuse a range that can hold no night, rather than call it up to date."""
    config = project.config.nights
    reached = max(today(project, now), newest_log(project) or date.min) if first or last else date.min
    fault = None
    if first and last and first > last:
        fault = f"the range from {first} to {last} holds no night"
    elif (first and config.last and first > config.last) or (last and last < config.first):
        fault = f"the nights asked for are outside {config.first} to {config.last or 'today'}"
    elif any(night and night > reached for night in (first, last)):
        fault = f"{last or first} has not come yet: the newest night is {reached}"
    if fault:
        raise ConfigError([Fault("project.yaml", "nights", fault)])


def today(project: Project, now: datetime) -> date:
    """Return the day it is in the project's time zone: the first night that is not over."""
    return now.astimezone(project.config.zone).date()


def complete_at(project: Project, night: date) -> datetime:
    """Return the moment from which a night's log should be there: `complete_at` local time of the next day."""
    hour, minute = project.config.nights.complete_at.split(":")
    return datetime.combine(night + DAY, time(int(hour), int(minute)), tzinfo=project.config.zone)


def newest_log(project: Project) -> date | None:
    """Return the newest night any model has a log for, over or not; None when there is none."""
    found = (_listed(m.config.log, project.root)[-1:] for m in project.models.values())
    newest = max((night for nights in found for night in nights), default=None)
    last = project.config.nights.last
    return min(newest, last) if newest and last else newest


def newest_night(project: Project, now: datetime) -> date | None:
    """Return the newest night that is over and for which any model has a log: what "overdue" is measured against.

    Looks back from the present instead of listing: files of years are not read each time.
    """
    config = project.config.nights
    night = min(today(project, now) - DAY, config.last or date.max)
    logs = [m.config.log for m in project.models.values()]
    tables = {(s.database, s.table, s.night_column): s for s in logs if s.path is None}
    listed = {n for source in tables.values() for n in _listed(source, project.root)}
    files = [_token_of(source, project.root) for source in logs if source.path is not None]
    while night >= config.first:
        if night in listed or any(token(night) != ABSENT for token in files):
            return night
        night -= DAY
    return None


def _listed(source: NightlySource, root: Path) -> list[date]:
    """List the nights of a source; one that cannot be read has none here, and its audit says why."""
    try:
        return sources.list_nights(source, root)
    except SourceError:
        return []


def state_of(project: Project, model: ModelConfig, night: date, newest: date) -> State:
    """Return what the log and labels of a night look like now, cheaply: size and time of files, digest of rows."""
    return _state_of(project, model)(night, newest)


def _state_of(project: Project, model: ModelConfig) -> Callable[[date, date], State]:
    """Return the function of a night and the newest night that `state_of` is, for many nights of one model."""
    log = _token_of(model.log, project.root)
    labels = _token_of(model.labels, project.root) if model.labels else None

    def state(night: date, newest: date) -> State:
        token, due = labels(night) if labels else NONE, model.labels_due(night)
        if token == ABSENT and due is not None:
            token = OVERDUE if newest >= due else PENDING
        return {"log": log(night), "labels": token}

    return state


def _token_of(source: NightlySource, root: Path) -> Callable[[date], str]:
    """Return a function that gives something that changes when the night's data does."""
    if source.path is None:
        return lambda night: _table_token(source, root, night)
    template = os.path.join(root, source.path)  # noqa: PTH118 (called for every model-night: text is 4 times faster)
    return lambda night: _file_token(template.replace("{night}", night.isoformat()))


def _file_token(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 (as above)
    except OSError:
        return ABSENT
    return f"{found.st_size}:{found.st_mtime_ns}" if stat.S_ISREG(found.st_mode) else ABSENT


def _table_token(source: NightlySource, root: Path, night: date) -> str:
    try:
        return sources.open_night(source, root, night).sha256
    except SourceError:
        return ABSENT


def fingerprint(state: State) -> str:
    """Return one word for a state."""
    return sha256(canonical(state))


def _due(
    project: Project, models: Iterable[ModelConfig], nights: Sequence[date], newest: date | None, force: bool
) -> Iterator[Due]:
    evidence = project.layout.audit / "evidence"
    purged = cache(lambda: purged_nights(Store(project.layout).log.of_kind(PURGE)))
    for model in models:
        notes, state = _notes(_file(project, model.model_id)), _state_of(project, model)
        records = f"{evidence / model.model_id}{os.sep}"
        for night in nights:
            now, note = state(night, max(newest or night, night)), notes.get(night.isoformat())
            known = note is not None and os.path.exists(f"{records}{night}/{note['record']}.json")  # noqa: PTH110
            if not known:
                audited = os.path.isdir(f"{records}{night}")  # noqa: PTH112
                if not audited and not force and (model.model_id, night) in purged():
                    continue
                yield Due(model.model_id, night, fingerprint(now), "state lost" if audited else _new(now))
            elif note is not None and note["state"] != now:
                yield Due(model.model_id, night, fingerprint(now), _why(note["state"], now))
            elif note is not None and newest is not None and (note["waits"] or NEVER) <= newest.isoformat():
                yield Due(model.model_id, night, fingerprint(now | {"labels": OVERDUE}), "labels overdue")
            elif force:
                yield Due(model.model_id, night, fingerprint(now), "forced")


def _new(now: State) -> str:
    return "not there" if now["log"] == ABSENT else "new"


def _why(then: State, now: State) -> str:
    """Say what changed since the last audit."""
    if then["log"] != now["log"]:
        return "log changed"
    if now["labels"] == OVERDUE:
        return "labels overdue"
    return "labels came" if then["labels"] in (PENDING, OVERDUE) else "labels changed"


def remember(
    project: Project, model_id: str, night: date, *, state: State, record: str, waits: date | None = None
) -> None:
    """Note what a record was made from, so that the same work is not done twice; disposable, not evidence.

    Args:
        project: the project.
        model_id: the model.
        night: the night.
        state: its log and labels as they were before the audit.
        record: the record that came of it.
        waits: night from which the record is due again even so: some labels came, and the rest is overdue then.

    Raises:
        StorageError: the disk is full or refuses; the night is audited once more, and ends in no new record.
    """
    path = _file(project, model_id)
    note = {"night": night.isoformat(), "state": state, "record": record, "waits": waits.isoformat() if waits else None}
    line = json.dumps(note).encode() + b"\n"
    with storing(path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        try:
            os.write(handle, line)  # one call: lines of several processes do not mix
        finally:
            os.close(handle)


def _file(project: Project, model_id: str) -> Path:
    return project.layout.audit / ".state" / f"{model_id}.jsonl"


def _notes(path: Path) -> dict[str, dict[str, Any]]:
    """Return the last note of each night; a line that is none, such as a torn one, is passed over."""
    notes: dict[str, dict[str, Any]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return notes
    for line in lines:
        try:
            note = json.loads(line)
            waits = str(note["waits"]) if note.get("waits") else None
            notes[note["night"]] = {"state": dict(note["state"]), "record": str(note["record"]), "waits": waits}
        except (ValueError, TypeError, KeyError):
            continue
    return notes
