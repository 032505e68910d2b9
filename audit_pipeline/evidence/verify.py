"""Recompute every digest of the store and say exactly what is not as the log says.

Finds changed, dropped, added and reordered files and entries, and roots that the log's key did not sign. A file that
rows were erased from is held against its erasure; one that was purged is told, instead of missing. A writer who has the
key and replaces the whole store by another consistent one is found only by a root kept elsewhere (`--since`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit_pipeline.durable import file_sha256, readable
from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, read_json, sha256
from audit_pipeline.evidence.entry import ERASURE, RECORD, LogEntry
from audit_pipeline.evidence.erased import erasure_of, erasures
from audit_pipeline.evidence.purged import purges
from audit_pipeline.evidence.store import Store, files_of
from audit_pipeline.evidence.verify_erased import erased_faults
from audit_pipeline.evidence.verify_log import LOG, Problem, check_log

AGAIN = 3  # times at most: while the log grows, what was found may have been erased or purged meanwhile
MISSING = "is missing: a record or the log names it"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found."""

    entries: int
    records: int
    files: int
    root: str  # over all entries: keep it elsewhere and give it to --since later
    signed: int  # entries under a root whose signature holds
    keys: tuple[str, ...]  # public keys that signed, in the order of their time
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as the log says."""
        return not self.problems


def verify(
    store: Store, *, model_id: str | None = None, night: str | None = None, since: str | Path | None = None
) -> Verification:
    """Check the log, and the records and files it names (all, or those of one model or night).

    Args:
        store: the store to check; with its key, entries that no root covers yet are checked by their writers' marks.
        model_id: only this model's records.
        night: only this night's records.
        since: a root seen earlier, in hex, or a file of roots: the log must still begin with them.

    Raises:
        EvidenceError: the file in `since` is none.
    """
    for _ in range(AGAIN):
        before = store.log.lines.count()
        found = _verify(store, model_id, night, since)
        if found.ok or store.log.lines.count() == before:
            break
    return found


def _verify(store: Store, model_id: str | None, night: str | None, since: str | Path | None) -> Verification:
    proof = check_log(store.log, since=since)
    problems, notes = list(proof.problems), list(proof.notes)
    wanted = [
        e
        for e in proof.entries
        if e.kind == RECORD and (not model_id or e.model_id == model_id) and (not night or e.night == night)
    ]
    files = _Files(store.root, proof.entries)
    for entry in proof.entries:
        if entry.kind == ERASURE and erasure_of(entry) is None:
            problems.append(Problem(f"{LOG}: entry {entry.index}", "does not have the form of an erasure"))
    for entry in wanted:
        problems += _record_problems(store, entry, files)
    if (model_id or night) and not wanted:
        problems.append(Problem(LOG, f"no record of {model_id or 'any model'} {night or ''}".strip()))
    unlisted, told = _unlisted(store)
    if not since:
        notes.insert(0, "Not protected against rollback: no root from outside was given (--since ROOT or FILE).")
    return Verification(
        entries=len(proof.entries),
        records=len(wanted),
        files=len(files.seen),
        root=proof.root,
        signed=proof.signed,
        keys=tuple(proof.keys),
        problems=tuple(dict.fromkeys([*problems, *unlisted])),
        notes=(*notes, *files.notes(), *told),
    )


class _Files:
    """What is known about files of the store; each is read once, however many records name it."""

    def __init__(self, root: Path, entries: list[LogEntry]) -> None:
        """Take what the log says of erased rows and purged files."""
        self.root, self._resolved = root, root.resolve()
        self.seen: dict[str, tuple[str, str]] = {}
        self.erased, self.purged = erasures(entries), purges(entries)
        self._told: dict[str, str] = {}  # path -> what became of it

    def notes(self) -> list[str]:
        """Say what was erased and purged of the files that were looked at."""
        return [
            f"{count} file{'s' if count != 1 else ''}: {what}." for what, count in Counter(self._told.values()).items()
        ]

    def purge_faults(self, name: str, sha256: str, night: date) -> Iterator[str] | None:
        """Return what is wrong with the purge of a file that is not there; None when it was not purged."""
        digests = (sha256, *(erasure.new_sha256 for erasure in self.erased.get(name, ())))
        purge = next((self.purged[name, digest] for digest in digests if (name, digest) in self.purged), None)
        if purge is None:
            return None
        self._told[name] = str(purge)
        return iter([f"was {purge}, before its time"] if purge.too_early(night) else [])

    def erased_faults(self, file: dict[str, Any], sha256: str) -> Iterator[str] | None:
        """Return what is wrong with a file that rows were erased from; None when none were."""
        name = file["path"]
        if name not in self.erased:
            return None
        count = sum(erasure.rows for erasure in self.erased[name])
        self._told[name] = f"rows were erased ({count:,} in the file)"
        return erased_faults(self.root / name, file, self.erased[name], sha256)

    def look(self, name: str) -> tuple[str, str]:
        """Return the sha256 of the file `name`, or "" and what is wrong instead."""
        if name not in self.seen:
            self.seen[name] = self._look(self.root / name)
        return self.seen[name]

    def _look(self, path: Path) -> tuple[str, str]:
        try:
            if not path.resolve().is_relative_to(self._resolved):
                return "", "leads out of the store: what stands there is not evidence"
            return (file_sha256(path), "") if path.is_file() else ("", MISSING)
        except (OSError, ValueError, RuntimeError) as error:  # the last two: no possible name, a ring of links
            return "", f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"


def _record_problems(store: Store, entry: LogEntry, files: _Files) -> Iterator[Problem]:
    """Check one record file, its result digest, and every file it names."""
    path = store.record_path(entry.model_id, entry.night, entry.digest)
    name = path.relative_to(store.root).as_posix()
    found, fault = files.look(name)
    gone = files.purge_faults(name, entry.digest, _night(entry)) if fault == MISSING else None
    if gone is not None:  # what it named went before it
        yield from (Problem(name, text) for text in gone)
        return
    if found != entry.digest:
        yield Problem(name, fault or "was changed: its sha256 is not the one in the log")
        return
    try:
        record = read_json(path.read_bytes())
        named = files_of(record)
        digests = {sha256(canonical(record["result"])), record["result_digest"], entry.body.get("result_digest")}
        night = (record["result"]["model_id"], record["result"]["night"])
        runs = {record["execution"]["run_id"], entry.body.get("run_id"), entry.writer.run}
    except (EvidenceError, OSError, ValueError, KeyError, TypeError):
        yield Problem(name, "does not have the form of a record")
        return
    if len(digests) > 1:
        yield Problem(name, "its result_digest is not the digest of its result")
    if night != (entry.model_id, entry.night):
        yield Problem(name, "belongs to another model-night than the log says")
    if len(runs) > 1:
        yield Problem(name, "was made by another run than the one that wrote its log entry")
    for file in named:
        yield from _file_problems(files, file, night=_night(entry))


def _night(entry: LogEntry) -> date:
    """Return the night of a record; one that is none has no time to be kept."""
    try:
        return date.fromisoformat(entry.night)
    except ValueError:
        return date.min


def _file_problems(files: _Files, file: dict[str, Any], *, night: date | None = None) -> Iterator[Problem]:
    """Check one named file; without a night, as if nothing had been purged or erased."""
    name = file["path"]
    found, fault = files.look(name)
    known = None
    if night is not None and (fault == MISSING or not fault):
        known = files.purge_faults(name, file["sha256"], night) if fault else files.erased_faults(file, found)
    if known is not None:
        yield from (Problem(name, text) for text in known)
    elif fault:
        yield Problem(name, fault)
    elif found != file["sha256"]:
        yield Problem(name, f"sha256 of {Path(name).name} is not the one in its record: the file was changed")
        yield from _group_problems(files.root / name, file)


def file_problems(store: Store, file: dict[str, Any]) -> list[Problem]:
    """Return how one file that a record names differs from what it names; an erasure is a difference."""
    return list(_file_problems(_Files(store.root, []), file))


def _group_problems(path: Path, file: dict[str, Any]) -> Iterator[Problem]:
    """Name the row groups of a changed snapshot that are not as recorded."""
    with path.open("rb") as data:
        for group in file.get("row_groups", []):
            data.seek(group["offset"])
            if hashlib.sha256(data.read(group["length"])).hexdigest() != group["sha256"]:
                yield Problem(file["path"], f"row group {group['index']} was changed")


def _unlisted(store: Store) -> tuple[list[Problem], list[str]]:
    """Find files that no logged record names; return them, or a note why nobody can tell."""
    with store.quiet() as quiet:
        if not quiet:
            return [], ["A run is at work: files that no entry names yet were not judged."]
        try:
            found = [readable(path.relative_to(store.root)) for path in store.unlisted()]
        except EvidenceError:
            return [], ["The log or a record is damaged: whether there are files that none names cannot be told."]
    return [Problem(name, "no logged record names it: it is not evidence") for name in found], []
