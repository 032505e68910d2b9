"""The normal form of a run, from all of its events in any order, and the other names its datasets were given.

Pure functions: a run's normal form depends on the set of its events only, never on their order of arrival, so that
loading at once, in parts or again gives equal tables.
"""

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_pipeline.lineage.fields import day, integer_at, moment, object_at, objects_in, text_at, value_at
from audit_pipeline.lineage.normal import MAX_NAME, TERMINAL, Event, dataset_node

SIDES = (("inputs", "input"), ("outputs", "output"))
THEIRS_TOO = ("nominalTime", "parent")  # facets of a run that are read of other producers too
RECORD = "record"  # kind of what a verdict stands in; only we make one
Names = Mapping[str, str]  # node of another name -> node of the dataset


@dataclass(frozen=True, slots=True)
class NormalRun:
    """Rows of lineage.run, run_io and column_edge, in the order of their columns."""

    run: tuple[Any, ...]
    io: tuple[tuple[Any, ...], ...]
    columns: tuple[tuple[Any, ...], ...]


def other_names(event: Event) -> set[tuple[str, str]]:
    """Return what an event says of names: (other name, dataset it was given to), both as nodes."""
    found = set()
    for side, _ in SIDES:
        for dataset in event.body.get(side, []):
            node = dataset_node(dataset["namespace"], dataset["name"])
            found |= {(other, node) for other in _symlinks(object_at(dataset, "facets")) if other != node}
    return found


def datasets_of(event: Event) -> set[str]:
    """Return the nodes of every dataset an event names, as it names them."""
    found = set()
    for side, _ in SIDES:
        for dataset in event.body.get(side, []):
            found.add(dataset_node(dataset["namespace"], dataset["name"]))
            found.update(read for _, _, (read, _) in _sources(dataset))
    return found


def run_of(events: Iterable[Event], names: Names) -> NormalRun:
    """Return the normal form of one run from all of its events, in any order.

    Args:
        events: at least one; those of another job than the first's are left out.
        names: for datasets known by several names, the node of the one they go by.
    """
    ordered = sorted(events, key=lambda event: (event.time, event.event_id))
    first = ordered[0]
    ordered = [event for event in ordered if event.node == first.node]  # a run belongs to one job
    facets: dict[str, Any] = {}
    for event in ordered:
        facets |= {key: value for key, value in object_at(event.body, "run", "facets").items() if value}
    if not first.ours:  # what others say in our facets, or of an error, which may hold values of rows
        facets = {key: value for key, value in facets.items() if key in THEIRS_TOO}
    end = next((event for event in ordered if event.type in TERMINAL), None)
    started = min([e.time for e in ordered if e.type == "START"] or [first.time])
    return NormalRun(
        _row(first, facets, started, end),
        tuple(_io(ordered, names)),
        tuple(sorted(set(_columns(ordered, names)), key=repr)),
    )


def _row(first: Event, facets: dict[str, Any], started: datetime, end: Event | None) -> tuple[Any, ...]:
    """Return the row of lineage.run."""
    stage = object_at(facets, "audit_stage")
    return (
        first.run_id,
        first.node,
        first.namespace,
        first.job,
        started,
        end.time if end else None,
        moment(value_at(facets, "nominalTime", "nominalStartTime")) or started,
        end.type if end else "RUNNING",
        text_at(facets, "parent", "run", "runId"),
        text_at(stage, "model"),
        day(text_at(stage, "night")),
        text_at(stage, "stage"),
        text_at(stage, "outcome"),
        integer_at(stage, "counts", "fail"),
        text_at(facets, "errorMessage", "message"),
        first.origin,
    )


_Place = tuple[str | None, str | None]  # version, and node of the name it lay under, as far as they were said
_Said = dict[str, Any]  # of one place: namespace and name as given, kind, rows


