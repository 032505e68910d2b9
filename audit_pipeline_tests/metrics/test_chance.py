"""Whether chance explains a move: each p-value by hand, against scipy, and under the null it is made for."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import smirnov
from scipy.stats import chi2_contingency, false_discovery_control, fisher_exact, hypergeom, kstwo

from audit_pipeline.metrics.adjust import benjamini_hochberg
from audit_pipeline.metrics.categories import chance_of_new, chi_square, total_variation
from audit_pipeline.metrics.ks import LARGE, chance
from audit_pipeline.metrics.shares import two_shares

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40)
COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CATEGORIES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 60), min_size=1)


def counts(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


@given(SHARES)
def test_adjusted_p_is_that_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(list(false_discovery_control(p)), rel=1e-12)


def test_adjusted_p_by_hand() -> None:
    # sorted .01 .02 .04 of 3: .04 * 3/3 = .04, then min(.04, .02 * 3/2 = .03) = .03, then min(.03, .01 * 3) = .03
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])
    assert benjamini_hochberg([]) == []


@given(SHARES)
def test_an_adjusted_p_is_never_below_its_p_and_keeps_the_order(p: list[float]) -> None:
    adjusted = benjamini_hochberg(p)
    assert all(a >= x or a == pytest.approx(x) for a, x in zip(adjusted, p, strict=True))
    assert [adjusted[i] for i in np.argsort(p, kind="stable")] == sorted(adjusted)


def test_chi_square_by_hand() -> None:
    # 50/50 against 60/40: expected 55/45 on both sides; 25/55 * 2 + 25/45 * 2 = 2.0202 with one degree of freedom
    assert chi_square(counts(50, 50), counts(60, 40)) == pytest.approx(math.erfc(math.sqrt(2.0202020 / 2)), rel=1e-6)
    assert total_variation(counts(50, 50), counts(60, 40)) == pytest.approx(0.1)


@given(st.lists(st.tuples(st.integers(20, 500), st.integers(20, 500)), min_size=2, max_size=9))
def test_chi_square_is_scipys_where_every_cell_expects_enough(cells: Any) -> None:
    table = np.array(cells).T
    expected = chi2_contingency(table, correction=False)
    if expected.expected_freq.min() >= 5:
        assert chi_square(table[0], table[1]) == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)


def test_cells_that_expect_few_rows_are_one() -> None:
    # 1,000 rows a side: the last three categories expect 2, 2 and 1 rows a side, together 5
    reference, current = counts(600, 395, 2, 2, 1), counts(580, 415, 2, 2, 1)
    table = np.array([[600, 395, 5], [580, 415, 5]])
    assert chi_square(reference, current) == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    # one that stays small takes the smallest other one with it, and a single cell is no test
    assert chi_square(counts(990, 9, 1), counts(992, 7, 1)) == pytest.approx(
        chi2_contingency(np.array([[990, 10], [992, 8]]), correction=False).pvalue
    )
    assert chi_square(counts(3, 1), counts(2, 2)) == 1.0
    assert chi_square(counts(100, 0), counts(90, 0)) == 1.0


@given(COUNTS, COUNTS)
def test_two_shares_is_symmetric_and_a_probability(one: tuple[int, int], two: tuple[int, int]) -> None:
    p = two_shares(*one, *two)
    assert 0.0 <= p <= 1.0
    assert two_shares(*two, *one) == pytest.approx(p, rel=1e-9)
    flipped = ((one[1] - one[0], one[1]), (two[1] - two[0], two[1]))
    assert two_shares(*flipped[0], *flipped[1]) == pytest.approx(p, rel=1e-9)


@given(COUNTS, COUNTS)
def test_few_rows_are_tested_exactly(one: tuple[int, int], two: tuple[int, int]) -> None:
    (k, n), (j, m) = one, two
    pooled = (k + j) / (n + m)
    if pooled not in (0, 1) and min(pooled, 1 - pooled) * min(n, m) < 5:
        law = hypergeom(n + m, k + j, n)
        assert two_shares(k, n, j, m) == pytest.approx(min(1, 2 * min(law.cdf(k), law.sf(k - 1))), rel=1e-6, abs=1e-12)


def test_one_missing_row_is_no_evidence() -> None:
    # 1 of 200 against 0 of 5,000: the z test says 6e-7; the row is in the night with chance 200 / 5,200
    assert two_shares(1, 200, 0, 5000) == pytest.approx(2 * 200 / 5200)
    assert two_shares(1, 200, 0, 5000) > fisher_exact([[1, 199], [0, 5000]]).pvalue > 0.03


def test_a_category_of_three_new_rows_by_hand() -> None:
    # all three pooled rows of "z" fall into the night's 100 of 200: 100*99*98 / (200*199*198) = 0.1231
    found = chance_of_new({"a": 100}, {"a": 97, "z": 3})
    assert found == pytest.approx(100 * 99 * 98 / (200 * 199 * 198), rel=0.02)
    assert found >= 100 * 99 * 98 / (200 * 199 * 198)
    assert chance_of_new({"a": 100}, {"a": 3}) == 1.0


@given(CATEGORIES, CATEGORIES)
def test_the_chance_of_new_categories_is_a_probability(reference: dict[str, int], current: dict[str, int]) -> None:
    assert 0.0 <= chance_of_new(reference, current) <= 1.0


def test_under_exchangeability_the_chance_of_new_categories_rejects_at_most_as_often_as_it_says() -> None:
    # a long tail: 300 categories, most of them rare, so that new ones appear on every quiet night
    rng = np.random.default_rng(5)
    weights = 1 / np.arange(1, 301)
    drawn = rng.choice(300, size=(2000, 700), p=weights / weights.sum())
    found = []
    for row in drawn:
        names = row.astype(str).tolist()
        found.append(chance_of_new(Counter(names[300:]), Counter(names[:300])))
    for alpha in (0.2, 0.05, 0.01):
        assert np.mean(np.array(found) <= alpha) <= alpha
    # and a flood of new ones is found
    assert chance_of_new({"a": 300, "b": 100}, {"a": 250, "n1": 6, "n2": 20}) < 1e-5


@pytest.mark.parametrize("effective", [LARGE, 50_000, 200_000])
@pytest.mark.parametrize(("scaled", "rel"), [(2.3, 1e-6), (3.0, 1e-6), (6.0, 1e-6), (12.0, 1e-5), (18.0, 1e-4)])
def test_the_tail_of_ks_is_the_exact_sum(effective: int, scaled: float, rel: float) -> None:
    gap = math.sqrt(scaled / effective)
    assert chance(gap, effective) == pytest.approx(2 * smirnov(effective, gap), rel=rel)
    assert chance(gap, effective) == pytest.approx(kstwo.sf(gap, effective), rel=rel)


def test_the_p_of_ks_falls_as_the_gap_grows_across_every_seam() -> None:
    gaps = np.linspace(0.0005, 0.2, 400)
    for effective in (LARGE - 1, LARGE, 300_000):
        found = [chance(float(gap), effective) for gap in gaps]
        assert found == sorted(found, reverse=True)
        assert found[0] == pytest.approx(1.0, abs=1e-3)
        assert found[-1] < 1e-100
