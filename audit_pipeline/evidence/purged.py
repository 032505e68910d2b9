"""Which files were deleted under a retention class, as the log says: they are not missing.

A purge is an entry of kind `purge` per class and model-night, written before the files go. Its body names `class`,
`kept` (the rule, e.g. "400 days"), `day` (UTC), and `files`: path and sha256 of each.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from audit_pipeline.config.retention import until
from audit_pipeline.evidence.entry import PURGE, LogEntry


@dataclass(frozen=True, slots=True)
class Purge:
    """What became of one file."""

    entry: int  # index in the log
    kind: str  # retention class
    kept: str  # the rule
    day: date  # when it was deleted, UTC

    def __str__(self) -> str:
        """What `verify` says instead of "missing"."""
        return f"purged under class {self.kind} ({self.kept}) on {self.day}"

    def too_early(self, night: date) -> bool:
        """Tell whether a file of this night should still be there."""
        return until(night, self.kept) > self.day


Purges = dict[tuple[str, str], Purge]  # by path and sha256; the newest


def purges(entries: Iterable[LogEntry]) -> Purges:
    """Return what the entries say was purged; one that has not the form of a purge says nothing."""
    found: Purges = {}
    for entry in entries:
        if entry.kind == PURGE:
            found.update(_of(entry))
    return found


def _of(entry: LogEntry) -> Purges:
    try:
        day = date.fromisoformat(entry.body["day"])
        purge = Purge(entry.index, str(entry.body["class"]), str(entry.body["kept"]), day)
        until(day, purge.kept)
        return {(str(file["path"]), str(file["sha256"])): purge for file in entry.body["files"]}
    except (KeyError, TypeError, ValueError):
        return {}


def purged_nights(entries: Iterable[LogEntry]) -> set[tuple[str, date]]:
    """Return the model-nights whose records were purged: their time is over, and they are not due again."""
    return {
        (entry.model_id, date.fromisoformat(entry.night))
        for entry in entries
        if entry.kind == PURGE and entry.body.get("class") == "evidence" and entry.night
    }
