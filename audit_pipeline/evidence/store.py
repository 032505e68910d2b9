"""The evidence store: content-addressed inputs, records that are never changed, and what a dead run left.

Order of a commit: rendered files, record, log entry. A crash before the log entry leaves files that no entry names;
the next run over the same store sets them aside. What stands in the log is whole.
"""

import errno
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

from audit_pipeline.config import Layout, Project
from audit_pipeline.durable import (
    file_sha256,
    locked,
    make_folder,
    move_aside,
    storing,
    sync,
    write_whole,
)
from audit_pipeline.errors import BusyError, EvidenceError
from audit_pipeline.evidence.canonical import canonical, plain, read_json, sha256
from audit_pipeline.evidence.entry import ERASURE, PURGE, RECORD, LogEntry
from audit_pipeline.evidence.erased import finish
from audit_pipeline.evidence.log import Log
from audit_pipeline.evidence.purged import Purges, purges
from audit_pipeline.evidence.sign import SigningKey, signing_key
from audit_pipeline.records import SCHEMA_VERSION, AuditResult, FileRef
from audit_pipeline.vault import ENCRYPTED, WRAPPED, Vault

EVIDENCE_FOLDERS = ("evidence", "snapshots", "inputs", "artifacts")
REMEDY = "`audit-pipeline verify` says what else is not as the log says; restore it from a backup."


@dataclass(frozen=True, slots=True)
class Committed:
    """A record as it stands in the store."""

    record: str  # digest of the record file
    result_digest: str
    new: bool  # False: the same result was already the newest of its model-night
    artifacts: tuple[FileRef, ...]


