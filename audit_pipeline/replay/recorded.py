"""A record back to what its model-night was computed from: a project of that one model, and what was frozen for it.

The files are links into the store, in a folder of their own: what is computed from them is written there, and the
store stays as it is. Nothing of the present project is asked, nor its sources, keys or Dagster.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit_pipeline.config import Project, load_project
from audit_pipeline.errors import ConfigError, NotReplayableError
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.gather import Gathered, described
from audit_pipeline.records import Circumstances, FileRef, Snapshot
from audit_pipeline.revive import revived
from audit_pipeline.vault import Vault

CONFIGURATION = {"model_config": "models", "suite": "expectations"}  # role of an input -> folder of a project


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a record says its result was computed from."""

    model_id: str
    night: date
    inputs: tuple[FileRef, ...]
    snapshot: Snapshot | None
    circumstances: Circumstances
    look_back: tuple[tuple[date, str], ...]
    charted: tuple[tuple[date, str], ...]  # what the control charts looked back at
    source: str | None
    overdue: bool  # labels that are not there
    settings: dict[str, Any]  # project.yaml as far as a result depends on it

    @property
    def files(self) -> tuple[FileRef | Snapshot, ...]:
        """The snapshot and the inputs."""
        return (*((self.snapshot,) if self.snapshot else ()), *self.inputs)


def read(record: Mapping[str, Any]) -> Recorded:
    """Return what `record` says of its origin.

    Raises:
        NotReplayableError: it is of an older version that did not say all of it, or of a newer one.
    """
    result, execution = record["result"], record["execution"]
    if result.get("circumstances") is None:
        raise NotReplayableError("its record is of a version that did not note all it depends on (limits, faults)")
    try:
        circumstances: Circumstances = revived(Circumstances, result["circumstances"])
        return Recorded(
            model_id=result["model_id"],
            night=date.fromisoformat(result["night"]),
            inputs=revived(tuple[FileRef, ...], result["inputs"]),
            snapshot=revived(Snapshot | None, result["snapshot"]),
            circumstances=circumstances,
            look_back=revived(tuple[tuple[date, str], ...], result["look_back"]),
            charted=revived(tuple[tuple[date, str], ...], (result.get("charts") or {}).get("look_back", [])),
            source=result["source"],
            overdue=bool((result["performance"] or {}).get("overdue")),
            settings={
                "schema_version": 1,
                "name": result["project"],
                "seed": result["seed"],
                "nights": {"first": result["night"]},
                "owners": {result["owner"]: {"name": result["owner"]}},
                "limits": dict(circumstances.limits) | execution.get("resources", {}),
            },
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotReplayableError("its record is not of a form that this version reads") from error


def project_in(folder: Path, recorded: Recorded, store: Store) -> Project:
    """Lay out the project of the record in the empty `folder`, its files as links into the store or into memory.

    Raises:
        EncryptedError: they are encrypted, and the key at hand does not open them.
        NotReplayableError: the configuration of that night is none to this version.
    """
    (folder / "project.yaml").write_text(json.dumps(recorded.settings), encoding="utf-8")  # JSON is YAML
    for ref in recorded.files:
        _link(folder / "audit" / ref.path, store.vault.plain(ref.path))
    for ref in recorded.inputs:
        if ref.role in CONFIGURATION:
            _link(folder / CONFIGURATION[ref.role] / f"{recorded.model_id}.yaml", store.vault.plain(ref.path))
    try:
        project = load_project(folder)
        project.model(recorded.model_id)
    except ConfigError as error:
        raise NotReplayableError(f"this version does not read the configuration of that night. {error}") from error
    return project


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(target)


def gathered_again(project: Project, recorded: Recorded, vault: Vault) -> Gathered:
    """Return what had been gathered for the night, its profile computed anew."""
    model, then = project.model(recorded.model_id).config, recorded.circumstances
    single = {ref.role: ref for ref in recorded.inputs}
    gathered = Gathered(
        source=recorded.source,
        snapshot=recorded.snapshot,
        references=tuple(ref for ref in recorded.inputs if ref.role == "reference"),
        reference_problem=then.reference_problem,
        labels=single.get("labels"),
        labels_due=model.labels_due(recorded.night),
        labels_overdue=recorded.overdue,
        artefact=single.get("model"),
        artefact_sha256=then.artefact_sha256,
        artefact_problem=then.artefact_problem,
        configuration=tuple(single[role] for role in CONFIGURATION),
        look_back=recorded.look_back,
        faults=then.faults,
    )
    return described(gathered, model, project.config.limits, vault=vault)


class StoreThen(Store):
    """The store as the record saw it: its only earlier nights are those that it looked back at, as they were then."""

    def __init__(self, store: Store, recorded: Recorded) -> None:
        """Find the records by their results.

        Raises:
            NotReplayableError: the log does not have one of them.
        """
        super().__init__(store.layout, vault=store.vault)
        entries = (e for e in store.log.of_model(recorded.model_id) if e.kind == "record")
        known = {(e.night, e.body["result_digest"]): e for e in entries}
        self._then: dict[tuple[str, str], LogEntry] = {}
        for night, digest in {*recorded.look_back, *recorded.charted}:
            entry = known.get((night.isoformat(), digest))
            if entry is None:
                raise NotReplayableError(f"the record of {night} that it looked back at is not in the log")
            self._then[recorded.model_id, night.isoformat()] = entry

    def heads(self, model_id: str | None = None) -> dict[tuple[str, str], LogEntry]:
        """Return the record per (model, night) that was looked back at; of one model, or of all."""
        return {key: entry for key, entry in self._then.items() if model_id in (None, key[0])}
