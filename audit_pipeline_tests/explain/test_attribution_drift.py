"""Drift of attributions: distances as in scipy, NDCG as in scikit-learn, and a null that quiet nights keep to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, spearmanr, wasserstein_distance
from sklearn.metrics import ndcg_score

from audit_pipeline.explain.attribution_drift import attribution_drift, distance, ndcg, rank_correlation

SIDE = st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40)
NAMES = ["a", "b", "c", "d"]


@given(SIDE, SIDE)
def test_distances_equal_to_scipy(reference: list[float], night: list[float]) -> None:
    one, other = np.array(reference), np.array(night)
    far, gap = distance(one, other)
    assert gap == pytest.approx(ks_2samp(one, other, method="asymp").statistic, abs=1e-12)
    if one.std() > 1e-6:
        assert far == pytest.approx(wasserstein_distance(one, other) / one.std(), rel=1e-6, abs=1e-9)


def test_one_value_gives_no_unit() -> None:
    assert distance(np.zeros(5), np.zeros(7)) == (0.0, 0.0)
    far, gap = distance(np.zeros(5), np.array([0.0, 1.0]))
    assert (far, gap) == (None, 0.5)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=12, unique=True), st.randoms())
def test_orders_equal_to_scikit_learn_and_scipy(gains: list[int], random: object) -> None:
    worth = np.array(gains, dtype=float)
    shuffled = worth.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ndcg(worth, shuffled[None])[0] == pytest.approx(ndcg_score(worth[None], shuffled[None]), abs=1e-12)
    assert rank_correlation(worth, shuffled[None])[0] == pytest.approx(spearmanr(worth, shuffled)[0], abs=1e-9)


def test_ndcg_by_hand() -> None:
    # gains 2 and 1 in the wrong order: (1 + 2 / log2 3) / (2 + 1 / log2 3) = 2.2619 / 2.6309 = 0.8597
    assert ndcg(np.array([2.0, 1.0]), np.array([[0.1, 0.2], [0.2, 0.1]])) == pytest.approx([0.859719, 1.0], abs=1e-6)
    assert ndcg(np.zeros(3), np.array([[1.0, 2.0, 3.0]])).tolist() == [1.0]


def quiet(seed: int, *, n: int = 200, scale: float = 1.0) -> object:
    """SHAP values of a night as the reference's, two features of nearly equal weight."""
    rng = np.random.default_rng(seed)
    sizes = np.array([1.0, 1.02, 0.3, 0.1])
    return rng.normal(size=(n, 4)) * sizes * [1.0, 1.0, scale, 1.0]


def test_quiet_nights_are_rarely_told_apart_and_a_moved_feature_is() -> None:
    reference = quiet(999, n=2000)
    found = [attribution_drift(NAMES, quiet(seed), reference, n_reference=2000, seed=7) for seed in range(30)]  # type: ignore[arg-type]
    low = sum(drift.ndcg_p is not None and drift.ndcg_p <= 0.05 for drift in found)
    assert low <= 6  # 5 % are 2; the reference's own noise adds to it
    assert sum(min(m.adjusted_p or 0.0 for m in drift.features) <= 0.05 for drift in found) <= 5
    moved = attribution_drift(NAMES, quiet(1, scale=8.0), reference, n_reference=2000, seed=7)  # type: ignore[arg-type]
    top = moved.features[0]
    assert (top.feature, top.rank, top.rank_reference) == ("c", 1, 3)
    assert top.distance is not None
    assert top.distance > 3
    assert (top.adjusted_p or 0.0) < 1e-9
    assert moved.ndcg_p == 1 / 500
    assert moved.ndcg is not None
    assert moved.ndcg_low is not None
    assert moved.ndcg < moved.ndcg_low


def test_rounding_is_no_move_and_a_feature_that_drove_nothing_before_comes_first() -> None:
    """Values of about 1e-17 in place of 0 are a matter of the order of a sum, not of the model."""
    reference, night = np.asarray(quiet(3)).copy(), np.asarray(quiet(4)).copy()
    reference[:, 3], night[:, 3] = 1e-17, -2e-17
    found = {m.feature: m for m in attribution_drift(NAMES, night, reference, n_reference=200, seed=7).features}
    assert (found["d"].distance, found["d"].adjusted_p) == (0.0, 1.0)
    night[:100, 3] = 0.4
    top = attribution_drift(NAMES, night, reference, n_reference=200, seed=7).features[0]
    assert (top.feature, top.distance) == ("d", None)
    assert (top.adjusted_p or 0.0) < 1e-9


def test_the_same_rows_have_not_moved_and_the_same_seed_tells_the_same() -> None:
    reference = quiet(3)
    found = attribution_drift(NAMES, reference, reference, n_reference=200, seed=7)  # type: ignore[arg-type]
    assert {(m.distance, m.adjusted_p) for m in found.features} == {(0.0, 1.0)}
    assert (found.ndcg, found.ndcg_p, found.rank_correlation) == pytest.approx((1.0, 1.0, 1.0))
    assert found == attribution_drift(NAMES, reference, reference, n_reference=200, seed=7)  # type: ignore[arg-type]
