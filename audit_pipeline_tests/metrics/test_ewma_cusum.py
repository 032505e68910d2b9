"""EWMA and CUSUM against the tables of Montgomery's book, and laws of both."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.metrics.ewma_cusum import H, cusum, cusum_limit, ewma

# Montgomery, Introduction to Statistical Quality Control, table 9.1: 20 draws of N(10, 1), then 10 of N(11, 1)
TABLE = (
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08),
    *(9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
)
UPPER = (  # table 9.2: the sum above, K = 0.5
    *(0, 0, 0, 1.16, 2.82, 2.50, 0.04, 1.00, 0, 0, 0, 0.97, 0.98, 0, 0),
    *(0, 0.12, 0, 0, 0.34, 0.74, 0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28, 5.30),
)
Z = [x - 10 for x in TABLE]
NUMBERS = st.lists(st.floats(-5, 5), max_size=40)


def test_the_cumulative_sums_are_those_of_the_textbook() -> None:
    found = [cusum(Z[: i + 1]) for i in range(30)]
    assert [high for _, high in found] == pytest.approx(UPPER, abs=1e-9)
    assert [low for low, _ in found[:3]] == pytest.approx([0.05, 1.56, 1.77])
    assert [i + 1 for i, sums in enumerate(found) if max(sums) > H] == [29, 30]  # the book's first alarm


def test_the_moving_average_and_its_limits_are_those_of_the_textbook() -> None:
    # example 9.2: weight 0.1, width 2.7; 10 + 2.7 * 0.1 = 10.27, then 2.7 * sqrt(0.1 / 1.9 * (1 - 0.9^4)) = 0.363
    found = [ewma(Z[: i + 1], weight=0.1, width=2.7) for i in range(30)]
    assert [10 + average for average, _ in found[:5]] == pytest.approx([9.945, 9.7495, 9.70355, 9.899195, 10.1252755])
    assert [width for _, width in found[:2]] == pytest.approx([0.27, 0.36325], abs=1e-5)
    assert found[29][1] == pytest.approx(0.62, abs=0.005)  # the steady state: 9.38 to 10.62
    assert [i + 1 for i, (average, width) in enumerate(found) if abs(average) > width] == [29, 30]


def test_nothing_charted_is_nothing_found() -> None:
    assert ewma([]) == (0.0, 0.0)
    assert cusum([]) == (0.0, 0.0)


@given(NUMBERS)
def test_both_are_mirrored_with_their_numbers(z: list[float]) -> None:
    mirrored = [-x for x in z]
    assert ewma(mirrored)[0] == pytest.approx(-ewma(z)[0])
    assert cusum(mirrored) == pytest.approx(cusum(z)[::-1])


@given(NUMBERS)
def test_a_sum_is_the_largest_excess_over_any_number_of_last_nights(z: list[float]) -> None:
    # Page's own definition: the cumulative sum minus its minimum so far
    excess = [math.fsum(x - 0.5 for x in z[i:]) for i in range(len(z) + 1)]
    assert cusum(z)[1] == pytest.approx(max(excess), abs=1e-9)


def test_limits_widen_with_the_error_of_the_centre_and_are_the_known_ones_without() -> None:
    # variance 1/9 of an EWMA in the long run, and 1/28 of the centre: sqrt(1 + 9/28) = 1.1495 times as wide
    known, estimated = ewma([0.0] * 200)[1], ewma([0.0] * 200, nights=28)[1]
    assert estimated / known == pytest.approx(math.sqrt(1 + 9 / 28))
    assert cusum_limit() == 5.0
    assert cusum_limit(28) == pytest.approx(5 * math.sqrt(1 + 9 / 28))
