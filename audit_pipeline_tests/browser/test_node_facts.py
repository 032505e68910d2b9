"""What the panel says of models, records, failed checks and other producers' jobs."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.lineage import page as page_module
from audit_pipeline.lineage.page import graph_page
from audit_pipeline.records import Outcome
from audit_pipeline_tests.browser.pages import BROWSER, event, label, panel, second_lines, shown
from audit_pipeline_tests.lineage.conftest import Load
from audit_pipeline_tests.lineage.traces import sha, trace

pytestmark = BROWSER
RUN = "0190a0a0-0000-7000-8000-000000000001"


def test_a_model_says_what_it_is(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), "#focus=model/high_utilizer")
    digest = sha("high_utilizer", "model", "fixed")
    assert f"model high_utilizer version 3 since night 2026-07-01 sha256 {digest}" in panel(found)
    assert second_lines(found)["/clinic/input/model/high_utilizer"] == f"version 3 · {digest[:8]}"


def model_read(night: int, **facet: str) -> dict[str, Any]:
    """Another producer's job that reads a model file."""
    facets = {"datasetType": {"datasetType": "MODEL"}, "version": {"datasetVersion": "f" * 64}, "audit_model": facet}
    model = {"namespace": "s3", "name": "churn.onnx", "facets": facets}
    run = RUN[:-1] + str(night)
    return event("score", inputs=[model], outputs=[], at=f"2026-07-0{night}T00:00:00Z", run=run)


def test_a_model_is_that_of_the_night(received: Any, tmp_path: Path) -> None:
    events = [model_read(1, name="churn", version="1"), model_read(2, name="churn", version="2", framework="ONNX 1.19")]
    page = graph_page(received(*events), project="clinic", model=None)
    assert "model churn version 1 since" in panel(shown(tmp_path, page, "#focus=churn.onnx&asof=2026-07-01"))
    assert "model churn version 2 framework ONNX 1.19 since" in panel(shown(tmp_path, page, "#focus=churn.onnx"))


def test_a_model_facet_of_another_file_is_seen(received: Any, tmp_path: Path) -> None:
    page = graph_page(received(model_read(1, name="churn", sha256="e" * 64)), project="clinic", model=None)
    assert "The model facet names another sha256" in panel(shown(tmp_path, page, "#focus=churn.onnx"))


def test_a_record_has_its_verdicts(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = panel(shown(tmp_path, graph_page(graph, project="clinic", model=None), "#focus=record/high_utilizer"))
    digests = [sha("high_utilizer", "record", (date(2026, 7, n), None, 1)) for n in (3, 2, 1)]
    rows = zip(("2026-07-03 WARN", "2026-07-02 FAIL", "2026-07-01 PASS"), digests, strict=True)
    assert f"verdict WARN since night 2026-07-03 sha256 {digests[0]}" in found
    assert " ".join(f"{night} {digest[:16]}…" for night, digest in rows) in found


def test_what_moved_a_verdict_is_named(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    page = graph_page(graph, project="clinic", model=None)
    audit = panel(shown(tmp_path, page, "#focus=high_utilizer.audit"))
    assert "Findings that moved the verdict (1) finding stage outcome psi of age drift WARN" in audit
    checks = panel(shown(tmp_path, page, "#focus=high_utilizer.validation&asof=2026-07-02"))
    assert "Checks that did not pass (2)" in checks  # one failed, one could not be evaluated: neither has passed
    assert "critical FAIL" in checks and "warning NOT_EVALUATED" in checks


def job_type(integration: str, kind: str) -> dict[str, Any]:
    return {"jobType": {"integration": integration, "jobType": kind, "processingType": "BATCH"}}


def test_jobs_of_others_are_told_apart(loaded: Load, received: Any, tmp_path: Path) -> None:
    loaded(trace())
    log = {"namespace": "file", "name": "/clinic/input/log/high_utilizer", "facets": {}}
    at, names = "2026-07-01T00:00:00Z", {"AIRFLOW": "Airflow", "SPARK": "Spark", "DBT": "dbt", "X9": "X9"}
    made = [
        event(f"of.{by}", inputs=[], outputs=[log], at=at, run=RUN[:-1] + str(n), facets=job_type(by, "TASK"))
        for n, by in enumerate(names)
    ]
    found = shown(tmp_path, graph_page(received(*made), project="clinic", model=None), "#focus=of.AIRFLOW")
    for by, name in names.items():
        assert label(found, f"of.{by}") == f"job of.{by}, {name} · ran"
    assert found.dom.count('class="node foreign ran') == 4
    assert "Job of Airflow, not a stage of an audit" in panel(found)
    assert "made by Airflow kind task producer https://github.com/apache/airflow" in panel(found)
    assert found.console == []


def test_runs_that_the_page_does_not_carry_are_no_runs_that_were_not(
    loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module.carried, "RUNS", 2)
    nights = [trace(night=date(2026, 7, n), verdict=Outcome.PASS) for n in (1, 2, 3)]
    page = graph_page(loaded(*nights), project="clinic", model=None)
    found = shown(tmp_path, page, "#asof=2026-07-01")
    assert label(found, "high_utilizer.audit") == "stage high_utilizer · audit, run not on this page"


def test_facets_that_are_not_what_they_should_be_break_nothing(received: Any, tmp_path: Path) -> None:
    odd = {"success": False, "name": 7, "params": ["x"]}
    stage = {
        "model": "m",
        "night": "2026-07-01",
        "stage": "audit",
        "outcome": "constructor",
        "counts": {"fail": "many"},
    }
    facets: dict[str, Any] = {
        "schema": {"fields": [{"name": ["a"]}, 3]},
        "tags": {"tags": [None, {"field": "b"}]},
        "audit_model": ["no", "model"],
        "version": {"datasetVersion": "__proto__"},
        "datasetType": {"datasetType": "constructor"},
    }
    read = {
        "namespace": "s3",
        "name": "odd",
        "facets": facets,
        "inputFacets": {"dataQualityAssertions": {"assertions": [odd]}},
    }
    made = event("m.audit", inputs=[read], outputs=[{**read, "name": "made"}], at="2026-07-01T00:00:00Z", run=RUN)
    made["run"]["facets"] = {
        "audit_stage": stage,
        "audit_decision": {"findings": [1, {}, {"name": "x", "outcome": "toString"}], "conclusion": {}},
        "audit_drift": {"largest": "much"},
    }
    page = graph_page(received(made), project="clinic", model=None)
    for focus in ("m.audit", "odd", "made"):
        found = shown(tmp_path, page, f"#focus={focus}")
        assert found.console == []
        assert found.body["data-focus"].endswith(focus)
