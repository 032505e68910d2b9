"""Does a whole stream of events keep the run cycle, and each event the habits of ours; what no schema can say.

Source: the OpenLineage specification 2-0-2, run cycle and naming. One START and one of COMPLETE, FAIL, ABORT per run,
nothing after it; one run is one job, named by a UUIDv7; jobType and processing_engine always, errorMessage on FAIL;
columns that lineage and assertions name stand in the schema facet.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit_pipeline.lineage.fields import objects_in, value_at
from audit_pipeline.lineage.normal import TERMINAL
from audit_pipeline.lineage.validation import Violation

NAMES = {  # scheme of a namespace -> what a dataset's name looks like in it
    "duckdb": r"^[^.]+\.[^.]+\.[^.]+$",
    "postgres": r"^[^.]+\.[^.]+\.[^.]+$",
    "file": r"^/",
    "s3": r"^[^/].*",
}


class _Seen(NamedTuple):
    """What the cycle of a run is judged by."""

    kind: Any
    time: str
    job: str  # namespace and name as JSON text would have them, whatever stands there


class Stream:
    """Judges events one by one, and their runs at the end."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._runs: dict[str, list[_Seen]] = defaultdict(list)

    def violations(self, event: Any) -> Iterator[Violation]:
        """Judge one event and remember its part of the run for `finish`."""
        if not isinstance(event, dict):
            return
        if str(event.get("producer", "")).endswith("/client/python"):
            yield "$.producer", "default producer of the client: set your own URI"
        if isinstance(event.get("run"), dict):
            yield from self._run(event)
        for side in ("inputs", "outputs"):
            for i, dataset in enumerate(objects_in(event.get(side))):
                yield from _dataset(dataset, f"$.{side}[{i}]")

    def _run(self, event: dict[str, Any]) -> Iterator[Violation]:
        run_id, kind = str(event["run"].get("runId", "")), event.get("eventType")
        job = repr((value_at(event, "job", "namespace"), value_at(event, "job", "name")))
        self._runs[run_id].append(_Seen(kind, str(event.get("eventTime")), job))
        if _version(run_id) not in (7, None):
            yield "$.run.runId", "not a UUIDv7"
        if not kind:
            yield "$.eventType", "run event without eventType"
        if kind == "FAIL" and not value_at(event, "run", "facets", "errorMessage"):
            yield "$.run.facets", "FAIL without errorMessage facet"
        if not value_at(event, "job", "facets", "jobType"):
            yield "$.job.facets", "no jobType facet"
        if not value_at(event, "run", "facets", "processing_engine"):
            yield "$.run.facets", "no processing_engine facet"
        whole = value_at(event, "job", "facets", "jobType", "jobType") in ("JOB", "DAG")
        if kind == "COMPLETE" and not whole and not event.get("inputs") and not event.get("outputs"):
            yield "$", "COMPLETE with neither inputs nor outputs"

    def finish(self) -> Iterator[Violation]:
        """Judge each run once all its events were seen; the first of a pair is the run's id."""
        for run_id, events in self._runs.items():
            kinds = [event.kind for event in events]
            ends = [kind for kind in kinds if kind in TERMINAL]
            jobs = {event.job for event in events}
            if len(jobs) > 1:
                yield run_id, f"one runId for {len(jobs)} jobs"
            if kinds.count("START") != 1:
                yield run_id, f"{kinds.count('START')} START events, exactly one is needed"
            if len(ends) != 1:
                yield run_id, f"{len(ends)} terminal events, exactly one is needed"
            in_time = [event.kind for event in sorted(events, key=lambda event: event.time)]
            if ends and in_time[-1] not in TERMINAL:
                yield run_id, f"{in_time[-1]} after the terminal event"
            if "START" in kinds and next(kind for kind in in_time if kind != "OTHER") != "START":
                yield run_id, "START is not the first event by eventTime"


def _version(run_id: str) -> int | None:
    """Return the version of a UUID: 0 for one of none, None for what is no UUID (the schema has said so)."""
    try:
        return uuid.UUID(run_id).version or 0
    except ValueError:
        return None


def _dataset(dataset: dict[str, Any], path: str) -> Iterator[Violation]:
    """Judge the name of a dataset and the columns its facets speak of."""
    namespace, name = str(dataset.get("namespace", "")), str(dataset.get("name", ""))
    scheme = namespace.partition(":")[0]
    if scheme in NAMES and not re.match(NAMES[scheme], name):
        yield f"{path}.name", f"'{name}' is not a {scheme} dataset name"
    if namespace.endswith("/") and namespace != "inmemory://":
        yield f"{path}.namespace", "namespace ends with '/'"
    columns = {str(field.get("name")) for field in objects_in(value_at(dataset, "facets", "schema", "fields"))}
    if not columns:
        return
    lineage = value_at(dataset, "facets", "columnLineage", "fields")
    for column in lineage if isinstance(lineage, dict) else {}:
        if column not in columns:
            yield f"{path}.facets.columnLineage.fields.{column}", "column not in the schema facet"
    for i, test in enumerate(objects_in(value_at(dataset, "inputFacets", "dataQualityAssertions", "assertions"))):
        if test.get("column") and str(test["column"]) not in columns:
            place = f"{path}.inputFacets.dataQualityAssertions.assertions[{i}]"
            yield place, f"column {test['column']} not in the schema facet"
