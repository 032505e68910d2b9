"""The output under stress: worked by hand on models of one line, and models that raise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_pipeline.explain.stress import ROWS, stress
from audit_pipeline.records import StressTest
from audit_pipeline_tests.explain.kit import people


def under(score: Any, frame: pd.DataFrame, **more: Any) -> dict[tuple[str, str | None], StressTest]:
    given: dict[str, Any] = {"deviations": {}, "threshold": 0.5, "monotone": {}, "over": "night", "seed": 7}
    found = stress(score, frame, **(given | more))
    assert found.n == min(ROWS, len(frame))
    return {(test.test, test.feature): test for test in found.tests}


def test_a_missing_value_by_hand() -> None:
    """A missing u counts as 1: rows with u = 0 move by 1 and flip, the others stay."""
    frame = pd.DataFrame({"u": [0.0, 1.0, 0.0, 1.0], "v": [1, 2, 3, 4]})
    found = under(lambda rows: rows["u"].fillna(1.0).to_numpy(), frame)
    assert found["missing", "u"] == StressTest("missing", "u", 0.5, 0.5, 1.0)
    assert found["missing", "v"] == StressTest("missing", "v", 0.0, 0.0, 0.0)


def test_noise_is_a_twentieth_of_a_standard_deviation_and_leaves_flags_alone() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(0, 10, 300), "flag": rng.integers(0, 2, 300), "years": rng.integers(0, 100, 300)}
    )
    seen: list[pd.DataFrame] = []

    def score(rows: pd.DataFrame) -> Any:
        seen.append(rows)
        return rows["x"].to_numpy() + rows["years"].to_numpy()

    found = under(score, frame, deviations={"x": 10.0, "flag": 0.5, "years": 29.0}, threshold=None)
    # |N(0, 0.5)| has a mean of 0.5 * 0.798
    assert found["noise", "x"].mean_change == pytest.approx(0.4, rel=0.15)
    assert found["noise", "x"].share is None  # nothing is decided
    assert ("noise", "flag") not in found
    assert ("noise", None) in found
    years = seen[0]["years"].to_numpy()
    assert years.dtype.kind == "i"
    assert 0 < (years[600:900] != years[:300]).mean() < 1  # block 2 of x, years, both


def test_a_category_is_not_moved() -> None:
    found = under(lambda rows: np.zeros(len(rows)), people(80), deviations={"age": 12.0, "visits": 2.6})
    assert {feature for test, feature in found if test == "noise"} == {
        "age"
    }  # visits move by less than half: not at all


def test_monotonicity_by_hand() -> None:
    """x * (1 - 2 v): rising for v = 0, falling by the whole range of x for v = 1."""
    x = np.linspace(0.0, 1.0, 100)
    frame = pd.DataFrame({"x": x, "v": [0, 0, 0, 1] * 25})
    found = under(
        lambda rows: rows["x"].to_numpy() * (1 - 2 * rows["v"].to_numpy()),
        frame,
        monotone={"x": "increasing", "v": "decreasing", "w": "increasing"},
    )
    broken = found["increasing", "x"]
    assert (broken.share, broken.mean_change, broken.largest) == pytest.approx((0.25, 0.25, 1.0))
    assert found["decreasing", "v"].share == 0.0  # more of v is never more
    assert found["increasing", "w"].reason == "It is no input of the model."


def test_a_dent_in_the_middle_is_found() -> None:
    frame = pd.DataFrame({"x": np.arange(60.0)})
    found = under(
        lambda rows: np.where(np.abs(rows["x"] - 30) < 4, -5.0, rows["x"]), frame, monotone={"x": "increasing"}
    )
    assert found["increasing", "x"].share == 1.0
    assert found["increasing", "x"].largest > 25  # type: ignore[operator]


def test_what_cannot_be_checked_is_said_without_values() -> None:
    def score(rows: pd.DataFrame) -> Any:
        if rows["u"].isna().any():
            raise ValueError("patient 4711 has no u")
        if (rows["v"] > 99).any():
            return np.full(len(rows), np.nan)
        return rows["u"].to_numpy()

    frame = pd.DataFrame({"u": np.arange(40.0), "v": np.arange(40.0), "c": np.ones(40)})
    found = under(score, frame, monotone={"c": "increasing"})
    assert found["missing", "u"].reason == "Without a value the model raises ValueError."
    assert found["missing", "u"].share is None
    assert found["missing", "v"] == StressTest("missing", "v", 0.0, 0.0, 0.0)  # the others are told
    assert found["increasing", "c"].reason == "It has fewer than two values in the sample."


def test_noise_that_leaves_no_number_is_said() -> None:
    frame = pd.DataFrame({"u": np.full(40, 1.5)})
    found = under(lambda rows: np.where(rows["u"] == 1.5, 0.5, np.nan), frame, deviations={"u": 1.0})
    assert found["noise", "u"].reason == "The model gives some rows no number."


def test_a_model_without_an_answer_is_said() -> None:
    frame = pd.DataFrame({"u": np.arange(40.0)})
    found = under(lambda rows: rows["u"].to_numpy(), frame)
    assert found["missing", "u"].reason == "Without a value the model gives some rows no number."
