"""A store with real Parquet files and without audits: cheap enough to be killed, attacked and walked through at random.

Each night has a snapshot of three row groups of four rows, and labels. Person `pN` has one row in every night.
"""

import hashlib
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit_pipeline.config import Project, load_project
from audit_pipeline.evidence import Committed, Store
from audit_pipeline.records import Column, FileRef, RowGroup, Snapshot
from audit_pipeline.row_groups import row_groups
from audit_pipeline.snapshot import pseudonym
from audit_pipeline_tests import builders
from audit_pipeline_tests.config import small

KEY = bytes.fromhex("5a" * 32)
PEOPLE = tuple(f"p{i}" for i in range(12))
PER_GROUP = 4
PROJECT = small.PROJECT.replace("Europe/Berlin", "UTC").replace("2026-01-01", "2026-07-01") + (
    'keys: {pseudonym: "file:audit/keys/pseudonym.key", signing: "file:audit/keys/signing.key"}\n'
)
COLUMNS = (
    Column("id", "category", "row_id", "none"),
    Column("person", "category", "subject_id", "direct_identifier", masked=True),
    Column("age", "number", "feature", "quasi_identifier"),
)
MODEL = "model_id: risk\ncolumns: {person: {type: category}}\n"


def project(root: Path, *, more: str = "") -> Project:
    """Write and load a project with keys; `more` goes to project.yaml."""
    small.write(root, project=PROJECT + more)
    keys = root / "audit" / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "pseudonym.key").write_text(KEY.hex())
    (keys / "signing.key").write_text("01" * 32)
    return load(root)


def load(root: Path) -> Project:
    """Load it again."""
    return load_project(root)


def frame(night: date) -> Any:
    """Return a night's rows: ages are the person's number and the night's."""
    rows = range(len(PEOPLE))
    return pa.table(
        {
            "id": [f"{night}/{i}" for i in rows],
            "person": [pseudonym(person, KEY) for person in PEOPLE],
            "age": [float(1000 * night.day + i) for i in rows],
        }
    )


def file_bytes(table: Any) -> bytes:
    """Return a Parquet file of small row groups."""
    buffer = BytesIO()
    pq.write_table(table, buffer, row_group_size=PER_GROUP, compression="zstd", store_schema=False)
    return buffer.getvalue()


def commit(store: Store, night: date, *, psi: float = 0.1) -> Committed:
    """Make a night evidence; the same night and psi give the same result."""
    with builders.session(store, "risk", night) as rendered:
        made = builders.make_result(store, model_id="risk", night=night, psi=psi)
        assert made.snapshot is not None
        (store.root / made.snapshot.path).unlink()  # made up bytes: real ones follow
        labels = pa.table({"id": frame(night)["id"], "label": [float(i % 2) for i in range(len(PEOPLE))]})
        inputs = (
            store.put_input("model_config", MODEL.encode(), media_type="application/yaml"),
            _labels(store, file_bytes(labels)),
        )
        store.vault.remove(made.inputs[0].path)
        result = replace(made, snapshot=_snapshot(store, night, rendered.parent), inputs=(*made.inputs[1:], *inputs))
        return builders.commit_result(store, result, rendered)


def _labels(store: Store, data: bytes) -> FileRef:
    digest = hashlib.sha256(data).hexdigest()
    _put(store, f"inputs/{digest}", data, digest)
    return FileRef("labels", f"inputs/{digest}", digest, len(data), "application/vnd.apache.parquet")


def _put(store: Store, name: str, data: bytes, digest: str) -> None:
    """Keep a file, unless it stands there: rows of it may have been erased, which a real freeze would refuse."""
    if not store.vault.where(name).exists():
        store.vault.put(name, data, digest)


def _snapshot(store: Store, night: date, work: Path) -> Snapshot:
    data = file_bytes(frame(night))
    digest = hashlib.sha256(data).hexdigest()
    path = f"snapshots/risk/{night}/{digest}.parquet"
    _put(store, path, data, digest)
    (work / "frozen").write_bytes(data)  # what the record is of, whatever was erased since
    groups: tuple[RowGroup, ...] = row_groups(work / "frozen")
    return Snapshot(path, digest, len(data), len(PEOPLE), 0, COLUMNS, groups, f"input/{night}.csv", "a" * 64)


def people_in(store: Store) -> dict[str, set[str]]:
    """Return who is in each snapshot, by path."""
    names = {pseudonym(person, KEY): person for person in PEOPLE}
    files = sorted((store.root / "snapshots").rglob("*.parquet*"))
    paths = dict.fromkeys(f.relative_to(store.root).as_posix().partition(".parquet")[0] + ".parquet" for f in files)
    with store.vault.session():
        return {p: {names[v] for v in pq.read_table(store.vault.plain(p))["person"].to_pylist()} for p in paths}


def snapshot_of(store: Store, night: date) -> Path:
    """Return the file of a night's snapshot."""
    return next((store.root / "snapshots" / "risk" / str(night)).iterdir())
