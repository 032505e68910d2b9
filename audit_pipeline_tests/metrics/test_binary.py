"""The binary metrics on their own rows: by hand, against scikit-learn and a bootstrap, and laws."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from audit_pipeline.config.model import Costs
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.binary import BINARY
from audit_pipeline.metrics.quality import Estimate, Rows
from audit_pipeline_tests.metrics.rows import random_rows

COSTS = Costs(tp=-20, fp=5, fn=100, tn=0, unit="dollars")
BOUNDED = {"auc", "average_precision", "ece", "accuracy", "precision", "recall", "f1", "specificity", "prevalence"}


def measure(name: str, rows: Rows) -> Estimate:
    return next(metric for metric in BINARY if metric.name == name).measure(rows)


def rows_of(seed: int) -> Rows:
    score, label, decision = random_rows(seed)
    return Rows(label, score, decision, COSTS)


def decided(tp: int, fp: int, fn: int, tn: int) -> Rows:
    label = np.repeat([1.0, 0.0, 1.0, 0.0], [tp, fp, fn, tn])
    return Rows(label, np.full(label.size, 0.5), np.repeat([1.0, 1.0, 0.0, 0.0], [tp, fp, fn, tn]), COSTS)


def test_f1_by_hand() -> None:
    # 30 hits, 10 false alarms, 20 missed: 60 / (60 + 30) = 2/3; j = 30/60, Wilson 0.377350 to 0.622650,
    # and 2j/(1+j) of the ends: 0.547936 to 0.767448
    found = measure("f1", decided(30, 10, 20, 940))
    assert (found.value, found.lo, found.hi) == pytest.approx((2 / 3, 0.547936, 0.767448), abs=1e-6)


def test_the_cost_of_a_decision_by_hand() -> None:
    # (30 x -20 + 10 x 5 + 20 x 100 + 940 x 0) / 1000 = 1.45; mean of squares (12,000 + 250 + 200,000)/1000 = 212.25,
    # variance (212.25 - 1.45^2) x 1000/999 = 210.3578, half width 1.959964 x sqrt(0.2103578) = 0.898934
    found = measure("cost", decided(30, 10, 20, 940))
    assert (found.value, found.lo, found.hi) == pytest.approx((1.45, 0.551066, 2.348934), abs=1e-5)


def test_a_perfect_ranking_is_not_certain() -> None:
    # DeLong's error is 0 here; Wilson over the 20 positives: 20 / (20 + 1.959964^2) = 0.838875
    found = measure("auc", Rows(np.repeat([0.0, 1.0], [80, 20]), np.repeat([0.1, 0.9], [80, 20]), np.zeros(100)))
    assert (found.value, found.hi) == (1.0, 1.0)
    assert found.lo == pytest.approx(0.838875, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_f1_equals_scikit_learn_and_its_interval_a_bootstrap(seed: int) -> None:
    rows = rows_of(seed)
    found = measure("f1", rows)
    assert found.value == pytest.approx(f1_score(rows.label, rows.prediction), abs=1e-12)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, rows.n, rows.n) for _ in range(150)]
    spread = np.std([f1_score(rows.label[i], rows.prediction[i]) for i in draws])
    assert found.lo is not None and found.hi is not None
    assert (found.hi - found.lo) / (2 * 1.96) == pytest.approx(spread, rel=0.25)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(8)))
def test_every_interval_holds_its_number_and_row_order_does_not_matter(seed: int, blocks: list[int]) -> None:
    rows = rows_of(seed)
    pieces = np.array_split(np.arange(rows.n), 8)
    order = np.concatenate([pieces[i] for i in blocks])
    other = Rows(rows.label[order], rows.score[order], rows.prediction[order], COSTS)
    for metric in BINARY:
        try:
            found = metric.measure(rows)
        except MetricError:
            with pytest.raises(MetricError):
                metric.measure(other)
            continue
        again = metric.measure(other)
        assert (again.value, again.lo, again.hi) == pytest.approx((found.value, found.lo, found.hi), abs=1e-9)
        assert found.lo is not None and found.hi is not None
        assert found.lo - 1e-12 <= found.value <= found.hi + 1e-12, metric.name
        if metric.name in BOUNDED:
            assert found.lo >= 0 and found.hi <= 1


@pytest.mark.parametrize("score", [0.0, 1.0, math.nan, math.inf, -0.1])
def test_a_score_without_log_odds_costs_the_calibration_and_says_why(score: float) -> None:
    rows = rows_of(1)
    rows.score[0] = score
    for name in ("calibration_intercept", "calibration_slope"):
        with pytest.raises(MetricError, match="fewer than 11 labelled rows with"):
            measure(name, rows)


def test_a_slice_keeps_costs_and_intervals() -> None:
    ends: Any = np.arange(6.0)
    part = Rows(ends, ends, ends, COSTS, ends, ends + 1).where(ends > 2)
    assert part.costs is COSTS
    assert part.low is not None and part.high is not None
    assert (part.low.tolist(), part.high.tolist()) == ([3, 4, 5], [4, 5, 6])
