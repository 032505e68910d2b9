"""Which files of the store stand on which model-nights: what records name, and where persons stand in it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from audit_pipeline.config import Hold, ModelConfig
from audit_pipeline.config.document import read
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.store import files_of

RECORD = "record"  # role of a record's own file


@dataclass(slots=True)
class NamedFile:
    """A file that records name."""

    path: str  # below the audit folder
    roles: set[str] = field(default_factory=set)  # snapshot, labels, reference, model, ..., record
    model_nights: set[tuple[str, date]] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)  # as records name it, in the order of the log

    @property
    def newest(self) -> date:
        """The last night that stands on it."""
        return max(night for _, night in self.model_nights)

    def hold(self, holds: Iterable[Hold]) -> Hold | None:
        """Return a legal hold that covers a model-night that stands on it."""
        return next((h for h in holds for model_id, night in self.model_nights if h.covers(model_id, night)), None)

    def about(self) -> dict[str, str]:
        """Return the `model_id` and `night` of a log entry on it: each "" where there are several."""
        models = {model_id for model_id, _ in self.model_nights}
        nights = {night.isoformat() for _, night in self.model_nights}
        return {
            "model_id": models.pop() if len(models) == 1 else "",
            "night": nights.pop() if len(nights) == 1 else "",
        }


@dataclass(frozen=True, slots=True)
class Person:
    """A column that says whose row it is."""

    column: str
    declared: str  # its type in the model file
    masked: bool  # whether it holds pseudonyms


@dataclass(slots=True)
class Known:
    """What all records say."""

    files: dict[str, NamedFile] = field(default_factory=dict)
    persons: dict[str, set[Person]] = field(default_factory=lambda: defaultdict(set))  # by model
    row_ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # columns, by model


def known(store: Store) -> Known:
    """Read every record.

    Raises:
        EvidenceError: one is damaged: what it names cannot be told.
    """
    found = Known()
    declared = cache(lambda path: _declared(store, path))
    for entry, record in store.records():
        night = (entry.model_id, date.fromisoformat(entry.night))
        path = store.record_path(entry.model_id, entry.night, entry.digest).relative_to(store.root).as_posix()
        _add(found, path, RECORD, entry.digest, night)
        for file in files_of(record):
            _add(found, file["path"], file.get("role", "snapshot"), file["sha256"], night)
        snapshot, inputs = record["result"]["snapshot"], record["result"]["inputs"]
        config = next((file["path"] for file in inputs if file["role"] == "model_config"), None)
        for column in snapshot["columns"] if snapshot else ():
            if column["role"] == "row_id":
                found.row_ids[entry.model_id].add(column["name"])
            if column["role"] == "subject_id":
                kind = column["type"]
                if column["masked"] and config is not None:  # a pseudonym is a category, whatever it was made of
                    kind = declared(config).get(column["name"], kind)
                found.persons[entry.model_id].add(Person(column["name"], kind, column["masked"]))
    return found


def _add(found: Known, path: str, role: str, digest: str, night: tuple[str, date]) -> None:
    file = found.files.setdefault(path, NamedFile(path))
    file.roles.add(role)
    file.model_nights.add(night)
    if digest not in file.digests:
        file.digests.append(digest)


def _declared(store: Store, path: str) -> dict[str, str]:
    """Return the type of each column in a model file that was kept, even if its form is not known any more."""
    with store.vault.session():
        file = store.vault.plain(path)
        data: dict[str, Any] = read(file, ModelConfig, root=file.parent, faults=[]).data
    columns = data.get("columns")
    return {name: str(said.get("type")) for name, said in columns.items()} if isinstance(columns, dict) else {}
