"""Immutable records, the files they name, an append-only log, and the proof that all of it is as it was."""

from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.log import Log
from audit_pipeline.evidence.roots import Root
from audit_pipeline.evidence.seal import rotate, seal
from audit_pipeline.evidence.sign import SigningKey, signing_key
from audit_pipeline.evidence.store import Committed, Store, result_digest
from audit_pipeline.evidence.verify import Verification, verify
from audit_pipeline.evidence.verify_log import Problem

__all__ = [
    "Committed",
    "Log",
    "LogEntry",
    "Problem",
    "Root",
    "SigningKey",
    "Store",
    "Verification",
    "result_digest",
    "rotate",
    "seal",
    "signing_key",
    "verify",
]
