import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.metrics.interval import Z, around, of_difference, wilson

SHARE = st.tuples(st.integers(0, 200), st.integers(1, 200)).filter(lambda kn: kn[0] <= kn[1])


def test_two_shares_have_newcombes_interval_by_hand() -> None:
    # Newcombe (1998), table II, example (a), method 10: 56/70 - 48/80 = 0.2, interval 0.0524 to 0.3339
    one, two = wilson(56 / 70, 70), wilson(48 / 80, 80)
    assert of_difference(56 / 70, one, 48 / 80, two) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(SHARE, SHARE)
def test_two_shares_equal_statsmodels(one: tuple[int, int], two: tuple[int, int]) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    (a, n), (b, m) = one, two
    expected = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=0.05)
    found = of_difference(a / n, wilson(a / n, n), b / m, wilson(b / m, m))
    assert found == pytest.approx(expected, abs=1e-9)


@given(st.floats(-5, 5), st.floats(0.001, 2), st.floats(-5, 5), st.floats(0.001, 2))
def test_two_normal_intervals_combine_their_standard_errors(a: float, se: float, b: float, sf: float) -> None:
    lo, hi = of_difference(a, around(a, se), b, around(b, sf))
    half = Z * math.hypot(se, sf)
    assert (lo, hi) == pytest.approx((a - b - half, a - b + half), abs=1e-9)


@given(SHARE, SHARE)
def test_to_exchange_the_sides_turns_the_interval_round(one: tuple[int, int], two: tuple[int, int]) -> None:
    (a, n), (b, m) = one, two
    lo, hi = of_difference(a / n, wilson(a / n, n), b / m, wilson(b / m, m))
    back = of_difference(b / m, wilson(b / m, m), a / n, wilson(a / n, n))
    assert back == pytest.approx((-hi, -lo))
    assert -1 <= lo <= a / n - b / m <= hi <= 1


def test_the_interval_covers_a_true_difference_about_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(4), 0
    for a, b in zip(rng.binomial(120, 0.9, 1000) / 120, rng.binomial(400, 0.95, 1000) / 400, strict=True):
        lo, hi = of_difference(a, wilson(a, 120), b, wilson(b, 400))
        hits += lo <= -0.05 <= hi
    assert 0.93 <= hits / 1000 <= 0.975
