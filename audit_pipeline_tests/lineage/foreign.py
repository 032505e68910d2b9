"""Events of other producers, as small as the standard allows, with what a test is about."""

import uuid
from typing import Any

Dataset = dict[str, Any]


def dataset(
    name: str,
    *,
    version: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    columns: dict[str, list[tuple[str, str]]] | None = None,
) -> Dataset:
    """A dataset in the namespace `file`.

    Args:
        name: its name.
        version: sha256 of the bytes.
        at: name of the concrete file, as its symlink.
        kind: what it is.
        columns: column -> (dataset, column) behind it.
    """
    facets: dict[str, Any] = {}
    if version:
        facets["version"] = {"datasetVersion": version}
    if kind:
        facets["datasetType"] = {"datasetType": "FILE", "subType": kind.upper()}
    if at:
        facets["symlinks"] = {"identifiers": [{"namespace": "file", "name": at, "type": "TABLE"}]}
    if columns:
        fields = {
            column: {"inputFields": [{"namespace": "file", "name": d, "field": c} for d, c in sources]}
            for column, sources in columns.items()
        }
        facets["columnLineage"] = {"fields": fields}
    return {"namespace": "file", "name": name, "facets": facets}


def event(
    job: str,
    number: int,
    *,
    hour: int = 1,
    state: str = "COMPLETE",
    inputs: list[Dataset] | None = None,
    outputs: list[Dataset] | None = None,
    stage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One event of run `number` of `job`, at `hour` after the first of July; a COMPLETE half an hour later."""
    day, hour = 1 + hour // 24, hour % 24
    return {
        "eventTime": f"2026-07-{day:02d}T{hour:02d}:{'00' if state == 'START' else '30'}:00Z",
        "eventType": state,
        "run": {"runId": str(uuid.UUID(int=number)), "facets": {"audit_stage": stage} if stage else {}},
        "job": {"namespace": "n", "name": job},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }


def pair(job: str, number: int, **what: Any) -> list[dict[str, Any]]:
    """START and COMPLETE of one run."""
    return [event(job, number, **{**what, "state": "START"}), event(job, number, **what)]


def run(number: int) -> str:
    """The run's id."""
    return str(uuid.UUID(int=number))
