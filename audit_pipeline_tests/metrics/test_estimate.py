"""Estimates without labels: against the published formula, the labels that come later, and what they cannot see."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, recall_score, roc_auc_score

from audit_pipeline.metrics.estimate import CAVEAT, calibrated, estimates, expected
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.records import Maturity, PerformanceMetric
from audit_pipeline_tests.metrics.night import model
from audit_pipeline_tests.metrics.test_performance import measure

BINARY, REGRESSION = model({}), model({}, task="regression")
NOTHING: Any = np.zeros(0)


def truth(score: Any) -> Any:
    """How often a score of this height comes true: the scores promise too little below and too much above."""
    return 0.05 + 0.8 * score**1.5


def rows(seed: int, n: int, *, a: float = 2, b: float = 2) -> Rows:
    """Scores of a night; the labels follow `truth`."""
    rng = np.random.default_rng(seed)
    score = rng.beta(a, b, n)
    return Rows((rng.random(n) < truth(score)).astype(float), score, (score >= 0.5).astype(float))


def by_name(found: tuple[PerformanceMetric, ...]) -> dict[str, PerformanceMetric]:
    return {metric.name: metric for metric in found}


def test_expected_counts_by_hand() -> None:
    # 100 rows called yes with p = 0.8 and 100 called no with p = 0.1: tp 80, fp 20, fn 10, tn 90.
    # accuracy 170/200, precision 80/100, recall 80/90, specificity 90/110, f1 160/190;
    # ranking: of 90 x 110 pairs 80 x 90 are right and 80 x 20 + 10 x 90 tied: (7200 + 1250)/9900
    score = np.repeat([0.9, 0.2], 100)
    found = expected(score, (score > 0.5).astype(np.float64), np.repeat([0.8, 0.1], 100), np.repeat([0.2, 0.9], 100))
    assert found == pytest.approx(
        {
            "auc": 8450 / 9900,
            "prevalence": 90 / 200,
            "accuracy": 0.85,
            "precision": 0.8,
            "recall": 80 / 90,
            "specificity": 90 / 110,
            "f1": 160 / 190,
        }
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_calibration_is_scikit_learns_isotonic_regression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, other = np.round(rng.random(500), 1 + seed % 4), rng.uniform(-0.5, 1.5, 300)
    label = (rng.random(500) < score).astype(float)
    own = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(score, label).predict(other)
    assert calibrated(score, label, np.ones(500))(other) == pytest.approx(own, abs=1e-12)


def test_the_auc_is_that_of_the_published_formula() -> None:
    night, before = rows(1, 3000, a=3), rows(2, 5000)
    p = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(before.score, before.label).predict(night.score)
    order = np.argsort(-night.score, kind="stable")
    last = np.r_[night.score[order][1:] != night.score[order][:-1], True]
    t, f = np.r_[0, np.cumsum(p[order])[last]], np.r_[0, np.cumsum(1 - p[order])[last]]
    found = by_name(estimates(night, before, BINARY))["auc"]
    assert found.value == pytest.approx(np.trapezoid(t, f) / (t[-1] * f[-1]), abs=1e-12)
    assert (found.n, found.n_reference, found.reason) == (3000, 5000, CAVEAT)


def test_an_expectation_over_whole_labels_is_the_realised_metric() -> None:
    night = rows(3, 500)
    found = expected(night.score, night.prediction, night.label, 1 - night.label)
    assert found["auc"] == pytest.approx(roc_auc_score(night.label, night.score))
    assert found["accuracy"] == pytest.approx(accuracy_score(night.label, night.prediction))
    assert found["f1"] == pytest.approx(f1_score(night.label, night.prediction))
    assert found["recall"] == pytest.approx(recall_score(night.label, night.prediction))


def test_under_covariate_shift_the_labels_fall_into_the_interval_about_as_often_as_it_says() -> None:
    inside = {"auc": 0, "accuracy": 0, "prevalence": 0, "recall": 0}
    for seed in range(20):
        before, night = rows(1000 + seed, 2000), rows(seed, 1000, a=4, b=2)
        found = by_name(estimates(night, before, BINARY))
        real = {
            "auc": roc_auc_score(night.label, night.score),
            "accuracy": accuracy_score(night.label, night.prediction),
            "prevalence": night.label.mean(),
            "recall": recall_score(night.label, night.prediction),
        }
        for name, value in real.items():
            lo, hi = found[name].lo, found[name].hi
            assert lo is not None and hi is not None
            inside[name] += lo <= value <= hi
    assert min(inside.values()) >= 15, inside  # P(fewer) < 0.001 for 20 that hold with 95 %


def test_when_the_relation_breaks_the_estimate_does_not_move() -> None:
    """Why it is never a result: flipped labels leave it as it was."""
    before, night = rows(5, 3000), rows(6, 1000)
    flipped = Rows(1 - night.label, night.score, night.prediction)
    assert estimates(flipped, before, BINARY) == estimates(night, before, BINARY)
    assert roc_auc_score(flipped.label, flipped.score) < 0.4


def test_regression_errors_follow_the_bins_by_hand() -> None:
    # Errors are 1 for predictions under 50 and 3 above; a night with a quarter of its rows above: 0.75 + 0.75 = 1.5,
    # and the root of 0.75 x 1 + 0.25 x 9 = 3 is 1.732051
    prediction = np.arange(100.0)
    error = np.where(prediction < 50, 1.0, 3.0)
    before = Rows(np.repeat(prediction - error, 20), NOTHING, np.repeat(prediction, 20))
    night = Rows(np.zeros(400), NOTHING, np.r_[np.full(300, 5.0), np.full(100, 75.0)])
    found = by_name(estimates(night, before, REGRESSION))
    assert found["mae"].value == pytest.approx(1.5)
    assert found["rmse"].value == pytest.approx(3**0.5)
    assert found["bias"].value == pytest.approx(1.5)


def test_regression_under_covariate_shift() -> None:
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pairs = [(rng.gamma(k, 2, n), n) for k, n in ((2, 3000), (2.5, 800))]
        before, night = (Rows(x + rng.normal(0, 0.3 + 0.3 * x, n), np.full(n, np.nan), x) for x, n in pairs)
        found = by_name(estimates(night, before, REGRESSION))["mae"]
        assert found.lo is not None and found.hi is not None
        inside += found.lo <= mean_absolute_error(night.label, night.prediction) <= found.hi
    assert inside >= 33  # P(fewer) < 0.002 for 40 that hold with 95 %


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(100, 600), st.integers(0, 3))
def test_estimates_are_bounded_ordered_and_blind_to_row_order(seed: int, n: int, digits: int) -> None:
    before, night = rows(seed, n), rows(seed + 1, n)
    before.score[:] = np.round(before.score, digits)
    order = np.random.default_rng(0).permutation(n)
    shuffled = Rows(night.label[order], night.score[order], night.prediction[order])
    found, again = (by_name(estimates(x, before, BINARY)) for x in (night, shuffled))
    assert found.keys() == again.keys()
    for name, metric in found.items():
        if metric.value is None:
            continue
        assert metric.lo is not None and metric.hi is not None
        assert 0 <= metric.lo <= metric.value <= metric.hi <= 1
        other = again[name]
        assert (other.value, other.lo, other.hi) == pytest.approx((metric.value, metric.lo, metric.hi), abs=1e-9)


@pytest.mark.parametrize(
    ("night", "before", "why"),
    [
        (rows(1, 99), rows(2, 500), "the night has 99 rows to estimate from, fewer than the 100"),
        (rows(1, 500), rows(2, 99), "the reference has 99 rows"),
        (
            Rows(np.zeros(200), np.full(200, np.nan), np.zeros(200)),
            rows(2, 500),
            "200 rows of the night have no finite",
        ),
        (rows(1, 500), Rows(np.zeros(200), np.full(200, 0.3), np.zeros(200)), "0 positive and 200 negative labels"),
        (rows(1, 500), Rows(np.full(200, 2.0), np.full(200, 0.3), np.zeros(200)), "a label other than 0 and 1"),
    ],
)
def test_what_cannot_be_estimated_says_why(night: Rows, before: Rows, why: str) -> None:
    (found,) = estimates(night, before, BINARY)
    assert (found.value, found.lo, found.hi) == (None, None, None)
    assert why in str(found.reason)


def test_estimates_stand_only_where_there_are_no_labels_and_in_a_place_of_their_own(tmp_path: Path) -> None:
    before, night = rows(7, 2000), rows(8, 500)
    reference = {"score": before.score, "label": before.label}
    pending = measure(tmp_path, {"score": night.score}, None, reference=reference)
    assert pending.maturity is Maturity.PENDING
    assert pending.metrics == ()
    assert by_name(pending.estimates)["auc"].value == by_name(estimates(night, before, BINARY))["auc"].value
    some = measure(tmp_path, {"score": night.score}, night.label[:200], reference=reference)
    assert (some.estimates, some.maturity) == ((), Maturity.PROVISIONAL)
    assert measure(tmp_path, {"score": night.score}, None, reference={"score": before.score}).estimates == ()
