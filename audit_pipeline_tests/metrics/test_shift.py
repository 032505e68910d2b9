"""Moves of a relation where both sides have rows: worked by hand, and equal to other people's code."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression, Ridge
from statsmodels.stats.multitest import multipletests

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.additive import cross_fitted, cut
from audit_pipeline.metrics.adjust import holm
from audit_pipeline.metrics.shift import along, centred, overlap, parted, shared_rows, structure

NIGHT = np.array([1.0, 1.0, 0.0, 0.0])
HALF = NIGHT - 0.5  # D - e when both sides are alike and of one size
ONES = np.ones(4)
VALUES = arrays(np.float64, 12, elements=st.floats(-100, 100).map(lambda x: round(x, 3)))


def test_without_other_inputs_the_move_is_the_difference_of_means_with_whites_error() -> None:
    # night 3 and 1, reference 0 and 0: 2 apart. Sum g^2 = 1. What is left is rest - 2 g = 2, 0, 1, 1, times g:
    # 1, 0, -1/2, -1/2, squares 3/2. The deviation of the rest, weighted by g^2: sqrt((9 + 1) / 4).
    found = along(HALF, ONES, np.array([3.0, 1.0, 0.0, 0.0]))
    assert found.value == pytest.approx(2)
    assert found.error == pytest.approx(math.sqrt(1.5))
    assert found.effect == pytest.approx(2 / math.sqrt(2.5))
    assert found.p == pytest.approx(math.erfc(2 / math.sqrt(1.5) / math.sqrt(2)))
    assert found.ends == pytest.approx((2 - 1.959964 * math.sqrt(1.5), 2 + 1.959964 * math.sqrt(1.5)), abs=1e-5)


def test_a_direction_finds_the_slope_that_moved() -> None:
    # over the score -1 and 1 the night's rest is -0.3 and 0.3, the reference's 0 and 0: the slope moved by 0.3
    assert along(HALF, np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-0.3, 0.3, 0.0, 0.0])).value == pytest.approx(0.3)


def test_rows_of_one_side_alone_do_not_count() -> None:
    g, rest = np.append(HALF, 0.0), np.array([3.0, 1.0, 0.0, 0.0, 1e6])
    assert along(g, np.ones(5), rest) == along(HALF, ONES, rest[:4])


def test_it_is_least_squares_with_hc0_errors() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        g, h, rest = rng.uniform(-1, 1, 300), rng.normal(size=300), rng.gamma(1, 2, 300)
        theirs = sm.OLS(rest, g * h).fit(cov_type="HC0")
        ours = along(g, h, rest)
        assert ours.value == pytest.approx(theirs.params[0], rel=1e-9)
        assert ours.error == pytest.approx(theirs.bse[0], rel=1e-9)
        assert ours.p == pytest.approx(theirs.pvalues[0], rel=1e-6)


@given(VALUES, st.permutations(range(12)))
def test_order_does_not_matter_and_a_turned_rest_turns_the_move(rest: np.ndarray, order: list[int]) -> None:
    g = np.repeat([0.4, -0.6], 6)
    try:
        found = along(g, np.ones(12), rest)
    except MetricError:
        assert np.ptp(rest[:6]) == np.ptp(rest[6:]) == 0  # no row differs from its side
        return
    mixed = along(g[order], np.ones(12), rest[order])
    assert mixed.value == pytest.approx(found.value, abs=1e-9)
    assert along(g, np.ones(12), -rest).value == -found.value


@pytest.mark.parametrize("rest", [np.zeros(4), np.full(4, 1e200), np.full(4, np.nan), HALF])
def test_what_has_no_size_or_too_much_is_refused(rest: np.ndarray) -> None:
    with np.errstate(over="ignore"), pytest.raises(MetricError):
        along(HALF, ONES, rest)
    with pytest.raises(MetricError):
        along(np.zeros(4), ONES, np.array([3.0, 1.0, 0.0, 0.0]))


def test_chances_are_scaled_to_what_came_true() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4_000)
    night = (rng.random(4_000) < 1 / (1 + np.exp(0.5 - 0.6 * x))).astype(np.float64)
    claimed = 1 / (1 + np.exp(-3 * x))  # five times too sure
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(x[:, None], night).predict_proba(x[:, None])
    np.testing.assert_allclose(overlap(claimed, night), night - theirs[:, 1], atol=1e-4)


def test_chances_that_foretell_nothing_become_the_share_of_the_night() -> None:
    rng = np.random.default_rng(2)
    night = np.repeat([1.0, 0.0], [300, 900])
    np.testing.assert_array_equal(overlap(np.full(1_200, 0.3), night), night - 0.25)
    np.testing.assert_array_equal(overlap(np.where(night == 1, 0.2, 0.8), night), night - 0.25)  # the wrong way round
    against = np.where(rng.random(1_200) < 0.4, night, 1 - night) * 0.2 + 0.4
    np.testing.assert_array_equal(overlap(against, night), night - 0.25)


def test_shared_rows_are_those_of_an_even_comparison_and_none_where_a_classifier_parts_the_sides() -> None:
    # n = 300 of m = 900: sum (D - 1/4)^2 = 300 * 9/16 + 900 * 1/16 = 225 = n m / (n + m), so 450 on each side
    night = np.repeat([1.0, 0.0], [300, 900])
    assert shared_rows(overlap(np.full(1_200, 0.25), night)) == pytest.approx(450)
    assert shared_rows(overlap(np.where(night == 1, 0.9, 0.1), night)) == 0


def test_the_mean_score_is_that_of_the_shared_rows() -> None:
    assert centred(np.array([0.5, 0.5, 0.0]), np.array([1.0, 3.0, 99.0])).tolist() == [-1, 1, 97]


def test_the_loss_is_parted_without_a_remainder() -> None:
    # losses 3, 1 against 0, 0: 2 more. Where inputs are alike and nothing is expected of them, all of it is concept.
    loss = np.array([3.0, 1.0, 0.0, 0.0])
    covariate, concept = parted(loss, NIGHT, HALF, loss)
    assert (covariate.value, concept.value) == pytest.approx((0, 2))
    # What inputs explain to the last bit leaves nothing that moved: the rest is small noise without a difference.
    rest = np.array([0.1, -0.1, 0.1, -0.1])
    covariate, concept = parted(loss, NIGHT, HALF, rest)
    assert (covariate.value, concept.value) == pytest.approx((2, 0))
    # influences on the difference: +-1/2 of the night, 0 of the reference; on the move g (rest - 0): 1, -1, -1, 1
    # over 20. Their differences are 0.45, -0.45, 0.05, -0.05: squares 0.41
    assert covariate.error == pytest.approx(math.sqrt(0.41))


def test_the_structure_is_found_in_the_half_it_was_not_looked_for_in() -> None:
    rng = np.random.default_rng(4)
    x, night = rng.normal(size=(4_000, 5)), np.repeat([1.0, 0.0], 2_000)
    half = rng.integers(0, 2, 4_000)
    codes = [cut(x[:, i]) for i in range(5)]
    rest = rng.normal(size=4_000)
    quiet, _ = structure(codes, night - 0.5, rest, half)
    assert quiet.p > 0.01
    turned = rest + 0.8 * night * np.where(x[:, 3] > 0.5, np.sign(x[:, 1]), 0)  # the mean stays
    found, place = structure(codes, night - 0.5, turned, half)
    assert found.p < 1e-6
    assert place in (1, 3)
    # 0.8 in the 31 % of the rows with x > 0.5: a deviation of 0.8 sqrt(0.31) = 0.45, of which trees find most
    assert 0.25 < found.effect < 0.5


def test_holm_by_hand_and_as_others_have_it() -> None:
    # ascending 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04, which may not fall: 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    rng = np.random.default_rng(3)
    for _ in range(5):
        p = rng.random(7) ** 3
        np.testing.assert_allclose(holm(p.tolist()), multipletests(p, method="holm")[1])
    assert holm([]) == []


def test_the_cross_fit_is_a_ridge_regression_on_the_other_folds() -> None:
    rng = np.random.default_rng(6)
    features, fold = [rng.integers(0, 4, 200), rng.integers(0, 3, 200)], rng.integers(0, 2, 200)
    target = rng.normal(size=(200, 2)) + features[0][:, None]
    design = np.hstack([np.eye(4)[features[0]], np.eye(3)[features[1]]])
    ours = cross_fitted(features, target, fold, folds=2)
    for held in (0, 1):
        train, test = fold != held, fold == held
        mean = target[train].mean(axis=0)
        theirs = Ridge(alpha=1.0, fit_intercept=False).fit(design[train], target[train] - mean)
        np.testing.assert_allclose(ours[test], theirs.predict(design[test]) + mean, atol=1e-8)
