"""Which rows of which files were erased, as the log says: what is left is proved, and cannot be replayed.

An erasure is an entry of kind `erasure` per file. It is written before the new file takes the place of the old one: a
file from before it shows an erasure that died, or one that was undone. Each goes on from what the one before left; one
that was never put in place is passed over.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.durable import file_sha256
from audit_pipeline.evidence.entry import ERASURE, LogEntry
from audit_pipeline.records import CutGroup
from audit_pipeline.vault import Vault

if TYPE_CHECKING:
    from audit_pipeline.evidence.store import Store

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # sha256 of nothing: a group without rows


SAID = ("path", "sha256", "new_sha256", "bytes", "rows", "encrypted_before", "encrypted")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One entry: what one file was, and what it is without the rows."""

    entry: int  # index in the log
    path: str  # below the audit folder
    sha256: str  # of the file before
    new_sha256: str
    bytes: int  # of the file now
    rows: int  # erased by it
    encrypted_before: str  # sha256 of the file's encrypted form, "" in clear
    encrypted: str  # the same of the file now
    groups: tuple[CutGroup, ...]  # all row groups of the file as it was frozen


Erasures = dict[str, list[Erasure]]  # by path, in the order of the log


def erasures(entries: Iterable[LogEntry]) -> Erasures:
    """Return what the entries say was erased; one that has not the form of an erasure says nothing."""
    found: Erasures = {}
    for entry in entries:
        erasure = erasure_of(entry) if entry.kind == ERASURE else None
        if erasure is not None:
            found.setdefault(erasure.path, []).append(erasure)
    return found


def erasure_of(entry: LogEntry) -> Erasure | None:
    """Return what one entry says; None when it has not the form."""
    try:
        said = {name: entry.body[name] for name in SAID}
        groups = tuple(CutGroup(**group) for group in entry.body["groups"])
        found = Erasure(entry.index, groups=groups, **said)
    except (KeyError, TypeError):
        return None
    return found if all(_typed(part) for part in (found, *groups)) else None


def _typed(part: Any) -> bool:
    """Tell whether numbers are whole and not negative, and digests are text."""
    values = [(getattr(part, field.name), field.type) for field in fields(part) if field.name != "groups"]
    return all(type(value) is kind and (kind is str or value >= 0) for value, kind in values)


def leading(found: Sequence[Erasure], named: str) -> list[Erasure] | None:
    """Return the erasures that lead from the file of digest `named` to what is there now.

    Empty when `named` is what the newest one left; None when none of them goes on from `named`.
    """
    chain: list[Erasure] = []
    for erasure in _backwards(found):
        if erasure.new_sha256 == named:
            return chain
        chain.insert(0, erasure)
    return chain if chain[0].sha256 == named else None


def _backwards(found: Sequence[Erasure]) -> Iterator[Erasure]:
    """Yield the erasures that were put in place, newest first: each went on from what the next one left."""
    state = found[-1].new_sha256
    for erasure in reversed(found):
        if erasure.new_sha256 == state:
            yield erasure
            state = erasure.sha256


def erased_rows(store: "Store", path: str, *, sha256: str) -> int | None:
    """Return how many rows were erased from the file `path` in all.

    Args:
        store: its log is asked.
        path: of a snapshot or an input, below the audit folder.
        sha256: of the file as it is now.

    Returns:
        None when nobody erased any, or when the file is not what the last erasure left: then it was changed.

    Raises:
        EvidenceError: a line of the log is no entry.
    """
    found = erasures(store.log.of_kind(ERASURE)).get(path)
    if not found or found[-1].new_sha256 != sha256:
        return None
    return sum(erasure.rows for erasure in _backwards(found))


def finish(vault: Vault, staged: Path, entries: Iterable[LogEntry]) -> int:
    """Put the files in place that erasures have logged and not put there, because they died; return how many.

    No key is needed: encrypted files are told by the sha256 of that form.

    Args:
        vault: the files of the store.
        staged: folder of new files, named by their sha256.
        entries: of the log.
    """
    if not staged.is_dir():
        return 0
    done = 0
    for found in erasures(entries).values():
        newest = found[-1]
        new, target = staged / newest.new_sha256, vault.where(newest.path)
        whole = new.is_file() and file_sha256(new) == (newest.encrypted or newest.new_sha256)
        if whole and target.is_file() and file_sha256(target) == (newest.encrypted_before or newest.sha256):
            vault.take_place(newest.path, new)
            done += 1
    return done
