"""Means, intervals, ranks, ties and directions of SHAP values."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from audit_pipeline.explain.importance import importances


def test_by_hand() -> None:
    # |SHAP| of a: 1, 3 -> mean 2, sd sqrt(2), half width 1.96 * sqrt(2) / sqrt(2) = 1.96 -> 0.04 to 3.96
    # |SHAP| of b: 0.5, 0.5 -> mean 0.5, sd 0 -> 0.5 to 0.5, inside a's interval: both tied; of c: 0
    values = np.array([[1.0, -0.5, 0.0], [-3.0, 0.5, 0.0]])
    a, b, c = importances(values, pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.0, 2.0]}))
    assert (a.feature, a.rank, a.tied) == ("a", 1, True)
    assert [a.value, a.lo, a.hi] == pytest.approx([2.0, 0.04, 3.96])
    assert (b.feature, b.rank, b.tied, b.lo, b.hi) == ("b", 2, True, 0.5, 0.5)
    assert (c.feature, c.tied, c.value, c.share) == ("c", False, 0.0, 0.0)
    assert a.share == pytest.approx(0.8)
    assert a.direction is None  # two rows are fewer than a small cell


def test_a_tie_is_told_to_both_neighbours_and_to_no_other() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(m, 1, 400) for m in (50.0, 20.1, 20.0, 5.0)])
    ranked = importances(values, pd.DataFrame(np.zeros((400, 4)), columns=list("abcd")))
    assert [i.tied for i in ranked] == [False, True, True, False]


def test_direction_is_scipys_spearman_over_non_missing_rows() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 6, 200).astype(float)
    shap = -(x**3) + rng.normal(0, 40, 200)
    holes = x.copy()
    holes[::7] = np.nan
    (found,) = importances(shap[:, None], pd.DataFrame({"x": holes}))
    there = ~np.isnan(holes)
    assert found.direction == pytest.approx(spearmanr(x[there], shap[there]).statistic, abs=1e-12)
    assert found.direction is not None
    assert found.direction < -0.5


def test_no_direction_without_an_order_or_a_variation() -> None:
    shap = np.linspace(-1, 1, 60)
    few = np.full(60, np.nan)
    few[:10] = np.arange(10)  # 10 values: a small cell
    frame = pd.DataFrame({"constant": 1.0, "text": pd.Series(["u", "v"] * 30, dtype=object), "few": few})
    assert {i.direction for i in importances(np.column_stack([shap] * 3), frame)} == {None}


@given(arrays(float, (30, 4), elements=st.floats(-1e6, 1e6)))
def test_ranks_shares_and_intervals_hold_together(values: Any) -> None:
    found = importances(values, pd.DataFrame(np.zeros((30, 4)), columns=list("abcd")))
    assert [i.rank for i in found] == [1, 2, 3, 4]
    assert [i.value for i in found] == sorted((i.value for i in found), reverse=True)
    assert all(0.0 <= i.lo <= i.value <= i.hi for i in found)
    total = sum(i.share for i in found)
    assert total == pytest.approx(1.0) or (total == 0.0 and not values.any())
