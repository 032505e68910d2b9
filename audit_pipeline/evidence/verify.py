"""Recompute every digest of the store and say exactly what is not as the log says.

Finds changed, dropped, added and reordered files and entries, and roots that the log's key did not sign. A file that
rows were erased from is held against its erasure; one that was purged is told, instead of missing. A writer who has the
key and replaces the whole store by another consistent one is found only by a root kept elsewhere (`--since`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from audit_pipeline.durable import readable
from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, read_json, sha256
from audit_pipeline.evidence.entry import ERASURE, RECORD, LogEntry
from audit_pipeline.evidence.erased import erasure_of
from audit_pipeline.evidence.store import Store, files_of
from audit_pipeline.evidence.verify_file import MISSING, Files, named_problems
from audit_pipeline.evidence.verify_log import LOG, Problem, check_log

AGAIN = 3  # times at most: while the log grows, what was found may have been erased or purged meanwhile


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
    files = Files(store.vault, proof.entries)
    for entry in proof.entries:
        if entry.kind == ERASURE and erasure_of(entry) is None:
            problems.append(Problem(f"{LOG}: entry {entry.index}", "does not have the form of an erasure"))
    for entry in wanted:
        problems += _record_problems(store, entry, files)
    if (model_id or night) and not wanted:
        problems.append(Problem(LOG, f"no record of {model_id or 'any model'} {night or ''}".strip()))
    unlisted, told = _unlisted(store)
    notes += files.notes()
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
        notes=(*notes, *told),
    )


def _record_problems(store: Store, entry: LogEntry, files: Files) -> Iterator[Problem]:
    """Check one record file, its result digest, and every file it names."""
    path = store.record_path(entry.model_id, entry.night, entry.digest)
    name = path.relative_to(store.root).as_posix()
    found = files.look(name)
    gone = files.purge_faults(name, entry.digest, _night(entry)) if found.fault == MISSING else None
    if gone is not None:  # what it named went before it
        yield from (Problem(name, text) for text in gone)
        return
    if found.sha256 != entry.digest:
        yield Problem(name, found.fault or "was changed: its sha256 is not the one in the log")
        return
    try:
        record = read_json(path.read_bytes())
        named = files_of(record)
        digests = {sha256(canonical(record["result"])), record["result_digest"], entry.body.get("result_digest")}
        night = (record["result"]["model_id"], record["result"]["night"])
        runs = {record["execution"]["run_id"], entry.body.get("run_id"), entry.writer.run}
        encrypted = dict(record["execution"].get("encrypted", {}))
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
        yield from named_problems(files, file, encrypted.get(file["path"]), _night(entry))


def _night(entry: LogEntry) -> date:
    """Return the night of a record; one that is none has no time to be kept."""
    try:
        return date.fromisoformat(entry.night)
    except ValueError:
        return date.min


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
