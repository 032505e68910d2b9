import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics import measure_performance
from audit_pipeline.records import Maturity, Performance
from audit_pipeline_tests.metrics.night import model, write

DUE = date(2026, 3, 1)
BINARY = model({})
RNG = np.random.default_rng(3)
SCORE = np.round(RNG.random(400), 2)
LABEL = (RNG.random(400) < SCORE).astype(int)


def labels(path: Any, values: Any, ids: Any = None, kind: Any = None) -> Any:
    pq.write_table(pa.table({"id": pa.array(ids if ids is not None else range(len(values))), "label": values}), path)
    return path


def measure(
    folder: Path,
    columns: Any,
    label: Any,
    *,
    config: ModelConfig = BINARY,
    reference: Any = None,
    ids: Any = None,
    overdue: bool = False,
) -> Performance:
    now = write(folder / "now.parquet", config, columns)
    parts = [write(folder / "before.parquet", config, reference)] if reference else []
    known = labels(folder / "labels.parquet", label, ids) if label is not None else None
    options: dict[str, Any] = {"due": DUE, "overdue": overdue, "threads": 2, "memory": "256MB"}
    return measure_performance(now, known, parts, config, **options)


def metric(found: Performance, name: str, where: str = "all") -> Any:
    (one,) = [m for m in found.metrics if (m.name, m.slice) == (name, where)]
    return one


def test_binary_metrics_equal_scikit_learn(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL)
    decided = SCORE >= 0.5
    expected = {
        "auc": roc_auc_score(LABEL, SCORE),
        "average_precision": average_precision_score(LABEL, SCORE),
        "brier": brier_score_loss(LABEL, SCORE),
        "log_loss": log_loss(LABEL, SCORE),
        "calibration_gap": SCORE.mean() - LABEL.mean(),
        "accuracy": accuracy_score(LABEL, decided),
        "precision": precision_score(LABEL, decided),
        "recall": recall_score(LABEL, decided),
        "specificity": recall_score(1 - LABEL, ~decided),
        "prevalence": LABEL.mean(),
    }
    for name, value in expected.items():
        one = metric(found, name)
        assert one.value == pytest.approx(value, abs=1e-12), name
        assert one.lo is not None and one.hi is not None
        assert one.lo < value < one.hi
        assert (one.n, one.reference, one.reason) == (400, None, None)
    assert found.maturity is Maturity.FINAL
    assert (found.labelled, found.rows, found.engine, found.reason) == (400, 400, "exact", None)


def test_shares_have_wilsons_interval(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL)
    hits = int(((SCORE >= 0.5) == LABEL).sum())
    interval = binomtest(hits, 400).proportion_ci(method="wilson")
    assert metric(found, "accuracy").lo == pytest.approx(interval.low)
    assert metric(found, "accuracy").hi == pytest.approx(interval.high)


def test_ece_by_hand(tmp_path: Path) -> None:
    # two scores only: 0.2 (200 rows, 60 positive) and 0.8 (200 rows, 150 positive):
    # gaps |0.2 - 0.3| = 0.1 and |0.8 - 0.75| = 0.05, half the rows each: 0.075
    score = np.repeat([0.2, 0.8], 200)
    label = np.r_[np.ones(60), np.zeros(140), np.ones(150), np.zeros(50)].astype(int)
    assert metric(measure(tmp_path, {"score": score}, label), "ece").value == pytest.approx(0.075)


def test_regression_metrics_equal_scikit_learn_and_a_bootstrap(tmp_path: Path) -> None:
    config = model({}, task="regression")
    truth = RNG.normal(10, 3, 2000)
    predicted = truth + RNG.normal(0.5, 1, 2000)
    found = measure(tmp_path, {"prediction": predicted}, truth, config=config)
    functions = {
        "rmse": root_mean_squared_error,
        "mae": mean_absolute_error,
        "r2": r2_score,
        "bias": lambda y, p: float(np.mean(p - y)),
    }
    draws = [RNG.integers(0, 2000, 2000) for _ in range(300)]
    for name, function in functions.items():
        one = metric(found, name)
        assert one.value == pytest.approx(function(truth, predicted), abs=1e-12)
        spread = np.std([function(truth[i], predicted[i]) for i in draws])
        assert (one.hi - one.lo) / (2 * 1.96) == pytest.approx(spread, rel=0.2), name


