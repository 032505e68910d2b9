"""Is what a result stands on still what its record names? A replay of anything else would prove nothing."""

from collections.abc import Iterator

from audit_pipeline.errors import EvidenceError, NotReplayableError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import plain
from audit_pipeline.evidence.entry import PURGE
from audit_pipeline.evidence.erased import erased_rows
from audit_pipeline.evidence.purged import purges
from audit_pipeline.evidence.verify_file import Files, file_problems
from audit_pipeline.records import FileRef, Snapshot
from audit_pipeline.replay.differences import Difference
from audit_pipeline.replay.recorded import Recorded, StoreThen

MISSING = "is missing. Restore it from a backup"


def damage(store: StoreThen, recorded: Recorded) -> Iterator[Difference]:
    """Yield what was changed: the snapshot with its row groups, inputs by role, records that were looked back at.

    Raises:
        NotReplayableError: a file is missing or was purged, or rows of it were erased.
    """
    for ref in recorded.files:
        yield from _of_file(store, ref)
    for (model_id, night), entry in store.heads().items():
        try:
            if store.kept_record(model_id, night, entry.digest) is None:
                raise NotReplayableError(f"the record of {night} that it looked back at was purged")
        except EvidenceError as error:
            yield Difference("look_back", night, entry.digest, str(error))


def _of_file(store: Store, ref: FileRef | Snapshot) -> Iterator[Difference]:
    """Hold one file against its digests."""
    files = Files(store.vault)
    found = files.look(ref.path)
    problems = [] if found.locked else list(file_problems(files, plain(ref), found.ciphertext))
    if not store.vault.where(ref.path).exists():
        purged = [purge for (name, _), purge in purges(store.log.of_kind(PURGE)).items() if name == ref.path]
        raise NotReplayableError(f"{ref.path} {f'was {purged[-1]}' if purged else MISSING}")
    if problems and (rows := erased_rows(store, ref.path, sha256=store.vault.sha256_if_whole(ref.path))) is not None:
        raise NotReplayableError(f"{rows:,} row{'s' if rows != 1 else ''} of {ref.path} erased")
    if problems:
        kind, where = ("input", f"{ref.role} {ref.path}") if isinstance(ref, FileRef) else ("snapshot", ref.path)
        yield Difference(kind, where, ref.sha256, "; ".join(problem.message for problem in problems))
