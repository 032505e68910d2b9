"""Erase a person: the rows go from every file of the store, row groups without them keep their bytes, the log says it.

Of each file the new one is written beside, then the log names both, then the new one takes the old one's place, under
the old one's name: records go on naming it, and the log leads from the digest they name to the one it has now. What
died in between is ended by the next run (`Store.sweep_if_alone`), or by the same command.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from audit_pipeline.config import Project
from audit_pipeline.config.secrets import read_key
from audit_pipeline.durable import file_sha256, storing
from audit_pipeline.errors import EvidenceError, KeptError, QueryError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import canonical, plain, sha256
from audit_pipeline.evidence.entry import ERASURE
from audit_pipeline.evidence.erased import EMPTY, Erasure, erasures
from audit_pipeline.forget.find import Found, Holding, find
from audit_pipeline.forget.kept_reference import drop_kept_reference
from audit_pipeline.forget.named import Known, known
from audit_pipeline.records import CutGroup
from audit_pipeline.snapshot.cut import cut


@dataclass(frozen=True, slots=True)
class ErasedFile:
    """What was, or would be, erased from one file."""

    path: str  # below the audit folder
    rows: int
    groups: tuple[int, ...]  # row groups written anew, by their place in the file
    entry: int | None  # of the log; None of a dry run


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    files: tuple[ErasedFile, ...]
    unsearched: tuple[tuple[str, str], ...]  # (path, why): files of which nobody can tell whose the rows are

    @property
    def rows(self) -> int:
        """In all files."""
        return sum(file.rows for file in self.files)


def erase(
    project: Project, person: str, *, reason: str, by: str, model_id: str | None = None, dry_run: bool = False
) -> Erased:
    """Erase every row of a person from the store.

    Args:
        project: the project.
        person: the identifier in clear, as it stands in the logs.
        reason: why, in words; it stays in the log for good and must not name the person.
        by: who asks for it.
        model_id: only from files of this model, where models number persons differently.
        dry_run: only say what would be erased.

    Raises:
        QueryError: there is no identifier or no reason, or the reason holds the identifier.
        ConfigError: there is no such model.
        KeyMissingError: the pseudonym key is not there: the person's rows cannot be told from others.
        KeptError: a legal hold covers a file: nothing was erased.
        BusyError: a run is at work.
        EvidenceError: the log or a record is damaged, or the disk is full.
    """
    _require(person, reason)
    if model_id is not None:
        project.model(model_id)
    store = Store.of(project)
    if dry_run:
        found = _found(project, store, person, model_id)
        return Erased(tuple(_told(holding, None) for holding in found.holding), found.unsearched)
    store.sweep_if_alone()
    with store.alone("erase"):
        found = _found(project, store, person, model_id)
        files = tuple(_erase(store, holding, reason=reason.strip(), by=by) for holding in found.holding)
        shutil.rmtree(store.staged, ignore_errors=True)
    return Erased(files, found.unsearched)


def _require(person: str, reason: str) -> None:
    if not person or not reason.strip():
        raise QueryError("An erasure needs an identifier and a reason.")
    if person in reason:
        raise QueryError("The reason holds the identifier, and would keep it in the log for good: write it without.")


def _found(project: Project, store: Store, person: str, model_id: str | None) -> Found:
    """Search, and refuse what a legal hold covers."""
    everything = known(store)
    found = find(store, everything, person, model_id=model_id, key=_key(project, everything))
    for holding in found.holding:
        hold = holding.named.hold(project.config.holds)
        if hold is not None:
            raise KeptError(
                f"{holding.path} is under a legal hold ({hold.reason}): nothing was erased. "
                "End the hold in project.yaml (`holds`), or erase when it has ended."
            )
    return found


def _key(project: Project, everything: Known) -> bytes | None:
    """Return the key of the pseudonyms if there are any."""
    masked = any(person.masked for persons in everything.persons.values() for person in persons)
    return read_key("pseudonym", project.config.keys.pseudonym, project.root) if masked else None


def _told(holding: Holding, entry: int | None) -> ErasedFile:
    return ErasedFile(holding.path, holding.rows, tuple(sorted(holding.drop)), entry)


def _erase(store: Store, holding: Holding, *, reason: str, by: str) -> ErasedFile:
    """Erase the rows from one file."""
    name, vault = holding.path, store.vault
    with vault.session():
        before, encrypted = vault.sha256(name), vault.ciphertext(name) or ""
        drop_kept_reference(store.root, {before, PurePosixPath(name).name})
        new, groups, size = _written(store, holding)
        earlier = erasures(store.log.of_kind(ERASURE)).get(name, [])
        body = {
            "path": name,
            "sha256": before,
            "new_sha256": new.name,
            "bytes": size,
            "rows": holding.rows,
            "encrypted_before": encrypted,
            "encrypted": file_sha256(new) if encrypted else "",
            "groups": plain(_as_frozen(groups, _last(earlier, before))),
            "reason": reason,
            "by": by,
        }
        index = _logged_by_one_that_died(earlier, body)
        if index is None:
            digest = sha256(canonical(body))
            index = store.log.append(ERASURE, **holding.named.about(), digest=digest, body=body, run="erase").index
        with storing(name):
            vault.take_place(name, new)
    return _told(holding, index)


def _logged_by_one_that_died(earlier: Sequence[Erasure], body: dict[str, Any]) -> int | None:
    """Return the entry that says the same of the same file, when that is the newest."""
    states = ("sha256", "new_sha256", "encrypted")
    same = earlier and all(getattr(earlier[-1], name) == body[name] for name in states)
    return earlier[-1].entry if same else None


def _written(store: Store, holding: Holding) -> tuple[Path, tuple[CutGroup, ...], int]:
    """Write the file without the rows, named by its sha256, where it is found by who ends what died."""
    name, vault = holding.path, store.vault
    with storing(name), vault.workspace() as work:
        try:
            groups = cut(vault.plain(name), holding.drop, work / "less")
        except ValueError as error:
            raise EvidenceError(f"{name} was left as it is: {error}. Run `audit-pipeline verify`.") from error
        new = store.staged / file_sha256(work / "less")
        vault.stage(name, work / "less", new)
        return new, groups, (work / "less").stat().st_size


def _last(earlier: Sequence[Erasure], before: str) -> Erasure | None:
    """Return the erasure that made the file what it is."""
    return next((erasure for erasure in reversed(earlier) if erasure.new_sha256 == before), None)


def _as_frozen(groups: Sequence[CutGroup], last: Erasure | None) -> list[CutGroup]:
    """Number row groups as in the file that was frozen: one that lost all its rows keeps its number."""
    if last is None:
        return list(groups)
    found, rest = [], iter(groups)
    for was in last.groups:
        if was.rows:
            found.append(CutGroup(**asdict(next(rest)) | {"index": was.index}))
        else:
            found.append(CutGroup(was.index, 0, 0, 0, 0, EMPTY, EMPTY))
    return found
