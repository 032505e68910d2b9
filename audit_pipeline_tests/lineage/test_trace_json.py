"""A trace in Dagster's log reads back as it was, and what is no trace is refused."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.trace_json import decode, encode
from audit_pipeline.records import ColumnProfile, Outcome, SourceCode, Stage, Trace
from audit_pipeline_tests.lineage.traces import trace

PROFILE = ColumnProfile("age", "number", "feature", "none", 20, 1, 9, 1.5, None, ((0.5, 1.0),), (("a", 12),))


@pytest.mark.parametrize(
    "made",
    [
        trace(),
        trace(stopped=True, verdict=Outcome.FAIL),
        trace(broken=Stage.DRIFT, attempt=3),
        replace(trace(), decision=None, drift=(), checks=(), profile=(PROFILE,)),
        replace(trace(), source_code=SourceCode("https://git.example.org/a", "", "1"), night=date(2024, 2, 29)),
    ],
)
def test_it_reads_back_as_it_was(made: Trace) -> None:
    assert decode(json.loads(json.dumps(encode(made)))) == made


def test_a_dataset_that_many_stages_read_is_written_once() -> None:
    body = encode(trace())
    names = [dataset["name"] for dataset in body["datasets"]]
    assert len(names) == len(set(names))
    assert sum(len(stage["inputs"]) for stage in body["stages"]) > len(names) / 2
    assert json.dumps(body).count('"patient_id"') < 12


def test_times_keep_their_zone() -> None:
    started = decode(encode(trace())).stages[0].started
    assert started == datetime(2026, 7, 2, 2, tzinfo=UTC)
    assert started.tzinfo is not None


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"form": 2}, "form 2 cannot be read"),
        ({"form": None}, "form None cannot be read"),
        ({"datasets": []}, "is damaged"),
        ({"stages": [{}]}, "is damaged"),
        ({"night": "yesterday"}, "is damaged"),
        ({"run": None}, "is damaged"),
        ({"run": {"run_id": "r"}}, "is damaged"),
    ],
)
def test_what_is_no_trace_is_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(LineageError, match=match):
        decode({**encode(trace()), **change})