class Store:
    """One project's evidence store, the folder `audit/`."""

    def __init__(self, layout: Layout, key: SigningKey | None = None, vault: Vault | None = None) -> None:
        """Nothing is created until something is written; writing into a signed log needs its `key`.

        Without the project's `vault`, files with rows are written in clear, and encrypted ones are not read.
        """
        self.layout = layout
        self.root = layout.audit
        self.vault = vault or Vault(self.root)
        self.log = Log(self.root / "log", layout.quarantine, key)
        self._locks = self.root / ".locks"
        self._work = self.root / ".work"  # unfinished files, and one marker per session

    @classmethod
    def of(cls, project: Project) -> Self:
        """Return a project's store with the key that its log is written with.

        Raises:
            KeyMissingError: the project names a key, and it is not there.
        """
        return cls(project.layout, signing_key(project.config, project.root), Vault.of(project.config, project.root))

    @contextmanager
    def session(self) -> Iterator[None]:
        """Be a writer among others; while one is at work nobody sweeps. One that fails leaves its marker.

        Raises:
            EvidenceError: the end of the log is not one to build upon.
            KeyMissingError: files are to be encrypted, and the key is not there.
            MemoryRoomError: there is no tmpfs to read them in.
        """
        with locked(self._locks / "store", shared=True), self.vault.session(), self._marked():
            yield

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Be the only one at work; `what` is the command, for the message. One that fails leaves its marker.

        Raises:
            BusyError: a run is at work.
            EvidenceError: the end of the log is not one to build upon.
        """
        with locked(self._locks / "store", wait=False) as taken:
            if not taken:
                raise BusyError(what)
            with self._marked():
                yield

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """Leave a marker if what is done inside dies, so that somebody sweeps."""
        self.log.check()
        marker = self._work / f"{uuid.uuid4().hex}.session"
        write_whole(marker, b"")
        yield
        marker.unlink()

    @property
    def staged(self) -> Path:
        """Where the new files of an erasure wait for their entry in the log, named by their sha256."""
        return self._work / "erased"

    def sweep_if_alone(self) -> int:
        """Set aside what failed sessions left, unless a run is at work; return how many files moved.

        Only unlisted files as young as the oldest session that failed are touched, and none in a store whose log or
        records are damaged: what else no record names is for `verify` to report.
        """
        if not self._work.exists():
            return 0
        with locked(self._locks / "store", wait=False) as alone:
            since = [marker.stat().st_mtime_ns for marker in self._work.glob("*.session*")] if alone else []
            return self._sweep(min(since)) if since else 0

    def _sweep(self, since: int) -> int:
        """End an erasure that died, set aside unlisted files from `since` (ns) on, and empty the work folder."""
        try:
            finish(self.vault, self.staged, self.log.of_kind(ERASURE))
            left = [path for path in self.unlisted() if path.lstat().st_mtime_ns >= since]
        except EvidenceError:
            return 0
        for path in left:
            move_aside(path, self.layout.quarantine, "no logged record names it: its run did not finish")
        for folder in EVIDENCE_FOLDERS:
            _drop_empty(self.root / folder)
        shutil.rmtree(self._work, ignore_errors=True)
        return len(left)

    @contextmanager
    def quiet(self) -> Iterator[bool]:
        """Yield whether no writer is at work; without leave to lock (a read-only copy) nobody is."""
        with ExitStack() as held:
            try:
                alone = not self.root.exists() or held.enter_context(locked(self._locks / "store", wait=False))
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                alone = True
            yield alone

    @contextmanager
    def model_night(self, model_id: str, night: date) -> Iterator[None]:
        """Be the only writer of one model-night."""
        with locked(self._locks / "model_night" / model_id / night.isoformat()):
            yield

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a folder for unfinished files, on the store's own file system; it is removed at the end."""
        folder = self._work / uuid.uuid4().hex
        with storing(folder.name):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put_input(self, role: str, data: bytes, *, media_type: str) -> FileRef:
        """Keep bytes that a result depends on, under their own digest.

        Raises:
            EvidenceError: what stands under that digest is something else, or the disk is full.
        """
        digest = sha256(data)
        self.vault.put(f"inputs/{digest}", data, digest)
        return FileRef(role, f"inputs/{digest}", digest, len(data), media_type)

    def put_input_file(self, role: str, path: Path, *, media_type: str) -> FileRef:
        """Keep a file that a result depends on, under its own digest."""
        return self.put_input(role, path.read_bytes(), media_type=media_type)

    def heads(self, model_id: str | None = None) -> dict[tuple[str, str], LogEntry]:
        """Return the newest logged record per (model, night), but for purged ones; of one model, or of all."""
        gone = purges(self.log.of_kind(PURGE))
        entries = self.log.of_model(model_id) if model_id else self.log.entries()
        return {(e.model_id, e.night): e for e in entries if e.kind == RECORD and self.is_kept(e, gone)}

    def is_kept(self, entry: LogEntry, gone: Purges) -> bool:
        """Tell whether a record was not purged, or is there again."""
        if not gone:  # nearly always
            return True
        path = self.record_path(entry.model_id, entry.night, entry.digest)
        return (path.relative_to(self.root).as_posix(), entry.digest) not in gone or path.exists()

    def head(self, model_id: str, night: date) -> LogEntry | None:
        """Return the newest logged record of one model-night."""
        return self.heads(model_id).get((model_id, night.isoformat()))

    def read_record(self, model_id: str, night: str, digest: str) -> dict[str, Any]:
        """Return one record as plain JSON.

        Raises:
            EvidenceError: it is not there, or not the record that the digest names.
        """
        path = self.record_path(model_id, night, digest)
        name = path.relative_to(self.root).as_posix()
        try:
            data = path.read_bytes()
            record: dict[str, Any] = read_json(data) if sha256(data) == digest else {}
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no JSON"
            raise EvidenceError(f"{name} cannot be read: {why}. {REMEDY}") from error
        if not record:
            raise EvidenceError(f"{name} was changed: its sha256 is not its name. {REMEDY}")
        return record

    def kept_record(self, model_id: str, night: str, digest: str) -> dict[str, Any] | None:
        """Return one record as plain JSON; None when it was purged.

        Raises:
            EvidenceError: as `read_record`.
        """
        path = self.record_path(model_id, night, digest)
        if not path.exists():
            gone = purges(self.log.of_kind(PURGE))
            if (path.relative_to(self.root).as_posix(), digest) in gone:
                return None
        return self.read_record(model_id, night, digest)

    def record_path(self, model_id: str, night: str, digest: str) -> Path:
        """Return where a record stands."""
        return self.root / f"evidence/{model_id}/{night}/{digest}.json"

    def commit(self, result: AuditResult, *, rendered: Path, execution: dict[str, Any]) -> Committed:
        """Make a result evidence: rendered files, record, log entry; nothing when it is the newest already.

        Args:
            result: the statement.
            rendered: folder with the files made from it, none in a folder of its own; moved into the store.
            execution: who made it, when; the digests of `rendered` and of encrypted files, and the superseded
                record are added.

        Raises:
            EvidenceError: the disk is full or refuses, and the log then does not name the record; or the newest
                record is this result, and is damaged.
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
                **self._encrypted(result),
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
        run = str(execution["run_id"])
        self.log.append(RECORD, model_id=result.model_id, night=night, digest=record_digest, body=body, run=run)
        return Committed(record_digest, digest, True, files)

    def _encrypted(self, result: AuditResult) -> dict[str, Any]:
        """Name the sha256 of each file of the result as it stands encrypted; it is no part of what "the same" means."""
        reasons = result.explanation.reason_codes if result.explanation else None
        own = (file for file in (result.snapshot, reasons.file if reasons else None) if file)
        files = (*own, *result.inputs)
        found = {file.path: self.vault.ciphertext(file.path) for file in files}
        encrypted = {path: sha256 for path, sha256 in found.items() if sha256}
        return {"encrypted": encrypted} if encrypted else {}

    def _move_rendered(self, rendered: Path, place: Path) -> tuple[FileRef, ...]:
        """Move the rendered files to `place` in one rename; what an unfinished run left there is set aside."""
        target = self.root / place
        if target.exists() and place.as_posix() not in self._named_folders(place.parts[1]):
            move_aside(target, self.layout.quarantine, "rendered files that no logged record names")
        if not target.exists():
            with storing(place.as_posix()):
                make_folder(target.parent)
                for path in (*rendered.iterdir(), rendered):
                    sync(path)
                rendered.rename(target)
                sync(target.parent)
        return files_in(target, place.as_posix())

    def _named_folders(self, model_id: str) -> set[str]:
        """Return the artifact folders of a model's logged records."""
        return {
            f"artifacts/{e.model_id}/{e.night}/{e.body['result_digest']}"
            for e in self.log.of_model(model_id)
            if e.kind == RECORD
        }

    def unlisted(self) -> list[Path]:
        """Return files in the evidence folders that no logged record names.

        Raises:
            EvidenceError: the log or a logged record is damaged, so that nobody can tell.
        """
        present = {
            path.relative_to(self.root).as_posix()
            for folder in EVIDENCE_FOLDERS
            for path in (self.root / folder).rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
        return [self.root / path for path in sorted(present - self._listed())] if present else []

    def _listed(self) -> set[str]:
        """Return every path that logged records name, themselves included."""
        names: set[str] = set()
        for entry, record in self.records():
            path = self.record_path(entry.model_id, entry.night, entry.digest)
            names.add(path.relative_to(self.root).as_posix())
            for ref in files_of(record):
                names.update(ref["path"] + suffix for suffix in ("", ENCRYPTED, WRAPPED))
        return names

    def records(self) -> Iterator[tuple[LogEntry, dict[str, Any]]]:
        """Yield every logged record with its entry, but for those that were purged.

        Raises:
            EvidenceError: the log is damaged, or a record is missing or was changed.
        """
        gone = purges(self.log.of_kind(PURGE))
        for entry in self.log.entries():
            if entry.kind == RECORD and self.is_kept(entry, gone):
                yield entry, self.read_record(entry.model_id, entry.night, entry.digest)


def result_digest(result: AuditResult) -> str:
    """Return the sha256 of the canonical result: what "the same" means."""
    return sha256(canonical(result))


def files_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every file a record names: snapshot, inputs, reasons of single rows, artifacts.

    Raises:
        EvidenceError: it is no record.
    """
    try:
        result = record["result"]
        snapshot = [result["snapshot"]] if result["snapshot"] else []
        reasons = (result["explanation"] or {}).get("reason_codes") or {}
        own = [reasons["file"]] if reasons.get("file") else []
        files = [*snapshot, *result["inputs"], *own, *record["execution"]["artifacts"]]
        if all(isinstance(file[key], str) for file in files for key in ("path", "sha256")):
            return files
    except (KeyError, TypeError) as error:
        raise EvidenceError("it does not have the form of a record") from error
    raise EvidenceError("it does not have the form of a record")


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
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
