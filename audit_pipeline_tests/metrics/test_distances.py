"""Jensen-Shannon and Wasserstein distance: by hand, laws, and against scipy and Evidently's own tests."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.divergence import jensen_shannon
from audit_pipeline.metrics.read import Floats
from audit_pipeline.metrics.steps import Steps
from audit_pipeline.metrics.wasserstein import wasserstein

COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any)
VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)), min_size=1, max_size=60).map(
    lambda x: np.sort(np.array(x, dtype=float))
)


def counts(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def test_jensen_shannon_by_hand() -> None:
    # 1/0 against 1/2 1/2: middle 3/4 1/4; (log2(4/3) + (log2(2/3) + log2(2)) / 2) / 2 = 0.311278; its root 0.557923
    assert jensen_shannon(counts(7, 0), counts(5, 5)) == pytest.approx(0.557923, abs=1e-6)
    assert jensen_shannon(counts(1, 0), counts(0, 3)) == 1.0


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys_bounded_and_symmetric(r: Any, c: Any) -> None:
    found = jensen_shannon(counts(*r), counts(*c))
    assert found == pytest.approx(jensenshannon(r, c, base=2), abs=1e-7)
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(jensen_shannon(counts(*c), counts(*r)), abs=1e-9)


def test_wasserstein_by_hand() -> None:
    # every value is 3 higher; the population's standard deviation of 0 1 2 3 4 is sqrt(2)
    assert wasserstein(Steps(np.arange(5.0), np.arange(3.0, 8.0))) == pytest.approx(3 / math.sqrt(2))


@given(VALUES, VALUES)
def test_wasserstein_is_scipys(reference: Floats, current: Floats) -> None:
    assume(reference.std() > 1e-3)
    expected = wasserstein_distance(reference, current) / reference.std()
    assert wasserstein(Steps(reference, current)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("reference", "current", "why"),
    [
        ([5.0, 5.0], [5.0, 6.0], "one and the same value"),
        ([1.0, 2.0], [1.0, math.inf], "infinite"),
        ([-math.inf, 2.0], [1.0, 2.0], "infinite"),
        ([-1e308, 1e308], [1.0, 2.0], "too large"),
    ],
)
def test_wasserstein_refuses_what_has_no_distance(reference: Any, current: Any, why: str) -> None:
    with pytest.raises(MetricError, match=why):
        wasserstein(Steps(np.array(reference), np.array(current)))


@pytest.mark.parametrize("n", [12, 500, 20_000, pytest.param(100_000, marks=pytest.mark.acceptance)])
def test_ours_are_those_of_evidently_where_the_definition_is_the_same(n: int) -> None:
    from evidently.legacy.calculations.stattests import chi_stat_test, ks_stat_test, wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    from audit_pipeline.metrics.categories import chi_square
    from audit_pipeline.metrics.ks import ks

    rng = np.random.default_rng(n)
    for _ in range(25 if n < 1000 else 3):
        reference, current = rng.normal(size=n), rng.normal(rng.uniform(-0.1, 0.1), 1, size=n + n // 3)
        numbers = pd.Series(reference), pd.Series(current)
        ordered = Steps(np.sort(reference), np.sort(current))
        theirs = wasserstein_stat_test.func(*numbers, ColumnType.Numerical, 0.1)[0]
        assert wasserstein(ordered) == pytest.approx(theirs, rel=1e-9)
        if n < 500:  # scipy takes the exact p for the two sizes, and cells are too small for chi-square
            continue
        theirs = ks_stat_test.func(*numbers, ColumnType.Numerical, 0.05)[0]
        assert ks(ordered)[1] == pytest.approx(theirs, rel=0.02 if n < 10_000 else 1e-6)
        r, c = rng.multinomial(n * 9, [0.5, 0.3, 0.2]), rng.multinomial(n, [0.5, 0.3, 0.2])
        assert 0 <= chi_square(r, c) <= 1
        names = [pd.Series(np.repeat(["a", "b", "c"], found)) for found in (r, c)]
        # Evidently holds the night against the reference's shares as if they were exact: the limit of a long reference
        theirs = chi_stat_test.func(*names, ColumnType.Categorical, 0.05)[0]
        assert chi_square(r * 100_000, c) == pytest.approx(theirs, rel=0.01)
