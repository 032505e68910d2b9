"""Which earlier nights are a model's reference, when it is a window: the newest ones whose data no check stopped."""

from datetime import date, timedelta
from typing import Any

from audit_pipeline.evidence import Store
from audit_pipeline.evidence.entry import ERASURE, PURGE
from audit_pipeline.evidence.erased import erasures
from audit_pipeline.evidence.purged import purges
from audit_pipeline.records import FileRef

PARQUET = "application/vnd.apache.parquet"


def window(store: Store, model_id: str, night: date, *, nights: int) -> list[tuple[date, str, FileRef]]:
    """Return (night, result_digest, snapshot) of at most `nights` nights before `night`, newest first.

    A snapshot is named as it is: one that rows were erased from by the digest it has now; one that was purged is none.

    Raises:
        EvidenceError: a record is missing or was changed.
    """
    found: list[tuple[date, str, FileRef]] = []
    heads, erased = store.heads(model_id), erasures(store.log.of_kind(ERASURE))
    gone = {path for path, _ in purges(store.log.of_kind(PURGE)) if not store.vault.where(path).exists()}
    first = min((earlier for _, earlier in heads), default=night.isoformat())
    earlier = night - timedelta(days=1)
    while len(found) < nights and earlier.isoformat() >= first:
        head = heads.get((model_id, earlier.isoformat()))
        if head is not None:
            record = store.read_record(head.model_id, head.night, head.digest)
            kept = record["result"]["snapshot"]
            if kept and not _was_stopped(record) and kept["path"] not in gone:
                states = [
                    (kept["sha256"], kept["bytes"]),
                    *((e.new_sha256, e.bytes) for e in erased.get(kept["path"], ())),
                ]
                ref = FileRef("reference", kept["path"], *states[-1], PARQUET)
                found.append((earlier, head.body["result_digest"], ref))
        earlier -= timedelta(days=1)
    return found


def _was_stopped(record: dict[str, Any]) -> bool:
    """Whether the line of a night ended at its data; the first night of a window lacks drift and is still good data."""
    return any(f["conclusion"] == "stopped" for f in record["result"]["decision"]["findings"])
