"""Validation: the faults that the validator beside the official schemas finds, each with its place."""

import importlib.util
import json
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.lineage.validation import Validated, read_file, read_outbox, validate
from audit_pipeline.records import Outcome, Stage
from audit_pipeline_tests.lineage.conftest import write
from audit_pipeline_tests.lineage.traces import trace

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared" / "openlineage"
PACKAGE = REPOSITORY / "audit_pipeline" / "lineage"
Events = list[dict[str, Any]]


def history() -> Events:
    """Every way a model-night can end."""
    made = [
        trace(),
        trace(night=date(2026, 7, 2), stopped=True, verdict=Outcome.FAIL),
        trace(night=date(2026, 7, 3), broken=Stage.AUDIT),
    ]
    return [event for one in made for event in events_of(one)]


def judged(events: list[Any], *, strict: bool = True) -> Validated:
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return validate(read_file(lines, "f"), strict=strict)


@pytest.fixture(scope="module")
def shared() -> Any:
    """The validator that stands beside the official schemas."""
    if not (SHARED / "validate_events.py").is_file():
        pytest.skip(f"no validator of the official schemas at {SHARED}")
    spec = importlib.util.spec_from_file_location("shared_validate_events", SHARED / "validate_events.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_shared(shared: Any, events: Events) -> list[tuple[str, str, str]]:
    schemas, stream = shared.Schemas(custom=PACKAGE / "facets"), shared.Stream()
    found = [
        (f"f:{number}", path, message)
        for number, event in enumerate(events, 1)
        for path, message in (*schemas.violations(event), *stream.violations(event))
    ]
    return found + [(f"run {run}", "", message) for run, message in stream.finish()]


def test_our_own_events_have_no_violation() -> None:
    assert judged(history()) == Validated(len(history()), ())


def planted() -> dict[str, Events]:
    """Streams with one fault each: the two events of one stage."""
    pair, decided = events_of(trace())[:2], events_of(trace())[-2:]

    def with_fault(at: int, *place: Any, value: Any = None) -> Events:
        events = deepcopy(decided if at < 0 else pair)
        inner: Any = events[at]
        for key in place[:-1]:
            inner = inner[key]
        if value is None:
            del inner[place[-1]]
        else:
            inner[place[-1]] = value
        return events

    own = {"_producer": "https://x.org", "_schemaURL": "https://x.org/X.json#/$defs/X"}
    return {
        "no time": with_fault(0, "eventTime"),
        "time without zone": with_fault(0, "eventTime", value="2026-07-01T00:00:00"),
        "unknown type": with_fault(0, "eventType", value="BEGIN"),
        "no UUID": with_fault(0, "run", "runId", value="1"),
        "UUIDv4": with_fault(0, "run", "runId", value="7b5c6d43-2f4e-4c1b-9f0e-0d9f3c1f5a77"),
        "no producer": with_fault(0, "producer"),
        "client's producer": with_fault(0, "producer", value="https://github.com/OpenLineage/tree/client/python"),
        "no job type": with_fault(1, "job", "facets", "jobType"),
        "no engine": with_fault(1, "run", "facets", "processing_engine"),
        "own facet without prefix": with_fault(1, "run", "facets", "mine", value=own),
        "own facet without producer": with_fault(1, "run", "facets", "x_mine", value={"a": 1}),
        "facet at the wrong place": with_fault(1, "run", "facets", "schema", value=own),
        "no official facet": with_fault(
            1, "run", "facets", "x_y", value=own | {"_schemaURL": "https://openlineage.io/spec/facets/1-0-0/XY.json"}
        ),
        "own schema broken": with_fault(-1, "run", "facets", "audit_decision", "verdict", value="FINE"),
        "column not in schema": with_fault(1, "outputs", 0, "facets", "columnLineage", "fields", "ghost", value={}),
        "relative file name": with_fault(1, "outputs", 0, "name", value="relative/path"),
        "namespace with slash": with_fault(1, "outputs", 0, "namespace", value="s3://lake/"),
        "no end": pair[:1],
        "no start": pair[1:],
        "two ends": [*pair, pair[1]],
        "one run of two jobs": with_fault(1, "job", "name", value="another"),
        "failed without message": [
            e if e["eventType"] != "FAIL" else e | {"run": {"runId": e["run"]["runId"], "facets": {}}}
            for e in events_of(trace(broken=Stage.DRIFT))[4:6]
        ],
    }


@pytest.mark.parametrize("name", planted())
def test_a_planted_fault_is_found_as_the_shared_validator_finds_it(shared: Any, name: str) -> None:
    found = judged(planted()[name]).violations
    assert found
    assert [tuple(violation) for violation in found] == by_shared(shared, planted()[name])


PLACES = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)
JUNK: st.SearchStrategy[Any] = st.sampled_from([None, 1, "", "x", [], {}, [{}], {"a": 1}, True, "2026-07-01T00:00:00Z"])


@given(at=st.integers(0, 11), path=PLACES, junk=JUNK)
@pytest.mark.dear
@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_changed_in_an_event_both_validators_agree(
    shared: Any, at: int, path: list[int], junk: Any
) -> None:
    event = deepcopy(events_of(trace())[at])
    change(event, path, junk)
    found = judged([event]).violations
    try:
        expected = by_shared(shared, [event])
    except TypeError:  # it stumbles over a list or an object where eventType or a job's name should be; we do not
        assert found
    else:
        assert [tuple(violation) for violation in found] == expected


def change(value: Any, path: list[int], junk: Any) -> None:
    """Put `junk` to the place that `path` leads to."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    if len(path) > 1 and isinstance(value[key], dict | list) and value[key]:
        change(value[key], path[1:], junk)
    else:
        value[key] = junk


def test_the_official_schemas_are_unchanged() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the official schemas are not at {SHARED}")
    theirs = {p.relative_to(SHARED / "spec"): p.read_bytes() for p in (SHARED / "spec").rglob("*.json")}
    assert {p.relative_to(PACKAGE / "spec"): p.read_bytes() for p in (PACKAGE / "spec").rglob("*.json")} == theirs
    assert len(theirs) == 39
    for name in ("LICENSE", "NOTICE.txt"):
        assert (PACKAGE / "spec" / name).read_bytes() == (SHARED / name).read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"no json", "not JSON: Expecting value"),
        (b'{"a": NaN}', "not JSON: NaN is no number of JSON"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: "),
        (b"[]", "event is not a JSON object"),
        (b"null", "event is not a JSON object"),
    ],
)
def test_a_line_that_is_no_event_is_a_violation_and_the_others_are_judged(line: bytes, message: str) -> None:
    events = events_of(trace())
    found = judged([events[0], line, b"  ", *events[1:]])
    assert found.events == 13
    [(where, path, said)] = found.violations
    assert (where, path) == ("f:2", "$")
    assert said.startswith(message)


def test_without_strict_a_part_of_a_stream_and_foreign_habits_pass() -> None:
    part = events_of(trace())[1]
    del part["job"]["facets"]["jobType"]
    assert judged([part], strict=False).violations == ()
    assert len(judged([part]).violations) == 2  # no jobType; no START


def test_an_outbox_is_read_with_file_and_line_and_what_was_written_again_once(tmp_path: Path) -> None:
    events = events_of(trace())
    write(tmp_path, "1-1.jsonl", events)
    (tmp_path / "2-1.jsonl").write_bytes(canonical(events[0]) + b"\njunk\n" + canonical(events[1])[:50])
    found = validate(read_outbox(tmp_path), strict=True)
    assert found.events == 13
    assert [v.where for v in found.violations] == ["2-1.jsonl:2"]
