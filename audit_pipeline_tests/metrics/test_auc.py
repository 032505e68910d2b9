import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from audit_pipeline.metrics.auc import average_precision, delong

ROWS = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5])), st.booleans()),
    min_size=4,
    max_size=40,
)


def naive_delong(score: list[float], label: list[bool]) -> tuple[float, float]:
    """DeLong's structural components by comparing every positive with every negative."""
    xs = [s for s, y in zip(score, label, strict=True) if y]
    ys = [s for s, y in zip(score, label, strict=True) if not y]
    wins = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in ys] for x in xs]
    auc = sum(map(sum, wins)) / (len(xs) * len(ys))
    v10 = [sum(row) / len(ys) for row in wins]
    v01 = [sum(row[j] for row in wins) / len(xs) for j in range(len(ys))]
    s10 = sum((v - auc) ** 2 for v in v10) / (len(xs) - 1)
    s01 = sum((v - auc) ** 2 for v in v01) / (len(ys) - 1)
    return auc, math.sqrt(s10 / len(xs) + s01 / len(ys))


def test_auc_by_hand() -> None:
    # positives 0.8, 0.5; negatives 0.5, 0.1: wins 1, 1, 1/2, 1 of 4 = 0.875
    # V10 = (1, 0.75), V01 = (0.75, 1): each variance 0.03125, se = sqrt(0.03125/2 + 0.03125/2) = 0.176777
    auc, se = delong(np.array([0.8, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert auc == 0.875
    assert se == pytest.approx(0.176777, abs=1e-6)


@given(ROWS)
def test_delong_equals_every_pair_compared_and_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    score, label = [s for s, _ in rows], [y for _, y in rows]
    assume(2 <= sum(label) <= len(label) - 2)
    auc, se = delong(np.array(score), np.array(label, dtype=float))
    assert (auc, se) == pytest.approx(naive_delong(score, label), abs=1e-9)
    assert auc == pytest.approx(roc_auc_score(label, score), abs=1e-12)


@given(ROWS)
def test_average_precision_equals_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    score, label = np.array([s for s, _ in rows]), np.array([float(y) for _, y in rows])
    assume(label.any())
    assert average_precision(score, label) == pytest.approx(average_precision_score(label, score), abs=1e-12)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # binormal, one sd apart: the true AUC is Phi(1/sqrt(2)) = 0.760250
    rng = np.random.default_rng(11)
    label = np.repeat([0.0, 1.0], 100)
    hits = 0
    for _ in range(400):
        auc, se = delong(rng.normal(size=200) + label, label)
        hits += abs(auc - 0.760250) <= 1.96 * se
    assert 0.92 <= hits / 400 <= 0.98
