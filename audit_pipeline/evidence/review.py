"""A person's signature with its meaning, bound to one record (21 CFR 11.50 and 11.70): a line of the log like others.

It holds printed name, time (the entry's, UTC), meaning and reason. It is signed by the root that covers it, with the
project's key: who the person is, is as sure as the account that ran the command.
"""

from datetime import date

from audit_pipeline.errors import QueryError
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import REVIEW, LogEntry
from audit_pipeline.evidence.store import Store
from audit_pipeline.records import MEANINGS


def review(store: Store, model_id: str, night: date, *, meaning: str, name: str, account: str, reason: str) -> LogEntry:
    """Write that a person has reviewed, approved or rejected the newest record of a model-night.

    Args:
        store: the store.
        model_id: the model.
        night: the night.
        meaning: one of `MEANINGS`.
        name: the person's printed name.
        account: who was logged in.
        reason: why, in words.

    Raises:
        QueryError: there is no record, or name or reason is empty.
        EvidenceError: the record was changed or is missing: nobody signs what is not there.
    """
    head = store.head(model_id, night)
    if head is None:
        raise QueryError(f"No audit of '{model_id}' on {night} to sign. `audit-pipeline status` lists what there is.")
    if meaning not in MEANINGS or not name.strip() or not reason.strip():
        raise QueryError(f"A signature needs a name, a reason, and one of {', '.join(MEANINGS)}.")
    record = store.read_record(model_id, head.night, head.digest)
    body = {
        "record": head.digest,
        "result_digest": record["result_digest"],
        "verdict": record["result"]["decision"]["verdict"],
        "meaning": meaning,
        "name": name.strip(),
        "account": account,
        "reason": reason.strip(),
    }
    digest = sha256(canonical(body))
    return store.log.append(REVIEW, model_id=model_id, night=head.night, digest=digest, body=body, run="review")
