"""Which model-nights are due: never audited, or their log or labels have changed since.

A change of policy, model or program does not make old nights due: they were audited under what held then.
`run --force` audits them again under what holds now.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from audit_pipeline import sources
from audit_pipeline.config import ModelConfig, NightlySource, Project
from audit_pipeline.errors import SourceError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.files import write_whole


@dataclass(frozen=True, slots=True)
class Due:
    """One model-night that is to be audited, and why."""

    model_id: str
    night: date
    fingerprint: str  # of the log and labels as they are now
    why: str  # new, not there, log changed, labels came, labels overdue, forced


def newest_night(project: Project) -> date | None:
    """Return the newest night for which any model has a log; None when there is none."""
    found = [nights[-1] for m in project.models.values() if (nights := sources.list_nights(m.config.log, project.root))]
    newest = max(found, default=None)
    last = project.config.nights.last
    return min(newest, last) if newest and last else newest


def due_nights(
    project: Project,
    *,
    models: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    force: bool = False,
    now: datetime,
) -> list[Due]:
    """Return what is due in order of date, then model.

    Every night from the project's first to the newest that came is expected of every model: one that did not come is
    due too, once it should be complete, and its record says so. A night asked for by `last` is expected in any case.

    Raises:
        ConfigError: a model that does not exist.
    """
    chosen = [project.model(name).config for name in models] or [m.config for m in project.models.values()]
    newest = newest_night(project)
    start = max(first or project.config.nights.first, project.config.nights.first)
    end = last or newest
    if end is None:
        return []
    heads = {key: entry.digest for key, entry in Store(project.layout).heads().items()}
    nights = [start + timedelta(days=i) for i in range((end - start).days + 1)]
    as_of = max(newest, end) if newest else end
    pairs = ((model, night) for night in nights for model in chosen)
    found = _due(project, pairs, heads, as_of, force)
    if last is not None:
        return list(found)
    return [due for due in found if due.why != "not there" or now >= complete_at(project, due.night)]


def complete_at(project: Project, night: date) -> datetime:
    """Return the moment from which a night's log should be there: `complete_at` local time of the next day."""
    hour, minute = project.config.nights.complete_at.split(":")
    return datetime.combine(night + timedelta(days=1), time(int(hour), int(minute)), tzinfo=project.config.zone)


def _due(
    project: Project,
    pairs: Iterable[tuple[ModelConfig, date]],
    heads: dict[tuple[str, str], str],
    newest: date,
    force: bool,
) -> Iterator[Due]:
    for model, night in pairs:
        now = state_of(project, model, night, newest)
        print_now = fingerprint(now)
        head = heads.get((model.model_id, night.isoformat()))
        then = _read(_file(project, model.model_id, night)) if head else {}
        if head and then.get("fingerprint") == print_now and then.get("record") == head:
            if force:
                yield Due(model.model_id, night, print_now, "forced")
            continue
        yield Due(model.model_id, night, print_now, _why(then, now) if head else _new(now))


def _new(now: dict[str, str]) -> str:
    return "not there" if now["log"] == "absent" else "new"


def _why(note: dict[str, Any], now: dict[str, str]) -> str:
    """Say what changed since the last audit."""
    then = note.get("state", {})
    if then.get("log") != now["log"]:
        return "log changed" if then else "state lost"
    if now["labels"] == "overdue":
        return "labels overdue"
    return "labels came" if then.get("labels") in ("pending", "overdue") else "labels changed"


def state_of(project: Project, model: ModelConfig, night: date, newest: date) -> dict[str, str]:
    """Return what the log and labels of a night look like now, cheaply: size and time of files, digest of rows."""
    due = model.labels_due(night)
    labels = _token(model.labels, project.root, night) if model.labels else "none"
    if labels == "absent" and due is not None:
        labels = "overdue" if newest >= due else "pending"
    return {"log": _token(model.log, project.root, night), "labels": labels}


def fingerprint(state: dict[str, str]) -> str:
    """Return one word for a state."""
    return sha256(canonical(state))


def _token(source: NightlySource, root: Path, night: date) -> str:
    """Return something that changes when the night's data does."""
    if source.path:
        path = root / source.path.replace("{night}", night.isoformat())
        if not path.is_file():
            return "absent"
        stat = path.stat()
        return f"{stat.st_size}:{stat.st_mtime_ns}"
    try:
        return sources.open_night(source, root, night).sha256
    except SourceError:
        return "absent"


def remember(project: Project, model_id: str, night: date, *, state: dict[str, str], record: str) -> None:
    """Note what a record was made from, so that the same work is not done twice; disposable, not evidence."""
    note = {"fingerprint": fingerprint(state), "state": state, "record": record}
    write_whole(_file(project, model_id, night), json.dumps(note).encode())


def _file(project: Project, model_id: str, night: date) -> Path:
    return project.layout.audit / ".state" / model_id / f"{night.isoformat()}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found
