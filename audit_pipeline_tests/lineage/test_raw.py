"""Events written out: in order, as they arrived, and loaded elsewhere the same lineage."""

import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage import store
from audit_pipeline.lineage.raw import raw_events
from audit_pipeline.records import Outcome, Stage
from audit_pipeline_tests.lineage.conftest import Load, tables, write
from audit_pipeline_tests.lineage.traces import trace

N1, N2, N3 = (date(2026, 7, day) for day in (1, 2, 3))
FOREIGN = {
    "eventTime": "2026-07-02T12:00:00Z",
    "eventType": "COMPLETE",
    "run": {"runId": "0197d0a5-0000-7000-8000-000000000001"},
    "job": {"namespace": "spark", "name": "naïve"},
    "inputs": [{"namespace": "s3://lake", "name": "a"}],
    "outputs": [],
}


@pytest.fixture
def full(loaded: Load, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    write(tmp_path / "outbox", "9.jsonl", [FOREIGN])
    return loaded(
        trace(night=N3),
        trace(night=N1),
        trace("cost", N2, stopped=True, verdict=Outcome.FAIL),
        trace("cost", N3, broken=Stage.DRIFT),
    )


def nights(lines: list[bytes]) -> set[tuple[str, str]]:
    facets: list[dict[str, Any]] = [json.loads(line)["run"].get("facets", {}).get("audit_stage", {}) for line in lines]
    return {(facet.get("model", ""), facet.get("night", "")) for facet in facets}


def test_loaded_into_an_empty_store_it_is_the_same_lineage(full: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in raw_events(full)))
    with duckdb.connect() as connection:
        assert store.load(connection, other) == 4 * 12 + 1
        found, expected = tables(connection), tables(full)
    assert len(found.pop("loaded")) == 1
    assert len(expected.pop("loaded")) == 2
    assert found == expected
    assert found["quarantine"] == []


def test_events_are_canonical_and_in_order_of_time_then_id(full: duckdb.DuckDBPyConnection) -> None:
    lines = list(raw_events(full))
    keys = [(json.loads(line)["eventTime"][:19], hashlib.sha256(line).hexdigest()) for line in lines]
    known = full.execute("select event_id from lineage.event order by event_time, event_id").fetchall()
    assert [(digest,) for _, digest in keys] == known
    assert [time for time, _ in keys] == sorted(time for time, _ in keys)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {("high_utilizer", str(N1)), ("high_utilizer", str(N3)), ("cost", str(N2)), ("cost", str(N3)), ("", "")}),
        ({"models": ["cost"]}, {("cost", str(N2)), ("cost", str(N3))}),
        ({"models": ["cost", "high_utilizer"], "last": N1}, {("high_utilizer", str(N1))}),
        ({"first": N2, "last": N2}, {("cost", str(N2))}),
        ({"as_of": N1}, {("high_utilizer", str(N1))}),
        ({"as_of": N2}, {("high_utilizer", str(N1)), ("cost", str(N2)), ("", "")}),
        ({"as_of": datetime(2026, 7, 2)}, {("high_utilizer", str(N1)), ("cost", str(N2))}),  # its first instant
        ({"as_of": date(2026, 6, 30)}, set()),
    ],
)
def test_only_what_was_asked_for(full: duckdb.DuckDBPyConnection, chosen: Any, expected: Any) -> None:
    assert nights(list(raw_events(full, **chosen))) == expected


def test_an_unknown_model_is_refused_before_anything_is_written(full: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(LineageError, match=r"no events of a model 'cots'\. Did you mean 'cost'\? There are: cost, "):
        raw_events(full, models=["cots"])
