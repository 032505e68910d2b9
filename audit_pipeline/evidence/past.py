"""The newest logged records of a model's earlier nights: the log is read once, and every record at most once."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.store import Store


class Past:
    """What stands in the store about the nights before one, newest first."""

    def __init__(self, store: Store, model_id: str, *, before: date) -> None:
        """Read the log; records are read when they are asked for."""
        self._store = store
        until = before.isoformat()
        heads = [e for (_, night), e in store.heads(model_id).items() if night < until]
        self.entries: tuple[LogEntry, ...] = tuple(sorted(heads, key=lambda e: e.night, reverse=True))
        self._results: dict[str, dict[str, Any]] = {}

    def result(self, entry: LogEntry) -> dict[str, Any]:
        """Return the `result` part of a record as plain JSON; nobody changes it.

        Raises:
            EvidenceError: the record is missing or was changed.
        """
        found = self._results.get(entry.digest)
        if found is None:
            found = self._store.read_record(entry.model_id, entry.night, entry.digest)["result"]
            self._results[entry.digest] = found
        return found

    def whole(self) -> Iterator[tuple[date, str, dict[str, Any]]]:
        """Yield (night, result_digest, result) of the records that can be read; `verify` tells of the others."""
        for entry in self.entries:
            try:
                result = self.result(entry)
            except EvidenceError:
                continue
            yield date.fromisoformat(entry.night), entry.body["result_digest"], result
