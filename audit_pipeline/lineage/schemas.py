"""Is one event what the OpenLineage standard says, facet by facet; the only module that imports jsonschema.

Source: the official JSON Schemas, kept unchanged in `spec/`, and those of our own facets in `facets/`. A facet is held
against the schema of its name at its place (run, job, dataset, input, output); one of an unknown name against the base
facet of its place and the rule that own facets have a prefix.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from audit_pipeline.lineage.fields import objects_in, value_at
from audit_pipeline.lineage.validation import Violation

PLACES = {  # base of a facet -> where it stands
    "RunFacet": "run",
    "JobFacet": "job",
    "DatasetFacet": "dataset",
    "InputDatasetFacet": "input",
    "OutputDatasetFacet": "output",
}
BASE_OF = {place: name for name, place in PLACES.items()}
REMEMBERED = 10_000  # facets: most come again, with every dataset and every night


def _date_time(value: object) -> bool:
    if isinstance(value, str):
        if not re.match(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$", value):
            raise ValueError("not an RFC 3339 date-time with a zone")
        datetime.fromisoformat(re.sub(r"\.(\d{6})\d+", r".\1", re.sub("[Zz]$", "+00:00", value)))
    return True


def _uuid(value: object) -> bool:
    if isinstance(value, str) and not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError("not a UUID")
    return True


def _uri(value: object) -> bool:
    if isinstance(value, str) and not re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", value):
        raise ValueError("not an absolute URI")
    return True


FORMATS = FormatChecker(formats=())  # only these: others would depend on what happens to be installed
for _name, _check in {"date-time": _date_time, "uuid": _uuid, "uri": _uri}.items():
    FORMATS.checks(_name, raises=ValueError)(_check)


class Schemas:
    """The core schema and all facet schemas, each facet with the places where it may stand."""

    def __init__(self) -> None:
        """Read every schema once."""
        core, *facets = _documents()
        named = [(doc["$id"], Resource.from_contents(doc)) for doc in (core, *facets)]
        self._registry: Registry[Any] = Registry().with_resources(named)
        self._core = self._validator(core["$id"])
        self._parts = {name: self._validator(f"{core['$id']}#/$defs/{name}") for name in core["$defs"]}
        self._judged: dict[tuple[str, str, str], list[Violation]] = {}
        self._facets: dict[tuple[str, str], dict[str, Draft202012Validator]] = defaultdict(dict)
        for doc in facets:
            for name, schema in doc.get("$defs", {}).items():
                for place in _places(doc, schema):
                    for key in doc.get("properties", {}):
                        self._facets[place, key][doc["$id"]] = self._validator(f"{doc['$id']}#/$defs/{name}")

    def _validator(self, reference: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": reference}, registry=self._registry, format_checker=FORMATS)

    def violations(self, event: Any) -> list[Violation]:
        """Return what is wrong with one event by schema; an empty list when nothing is."""
        if not isinstance(event, dict):
            return [("$", "event is not a JSON object")]
        kind = "RunEvent" if "run" in event else "JobEvent" if "job" in event else "DatasetEvent"
        found = [leaf for error in self._parts[kind].iter_errors(event) for leaf in _leaves(error, "$")]
        if not found:
            found = [("$", f"core: {error.message[:160]}") for error in self._core.iter_errors(event)]
        for where in ("run", "job", "dataset"):
            found += self._all(value_at(event, where, "facets"), where, f"$.{where}.facets")
        for side, own, place in (("inputs", "inputFacets", "input"), ("outputs", "outputFacets", "output")):
            for i, dataset in enumerate(objects_in(event.get(side))):
                found += self._all(dataset.get("facets"), "dataset", f"$.{side}[{i}].facets")
                found += self._all(dataset.get(own), place, f"$.{side}[{i}].{own}")
        return list(dict.fromkeys(found))

    def _all(self, facets: Any, place: str, path: str) -> Iterator[Violation]:
        for key, value in (facets if isinstance(facets, dict) else {}).items():
            for inside, message in self._known(key, value, place):
                yield f"{path}.{key}{inside}", message

    def _known(self, key: str, value: Any, place: str) -> list[Violation]:
        """Check one facet at one place, unless an equal one was checked before."""
        facet = (place, key, hashlib.sha256(json.dumps(value).encode()).hexdigest())
        if facet not in self._judged:
            if len(self._judged) >= REMEMBERED:
                self._judged.clear()
            self._judged[facet] = list(self._facet(key, value, place))
        return self._judged[facet]

    def _facet(self, key: str, value: Any, place: str) -> Iterator[Violation]:
        """Check one facet at one place; paths begin inside it."""
        known = self._facets.get((place, key))
        if known:
            tried = [[leaf for error in v.iter_errors(value) for leaf in _leaves(error, "")] for v in known.values()]
            if all(tried):
                yield from min(tried, key=len)
            return
        elsewhere = [other for other in BASE_OF if (other, key) in self._facets]
        if elsewhere:
            yield "", f"facet '{key}' belongs to {' or '.join(elsewhere)}, not to {place}"
            return
        if "openlineage.io/spec/facets" in str(value_at(value, "_schemaURL")):
            yield "", f"facet '{key}' names an official schema, but there is no official facet of that name"
        elif "_" not in key:
            yield "", f"own facet '{key}' has no prefix (name it prefix_name)"
        for error in self._parts[BASE_OF[place]].iter_errors(value):
            yield from _leaves(error, "")


def _documents() -> Iterator[dict[str, Any]]:
    """Yield the core schema, then those of the facets, official and own."""
    home = resources.files("audit_pipeline.lineage")
    yield json.loads((home / "spec" / "OpenLineage.json").read_text(encoding="utf-8"))
    for folder in (home / "spec" / "facets", home / "facets"):
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith("Facet.json"):
                yield json.loads(file.read_text(encoding="utf-8"))


def _places(doc: dict[str, Any], schema: Any) -> Iterator[str]:
    """Yield where a facet may stand, by the base it is made of."""
    for part in objects_in(value_at(schema, "allOf")):
        reference = part.get("$ref", "")
        name = reference.rsplit("/", 1)[-1]
        if name in PLACES:
            yield PLACES[name]
        elif reference.startswith("#") and name in doc["$defs"]:
            yield from _places(doc, doc["$defs"][name])


def _leaves(error: ValidationError, base: str) -> Iterator[Violation]:
    """Name the leaf that is wrong, instead of 'is not valid under any of the given schemas'."""
    if not (error.context and error.validator in ("oneOf", "anyOf")):
        yield base + error.json_path[1:], error.message
        return
    branches: dict[Any, list[ValidationError]] = defaultdict(list)
    for inner in error.context:
        branches[inner.schema_path[0]].append(inner)
    nearest = min(branches.values(), key=lambda b: (sum(e.validator == "required" for e in b), len(b)))
    for inner in nearest:
        yield from _leaves(inner, base)
