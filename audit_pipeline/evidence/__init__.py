"""Immutable records, the files they name, an append-only log, and the proof that all of it is as it was."""

from audit_pipeline.evidence.log import Log, LogEntry
from audit_pipeline.evidence.store import Committed, Store, result_digest
from audit_pipeline.evidence.verify import Problem, Verification, verify

__all__ = ["Committed", "Log", "LogEntry", "Problem", "Store", "Verification", "result_digest", "verify"]
