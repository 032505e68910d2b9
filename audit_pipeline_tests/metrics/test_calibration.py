import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.calibration import BINS, binned, calibration_error, intercept, reliability, slope
from audit_pipeline_tests.metrics.rows import random_rows

RNG = np.random.default_rng(8)


def logistic(score: Any, label: Any, *, slope_free: bool) -> tuple[float, float]:
    """The last coefficient and its standard error by statsmodels."""
    import statsmodels.api as sm

    logit = np.log(score / (1 - score))
    x = sm.add_constant(logit) if slope_free else np.ones((score.size, 1))
    offset = None if slope_free else logit
    found = sm.GLM(label, x, family=sm.families.Binomial(), offset=offset).fit(tol=1e-12, maxiter=200)
    return float(found.params[-1]), float(found.bse[-1])


def test_the_intercept_by_hand() -> None:
    # One score of 0.5 (log-odds 0) and 75 of 100 labels: a = logit(0.75) = ln 3 = 1.098612,
    # information 100 x 0.75 x 0.25 = 18.75, standard error 1/sqrt(18.75) = 0.230940
    found = intercept(np.full(100, 0.5), np.r_[np.ones(75), np.zeros(25)])
    assert found == pytest.approx((1.098612, 0.230940), abs=1e-6)


def test_the_slope_by_hand() -> None:
    # Scores with log-odds -1 and +1; 27 of 100 and 73 of 100 labels come true: log-odds of the rates are
    # ln(27/73) = -0.994623 and +0.994623, so the slope is 0.994623
    low, high = 1 / (1 + math.e), math.e / (1 + math.e)
    score = np.repeat([low, high], 100)
    label = np.r_[np.ones(27), np.zeros(73), np.ones(73), np.zeros(27)]
    assert slope(score, label)[0] == pytest.approx(0.994623, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_both_equal_statsmodels(seed: int) -> None:
    score, label, _ = random_rows(seed)
    assert intercept(score, label) == pytest.approx(logistic(score, label, slope_free=False), rel=1e-6, abs=1e-9)
    assert slope(score, label) == pytest.approx(logistic(score, label, slope_free=True), rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(st.floats(1e-9, 1 - 1e-9), st.booleans()), min_size=4, max_size=40))
def test_a_slope_exists_or_is_refused(rows: list[tuple[float, bool]]) -> None:
    score, label = np.array([s for s, _ in rows]), np.array([float(y) for _, y in rows])
    if label.min() == label.max():
        return
    try:
        found, error = slope(score, label)
    except MetricError:
        return
    assert math.isfinite(found)
    assert error > 0


@pytest.mark.parametrize(
    ("score", "label", "why"),
    [
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1], "all scores are equal"),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], "parts the labels"),
        ([0.1, 0.5, 0.5, 0.9], [1, 1, 0, 0], "parts the labels"),
    ],
)
def test_a_slope_that_would_be_infinite_is_refused(score: list[float], label: list[float], why: str) -> None:
    with pytest.raises(MetricError, match=why):
        slope(np.array(score), np.array(label, dtype=float))


def test_the_error_by_hand() -> None:
    # scores 0.2 (200 rows, 60 positive) and 0.8 (200 rows, 150 positive): gaps 0.1 and 0.05, half the rows each
    score = np.repeat([0.2, 0.8], 200)
    label = np.r_[np.ones(60), np.zeros(140), np.ones(150), np.zeros(50)]
    value, (lo, hi) = calibration_error(score, label)
    assert value == pytest.approx(0.075)
    assert 0 < lo < value < hi


def population_error(score: Any, truth: Any) -> float:
    """What the error would be with endless labels, on the bins of these rows."""
    index = binned(score)
    return float(sum(abs((score - truth)[index == b].sum()) for b in np.unique(index)) / score.size)


@pytest.mark.parametrize("too_high", [0.0, 0.03, 0.15])
def test_the_interval_of_the_error_holds_the_truth_about_as_often_as_it_says(too_high: float) -> None:
    # The old interval (delta method) never held 0, the truth of a calibrated model.
    hits, rng = 0, np.random.default_rng(21)
    for _ in range(60):
        score = rng.beta(2, 4, 700)
        truth = np.clip(score - too_high, 0.001, 1)
        _, (lo, hi) = calibration_error(score, (rng.random(700) < truth).astype(float))
        hits += lo - 1e-12 <= population_error(score, truth) <= hi
    assert hits >= 52  # P(fewer) < 0.003 if each of the 60 holds with 95 %


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(11, 300))
def test_an_interval_of_the_error_is_inside_0_to_1_and_holds_the_number(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(n), int(rng.integers(0, 4)))
    value, (lo, hi) = calibration_error(score, (rng.random(n) < 0.3).astype(float))
    assert 0 <= lo <= value <= hi <= 1


def test_certain_scores_that_came_true_still_have_an_interval() -> None:
    score = np.repeat([0.0, 1.0], 50)
    value, (lo, hi) = calibration_error(score, score)
    assert (value, lo) == (0.0, 0.0)
    assert 0.01 < hi < 0.2  # 100 right rows do not prove a perfect model


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(11, 200), st.integers(0, 3))
def test_the_table_covers_every_row_once_and_no_bin_is_small(seed: int, n: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.sort(np.round(rng.random(n), digits))
    label = (rng.random(n) < score).astype(float)
    bins = reliability(score, label)
    assert sum(b.n for b in bins) == n
    assert 1 <= len(bins) <= BINS + 1
    assert all(b.n >= 11 and b.lo <= b.rate <= b.hi for b in bins)
    assert sum(b.n * b.score for b in bins) == pytest.approx(score.sum())
    assert sum(b.n * b.rate for b in bins) == pytest.approx(label.sum())
    assert [b.score for b in bins] == sorted(b.score for b in bins)
