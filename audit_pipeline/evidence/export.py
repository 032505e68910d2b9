"""Model-nights as one file that a third party checks without this program: records, files, proofs, and the verifier.

Row-level data stays at home unless it is asked for: a file that is left out is named with its digest, so that the pack
still proves what it was. The same evidence under the same root gives the same bytes.
"""

import json
import zipfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from audit_pipeline.durable import storing, sync
from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import sha256
from audit_pipeline.evidence.entry import ERASURE, KEY, PURGE, RECORD, REVIEW, LogEntry
from audit_pipeline.evidence.erased import erasures
from audit_pipeline.evidence.merkle import consistency_proof, inclusion_proof
from audit_pipeline.evidence.purged import purges
from audit_pipeline.evidence.roots import Root
from audit_pipeline.evidence.store import Store, files_of
from audit_pipeline.evidence.tree import Tree, tree_of

TOLD = (RECORD, REVIEW, ERASURE, PURGE)  # kinds of entries about a model-night that go with it
ROWLESS = ("artifact", "model_config", "suite")  # roles of files that hold aggregates or configuration only
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the pack
VERIFIER = "verify.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """What a pack holds."""

    records: int
    files: int
    left_out: int
    root: Root
    verifier: str  # sha256 of the program in the pack


def export(store: Store, target: Path, model_id: str, *, first: date, last: date, with_rows: bool = False) -> Exported:
    """Write the pack of one model's nights from `first` to `last`.

    Args:
        store: the store; only what its newest root covers is exported.
        target: the file to write.
        model_id: the model.
        first: first night.
        last: last night.
        with_rows: also snapshots, labels, reference and model: personal data, though pseudonymised.

    Raises:
        EvidenceError: there is no such record under a root, a file of one is missing or was changed, or the disk is
            full or refuses.
        EncryptedError: a file is encrypted, and the key at hand does not open it; packs are readable.
    """
    pack = _Pack(store, with_rows=with_rows)
    chosen = pack.choose(model_id, first.isoformat(), last.isoformat())
    if not any(entry.kind == RECORD for entry in chosen):
        raise EvidenceError(f"No record of '{model_id}' from {first} to {last} is under a root of the log yet.")
    program = (resources.files("audit_pipeline.evidence") / "verifier.py").read_bytes()
    with store.vault.session():
        files = dict(pack.files(chosen))
        texts = {
            VERIFIER: program,
            "pack.json": json.dumps(pack.proofs(chosen), indent=1, sort_keys=True).encode(),
            "README.txt": pack.readme(model_id, len(files)).encode(),
        }
        with storing(target.name):
            _write(target, texts, files)
    records = sum(entry.kind == RECORD for entry in chosen)
    return Exported(records, len(files), len(pack.left_out), pack.root, sha256(program))


class _Pack:
    """What goes into one pack."""

    def __init__(self, store: Store, *, with_rows: bool) -> None:
        self.store, self.with_rows = store, with_rows
        self.roots = list(store.log.roots.all())
        if not self.roots:
            raise EvidenceError("Nothing can be proved yet: the log has no root. `audit-pipeline rebuild` makes one.")
        self.root = self.roots[-1]
        self.entries = [e for e in store.log.entries() if e.index < self.root.size]
        self.erased, self.purged = erasures(self.entries), purges(self.entries)
        self.lines = list(store.log.lines.read())
        self.tree = self._tree()
        self.left_out: dict[str, dict[str, Any]] = {}

    def _tree(self) -> Tree:
        """Return the log's tree; from the lines, since a pack is rare and the file beside the log is only a cache."""
        tree = tree_of(bytes.fromhex(entry.leaf) for entry in self.entries)
        if tree.root(tree.size).hex() != self.root.root:
            raise EvidenceError("The log is not the one of its last root. `audit-pipeline verify` says what is wrong.")
        return tree

    def choose(self, model_id: str, first: str, last: str) -> list[LogEntry]:
        """Return the entries about these model-nights, and those that introduced keys; no record that was purged."""
        about = [e for e in self.entries if e.model_id == model_id and first <= e.night <= last and e.kind in TOLD]
        about = [e for e in about if e.kind != RECORD or self.store.is_kept(e, self.purged)]
        told = {e.index for e in about}
        names = {file["path"] for e in about if e.kind == RECORD for file in files_of(self._record(e))}
        shared = [e for e in self.entries if e.index not in told and names & _touched(e)]  # inputs of other nights too
        return [*(e for e in self.entries if e.kind == KEY), *about, *shared]

    def _record(self, entry: LogEntry) -> dict[str, Any]:
        return self.store.read_record(entry.model_id, entry.night, entry.digest)

    def files(self, chosen: Sequence[LogEntry]) -> Iterator[tuple[str, Path]]:
        """Yield name in the pack and path of every record and of the files it names, as far as they may leave."""
        for entry in chosen:
            if entry.kind != RECORD:
                continue
            record = self._record(entry)
            path = self.store.record_path(entry.model_id, entry.night, entry.digest)
            yield f"files/{path.relative_to(self.store.root).as_posix()}", path
            for file in files_of(record):
                may_leave = self.with_rows or file.get("role") in ROWLESS
                if may_leave and not self._is_gone(file):
                    yield f"files/{file['path']}", self._whole(file)
                else:
                    self.left_out[file["path"]] = {"sha256": file["sha256"], "role": file.get("role", "snapshot")}

    def _is_gone(self, file: dict[str, Any]) -> bool:
        """Tell whether the file was purged, or is another one since rows were erased from it; the log says so."""
        there = self.store.vault.where(file["path"]).exists()
        erased = self.erased.get(file["path"], [])
        states = [file["sha256"], *(erasure.new_sha256 for erasure in erased)]
        purged = not there and any((file["path"], digest) in self.purged for digest in states)
        return purged or (bool(erased) and erased[-1].new_sha256 != file["sha256"])

    def _whole(self, file: dict[str, Any]) -> Path:
        vault, path = self.store.vault, self.store.vault.where(file["path"])
        inside = path.resolve().is_relative_to(self.store.root.resolve())
        if not inside or not path.is_file() or vault.sha256(file["path"]) != file["sha256"]:
            raise EvidenceError(f"{file['path']} is not the file of its record: it is missing or was changed.")
        return vault.plain(file["path"])

    def proofs(self, chosen: Sequence[LogEntry]) -> dict[str, Any]:
        """Return what proves the entries: their lines with inclusion proofs, and the roots they came under."""
        size = self.root.size
        sizes = [root.size for root in self.roots]
        keys = [e.index + 1 for e in chosen if e.kind == KEY]  # the roots at which keys were handed over
        covering = {bisect_right(sizes, e.index) for e in chosen} | {sizes.index(n) for n in keys if n in sizes}
        envelopes = [json.loads(line) for line in self.store.log.roots.lines.read()]
        return {
            "schema_version": 1,
            "root": envelopes[-1],
            "roots": [
                {"envelope": envelopes[i], "proof": _hex(consistency_proof(self.tree.node, sizes[i], size))}
                for i in sorted(covering)
            ],
            "entries": [
                {
                    "line": self.lines[e.index].decode(),
                    "proof": _hex(inclusion_proof(self.tree.node, e.index, size)),
                }
                for e in chosen
            ],
            "keys": [{"key_id": e.body["key_id"], "from_entry": e.index} for e in chosen if e.kind == KEY],
            "left_out": dict(sorted(self.left_out.items())),
        }

    def readme(self, model_id: str, files: int) -> str:
        """Return what a reader of the pack needs to know."""
        text = (resources.files("audit_pipeline.evidence") / "pack.txt").read_text(encoding="utf-8")
        key = self.root.key_id or "none: the log is unsigned"
        rows = "in this pack: personal data, handle them so" if self.with_rows else "left out; their digests stand"
        return text.format(model_id=model_id, files=files, key=key, rows=rows, left_out=len(self.left_out))


def _touched(entry: LogEntry) -> set[str]:
    """Return the files that an erasure or a purge is about."""
    if entry.kind == ERASURE:
        return {str(entry.body.get("path"))}
    return {path for path, _ in purges([entry])}


def _write(target: Path, texts: dict[str, bytes], files: dict[str, Path]) -> None:
    """Write the zip beside its place and move it there: sorted, without times."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as pack:
            for name in sorted([*texts, *files]):
                info = zipfile.ZipInfo(name, EPOCH)
                info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
                pack.writestr(info, texts[name] if name in texts else files[name].read_bytes())
        sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _hex(path: Sequence[bytes]) -> list[str]:
    return [step.hex() for step in path]
