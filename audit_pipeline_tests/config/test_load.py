"""What a project is once it is loaded."""

from datetime import date
from pathlib import Path

import pytest

from audit_pipeline.config import load_project
from audit_pipeline.config.metrics import METRICS
from audit_pipeline.errors import ConfigError
from audit_pipeline.metrics.performance import TABLES
from audit_pipeline_tests.config.small import MODEL, SUITE, changed, write

DATA = Path(__file__).parents[2] / "data"


def test_the_committed_project_loads() -> None:
    project = load_project(DATA)
    assert set(project.models) == {"high_utilizer", "inpatient_admission", "outpatient_visits"}


def test_the_bytes_are_those_that_were_read(tmp_path: Path) -> None:
    model = load_project(write(tmp_path)).model("risk")
    assert (model.config_bytes, model.suite_bytes) == (MODEL.encode(), SUITE.encode())


def test_an_unknown_model_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model 'rsik'\. Did you mean 'risk'\? There are: risk"):
        load_project(write(tmp_path)).model("rsik")


def test_thresholds_by_default_and_by_column(tmp_path: Path) -> None:
    policy = "policy: {drift: {columns: {age: {psi: {fail: 0.5}}}}}"
    config = load_project(write(tmp_path, model=MODEL.partition("policy:")[0] + policy)).model("risk").config
    drift = config.policy.drift
    assert (drift.psi.warn, drift.psi.fail) == (0.1, 0.25)
    assert drift.columns["age"].psi is not None
    assert (drift.columns["age"].psi.warn, drift.columns["age"].psi.fail) == (None, 0.5)


def test_labels_are_due_after_their_delay(tmp_path: Path) -> None:
    labels = 'labels: {path: "l/{night}.csv", column: y, privacy: none, delay_nights: 30}\ntask'
    config = load_project(write(tmp_path, model=changed(MODEL, "task", labels))).model("risk").config
    assert config.labels_due(date(2026, 1, 15)) == date(2026, 2, 14)  # 16 days to the end of January, 14 more
    assert load_project(write(tmp_path)).model("risk").config.labels_due(date(2026, 1, 15)) is None


def test_every_metric_that_is_measured_can_be_judged() -> None:
    measured = {task: [m.name for m in table] for task, table in TABLES.items()}
    assert measured == {task: list(known) for task, known in METRICS.items()}
