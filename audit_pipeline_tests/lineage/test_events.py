"""Events of a trace: valid by the official schemas, deterministic, and true."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.events import aborted_events, events_of, nightly_events
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.records import ColumnProfile, ColumnSource, Outcome, RunContext, SourceCode, Stage
from audit_pipeline_tests.lineage.official import FACETS, OFFICIAL, official, violations
from audit_pipeline_tests.lineage.traces import COLUMNS, trace


@pytest.fixture(scope="module")
def schemas() -> Any:
    """The validator that stands beside the official schemas."""
    found = official()
    if found is None:
        pytest.skip(f"the official OpenLineage schemas are not at {OFFICIAL}")
    return found


def history() -> list[dict[str, Any]]:
    """Every way a model-night can end, and a second attempt."""
    run = RunContext("dead", datetime(2026, 7, 9, tzinfo=UTC))
    traces = [
        trace(night=date(2026, 7, 1)),
        trace(night=date(2026, 7, 2), verdict=Outcome.FAIL),
        trace(night=date(2026, 7, 3), stopped=True, verdict=Outcome.FAIL),
        trace(night=date(2026, 7, 4), broken=Stage.SNAPSHOT),
        trace(night=date(2026, 7, 5), broken=Stage.AUDIT),
        trace(night=date(2026, 7, 5), attempt=2),
        trace("cost", verdict=Outcome.NOT_EVALUATED),
    ]
    begun, ended = run.created, run.created + timedelta(minutes=1)
    dead = aborted_events(
        run, "cost", date(2026, 7, 8), "finance", "clinic", started=begun, ended=ended, reason="the process died"
    )
    nightly = [
        event
        for number, (state, error) in enumerate({"COMPLETE": None, "FAIL": "No record of cost.", "ABORT": None}.items())
        for event in nightly_events(
            replace(run, run_id=f"night {number}"),
            "clinic",
            date(2026, 7, 8),
            started=begun,
            ended=ended,
            state=state,
            error=error,
        )
    ]
    return [event for one in traces for event in events_of(one)] + dead + nightly


def test_every_event_passes_the_official_strict_validation(schemas: Any) -> None:
    assert violations(schemas, history()) == []


def test_the_validator_would_see_a_facet_of_ours_that_breaks_its_own_schema(schemas: Any) -> None:
    events = events_of(trace())
    events[-1]["run"]["facets"]["audit_decision"]["verdict"] = "FINE"
    assert any("FINE" in text for _, text in violations(schemas, events))


def test_the_validator_runs_as_a_command_on_what_the_outbox_holds(schemas: Any, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(canonical(event) for event in history()))
    command = [sys.executable, str(OFFICIAL / "validate_events.py"), str(file), "--strict", "--custom", str(FACETS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"{len(history())} events, 0 violations"


def test_the_same_trace_gives_the_same_bytes() -> None:
    assert [canonical(event) for event in history()] == [canonical(event) for event in history()]


def test_another_process_gives_the_same_bytes() -> None:
    # hash seeds differ between processes: a set that leaks into an event would show here
    code = (
        "from audit_pipeline_tests.lineage.test_events import history, canonical;"
        "import hashlib; print(hashlib.sha256(b''.join(map(canonical, history()))).hexdigest())"
    )
    mine = hashlib.sha256(b"".join(map(canonical, history()))).hexdigest()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == mine


def kinds(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        found.setdefault(event["job"]["name"].split(".")[1], []).append(event["eventType"])
    return found


def test_a_stage_stopped_by_bad_data_is_complete_and_those_after_it_abort() -> None:
    events = events_of(trace(stopped=True, verdict=Outcome.FAIL))
    assert kinds(events) == {
        "snapshot": ["START", "COMPLETE"],
        "validation": ["START", "COMPLETE"],
        "drift": ["START", "ABORT"],
        "performance": ["START", "ABORT"],
        "explanation": ["START", "ABORT"],
        "audit": ["START", "COMPLETE"],
    }
    checked = next(e for e in events if e["job"]["name"] == "high_utilizer.validation" and e["eventType"] != "START")
    stage = checked["run"]["facets"]["audit_stage"]
    # three checks: one failed, one could not be evaluated, one passed
    assert (stage["outcome"], stage["counts"]) == ("FAIL", {"pass": 1, "warn": 0, "fail": 1, "notEvaluated": 1})
    skipped = next(e for e in events if e["eventType"] == "ABORT")
    tags = {tag["key"]: tag["value"] for tag in skipped["run"]["facets"]["tags"]["tags"]}
    assert tags["reason"] == "did not run: validation stopped the line"
    assert skipped["inputs"] == skipped["outputs"] == []
    assert "outcome" not in skipped["run"]["facets"]["audit_stage"]


def test_a_stage_that_broke_fails_with_our_sentence_and_nothing_else() -> None:
    events = events_of(trace(broken=Stage.DRIFT))
    failed = [event for event in events if event["eventType"] == "FAIL"]
    assert [event["job"]["name"] for event in failed] == ["high_utilizer.drift"]
    facet = failed[0]["run"]["facets"]["errorMessage"]
    assert facet["message"] == "drift could not be carried out: the file is damaged."
    assert set(facet) == {"_producer", "_schemaURL", "message", "programmingLanguage"}
    later = next(event for event in events if event["eventType"] == "ABORT")
    tags = {tag["key"]: tag["value"] for tag in later["run"]["facets"]["tags"]["tags"]}
    assert tags["reason"] == "did not run: drift could not be carried out"


def test_an_end_is_later_than_its_start_even_when_the_clock_did_not_move() -> None:
    made = trace()
    still = tuple(replace(stage, ended=stage.started) for stage in made.stages)
    backwards = tuple(replace(stage, ended=stage.started - timedelta(seconds=9)) for stage in made.stages)
    for stages in (still, backwards):
        events = events_of(replace(made, stages=stages))
        assert all(b["eventTime"] > a["eventTime"] for a, b in zip(events[::2], events[1::2], strict=True))


def test_identifiers_differ_by_model_night_stage_run_and_attempt() -> None:
    made = [
        trace(),
        trace("cost"),
        trace(night=date(2026, 7, 2), run="run-2026-07-01"),
        trace(run="another"),
        trace(attempt=2),
    ]
    runs = {event["run"]["runId"] for one in made for event in events_of(one)}
    assert len(runs) == 5 * 6


def test_pseudonyms_are_marked_as_masking_and_in_the_schema() -> None:
    written = events_of(trace())[1]["outputs"][0]["facets"]
    how = {c: f["inputFields"][0]["transformations"][0] for c, f in written["columnLineage"]["fields"].items()}
    assert how["patient_id"] == {"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}
    assert how["age"] == {"type": "DIRECT", "subtype": "IDENTITY", "masking": False}
    masked = {tag["field"] for tag in written["tags"]["tags"] if tag["key"] == "masked"}
    assert masked == {column.name for column in COLUMNS if column.masked}


def test_checks_stand_on_the_snapshot_and_what_was_not_evaluated_did_not_succeed() -> None:
    validation = events_of(trace())[3]
    by_kind = {d["facets"]["datasetType"]["subType"]: d for d in validation["inputs"]}
    assertions = by_kind["SNAPSHOT"]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [a["success"] for a in assertions] == [True, False, True]
    assert [a.get("column") for a in assertions] == ["age", None, None]  # `gone` is no column of the snapshot
    assert "dataQualityAssertions" not in by_kind["SUITE"]["inputFacets"]


def test_drift_says_the_largest_score_and_counts_what_has_none() -> None:
    drift = events_of(trace())[5]["run"]["facets"]["audit_drift"]
    assert drift["largest"] == [{"method": "psi", "column": "age", "value": 0.31, "n": 2000}]
    assert (drift["columns"], drift["notEvaluated"]) == (3, 1)


def complete(events: list[dict[str, Any]], stage: str) -> dict[str, Any]:
    """The terminal event of a stage."""
    return next(e for e in events if e["job"]["name"].endswith(f".{stage}") and e["eventType"] == "COMPLETE")


def test_the_snapshot_shows_aggregates_of_its_columns_and_no_extreme() -> None:
    profile = (
        ColumnProfile(
            "age", "integer", "feature", "quasi_identifier", 2000, 40, 61, 50.5, 9.0, ((0.01, 22.0), (0.5, 50.0)), ()
        ),
        ColumnProfile("patient_id", "category", "subject_id", "direct_identifier", 2000, 0, None, None, None, (), ()),
    )
    checked = complete(events_of(replace(trace(), profile=profile)), "validation")
    [snapshot] = [d for d in checked["inputs"] if "dataQualityMetrics" in d["inputFacets"]]
    metrics = snapshot["inputFacets"]["dataQualityMetrics"]
    assert (metrics["rowCount"], metrics["bytes"]) == (2000, 2000)
    assert metrics["columnMetrics"] == {
        "age": {"nullCount": 40, "distinctCount": 61, "count": 1960, "quantiles": {"0.01": 22.0, "0.5": 50.0}},
        "patient_id": {"nullCount": 0, "count": 2000},
    }


def test_the_file_of_a_night_is_another_name_of_the_log() -> None:
    made = trace()
    first = made.stages[0]
    log = replace(first.inputs[0], file="/clinic/input/log/2026-07-01.parquet")
    events = events_of(replace(made, stages=(replace(first, inputs=(log, *first.inputs[1:])), *made.stages[1:])))
    for event in events[:2]:  # the START says it as well
        [said] = event["inputs"][0]["facets"]["symlinks"]["identifiers"]
        assert said == {"namespace": "file", "name": "/clinic/input/log/2026-07-01.parquet", "type": "FILE"}


def test_a_model_says_what_it_is_made_with(schemas: Any) -> None:
    made = trace()
    explained = made.stages[4]
    model = replace(explained.inputs[1], framework="scikit-learn")
    stages = (*made.stages[:4], replace(explained, inputs=(explained.inputs[0], model)), made.stages[5])
    events = events_of(replace(made, stages=stages))
    facet = complete(events, "explanation")["inputs"][1]["facets"]["audit_model"]
    assert {key: facet[key] for key in ("name", "version", "sha256", "framework")} == {
        "name": "high_utilizer",
        "version": "3",
        "sha256": model.version,
        "framework": "scikit-learn",
    }
    assert "1-1-0/AuditModelDatasetFacet" in facet["_schemaURL"]
    assert violations(schemas, events) == []


def test_where_the_code_is_stands_there_only_when_the_project_says_so(schemas: Any) -> None:
    assert all("sourceCodeLocation" not in event["job"]["facets"] for event in events_of(trace()))
    code = SourceCode("https://git.example.org/audits.git", "models/", "4f2c")
    events = events_of(replace(trace(), source_code=code))
    said = events[0]["job"]["facets"]["sourceCodeLocation"]
    assert (said["type"], said["url"]) == ("git", "https://git.example.org/audits.git/models")
    assert (said["repoUrl"], said["version"]) == ("https://git.example.org/audits.git", "4f2c")
    assert violations(schemas, events) == []


def test_what_had_nothing_to_do_does_not_blame_a_stage_that_found_something() -> None:
    made = trace()
    failed = replace(made.stages[2], outcome=Outcome.FAIL)
    unrun = replace(made.stages[4], outcome=None, inputs=(), outputs=())
    events = events_of(replace(made, stages=(*made.stages[:2], failed, made.stages[3], unrun, made.stages[5])))
    [skipped] = [event for event in events if event["eventType"] == "ABORT"]
    tags = {tag["key"]: tag["value"] for tag in skipped["run"]["facets"]["tags"]["tags"]}
    assert tags["reason"] == "did not run: the model has nothing configured for it"


@pytest.mark.parametrize(
    ("dataset", "column", "match"),
    [("/nowhere", "age", "not among its inputs"), ("/clinic/input/log/high_utilizer", "ghost", "not in its schema")],
)
def test_a_trace_that_contradicts_itself_is_refused(dataset: str, column: str, match: str) -> None:
    made = trace()
    first = made.stages[0]
    wrong = replace(first.outputs[0], sources=((column, (ColumnSource(dataset, "age", "IDENTITY"),)),))
    with pytest.raises(LineageError, match=match):
        events_of(replace(made, stages=(replace(first, outputs=(wrong,)),)))


def test_published_facet_schemas_never_change() -> None:
    # a consumer may have stored them under their URL: a change needs a new version and a new file
    digests = {
        p.relative_to(FACETS).with_suffix("").as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()[:16]
        for p in sorted(FACETS.rglob("*.json"))
    }
    assert digests == json.loads((Path(__file__).parent / "facet_digests.json").read_text())


def test_importing_the_package_does_not_import_the_client() -> None:
    code = (
        "import sys, audit_pipeline.lineage, audit_pipeline.lineage.store, audit_pipeline.lineage.outbox,"
        " audit_pipeline.lineage.queries, audit_pipeline.lineage.page;"
        "print([m for m in ('openlineage', 'attr', 'pyarrow', 'duckdb', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
