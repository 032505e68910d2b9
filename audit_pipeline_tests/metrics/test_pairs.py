"""Intervals that hold for all pairs at once: scipy, published examples, a bootstrap of cells, and the long run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import studentized_range

from audit_pipeline.metrics.pairs import Sample, all_pairs, difference, ratio, ratio_to_best, spread

RNG = np.random.default_rng(11)
SHARE = st.integers(1, 400).flatmap(lambda n: st.integers(0, n).map(lambda k: Sample(k / n, n)))
ZS = st.floats(0.5, 5.0)


@pytest.mark.parametrize(("groups", "alpha"), [(2, 0.05), (3, 0.05), (8, 0.01), (40, 0.05), (5, 0.0125)])
def test_the_critical_value_is_that_of_the_studentised_range(groups: int, alpha: float) -> None:
    wanted = studentized_range.ppf(1 - alpha, groups, np.inf) / math.sqrt(2)
    assert all_pairs(groups, alpha) == pytest.approx(wanted, abs=1e-8)


def test_a_difference_is_newcombes_published_one() -> None:
    # Newcombe (1998), table II, method 10: 56/70 against 48/80, and 9/10 against 3/10
    for a, b, wanted in (
        (Sample(56 / 70, 70), Sample(48 / 80, 80), (0.0524, 0.3339)),
        (Sample(0.9, 10), Sample(0.3, 10), (0.1705, 0.8090)),
    ):
        assert difference(a, b, all_pairs(2, 0.05)) == pytest.approx(wanted, abs=5e-5)


def test_two_groups_agree_with_a_multinomial_bootstrap_of_their_cells() -> None:
    n, k = np.array([1200, 800]), np.array([300, 150])
    cells = np.array([k, n - k]) / n.sum()
    draws = RNG.multinomial(int(n.sum()), cells.ravel(), 20_000).reshape(-1, 2, 2)
    rate = draws[:, 0] / draws.sum(axis=1)
    a, b = (Sample(hits / rows, int(rows)) for hits, rows in zip(k, n, strict=True))
    wanted = np.quantile(rate[:, 1] / rate[:, 0], [0.025, 0.975])
    assert ratio(b, a, all_pairs(2, 0.05)) == pytest.approx(tuple(wanted), abs=0.012)
    wanted = np.quantile(rate[:, 1] - rate[:, 0], [0.025, 0.975])
    assert difference(b, a, all_pairs(2, 0.05)) == pytest.approx(tuple(wanted), abs=0.003)


@given(SHARE, SHARE, ZS)
def test_laws_of_a_pair(a: Sample, b: Sample, z: float) -> None:
    low, high = difference(a, b, z)
    assert low - 1e-12 <= a.value - b.value <= high + 1e-12
    assert difference(b, a, z) == pytest.approx((-high, -low))
    lower, upper = ratio(a, b, z)
    assert 0 <= lower <= upper
    if b.value:
        assert lower * (1 - 1e-9) <= a.value / b.value <= upper * (1 + 1e-9)
    if a.value and b.value:  # the reciprocal has the reciprocal ends
        back = ratio(b, a, z)
        assert back[0] == pytest.approx(1 / upper, rel=1e-6)
        assert (1 / back[1] if math.isfinite(back[1]) else 0.0) == pytest.approx(lower, rel=1e-6, abs=1e-12)


@given(st.lists(SHARE, min_size=2, max_size=6), ZS)
def test_laws_of_several(samples: list[Sample], z: float) -> None:
    value, lo, hi = spread(samples, z)
    assert 0 <= lo <= value + 1e-12 <= hi + 2e-12
    best = max(sample.value for sample in samples)
    for sample, (low, high) in zip(samples, ratio_to_best(samples, samples, z), strict=True):
        if best:
            assert low - 1e-9 <= sample.value / best <= high + 1e-9 <= 1 + 2e-9


def test_nobody_selected_in_one_group_has_no_trouble() -> None:
    none, some = Sample(0.0, 40), Sample(0.5, 40)
    low, high = ratio(none, some, 1.96)
    assert low == 0.0
    assert 0 < high < 0.25
    assert ratio(some, none, 1.96)[1] == math.inf
    assert ratio(none, none, 1.96) == (0.0, math.inf)


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("rates", "sizes"),
    [
        ((0.2, 0.16), (30, 700)),
        ((0.2, 0.16), (400, 400)),
        ((0.05, 0.04), (100, 400)),
        ((0.3,) * 8, (30, 30, 30, 30, 500, 500, 500, 500)),
        ((0.9, 0.72, 0.9), (50, 50, 200)),
        ((0.02,) * 6, (40,) * 6),
    ],
)
def test_the_intervals_hold_at_least_as_often_as_they_say(rates: tuple[float, ...], sizes: tuple[int, ...]) -> None:
    """The best-off group is chosen from the data each time, and the truth may lie on the limit itself (0.8)."""
    runs, z = 2000, all_pairs(len(rates), 0.05)
    truth, gap = min(rates) / max(rates), max(rates) - min(rates)
    missed = np.zeros(2)
    for _ in range(runs):
        samples = [Sample(int(k) / n, n) for k, n in zip(RNG.binomial(sizes, rates), sizes, strict=True)]
        if not any(sample.value for sample in samples):
            continue
        ends = ratio_to_best(samples, samples, z)
        low, high = min(lo for lo, _ in ends), min(1.0, *(hi for _, hi in ends))
        missed[0] += not low - 1e-12 <= truth <= high + 1e-12
        _, low, high = spread(samples, z)
        missed[1] += not low - 1e-12 <= gap <= high + 1e-12
    assert missed.max() / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
