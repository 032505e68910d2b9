import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics import measure_drift, measure_performance
from audit_pipeline.metrics.engine_evidently import evidently_report
from audit_pipeline.records import DomainScore, Fairness, Grouping, GroupMetric
from audit_pipeline_tests.metrics.night import model, write

NIGHT = date(2026, 2, 3)
RNG = np.random.default_rng(5)
N = 500
CONFIG = model(
    {
        "age": "number",
        "ward": "category",
        "urgent": "boolean",
        "visits": "integer",
        "empty": "number",
        "endless": "number",
        "gone": "category",
    }
)


def night(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "age": np.r_[math.inf, rng.normal(60 + seed, 10, N - 1)],
        "ward": [None, *rng.choice(["north", "south", "</script><script>alert(1)</script>"], N - 1)],
        "urgent": rng.random(N) < 0.3,
        "visits": rng.integers(0, 60, N),
        "empty": [None] * N,
        "endless": [math.inf, -math.inf] * (N // 2),
        "score": rng.random(N),
    }


def outcomes(config: ModelConfig, current: Any, rows: int) -> Any:
    """Labels that follow the output."""
    output = np.array(current.get("score", current.get("prediction")), dtype=float)
    return output + np.sin(np.arange(rows)) if config.task == "regression" else (output > 0.4).astype(int)


@pytest.fixture
def report(tmp_path: Path) -> Any:
    def make(
        config: ModelConfig = CONFIG,
        current: Any = None,
        *,
        reference: Any = None,
        label: Any = True,
        row_limit: int = 20_000,
        folder: str = "out",
        domain: DomainScore | None = None,
        fairness: Fairness | None = None,
    ) -> Any:
        current = night(1) if current is None else current
        now = write(tmp_path / "now.parquet", config, current)
        before = write(tmp_path / "before.parquet", config, night(0) if reference is None else reference)
        rows = pq.read_metadata(now).num_rows
        known = None
        if label:
            known = tmp_path / "labels.parquet"
            truth = label if isinstance(label, list) else outcomes(config, current, rows)
            pq.write_table(pa.table({"id": range(rows), "label": truth}), known)
        options: dict[str, Any] = {"threads": 1, "memory": "256MB"}
        drift = replace(measure_drift(now, [before], config, **options), domain=domain)
        performance = measure_performance(now, known, [], config, due=NIGHT, overdue=False, **options)
        found = evidently_report(
            now,
            [before],
            known,
            config,
            drift,
            performance,
            night=NIGHT,
            folder=tmp_path / folder,
            rows=rows,
            row_limit=row_limit,
            fairness=fairness,
        )
        return found, drift, performance

    return make


def metric_values(found: Any) -> dict[str, object]:
    return {item["metric_name"]: item["value"] for item in json.loads(found.json.read_text())["metrics"]}


def test_psi_is_evidently_s_own_statistic(report: Any) -> None:
    from evidently.legacy.calculations.stattests.psi import psi_stat_test
    from evidently.legacy.core import ColumnType

    found, _, _ = report()
    scores = {s.column: s for s in found.scores}
    before, now = night(0), night(1)
    for column, kind in [("age", "num"), ("visits", "num"), ("ward", "cat"), ("score", "num")]:
        r, c = (pd.Series(x[column]).replace([math.inf, -math.inf], np.nan).dropna() for x in (before, now))
        own = psi_stat_test.func(r, c, ColumnType(kind), 0.1)[0]
        assert scores[column].value == float(f"{own:.9g}"), column  # the last bits differ between processes
        assert (scores[column].method, scores[column].engine) == ("evidently:psi", "evidently")
        assert (scores[column].n, scores[column].n_reference) == (len(c), len(r))
    assert found.native


def test_what_evidently_cannot_take_costs_no_other_column(report: Any) -> None:
    found, _, _ = report()
    scores = {s.column: s for s in found.scores}
    for column, why in [
        ("empty", "missing"),
        ("endless", "no finite value"),
        ("gone", "has no column 'gone'"),
    ]:
        assert scores[column].value is None
        assert why in scores[column].reason
    assert all(scores[column].value is not None for column in ("age", "ward", "urgent", "visits", "score"))
    assert metric_values(found)["RowCount()"] == N
    assert metric_values(found)["MissingValueCount(column=empty)"] == {"count": N, "share": 1.0}


def test_a_metric_that_raises_costs_only_itself(report: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from evidently.legacy.calculations.stattests.registry import StatTest

    whole = StatTest.__call__

    def breaks_for_age(self: Any, reference: Any, current: Any, *how: Any) -> Any:
        if current.name == "age":
            raise KeyError("a row's value")
        return whole(self, reference, current, *how)

    monkeypatch.setattr(StatTest, "__call__", breaks_for_age)
    found, _, _ = report()
    scores = {s.column: s for s in found.scores}
    assert scores["age"].reason == "Evidently raised KeyError"
    assert scores["ward"].value is not None
    assert {m.name for m in found.metrics if m.value is not None} == {
        f"evidently:{name}" for name in ("accuracy", "precision", "recall", "auc", "log_loss")
    }


def test_quality_equals_the_exact_numbers(report: Any) -> None:
    found, _, performance = report()
    exact = {m.name: m.value for m in performance.metrics}
    assert len(found.metrics) == 5
    for one in found.metrics:
        assert one.value == pytest.approx(exact[one.name.removeprefix("evidently:")], abs=1e-9), one.name


def test_regression_quality_equals_the_exact_numbers(report: Any) -> None:
    config = model({}, task="regression")
    columns = {"prediction": RNG.normal(size=N)}
    found, _, performance = report(config, columns, reference=columns)
    exact = {m.name: m.value for m in performance.metrics}
    for name in ("mae", "rmse", "r2"):
        (one,) = [m for m in found.metrics if m.name == f"evidently:{name}"]
        assert one.value == pytest.approx(exact[name], abs=1e-9), name


def test_a_missing_probability_costs_only_what_needs_it(report: Any) -> None:
    config = model({"decision": "boolean prediction"})
    columns = {"score": [None, *RNG.random(N - 1)], "decision": RNG.random(N) < 0.5}
    found, _, _ = report(config, columns, reference=columns)
    reasons = {m.name: m.reason for m in found.metrics}
    assert reasons["evidently:auc"] == "fewer than 11 labelled rows without a score"
    assert reasons["evidently:accuracy"] is None


def test_the_exact_quality_stands_beside_evidentlys_own(report: Any) -> None:
    found, _, performance = report()
    assert found.native
    values = metric_values(found)
    measured = [m for m in performance.metrics if m.value is not None]
    assert {m.name for m in measured} >= {"auc", "f1", "ece", "calibration_gap"}
    for one in measured:
        assert values[f"ExactPerformance(name={one.name},where=all)"] == one.value
    assert "computed outside Evidently" in found.html.read_text()


@pytest.mark.parametrize("limit", [20_000, 100])
def test_classes_are_measured_by_evidently_too(report: Any, limit: int) -> None:
    config = model({"where": "category prediction"}, task="multiclass")
    columns = {"where": RNG.choice(["home", "ward", "icu"], N).tolist()}
    known = np.where(np.arange(N) % 3 == 0, "ward", columns["where"]).tolist()
    found, _, performance = report(config, columns, reference=columns, label=known, row_limit=limit)
    exact = {m.name: m.value for m in performance.metrics if m.slice == "all"}
    assert {m.name for m in found.metrics} == ({"evidently:accuracy", "evidently:macro_f1"} if limit > N else set())
    for one in found.metrics:
        assert one.value == pytest.approx(exact[one.name.removeprefix("evidently:")], abs=1e-9)
    assert metric_values(found)["ExactPerformance(name=recall,where=class=home)"] is not None


def test_two_classes_are_no_binary_model(report: Any) -> None:
    config = model({"where": "category prediction"}, task="multiclass")
    columns = {"where": ["home", "ward"] * (N // 2)}
    found, _, performance = report(config, columns, reference=columns, label=columns["where"])
    assert {m.value for m in found.metrics} == {None}
    assert all("takes for a binary model" in m.reason for m in found.metrics)
    assert {m.value for m in performance.metrics if m.name == "accuracy"} == {1.0}


@pytest.mark.parametrize(("rows", "reference_rows"), [(N, 20), (20, N)])
def test_above_the_limit_the_exact_numbers_are_shown(report: Any, rows: int, reference_rows: int) -> None:
    config = model({"age": "number"}, policy={"drift": {"min_rows": 11}, "performance": {"min_labels": 11}})
    current = {"age": RNG.normal(size=rows), "score": RNG.random(rows)}
    reference = {"age": RNG.normal(size=reference_rows), "score": RNG.random(reference_rows)}
    found, drift, performance = report(config, current, reference=reference, row_limit=N - 1)
    assert not found.native
    assert "500 rows, more than the 499" in found.reason
    assert (found.scores, found.metrics) == ((), ())
    values = metric_values(found)
    for s in drift.scores:
        assert values[f"ExactDrift(column={s.column},method={s.method})"] == s.value
    for m in performance.metrics:
        if m.value is not None:
            assert values[f"ExactPerformance(name={m.name},where=all)"] == m.value
    assert "computed outside Evidently" in found.html.read_text()


def test_an_owner_may_ask_for_the_exact_numbers_at_any_size(report: Any) -> None:
    columns = {"age": RNG.normal(size=N), "score": RNG.random(N)}
    found, drift, _ = report(model({"age": "number"}, evidently="exact"), columns, reference=columns)
    assert (found.native, found.scores, found.metrics) == (False, (), ())
    assert found.reason.startswith("as the model file says (`evidently: exact`)")
    values = metric_values(found)
    for s in drift.scores:
        assert values[f"ExactDrift(column={s.column},method={s.method})"] == s.value
    assert "adjusted p 1" in found.html.read_text()


@pytest.mark.parametrize("row_limit", [20_000, 100])
def test_the_page_is_whole_harmless_and_offline(report: Any, row_limit: int) -> None:
    found, _, _ = report(row_limit=row_limit)
    page = found.html.read_text()
    assert "share of rows" in page  # the plots are there
    assert "<script>alert" not in page
    assert "empty (psi): all 500 values of the night are missing" in page
    assert "<script src=" not in page and "<link" not in page


@pytest.mark.parametrize("row_limit", [20_000, 100])
def test_the_json_is_the_same_every_time_and_strict(report: Any, row_limit: int) -> None:
    first, _, _ = report(row_limit=row_limit)
    again, _, _ = report(row_limit=row_limit, folder="again")
    assert first.json.read_bytes() == again.json.read_bytes()
    json.loads(first.json.read_text(), parse_constant=pytest.fail)
    assert (first.scores, first.metrics) == (again.scores, again.metrics)


@pytest.mark.parametrize("rows", [0, 1, 12])
def test_nights_too_small_still_get_a_report(report: Any, rows: int) -> None:
    config = model({"age": "number", "ward": "category"})
    columns = {"age": RNG.normal(size=rows), "ward": ["north"] * rows, "score": RNG.random(rows)}
    found, _, _ = report(config, columns, reference={k: night(0)[k] for k in ("age", "ward", "score")})
    assert found.html.stat().st_size > 1_000_000
    assert all(s.value is None and s.reason for s in found.scores)


def test_nothing_calls_home() -> None:
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_importing_the_stage_does_not_import_evidently() -> None:
    heavy = ("evidently", "pandas", "sklearn", "scipy", "plotly")
    code = f"import sys, audit_pipeline.metrics; sys.exit(str([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("[]")


def test_group_by_is_wrong_and_a_subset_is_right() -> None:
    """Fails the day GroupBy can be trusted, or slices are built on it: then this module may change."""
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.metrics import Accuracy
    from evidently.metrics.group_by import GroupBy

    data = pd.DataFrame({"sex": RNG.choice(["F", "M"], 400), "y": RNG.integers(0, 2, 400)})
    data["yhat"] = np.where(data.sex == "F", data.y, 1 - data.y)  # truth: F 1.0, M 0.0
    definition = DataDefinition(
        categorical_columns=["sex", "y", "yhat"],
        classification=[BinaryClassification(target="y", prediction_labels="yhat")],
    )
    whole = Dataset.from_pandas(data, data_definition=definition)
    one = Report([Accuracy()]).run(whole.subdataset("sex", "F"), None)
    assert one.dict()["metrics"][0]["value"] == 1.0
    grouped = Report([GroupBy(Accuracy(), "sex")]).run(whole, None).dict()["metrics"]
    share = (data.sex == "F").mean()
    assert [m["value"] for m in grouped[-2:]] == pytest.approx([share, share])


def test_a_summary_that_raises_is_named(report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidently.metrics.column_statistics import MissingValueCountCalculation

    def breaks(self: Any, context: Any, current: Any, reference: Any) -> Any:
        raise ValueError("a row's value")

    monkeypatch.setattr(MissingValueCountCalculation, "calculate", breaks)
    found, _, _ = report()
    assert metric_values(found)["RowCount()"] == N
    missing = json.loads(found.json.read_text())["not_evaluated"]
    assert any("visits" in line and line.endswith("Evidently raised ValueError") for line in missing)
    assert not any("age" in line and "ValueError" in line for line in missing)  # fewer than 11: not counted


@pytest.mark.parametrize("row_limit", [20_000, 100])
def test_the_page_shows_our_numbers_beside_evidently_s(report: Any, row_limit: int) -> None:
    whole = GroupMetric(None, "impact_ratio", 0.8125, 0.7, 0.9, 400, None)
    part = GroupMetric("a", "selection_rate", 0.4375, 0.4, 0.5, 200, None)
    grouping = Grouping("protected", "ward", (whole, part), "a", 0)
    found, drift, _ = report(
        row_limit=row_limit,
        domain=DomainScore(0.5625, 0.51, 0.61, 500, 500, 3, 7),
        fairness=Fairness((grouping,), 1, 30, 400, 0, 7),
    )
    page = found.html.read_text()
    assert "groups: impact_ratio 0.8125" in page and "AUC of telling night from reference 0.5625" in page
    assert "0.4375" not in page  # single groups stand in our own report
    ks = next(score.value for score in drift.scores if score.column == "age" and score.method == "ks")
    assert f"ks {ks:.4f}" in page
