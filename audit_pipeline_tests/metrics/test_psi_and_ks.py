import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from audit_pipeline.metrics.bins import bin_counts, quantile_edges
from audit_pipeline.metrics.ks import ks
from audit_pipeline.metrics.psi import psi
from audit_pipeline.metrics.read import Floats
from audit_pipeline.metrics.steps import Steps

COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any)
VALUES = st.lists(st.one_of(st.floats(allow_nan=False), st.integers(-3, 3).map(float)), min_size=1, max_size=60).map(
    lambda x: np.sort(np.array(x, dtype=float))
)


def counts(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_psi_of_two_known_shares() -> None:
    # 50/50 against 90/10: 0.4 ln(0.9/0.5) - 0.4 ln(0.1/0.5) = 0.4 (0.587787 + 1.609438) = 0.878890 nats
    assert psi(counts(50, 50), counts(90, 10)) == pytest.approx(0.878890, abs=1e-6)


def test_an_empty_bin_gets_the_floor() -> None:
    # 50/50 against 100/0: 0.5 ln(1/0.5) + (1e-6 - 0.5) ln(1e-6/0.5) = 0.346574 + 6.561169 = 6.907743 nats
    assert psi(counts(1, 1), counts(7, 0)) == pytest.approx(6.907742, abs=2e-6)


def test_psi_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="both sides"):
        psi(counts(1, 1), counts(0, 0))


@given(COUNTS, COUNTS)
def test_psi_is_never_negative(r: Any, c: Any) -> None:
    assert psi(counts(*r), counts(*c)) >= 0.0


@given(COUNTS, st.integers(1, 9))
def test_psi_of_equal_shares_is_zero(r: Any, factor: int) -> None:
    assert psi(counts(*r), counts(*r) * factor) == pytest.approx(0.0, abs=1e-12)


def test_edges_are_reference_values_at_the_deciles() -> None:
    # 1..20 in ten bins: two values each, so the edges are 2, 4, ..., 18
    edges = quantile_edges(np.arange(1.0, 21.0), bins=10)
    assert edges.tolist() == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert bin_counts(np.arange(1.0, 21.0), edges).tolist() == [2] * 10


@pytest.mark.parametrize("values", [[0.0] * 19 + [1.0], [0.0] + [1.0] * 19, [0.0] * 10 + [1.0] * 10])
def test_ties_are_merged_and_two_values_stay_apart(values: Any) -> None:
    reference = np.array(values)
    edges = quantile_edges(reference, bins=10)
    assert edges.tolist() == [0.0]
    assert bin_counts(reference, edges).tolist() == [values.count(0.0), values.count(1.0)]


def test_a_reference_of_one_value_is_split_into_below_equal_above() -> None:
    edges = quantile_edges(np.array([5.0, 5.0]), bins=10)
    assert bin_counts(np.array([-math.inf, 4.999, 5.0, 5.0, 5.001, math.inf]), edges).tolist() == [2, 2, 2]


def test_infinities_fall_into_the_outermost_bins() -> None:
    reference = np.arange(100.0)
    found = bin_counts(np.array([-math.inf, 50.0, math.inf, math.inf]), quantile_edges(reference, bins=10))
    assert (found[0], found[-1], found.sum()) == (1, 2, 4)


@given(VALUES, st.integers(2, 20))
def test_no_bin_of_the_reference_is_empty(reference: Floats, bins: int) -> None:
    edges = quantile_edges(reference, bins=bins)
    found = bin_counts(reference, edges)
    assert found.sum() == reference.size
    if reference[0] != reference[-1]:
        assert found.min() > 0
        assert 2 <= found.size <= bins


def test_one_outlier_moves_no_edge() -> None:
    rng = np.random.default_rng(1)
    reference, current = np.sort(rng.normal(size=5000)), np.sort(rng.normal(0.3, size=5000))
    edges = quantile_edges(reference, bins=10)
    spoilt = np.append(current, 1e6)
    without = psi(bin_counts(reference, edges), bin_counts(current, edges))
    assert psi(bin_counts(reference, edges), bin_counts(spoilt, edges)) == pytest.approx(without, abs=1e-3)


@given(VALUES, VALUES)
def test_ks_equals_scipy(reference: Floats, current: Floats) -> None:
    distance, p = ks(Steps(reference, current))
    expected = ks_2samp(reference, current, method="asymp")
    assert distance == pytest.approx(expected.statistic, abs=1e-12)
    assert 0.0 <= distance <= 1.0
    n, m = reference.size, current.size
    if n * m / (n + m) >= 1:  # below, scipy rounds the effective number of rows to 0
        assert p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


def test_ks_of_apart_samples_is_one_and_of_the_same_zero() -> None:
    assert ks(Steps(np.array([1.0, 2.0]), np.array([3.0, 4.0, math.inf])))[0] == 1.0
    assert ks(Steps(np.array([1.0, 2.0]), np.array([1.0, 2.0]))) == (0.0, 1.0)
