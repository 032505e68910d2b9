"""The evidence store: content-addressed inputs, records that are never changed, and what a dead run left.

Order of a commit: rendered files, record, log entry. A crash before the log entry leaves files that no entry names;
the next run over the same store sets them aside. What stands in the log is whole.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit_pipeline.config import Layout
from audit_pipeline.evidence.canonical import canonical, plain, sha256
from audit_pipeline.evidence.files import file_sha256, locked, move_aside, sync_folder, write_whole
from audit_pipeline.evidence.log import Log, LogEntry
from audit_pipeline.records import SCHEMA_VERSION, AuditResult, FileRef

EVIDENCE_FOLDERS = ("evidence", "snapshots", "inputs", "artifacts")


@dataclass(frozen=True, slots=True)
class Committed:
    """A record as it stands in the store."""

    record: str  # digest of the record file
    result_digest: str
    new: bool  # False: the same result was already the newest of its model-night
    artifacts: tuple[FileRef, ...]


class Store:
    """One project's evidence store, the folder `audit/`."""

    def __init__(self, layout: Layout) -> None:
        """Nothing is created until something is written."""
        self.layout = layout
        self.root = layout.audit
        self.log = Log(self.root / "log", layout.quarantine)
        self._locks = self.root / ".locks"

    @contextmanager
    def session(self) -> Iterator[None]:
        """Be a writer among others; while one is at work nobody sweeps."""
        with locked(self._locks / "store", shared=True):
            yield

    def sweep_if_alone(self) -> int:
        """Set aside what dead runs left, unless a run is at work; return how many files moved."""
        with locked(self._locks / "store", wait=False) as alone:
            return self.sweep() if alone else 0

    @contextmanager
    def quiet(self) -> Iterator[bool]:
        """Yield whether no writer is at work; without leave to lock (a read-only copy) nobody is."""
        try:
            with locked(self._locks / "store", wait=False) as alone:
                yield alone
        except PermissionError:
            yield True

    @contextmanager
    def model_night(self, model_id: str, night: date) -> Iterator[None]:
        """Be the only writer of one model-night."""
        with locked(self._locks / model_id / night.isoformat()):
            yield

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a folder for unfinished files, on the store's own file system; it is removed at the end."""
        folder = self.root / ".work" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put_input(self, role: str, data: bytes, *, media_type: str) -> FileRef:
        """Keep bytes that a result depends on, under their own digest."""
        digest = sha256(data)
        target = self.root / "inputs" / digest
        if not target.exists():
            write_whole(target, data)
        return FileRef(role, f"inputs/{digest}", digest, len(data), media_type)

    def put_input_file(self, role: str, path: Path, *, media_type: str) -> FileRef:
        """Keep a file that a result depends on, under its own digest."""
        return self.put_input(role, path.read_bytes(), media_type=media_type)

    def heads(self) -> dict[tuple[str, str], LogEntry]:
        """Return the newest logged record per (model, night)."""
        return {(e.model_id, e.night): e for e in self.log.entries() if e.kind == "record"}

    def head(self, model_id: str, night: date) -> LogEntry | None:
        """Return the newest logged record of one model-night."""
        return self.heads().get((model_id, night.isoformat()))

    def read_record(self, model_id: str, night: str, digest: str) -> dict[str, Any]:
        """Return one record as plain JSON."""
        record: dict[str, Any] = json.loads(self.record_path(model_id, night, digest).read_bytes())
        return record

    def record_path(self, model_id: str, night: str, digest: str) -> Path:
        """Return where a record stands."""
        return self.root / "evidence" / model_id / night / f"{digest}.json"

    def commit(self, result: AuditResult, *, rendered: Path, execution: dict[str, Any]) -> Committed:
        """Make a result evidence: rendered files, record, log entry; nothing when it is the newest already.

        Args:
            result: the statement.
            rendered: folder with the files made from it; moved into the store.
            execution: who made it, when; the digests of `rendered` and the superseded record are added.

        Raises:
            EvidenceError: the disk is full; the log then does not name the record.
        """
        night = result.night.isoformat()
        digest = result_digest(result)
        head = self.head(result.model_id, result.night)
        if head is not None and head.body["result_digest"] == digest:
            record = self.read_record(result.model_id, night, head.digest)
            files = tuple(FileRef(**ref) for ref in record["execution"]["artifacts"])
            return Committed(head.digest, digest, False, files)
        place = Path("artifacts") / result.model_id / night / digest
        files = self._move_rendered(rendered, place)
        document = {
            "schema_version": SCHEMA_VERSION,
            "result": plain(result),
            "result_digest": digest,
            "execution": {
                **execution,
                "artifacts": plain(files),
                "supersedes": head.digest if head else None,
            },
        }
        data = canonical(document)
        record_digest = sha256(data)
        write_whole(self.record_path(result.model_id, night, record_digest), data)
        body = {
            "result_digest": digest,
            "verdict": result.decision.verdict.value,
            "owner": result.owner,
            "run_id": execution["run_id"],
        }
        self.log.append("record", model_id=result.model_id, night=night, digest=record_digest, body=body)
        return Committed(record_digest, digest, True, files)

    def _move_rendered(self, rendered: Path, place: Path) -> tuple[FileRef, ...]:
        """Move the rendered files to `place` in one rename; what an unfinished run left there is set aside."""
        target = self.root / place
        if target.exists() and place.as_posix() not in self._named_folders():
            move_aside(target, self.layout.quarantine, "rendered files that no logged record names")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            for file in rendered.iterdir():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
            rendered.rename(target)
            sync_folder(target.parent)
        return files_in(target, place.as_posix())

    def _named_folders(self) -> set[str]:
        """Return the artifact folders of logged records."""
        return {
            f"artifacts/{e.model_id}/{e.night}/{e.body['result_digest']}"
            for e in self.log.entries()
            if e.kind == "record"
        }

    def sweep(self) -> int:
        """Set aside what no logged record names, and empty the work folder; return how many files moved.

        Only for a caller that holds the store alone: a run in progress has files that are not logged yet.
        """
        shutil.rmtree(self.root / ".work", ignore_errors=True)
        unlisted = self.unlisted()
        for path in unlisted:
            move_aside(path, self.layout.quarantine, "no logged record names it: its run did not finish")
        for folder in EVIDENCE_FOLDERS:
            _drop_empty(self.root / folder)
        return len(unlisted)

    def unlisted(self) -> list[Path]:
        """Return files in the evidence folders that no logged record names."""
        present = {
            path.relative_to(self.root).as_posix()
            for folder in EVIDENCE_FOLDERS
            for path in (self.root / folder).rglob("*")
            if path.is_file() or path.is_symlink()
        }
        if not present:
            return []
        return [self.root / path for path in sorted(present - self.listed())]

    def listed(self) -> set[str]:
        """Return every path that logged records name, themselves included."""
        names: set[str] = set()
        for entry in self.log.entries():
            path = self.record_path(entry.model_id, entry.night, entry.digest)
            if entry.kind != "record" or not path.exists():
                continue
            names.add(path.relative_to(self.root).as_posix())
            names.update(ref["path"] for ref in files_of(json.loads(path.read_bytes())))
        return names


def result_digest(result: AuditResult) -> str:
    """Return the sha256 of the canonical result: what "the same" means."""
    return sha256(canonical(result))


def files_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every file a record names: snapshot, inputs, artifacts."""
    result = record["result"]
    snapshot = [result["snapshot"]] if result["snapshot"] else []
    return [*snapshot, *result["inputs"], *record["execution"]["artifacts"]]


def files_in(folder: Path, place: str = "") -> tuple[FileRef, ...]:
    """Return the files of `folder` as they will be named below `place`."""
    return tuple(
        FileRef("artifact", f"{place}/{f.name}".lstrip("/"), file_sha256(f), f.stat().st_size, media_type(f))
        for f in sorted(folder.iterdir())
    )


def media_type(path: Path) -> str:
    """Return the media type by suffix."""
    known = {".html": "text/html", ".json": "application/json", ".parquet": "application/vnd.apache.parquet"}
    return known.get(path.suffix, "application/octet-stream")


def _drop_empty(folder: Path) -> None:
    """Remove folders that hold nothing."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
