"""A shallow tree of ratios: splits worked by hand, and the same parts as scikit-learn's tree."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from audit_pipeline.metrics.regions import DEPTH, LEAF, regions


def test_a_split_by_hand() -> None:
    # moments 1, 1, 1 | 5, 5, 5 with weight 1 each: split between codes 1 and 2; gain 9/3 + 225/3 - 324/6 = 24
    codes, none = np.array([0, 1, 1, 2, 2, 3]), np.zeros(6, dtype=np.int64)
    moment = np.array([1.0, 1, 1, 5, 5, 5])
    found = regions([none, codes], moment, np.ones(6), np.ones(6, dtype=bool))
    assert found.values.tolist() == [1, 1, 1, 5, 5, 5]
    assert found.gains == pytest.approx([0, 24])


def test_rows_it_did_not_learn_from_are_told_by_those_it_did() -> None:
    codes = np.array([0, 0, 1, 1, 0, 1])
    learn = np.array([True, True, True, True, False, False])
    found = regions([codes], np.array([1.0, 3, 7, 9, 1e9, -1e9]), np.array([1.0, 1, 2, 2, 1, 1]), learn)
    assert found.values.tolist() == [2, 2, 4, 4, 2, 4]


def test_the_parts_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    for _ in range(10):
        codes = [rng.integers(0, levels, 400) for levels in (2, 5, 11, 11)]
        weight = rng.uniform(0.1, 1, 400)
        target = codes[2] * (codes[1] > 2) + rng.normal(size=400)
        learn = rng.random(400) < 0.7
        table = np.column_stack(codes)
        theirs = DecisionTreeRegressor(max_depth=DEPTH, min_weight_fraction_leaf=LEAF, random_state=0)
        theirs.fit(table[learn], target[learn], sample_weight=weight[learn])
        ours = regions(codes, target * weight, weight, learn)
        np.testing.assert_allclose(ours.values, theirs.predict(table), atol=1e-9)
        shares = ours.gains / ours.gains.sum()
        np.testing.assert_allclose(shares, theirs.feature_importances_, atol=1e-9)


def test_nothing_to_split_leaves_one_part() -> None:
    found = regions([np.zeros(20, dtype=np.int64)], np.arange(20.0), np.ones(20), np.ones(20, dtype=bool))
    assert set(found.values.tolist()) == {9.5}
    assert not found.gains.any()
