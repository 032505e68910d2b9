"""Was this reference frozen before? Then its file is taken again, instead of being written anew each night.

Only the newest logged record of the model is asked: the log is chained and the record hashed, so that nobody can slip
in another file without `verify` finding it; a list of our own beside the evidence could be changed by anybody.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from audit_pipeline import __version__
from audit_pipeline.config import ReferenceConfig
from audit_pipeline.engines import engine_versions
from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import RECORD
from audit_pipeline.records import Column, FileRef, Relation

WRITERS = ("duckdb", "pyarrow", "pandas")  # packages that read the source or write the file


def origin_of(relation: Relation, columns: Sequence[Column], config: ReferenceConfig, key: bytes | None) -> str:
    """Return the digest of all that the bytes of a frozen reference follow from."""
    versions = [[name, version] for name, version in engine_versions() if name in WRITERS]
    kept = [[c.name, c.type, c.role, c.privacy, str(c.generalised or "")] for c in columns]
    pseudonyms = hashlib.sha256(b"pseudonym key" + key).hexdigest() if key else ""
    return sha256(canonical([__version__, versions, relation.sha256, relation.form, config.label, kept, pseudonyms]))


def frozen_before(store: Store, model_id: str, origin: str) -> FileRef | None:
    """Return the reference of the model's newest record if it has that origin and its file is whole; else None."""
    entries = [e for e in store.log.entries() if e.kind == RECORD and e.model_id == model_id]
    if not entries:
        return None
    newest = entries[-1]
    with suppress(EvidenceError, OSError):  # damaged or gone: it is frozen anew, and `verify` says what was lost
        record = store.read_record(newest.model_id, newest.night, newest.digest)
        for file in record["result"]["inputs"]:
            if file["role"] == "reference" and file.get("origin") == origin:
                whole = store.vault.sha256(file["path"]) == file["sha256"]
                return FileRef(**file) if whole else None
    return None
