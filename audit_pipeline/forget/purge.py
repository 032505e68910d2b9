"""Delete files whose time is over, class by class: row-level ones first, records last, entries of the log never.

The log says first what goes, by path and digest; then it goes. A call that died is made again: what is still there is
still due. Nothing goes that a hold covers or that was changed: it is evidence of that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from audit_pipeline.config import Project
from audit_pipeline.config.retention import CLASSES, until
from audit_pipeline.durable import storing, sync
from audit_pipeline.errors import EvidenceError, KeptError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import ERASURE, PURGE
from audit_pipeline.evidence.erased import Erasures, erasures
from audit_pipeline.forget.kept_reference import drop_kept_reference
from audit_pipeline.forget.named import NamedFile, known


class Why(StrEnum):
    """Why a file stays."""

    FOR_GOOD = "no retention class"
    EARLY = "its time is not over"
    HELD = "a legal hold"
    CHANGED = "it was changed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that stays."""

    path: str  # below the audit folder
    kind: str  # retention class
    why: Why
    reason: str  # a sentence


@dataclass(frozen=True, slots=True)
class Going:
    """A file whose time is over."""

    path: str  # below the audit folder
    kind: str  # retention class
    kept: str  # the rule, e.g. 400 days
    sha256: str
    bytes: int  # on the disk
    model_id: str  # "" where several stand on it
    night: str  # "" where several stand on it


@dataclass(frozen=True, slots=True)
class Purged:
    """What came of it."""

    files: tuple[Going, ...]  # deleted; of a dry run, what would be
    kept: tuple[Kept, ...]

    def kept_for(self, *why: Why) -> list[Kept]:
        """Return what stays for one of these reasons."""
        return [kept for kept in self.kept if kept.why in why]


def purge(
    project: Project,
    *,
    by: str,
    model_id: str | None = None,
    night: date | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Purged:
    """Delete what `retention` in project.yaml no longer keeps.

    Args:
        project: the project.
        by: who asks for it.
        model_id: only files that this model alone stands on.
        night: only files that this night alone stands on; if none of them may go, that is an error.
        dry_run: only say what would go.
        now: the present, aware; default: the clock.

    Raises:
        ConfigError: there is no such model.
        KeptError: a night was asked for, and all of it is kept.
        BusyError: a run is at work.
        EvidenceError: the log or a record is damaged, or the clock is behind the log.
    """
    if model_id is not None:
        project.model(model_id)
    store, day = Store.of(project), (now or datetime.now(UTC)).astimezone(UTC).date()
    _require_clock(store, day)
    if dry_run:
        return _chosen(project, store, day, model_id, night)
    store.sweep_if_alone()
    with store.alone("purge"):
        found = _chosen(project, store, day, model_id, night)
        for going in _grouped(found.files):
            _delete(store, going, by=by, day=day)
    return found


def _require_clock(store: Store, day: date) -> None:
    """A clock that is behind the log would date the purge before what it deletes."""
    last = store.log.lines.last() if store.log.lines.file.exists() else None
    entry = next(store.log.entries(store.log.lines.count() - 1), None) if last else None
    if entry is not None and day < datetime.fromisoformat(entry.time).date():
        raise EvidenceError(
            f"The clock says {day}, and the newest entry of the log is of {entry.time[:10]}: nothing was purged. "
            "Set the clock, and call it again."
        )


def _chosen(project: Project, store: Store, day: date, model_id: str | None, night: date | None) -> Purged:
    """Judge the files asked for.

    Raises:
        KeptError: a night was asked for, and all of it is kept.
    """
    going: list[Going] = []
    kept: list[Kept] = []
    found = erasures(store.log.of_kind(ERASURE))
    for file in known(store).files.values():
        models, nights = ({pair[i] for pair in file.model_nights} for i in (0, 1))
        wanted = (model_id is None or models == {model_id}) and (night is None or nights == {night})
        if wanted and store.vault.where(file.path).is_file():
            judged = _judged(project, store, file, found, day)
            if isinstance(judged, Going):
                going.append(judged)
            else:
                kept.append(judged)
    if night is not None and not going:
        reasons = list(dict.fromkeys(one.reason for one in kept)) or ["There is no file that stands on it alone."]
        raise KeptError(f"Nothing of {night} was purged. {' '.join(reasons)}")
    return Purged(tuple(sorted(going, key=_order)), tuple(kept))


def _judged(project: Project, store: Store, file: NamedFile, found: Erasures, day: date) -> Going | Kept:
    """Say whether a file goes."""
    kind = file.path.split("/", 1)[0]
    rule: str | None = getattr(project.config.retention, kind)
    hold = file.hold(project.config.holds)
    if rule is None:
        return Kept(file.path, kind, Why.FOR_GOOD, f"`retention.{kind}` is not set: it is kept for good.")
    first = until(file.newest, rule)
    if day < first:
        return Kept(file.path, kind, Why.EARLY, f"The class {kind} ({rule}) keeps it until {first}.")
    if hold is not None:
        return Kept(file.path, kind, Why.HELD, f"A legal hold keeps it: {hold.reason}")
    digest = store.vault.sha256_if_whole(file.path)
    states = [erasure.new_sha256 for erasure in found.get(file.path, ())]
    if digest not in (states[-1:] or file.digests):
        return Kept(file.path, kind, Why.CHANGED, f"{file.path} was changed: it is evidence of that, and stays.")
    about = file.about()
    size = store.vault.where(file.path).stat().st_size
    return Going(file.path, kind, rule, digest, size, about["model_id"], about["night"])


def _order(going: Going) -> tuple[int, str, str, str]:
    return CLASSES.index(going.kind), going.night, going.model_id, going.path


def _grouped(files: Sequence[Going]) -> Iterable[list[Going]]:
    """Return what one entry of the log names: files of one class, rule and model-night, in the order of deletion."""
    groups: dict[tuple[str, str, str, str], list[Going]] = defaultdict(list)
    for file in files:
        groups[file.kind, file.kept, file.model_id, file.night].append(file)
    return groups.values()


def _delete(store: Store, going: list[Going], *, by: str, day: date) -> None:
    """Log what goes, then let it go."""
    first = going[0]
    body: dict[str, Any] = {
        "class": first.kind,
        "kept": first.kept,
        "day": day.isoformat(),
        "files": [{"path": file.path, "sha256": file.sha256, "bytes": file.bytes} for file in going],
        "by": by,
    }
    digest = sha256(canonical(body))
    store.log.append(PURGE, model_id=first.model_id, night=first.night, digest=digest, body=body, run="purge")
    with storing(first.path):
        for file in going:
            drop_kept_reference(store.root, {file.sha256, PurePosixPath(file.path).name})
            store.vault.remove(file.path)
        for folder in {(store.root / file.path).parent for file in going}:
            sync(folder)
            for empty in _empty_up_to(store.root / first.kind, folder):
                empty.rmdir()


def _empty_up_to(top: Path, folder: Path) -> Iterator[Path]:
    """Yield folders that hold nothing any more, from the innermost."""
    while folder != top and not any(folder.iterdir()):
        yield folder
        folder = folder.parent
