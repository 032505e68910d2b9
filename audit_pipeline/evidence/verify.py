"""Recompute every digest of the store and say exactly what is not as the log says.

Protects against changed, dropped, added and reordered files and entries. A writer who replaces the whole store with
another consistent one is found only by a chain value kept elsewhere (`--since`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.files import file_sha256
from audit_pipeline.evidence.log import GENESIS, LogEntry
from audit_pipeline.evidence.store import Store, files_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the log says."""

    path: str  # below the audit folder
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found."""

    entries: int
    records: int
    files: int
    chain: str  # head of the log: keep it elsewhere and give it to --since later
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as the log says."""
        return not self.problems


def verify(
    store: Store, *, model_id: str | None = None, night: str | None = None, since: str | None = None
) -> Verification:
    """Check the log, and the records and files it names (all, or those of one model or night).

    Args:
        store: the store to check.
        model_id: only this model's records.
        night: only this night's records.
        since: a chain value seen earlier, which the log must still contain.
    """
    problems: list[Problem] = []
    entries = _entries(store, problems)
    problems += _chain_problems(entries, since)
    wanted = [
        e
        for e in entries
        if e.kind == "record" and (not model_id or e.model_id == model_id) and (not night or e.night == night)
    ]
    digests: dict[str, str | None] = {}
    for entry in wanted:
        problems += _record_problems(store, entry, digests)
    if (model_id or night) and not wanted:
        problems.append(Problem("log/entries.jsonl", f"no record of {model_id or 'any model'} {night or ''}".strip()))
    notes = (
        ["Not protected against rollback: no chain value from outside was given (--since CHAIN)."] if not since else []
    )
    with store.quiet() as quiet:
        if quiet:
            problems += [_unlisted(store, path) for path in store.unlisted()]
        else:
            notes.append("A run is at work: files that no entry names yet were not judged.")
    head = entries[-1].chain if entries else GENESIS
    return Verification(len(entries), len(wanted), len(digests), head, tuple(problems), tuple(notes))


def _entries(store: Store, problems: list[Problem]) -> list[LogEntry]:
    """Read the log; an unreadable one is a problem, not a crash."""
    try:
        return list(store.log.entries())
    except EvidenceError as error:
        problems.append(Problem("log/entries.jsonl", str(error)))
        return []


def _chain_problems(entries: list[LogEntry], since: str | None) -> Iterator[Problem]:
    """Follow the chain from its beginning."""
    previous = GENESIS
    for number, entry in enumerate(entries):
        where = f"log/entries.jsonl: entry {number}"
        if entry.index != number:
            yield Problem(where, f"carries index {entry.index}: an entry is missing or was reordered")
        if entry.previous != previous:
            yield Problem(where, "does not follow the entry before it: an entry is missing, added or reordered")
        if entry.chain != entry.expected_chain():
            yield Problem(where, "its content does not give its chain value: the entry was changed")
        previous = entry.chain
    if since and since != GENESIS and since not in {entry.chain for entry in entries}:
        yield Problem(
            "log/entries.jsonl",
            f"does not contain the chain value {since[:16]}...: the log was cut or replaced",
        )


def _record_problems(store: Store, entry: LogEntry, digests: dict[str, str | None]) -> Iterator[Problem]:
    """Check one record file, its result digest, and every file it names."""
    path = store.record_path(entry.model_id, entry.night, entry.digest)
    name = path.relative_to(store.root).as_posix()
    if not path.is_file():
        yield Problem(name, "is missing: the log names it")
        return
    data = path.read_bytes()
    if sha256(data) != entry.digest:
        yield Problem(name, "was changed: its sha256 is not the one in the log")
        return
    digests[name] = entry.digest
    record = json.loads(data)
    result = sha256(canonical(record["result"]))
    if not result == record["result_digest"] == entry.body.get("result_digest"):
        yield Problem(name, "its result_digest is not the digest of its result")
    if (record["result"]["model_id"], record["result"]["night"]) != (entry.model_id, entry.night):
        yield Problem(name, "belongs to another model-night than the log says")
    for file in files_of(record):
        yield from _file_problems(store.root, file, digests)


def _file_problems(root: Path, file: dict[str, Any], digests: dict[str, str | None]) -> Iterator[Problem]:
    """Check one named file, each only once however many records name it."""
    name, expected = file["path"], file["sha256"]
    fresh = name not in digests
    if fresh:
        path = root / name
        inside = path.resolve().is_relative_to(root.resolve())
        digests[name] = file_sha256(path) if inside and path.is_file() else None
    found = digests[name]
    if found is None:
        yield Problem(name, "is missing: a record names it")
    elif found != expected:
        yield Problem(name, f"sha256 of {Path(name).name} is not the one in its record: the file was changed")
        yield from _group_problems(root / name, file)


def _group_problems(path: Path, file: dict[str, Any]) -> Iterator[Problem]:
    """Name the row groups of a changed snapshot that are not as recorded."""
    data = path.read_bytes() if file.get("row_groups") else b""
    for group in file.get("row_groups", []):
        part = data[group["offset"] : group["offset"] + group["length"]]
        if hashlib.sha256(part).hexdigest() != group["sha256"]:
            yield Problem(file["path"], f"row group {group['index']} was changed")


def _unlisted(store: Store, path: Path) -> Problem:
    """Say that a file is there which no record names."""
    return Problem(path.relative_to(store.root).as_posix(), "no logged record names it: it is not evidence")
