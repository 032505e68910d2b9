"""A multiclass model walks the whole line: checks, drift, performance, verdict, evidence, report, Evidently, tables."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from audit_pipeline.config import Project, load_project
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import Audited, audit_model_night
from audit_pipeline.publish import published
from audit_pipeline.records import Outcome, RunContext

NIGHT = date(2026, 3, 1)
RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
CLASSES = np.array(["home", "ward", "icu"])
ROWS = 600
PROJECT = """\
schema_version: 1
name: small
time_zone: UTC
nights: {first: 2026-03-01, last: 2026-03-01, complete_at: "02:00"}
owners: {team: {name: The team}}
limits: {threads: 1, memory: 256MB}
"""
MODEL = """\
schema_version: 1
model_id: discharge
version: "1"
owner: team
domain: care
task: multiclass
log: {path: "input/log-{night}.parquet"}
labels: {path: "input/labels-{night}.csv", column: went, privacy: sensitive, delay_nights: 0}
reference: {path: input/reference.parquet, label: went}
probabilities: {home: p_home, ward: p_ward, icu: p_icu}
columns:
  stay: {type: category, privacy: none, role: row_id}
  age: {type: number, privacy: none}
  goes: {type: category, privacy: none, role: prediction}
  p_home: {type: number, privacy: none, role: probability}
  p_ward: {type: number, privacy: none, role: probability}
  p_icu: {type: number, privacy: none, role: probability}
policy:
  performance:
    metrics: {accuracy: {fail_below: 0.3}, log_loss: {warn_above: 1.2}}
    worse_than_reference: {macro_f1: {fail: 0.2}}
"""
SUITE = """\
schema_version: 1
model_id: discharge
expectations:
  - {type: expect_column_values_to_be_in_set, severity: critical, kwargs: {column: goes, value_set: [home, ward, icu]}}
"""


def stays(seed: int) -> pd.DataFrame:
    """Rows with the class that came true."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([4, 2, 1], ROWS)
    return pd.DataFrame(
        {
            "stay": [f"{seed}-{i}" for i in range(ROWS)],
            "age": rng.normal(60, 10, ROWS),
            "goes": CLASSES[p.argmax(axis=1)],
            **{f"p_{name}": p[:, i] for i, name in enumerate(CLASSES)},
            "went": [CLASSES[rng.choice(3, p=row)] for row in p],
        }
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("multiclass")
    for folder in ("models", "expectations", "input"):
        (root / folder).mkdir()
    (root / "project.yaml").write_text(PROJECT)
    (root / "models" / "discharge.yaml").write_text(MODEL)
    (root / "expectations" / "discharge.yaml").write_text(SUITE)
    night = stays(1)
    night.drop(columns="went").to_parquet(root / "input" / f"log-{NIGHT}.parquet")
    night[["stay", "went"]].to_csv(root / "input" / f"labels-{NIGHT}.csv", index=False)
    stays(0).to_parquet(root / "input" / "reference.parquet")
    return load_project(root)


@pytest.fixture(scope="module")
def audited(project: Project) -> Audited:
    return audit_model_night(project, "discharge", NIGHT, run=RUN)


def test_it_passes_by_numbers_that_are_those_of_scikit_learn(audited: Audited) -> None:
    result, night = audited.result, stays(1)
    assert result.decision.verdict is Outcome.PASS, result.decision.findings
    assert result.performance is not None
    values = {(m.name, m.slice): m.value for m in result.performance.metrics}
    assert values["accuracy", "all"] == accuracy_score(night.went, night.goes)
    assert values["macro_f1", "all"] == pytest.approx(f1_score(night.went, night.goes, average="macro"))
    assert values["evidently:accuracy", "all"] == pytest.approx(values["accuracy", "all"], abs=1e-9)
    assert values["evidently:macro_f1", "all"] == pytest.approx(values["macro_f1", "all"], abs=1e-9)
    judged = next(f for f in result.decision.findings if f.name == "performance")
    assert judged.reason == "3 of 3 judged metrics are within their limits."


def test_class_and_probabilities_are_watched_for_drift(audited: Audited) -> None:
    assert audited.result.drift is not None
    measured = {s.column for s in audited.result.drift.scores if s.method == "psi" and s.value is not None}
    assert measured == {"age", "goes", "p_home", "p_ward", "p_icu"}


def test_the_evidence_is_whole_and_pages_and_tables_show_it(project: Project, audited: Audited) -> None:
    store = Store.of(project)
    assert verify(store).problems == ()
    pages = {Path(f.path).name: store.root / f.path for f in audited.committed.artifacts}
    page = pages["report.html"].read_text()
    assert "weighted F1" in page and "class=icu" in page and "What was taken for what" in page
    values = {item["metric_name"] for item in json.loads(pages["evidently.json"].read_text())["metrics"]}
    assert "ExactPerformance(name=log_loss,where=all)" in values
    publish_store(project)
    with published(project.layout) as connection:
        recall = connection.execute(
            "select value, difference, n_reference from performance where metric = 'recall' and slice = 'class=icu'"
        ).fetchall()
        cells = connection.execute("select sum(n), min(n) from confusion").fetchall()
    assert [(n, difference is not None) for _, difference, n in recall] == [(ROWS, True)]
    assert cells[0][0] <= ROWS and cells[0][1] >= 11


def test_labels_that_are_no_class_are_a_finding(project: Project) -> None:
    path = project.root / "input" / f"labels-{NIGHT}.csv"
    whole = path.read_text()
    try:
        path.write_text(whole.replace("went", "gone"))
        result = audit_model_night(project, "discharge", NIGHT, run=RUN).result
    finally:
        path.write_text(whole)
    assert result.decision.verdict is Outcome.NOT_EVALUATED
    assert any("Column 'went'" in f.reason for f in result.decision.findings)
