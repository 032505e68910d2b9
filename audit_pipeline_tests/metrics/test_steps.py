"""The grid changes nothing: KS and Wasserstein distance are those of the whole merge, however coarse it is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from audit_pipeline.metrics.ks import ks
from audit_pipeline.metrics.read import Floats
from audit_pipeline.metrics.steps import Steps
from audit_pipeline.metrics.wasserstein import wasserstein

VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(-4, 4).map(float)), min_size=1, max_size=80).map(
    lambda x: np.sort(np.array(x, dtype=float))
)
FINE = st.sampled_from([0, 1, 3, 16])


@given(VALUES, VALUES, FINE)
def test_ks_is_scipys_on_any_grid(reference: Floats, current: Floats, fine: int) -> None:
    found = ks(Steps(reference, current, fine))[0]
    assert found == pytest.approx(ks_2samp(reference, current, method="asymp").statistic, abs=1e-12)


@given(VALUES, VALUES, FINE)
def test_wasserstein_is_scipys_on_any_grid(reference: Floats, current: Floats, fine: int) -> None:
    assume(reference.std() > 1e-3)
    expected = wasserstein_distance(reference, current) / reference.std()
    assert wasserstein(Steps(reference, current, fine)) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@given(VALUES, VALUES, FINE)
def test_both_are_symmetric_and_do_not_know_the_row_order(reference: Floats, current: Floats, fine: int) -> None:
    one, other = Steps(reference, current, fine), Steps(current, reference, fine)
    assert ks(one)[0] == pytest.approx(ks(other)[0], abs=1e-12)
    assume(min(reference.std(), current.std()) > 1e-3)
    distances = wasserstein(one) * reference.std(), wasserstein(other) * current.std()
    assert distances[0] == pytest.approx(distances[1], rel=1e-8, abs=1e-6)


@given(VALUES, st.floats(-100, 100), FINE)
def test_a_shift_is_the_wasserstein_distance(reference: Floats, by: float, fine: int) -> None:
    assume(reference.std() > 1e-3)
    found = wasserstein(Steps(reference, reference + by, fine)) * reference.std()
    assert found == pytest.approx(abs(by), rel=1e-6, abs=1e-6)


def shapes(rng: np.random.Generator, n: int) -> list[Floats]:
    """Columns as logs have them."""
    return [
        rng.normal(size=n),
        rng.normal(1.7e9, 86_400, n).round(),  # seconds since 1970
        rng.lognormal(0, 2, n),
        rng.normal(size=n).round(1),
        rng.poisson(1.5, n).astype(float),
        np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n)),
        np.where(rng.random(n) < 0.3, 0.123, rng.random(n)),
        np.full(n, 4.0),
    ]


@pytest.mark.parametrize("n", [1, 2, 30, 1_000, 20_000, pytest.param(100_000, marks=pytest.mark.acceptance)])
@pytest.mark.parametrize("shift", [0.0, 0.02, 1.0])
def test_at_any_size_both_are_scipys(n: int, shift: float) -> None:
    rng = np.random.default_rng([n, int(100 * shift)])
    for m in (n, max(1, n // 7)):
        for reference, drawn in zip(shapes(rng, n), shapes(rng, m), strict=True):
            current = drawn + shift * reference.std()
            steps = Steps(np.sort(reference), np.sort(current))
            assert ks(steps)[0] == pytest.approx(ks_2samp(reference, current, method="asymp").statistic, abs=1e-12)
            if reference.std() > 0:
                expected = wasserstein_distance(reference, current) / reference.std()
                assert wasserstein(steps) == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_few_values_are_looked_at_one_by_one() -> None:
    rng = np.random.default_rng(1)
    steps = Steps(np.sort(rng.normal(size=300_000)), np.sort(rng.normal(size=300_000)))
    least, largest = steps.bounds
    looked_at: Any = steps.inside(0, (least < 0) & (largest > 0)).size
    assert 0 < looked_at < 0.25 * 300_000