@pytest.mark.parametrize(("overdue", "word"), [(False, "labels are due on 2026-03-01"), (True, "overdue")])
def test_no_labels_is_pending_and_no_number(tmp_path: Path, overdue: bool, word: str) -> None:
    for label, ids in ((None, None), ([1, 0], [5000, 5001])):  # no file; a file that knows none of the rows
        found = measure(tmp_path, {"score": SCORE}, label, ids=ids, overdue=overdue)
        assert found.maturity is Maturity.PENDING
        assert (found.metrics, found.labelled, found.rows, found.overdue) == ((), 0, 400, overdue)
        assert word in str(found.reason)


def test_part_of_the_labels_is_provisional(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL[:150])
    assert found.maturity is Maturity.PROVISIONAL
    assert "150 of 400 rows (37.5%)" in str(found.reason)
    assert metric(found, "auc").value == pytest.approx(roc_auc_score(LABEL[:150], SCORE[:150]))
    assert metric(found, "auc").n == 150


@pytest.mark.parametrize("n", [1, 99])
def test_too_few_labels(tmp_path: Path, n: int) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL[:n])
    assert all(m.value is None and f"{n} labelled rows, fewer than the 100" in str(m.reason) for m in found.metrics)


def test_a_night_without_rows(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": []}, LABEL)
    assert (found.maturity, found.rows, found.metrics) == (Maturity.PENDING, 0, ())


def test_one_class_costs_only_what_needs_two(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, np.zeros(400, dtype=int))
    gone = {m.name for m in found.metrics if m.value is None}
    assert gone == {"auc", "average_precision", "recall", "calibration_intercept", "calibration_slope"}
    assert "0 positive and 400 negative" in metric(found, "auc").reason
    assert metric(found, "brier").value == pytest.approx(np.mean(SCORE**2))


def test_a_missing_score_costs_only_what_needs_scores(tmp_path: Path) -> None:
    config = model({"decision": "boolean prediction"})
    columns = {"score": [None, *SCORE[1:]], "decision": SCORE >= 0.5}
    found = measure(tmp_path, columns, LABEL, config=config)
    assert metric(found, "auc").reason == "fewer than 11 labelled rows without a score"
    assert metric(found, "accuracy").value == pytest.approx(accuracy_score(LABEL, SCORE >= 0.5))


def test_scores_that_are_no_probabilities_still_rank(tmp_path: Path) -> None:
    logit = np.r_[-math.inf, np.log((SCORE[1:] + 0.01) / (1.01 - SCORE[1:]))]
    found = measure(tmp_path, {"score": logit}, LABEL)
    assert metric(found, "auc").value == pytest.approx(roc_auc_score(LABEL, np.r_[-1.0, SCORE[1:]]))
    assert "outside 0 to 1" in metric(found, "brier").reason


def test_the_logged_decision_counts_not_the_threshold(tmp_path: Path) -> None:
    config = model({"decision": "integer prediction"})
    found = measure(tmp_path, {"score": SCORE, "decision": 1 - LABEL}, LABEL, config=config)
    assert metric(found, "accuracy").value == 0.0


def test_labels_other_than_0_and_1_are_refused(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, [2, *LABEL[1:].tolist()])
    assert {m.reason for m in found.metrics} == {"fewer than 11 labelled rows with a label other than 0 and 1"}
    found = measure(tmp_path, {"score": SCORE}, ["smith", *map(str, LABEL[1:])])
    assert all(m.value is None and "smith" not in str(m.reason) for m in found.metrics)


@pytest.mark.parametrize("cast", [bool, float, str])
def test_labels_of_another_type_mean_the_same(tmp_path: Path, cast: Any) -> None:
    assert measure(tmp_path, {"score": SCORE}, [cast(y) for y in LABEL.tolist()]) == measure(
        tmp_path, {"score": SCORE}, LABEL
    )


def test_a_label_given_twice_counts_once_and_a_contradiction_not_at_all(tmp_path: Path) -> None:
    ids = [*range(400), *range(10), 399]
    values = [*LABEL.tolist(), *LABEL[:10].tolist(), 1 - int(LABEL[399])]
    found = measure(tmp_path, {"score": SCORE}, values, ids=ids)
    assert (found.labelled, found.maturity) == (399, Maturity.PROVISIONAL)
    assert metric(found, "auc").value == pytest.approx(roc_auc_score(LABEL[:399], SCORE[:399]))


def test_the_reference_is_measured_by_the_same_rule(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL, reference={"score": SCORE[:300], "label": 1 - LABEL[:300]})
    assert metric(found, "auc").reference == pytest.approx(roc_auc_score(1 - LABEL[:300], SCORE[:300]))
    assert metric(found, "auc").value == pytest.approx(roc_auc_score(LABEL, SCORE))


def test_the_difference_to_the_reference_has_an_interval_and_both_n(tmp_path: Path) -> None:
    # accuracy: 280 of 400 tonight and 240 of 300 before; Newcombe's interval of 0.7 - 0.8 by statsmodels
    from statsmodels.stats.proportion import confint_proportions_2indep

    label, before = np.r_[np.ones(280), np.zeros(120)], np.r_[np.ones(240), np.zeros(60)]
    found = measure(tmp_path, {"score": [0.9] * 400}, label, reference={"score": [0.9] * 300, "label": before})
    one = metric(found, "accuracy")
    assert (one.n, one.n_reference, one.difference) == (400, 300, pytest.approx(-0.1))
    assert (one.reference_lo, one.reference_hi) == pytest.approx(binomtest(240, 300).proportion_ci(method="wilson"))
    expected = confint_proportions_2indep(280, 400, 240, 300, method="newcomb", compare="diff")
    assert (one.difference_lo, one.difference_hi) == pytest.approx(expected, abs=1e-9)


def test_without_labels_in_the_reference_there_is_no_difference(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL, reference={"score": SCORE})
    assert {(m.reference, m.n_reference, m.difference, m.difference_lo) for m in found.metrics} == {(None,) * 4}


def test_a_reference_that_cannot_be_measured_costs_only_the_difference(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL, reference={"score": SCORE, "label": np.zeros(400)})
    assert metric(found, "auc").value is not None
    assert (metric(found, "auc").difference, metric(found, "auc").n_reference) == (None, 400)
    assert metric(found, "brier").difference is not None


def test_costs_come_from_the_model_file(tmp_path: Path) -> None:
    costs = {"tp": 0, "fp": 1, "fn": 10, "tn": 0, "unit": "visits"}
    found = measure(tmp_path, {"score": SCORE}, LABEL, config=model({}, costs=costs))
    decided = SCORE >= 0.5
    expected = np.mean(1.0 * (decided & (LABEL == 0)) + 10.0 * (~decided & (LABEL == 1)))
    assert metric(found, "cost").value == pytest.approx(expected)
    assert found.cost_unit == "visits"
    assert "cost" not in {m.name for m in measure(tmp_path, {"score": SCORE}, LABEL).metrics}


def test_the_reliability_table_is_there_for_scores_that_are_probabilities(tmp_path: Path) -> None:
    found = measure(tmp_path, {"score": SCORE}, LABEL)
    assert sum(b.n for b in found.reliability) == 400
    assert measure(tmp_path, {"score": SCORE * 2}, LABEL).reliability == ()
    assert measure(tmp_path, {"score": SCORE}, LABEL[:99]).reliability == ()


def test_coverage_and_width_of_prediction_intervals(tmp_path: Path) -> None:
    config = model({"from": "number prediction_lo", "to": "number prediction_hi"}, task="regression")
    truth = np.arange(200.0)
    columns = {"prediction": truth, "from": truth - 1, "to": np.r_[truth[:150] + 1, truth[150:] - 0.5]}
    found = measure(tmp_path, columns, truth, config=config)
    assert metric(found, "coverage").value == 0.75  # the last 50 labels lie above their interval
    interval = binomtest(150, 200).proportion_ci(method="wilson")
    assert (metric(found, "coverage").lo, metric(found, "coverage").hi) == pytest.approx((interval.low, interval.high))
    assert metric(found, "interval_width").value == pytest.approx((150 * 2 + 50 * 0.5) / 200)


def test_a_spoiled_prediction_interval_costs_only_the_coverage(tmp_path: Path) -> None:
    config = model({"from": "number prediction_lo", "to": "number prediction_hi"}, task="regression")
    truth = np.arange(200.0)
    for first, why in ((None, "without a prediction interval"), (1e9, "ends before it begins")):
        columns = {"prediction": truth, "from": [first, *truth[1:]], "to": truth + 1}
        found = measure(tmp_path, columns, truth + 1, config=config)
        assert why in str(metric(found, "coverage").reason)
        assert metric(found, "mae").value == 1
    plain = measure(tmp_path, {"prediction": truth}, truth, config=model({}, task="regression"))
    assert "coverage" not in {m.name for m in plain.metrics}


def test_versions_are_slices_and_rare_ones_are_not_named(tmp_path: Path) -> None:
    config = model({"rev": "category model_version"})
    versions = ["2"] * 200 + ["3"] * 190 + ["secret"] * 10
    found = measure(tmp_path, {"score": SCORE, "rev": versions}, LABEL, config=config)
    assert {m.slice for m in found.metrics} == {"all", "rev=2", "rev=3"}
    assert metric(found, "auc", "rev=2").value == pytest.approx(roc_auc_score(LABEL[:200], SCORE[:200]))
    assert metric(found, "auc", "rev=3").n == 190
    one = measure(tmp_path, {"score": SCORE, "rev": ["3"] * 400}, LABEL, config=config)
    assert {m.slice for m in one.metrics} == {"all"}


def test_row_order_and_threads_change_no_bit(tmp_path: Path) -> None:
    order = RNG.permutation(400)
    first = measure(tmp_path, {"score": SCORE}, LABEL)
    shuffled = measure(tmp_path, {"score": SCORE}, LABEL[order], ids=order)
    assert shuffled == first
    again = measure_performance(
        tmp_path / "now.parquet",
        tmp_path / "labels.parquet",
        [],
        BINARY,
        due=DUE,
        overdue=False,
        threads=1,
        memory="256MB",
    )
    assert again == first


def test_regression_refuses_what_is_not_finite(tmp_path: Path) -> None:
    config = model({}, task="regression")
    values = [math.inf, *RNG.normal(size=199)]
    found = measure(tmp_path, {"prediction": values}, np.zeros(200), config=config)
    assert {m.reason for m in found.metrics} == {"fewer than 11 labelled rows without a finite prediction"}
    huge = measure(tmp_path, {"prediction": [1e300] * 200}, np.zeros(200), config=config)
    assert metric(huge, "rmse").reason == "the result is not a finite number: the values are too large"
    assert metric(huge, "r2").reason == "all labels are equal: there is no variance to explain"


def test_a_labels_file_without_the_row_id_is_a_metric_error(tmp_path: Path) -> None:
    now = write(tmp_path / "now.parquet", BINARY, {"score": SCORE})
    pq.write_table(pa.table({"who": [1], "label": [1]}), tmp_path / "labels.parquet")
    with pytest.raises(MetricError, match="labels has no column 'id'"):
        measure_performance(
            now, tmp_path / "labels.parquet", [], BINARY, due=DUE, overdue=False, threads=1, memory="256MB"
        )