def _io(events: list[Event], names: Names) -> Iterator[tuple[Any, ...]]:
    """Yield every version of a dataset once per direction; what a later event says of it wins."""
    found: dict[tuple[str, str], dict[_Place, _Said]] = defaultdict(dict)
    for event in events:
        for side, direction in SIDES:
            for dataset in event.body.get(side, []):
                given = dataset_node(dataset["namespace"], dataset["name"])
                node = names.get(given, given)
                facets = object_at(dataset, "facets")
                version = text_at(facets.get("version"), "datasetVersion") or None
                location = next(_symlinks(facets), None if node == given else given)
                said = found[direction, node].setdefault((version, location), {})
                said |= {k: v for k, v in _facts(dataset, facets, direction).items() if v is not None}
                if not event.ours and said.get("kind") == RECORD:
                    del said["kind"]
    for (direction, node), places in sorted(found.items()):
        for (version, location), said in sorted(_settled(places).items(), key=repr):
            given = dataset_node(said["namespace"], said["name"])
            facts = (version, said.get("kind"), said.get("rows"), location or given)
            yield (events[0].run_id, direction, node, said["namespace"], said["name"], *facts)


def _settled(places: dict[_Place, _Said]) -> dict[_Place, _Said]:
    """Leave out what says no more than another one does: a START need not give version and place, its end does.

    A version without a place takes the place that was given without a version, when there is one of each.
    """
    full: set[_Place] = {(v, at) for v, at in places if v and at}
    versions, locations = {version for version, _ in full}, {location for _, location in full}
    bare: set[_Place] = {(v, at) for v, at in places if v and not at and v not in versions}
    loose: set[_Place] = {(v, at) for v, at in places if at and not v and at not in locations}
    if len(bare) == len(loose) == 1:
        [(version, _)], [(_, location)] = bare, loose
        bare, loose = {(version, location)}, set()
    kept = full | bare | loose or {(None, None)}
    ways = {(v, at): ((None, None), (None, at), (v, None), (v, at)) for v, at in kept}  # loosest first
    return {place: dict(ChainMap(*(places.get(way, {}) for way in reversed(ways[place])))) for place in kept}


def _facts(dataset: dict[str, Any], facets: dict[str, Any], direction: str) -> dict[str, Any]:
    """Return name, kind and rows of a dataset, as far as it says."""
    sort = facets.get("datasetType")
    kind = text_at(sort, "subType") or text_at(sort, "datasetType")
    return {
        "namespace": dataset["namespace"],
        "name": dataset["name"],
        "kind": kind.lower() if kind else None,
        "rows": integer_at(dataset, f"{direction}Facets", f"{direction}Statistics", "rowCount"),
    }


def _symlinks(facets: dict[str, Any]) -> Iterator[str]:
    """Yield the nodes of the other names a dataset was given by its facets, in order."""
    if "symlinks" not in facets:
        return
    for other in objects_in(value_at(facets, "symlinks", "identifiers")):
        namespace, name = text_at(other, "namespace") or "", text_at(other, "name") or ""
        if 0 < len(namespace) <= MAX_NAME and 0 < len(name) <= MAX_NAME:
            yield dataset_node(namespace, name)


def _sources(dataset: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], tuple[str, str]]]:
    """Yield for every column of a dataset each input column behind it: column, entry, (node, column)."""
    for column, entry in object_at(dataset, "facets", "columnLineage", "fields").items():
        for source in objects_in(value_at(entry, "inputFields")):
            namespace, name, read = source.get("namespace"), source.get("name"), source.get("field")
            if isinstance(namespace, str) and isinstance(name, str) and isinstance(read, str) and namespace and name:
                yield column, source, (dataset_node(namespace, name), read)


def _columns(events: list[Event], names: Names) -> Iterator[tuple[Any, ...]]:
    """Yield every input column behind every output column."""
    job = events[0].node
    for event in events:
        for dataset in event.body.get("outputs", []):
            given = dataset_node(dataset["namespace"], dataset["name"])
            written = names.get(given, given)
            for column, source, (read, read_column) in _sources(dataset):
                ends = (names.get(read, read), read_column, written, column)
                for change in objects_in(source.get("transformations")) or [{}]:
                    how = (text_at(change, "type") or "DIRECT", text_at(change, "subtype"))
                    yield (event.run_id, job, *ends, *how, change.get("masking") is True)
