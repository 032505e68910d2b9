"""What the model says along a feature: worked by hand, equal to scikit-learn's, and never one person's line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.dependence import LINES, ROWS, dependences
from audit_pipeline.explain.grid import FEWEST, POINTS, grid_of
from audit_pipeline.explain.inputs import Floats, Predictor
from audit_pipeline.records import SMALL_CELL, Dependence
from audit_pipeline_tests.explain.kit import Night, night, outcome, people
from audit_pipeline_tests.explain.test_explain import pipeline


class Formula:
    """A model that is a formula over its columns, and counts what it is asked."""

    def __init__(self, formula: Any) -> None:
        self.formula, self.asked = formula, 0

    def predict(self, frame: pd.DataFrame) -> Floats:
        self.asked += len(frame)
        return np.asarray(self.formula(frame), dtype=np.float64)


def along(formula: Any, frame: pd.DataFrame, feature: str = "x", shap: Floats | None = None) -> Dependence:
    model = Predictor(Formula(formula), tuple(frame.columns), named=True, task="regression")
    values = np.zeros(frame.shape) if shap is None else shap
    [found] = dependences(model, frame, values, [feature], seed=1)
    return found


def with_config(made: Night, **other: Any) -> Night:
    """The same night, with other parts of the model file."""
    return replace(made, config=type(made.config).model_validate(made.config.model_dump() | other))


def squares(n: int = 120) -> pd.DataFrame:
    """`x` is 0, 1 or 2, 40 rows each; `z` is 1 where x is 0, and 3 elsewhere."""
    x = np.arange(n) % 3
    return pd.DataFrame({"x": x.astype(float), "z": np.where(x == 0, 1.0, 3.0)})


def test_a_linear_model_worked_by_hand() -> None:
    # f = 2x + z over x in {0, 1, 2} and z of mean (1 + 3 + 3) / 3 = 7/3: PDP is 2x + 7/3.
    # ALE rises by 2 a step; bins (0, 1] with 80 rows and (1, 2] with 40, so that the mean of the bins' middles
    # is (80 * 1 + 40 * 3) / 120 = 5/3: -5/3, 1/3, 7/3. All lines are parallel: less their own means they are -2, 0, 2.
    found = along(lambda f: 2 * f["x"] + f["z"], squares())
    assert (found.feature, found.output, found.n, found.lines) == ("x", "prediction", 120, 120)
    assert [(p.value, p.n) for p in found.points] == [(0.0, 40), (1.0, 40), (2.0, 40)]
    assert [p.pdp for p in found.points] == pytest.approx([7 / 3, 13 / 3, 19 / 3])
    assert [p.ale for p in found.points] == pytest.approx([-5 / 3, 1 / 3, 7 / 3])
    for part in ("ice_lo", "ice_mid", "ice_hi"):
        assert [getattr(p, part) for p in found.points] == pytest.approx([-2.0, 0.0, 2.0])


def test_a_product_worked_by_hand_tells_pdp_from_ale() -> None:
    # f = xz. PDP is x * 7/3. ALE: from 0 to 1 over 40 rows of z = 1 and 40 of z = 3: 2; from 1 to 2 over z = 3: 3. Sums
    # 0, 2, 5; mean of the middles (80 * 1 + 40 * 3.5) / 120 = 11/6. Lines less their means: z * (-1, 0, 1), a third of
    # them with z = 1 and two thirds with z = 3: p10 of the first point is -3, its median -3, its p90 -1.
    found = along(lambda f: f["x"] * f["z"], squares())
    assert [p.pdp for p in found.points] == pytest.approx([0.0, 7 / 3, 14 / 3])
    assert [p.ale for p in found.points] == pytest.approx([-11 / 6, 1 / 6, 19 / 6])
    first = found.points[0]
    assert (first.ice_lo, first.ice_mid, first.ice_hi) == pytest.approx((-3.0, -3.0, -1.0))


def test_shap_values_stand_by_point_with_their_quantiles() -> None:
    frame = squares()
    shap = np.column_stack([frame["x"] * 10 + np.repeat([0.0, 1.0], 60), np.zeros(120)])
    found = along(lambda f: f["x"], frame, shap=shap)
    assert [p.shap for p in found.points] == pytest.approx([0.5, 10.5, 20.5])
    assert (found.points[1].shap_lo, found.points[1].shap_hi) == (10.0, 11.0)


def test_pdp_equals_that_of_scikit_learn_on_raw_columns_of_a_pipeline(tmp_path: Path) -> None:
    frame = people(180, seed=8)
    model = pipeline(GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(frame, outcome(frame))
    explanation = night(tmp_path, model, frame).explain()
    assert [d.feature for d in explanation.dependence] == [i.feature for i in explanation.importances]  # five
    floats = frame.astype(
        {"visits": float, "smoker": float}
    )  # theirs takes no integers; to the model they are the same
    for found in explanation.dependence:
        assert (found.output, found.n, found.lines, found.reason) == ("probability", 180, 180, None)
        grid = [p.category if p.value is None else p.value for p in found.points]
        theirs = partial_dependence(
            model,
            floats,
            [found.feature],
            custom_values={found.feature: np.array(grid, dtype=object if isinstance(grid[0], str) else float)},
            response_method="predict_proba",
            method="brute",
            categorical_features=["site", "site_b"],
        )
        np.testing.assert_allclose([p.pdp for p in found.points], theirs["average"][0], atol=1e-12)
    by = {found.feature: found for found in explanation.dependence}
    assert {p.category for p in by["site"].points} == {"a", "b", "b_c"}
    assert all(p.ale is None for p in by["site"].points)  # categories have no order
    assert [p.value for p in by["smoker"].points] == [0.0, 1.0]


def test_the_owner_says_for_how_many_features(tmp_path: Path) -> None:
    frame = people(80)
    made = night(tmp_path, pipeline(GradientBoostingClassifier(n_estimators=5)).fit(frame, outcome(frame)), frame)
    for count in (0, 2):
        found = with_config(made, policy={"explanation": {"dependence": count}}).explain()
        assert [d.feature for d in found.dependence] == [i.feature for i in found.importances][:count]


def test_the_pseudonyms_of_persons_are_no_categories(tmp_path: Path) -> None:
    frame = people(80)
    made = night(tmp_path, pipeline(GradientBoostingClassifier(n_estimators=5)).fit(frame, outcome(frame)), frame)
    columns = made.config.model_dump()["columns"]
    columns["site"]["privacy"] = "direct_identifier"
    found = with_config(made, columns=columns).explain()
    assert "site" in [i.feature for i in found.importances]
    assert "site" not in [d.feature for d in found.dependence]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_point_stands_on_enough_rows_and_no_small_rest_can_be_worked_out(data: st.DataObject) -> None:
    n = data.draw(st.integers(50, 160))
    values = st.sampled_from([0.0, 1.0, 2.0]) | st.floats(-1e6, 1e6) | st.just(np.nan)
    column = pd.Series(data.draw(st.lists(values, min_size=n, max_size=n)))
    try:
        grid = grid_of(column)
    except ExplainError:
        return
    there = column.dropna()
    assert 2 <= len(grid.values) <= POINTS
    assert list(grid.values) == sorted(set(grid.values))
    assert set(grid.values) <= set(there)
    low, high = np.quantile(there, [0.01, 0.99], method="inverted_cdf")
    assert all(low <= value <= high or (there == value).sum() >= FEWEST for value in grid.values)  # no extreme is told
    counts = np.bincount(grid.point[grid.point >= 0])
    assert counts.min() >= FEWEST
    assert counts.sum() == len(there)
    for value, point in zip(
        column, grid.point, strict=True
    ):  # each row stands below its own point and above the one before
        if point >= 0:
            assert point == len(grid.values) - 1 or value <= grid.values[point]
            assert point == 0 or value > grid.values[point - 1]
    assert min(grid.rows) >= SMALL_CELL
    assert n - sum(grid.rows) == 0 or n - sum(grid.rows) >= SMALL_CELL - 1  # 10 stands for 1 to 10


def test_a_lonely_extreme_is_no_point() -> None:
    column = pd.Series([0.0] * 60 + [5.0] * 30 + [97.0])  # one person's 97
    grid = grid_of(column)
    assert list(grid.values) == [0.0, 5.0]
    assert grid.rows == (60, 31)


@given(st.lists(st.sampled_from("aaabbcd") | st.none(), min_size=60, max_size=150))
@settings(max_examples=40, deadline=None)
def test_rare_categories_have_no_point(names: list[str | None]) -> None:
    column = pd.Series([np.nan if name is None else name for name in names], dtype=object)
    try:
        grid = grid_of(column)
    except ExplainError:
        return
    counts = column.value_counts()
    assert set(grid.values) == set(counts[counts >= FEWEST].index)
    assert list(counts[list(grid.values)]) == sorted(counts[list(grid.values)], reverse=True)
    assert min(grid.rows) >= SMALL_CELL


@given(st.integers(0, 2**32 - 1), st.floats(-5, 5), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_without_interaction_ale_and_pdp_have_one_shape(seed: int, slope: float, bend: float) -> None:
    """A law: of an additive model both are its own term, up to their level."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, 300)
    frame = pd.DataFrame({"x": z + rng.normal(0, 0.5, 300), "z": z})  # strongly correlated
    found = along(lambda f: slope * f["x"] + bend * f["x"] ** 2 + 3 * f["z"], frame)
    at = np.array([p.value for p in found.points], dtype=float)
    own = slope * at + bend * at**2
    for part in ("pdp", "ale", "ice_lo", "ice_hi"):
        drawn = np.array([getattr(p, part) for p in found.points])
        np.testing.assert_allclose(drawn - drawn.mean(), own - own.mean(), atol=1e-9)


def test_what_a_model_is_asked_does_not_grow_with_the_rows() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(0, 1, 20_000), "z": rng.normal(0, 1, 20_000)})
    model = Formula(lambda f: f["x"])
    predictor = Predictor(model, ("x", "z"), named=True, task="regression")
    [found] = dependences(predictor, frame, np.zeros(frame.shape), ["x"], seed=1)
    assert model.asked == POINTS * LINES + 2 * ROWS  # per feature
    assert (found.n, found.lines) == (ROWS, LINES)
    assert sum(p.n for p in found.points) == ROWS


def test_one_feature_without_an_answer_says_why_and_the_others_stand() -> None:
    frame = pd.DataFrame(
        {
            "x": np.arange(100.0),
            "constant": np.ones(100),
            "day": np.full(100, np.datetime64("2026-01-01", "us")),
            "empty": np.full(100, np.nan),
        }
    )

    def formula(f: pd.DataFrame) -> Any:
        return np.where(f["constant"] == 1, f["x"], np.nan)

    model = Predictor(Formula(formula), tuple(frame.columns), named=True, task="regression")
    found = {d.feature: d for d in dependences(model, frame, np.zeros(frame.shape), list(frame.columns), seed=1)}
    assert found["x"].points
    assert found["constant"].points == found["day"].points == found["empty"].points == ()
    assert found["constant"].reason == found["empty"].reason
    assert found["constant"].reason == f"Fewer than two of its values have {FEWEST} rows of the sample behind them."
    assert found["day"].reason == "Dates have no points to look at."


def test_a_model_that_raises_or_gives_no_number_off_its_own_rows_is_told_without_values() -> None:
    frame = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})

    def picky(f: pd.DataFrame) -> Any:
        if (f["x"] != f["y"]).any():
            raise ValueError("row 17 has x = 42")
        return f["x"]

    raised = along(picky, frame)
    assert raised.points == ()
    assert raised.reason is not None
    assert raised.reason.startswith("Asking the model along the feature raised ValueError.")
    assert "42" not in raised.reason
    nothing = along(lambda f: np.where(f["x"] == f["y"], f["x"], np.nan), frame)
    assert nothing.reason == "The model gives some rows no number where the feature is moved."


def test_coefficients_come_back_from_the_steps_of_a_fitted_line() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.integers(0, 5, 400), "z": rng.normal(0, 1, 400)})
    fitted = LinearRegression().fit(frame, 3 * frame["x"] - frame["z"])
    model = Predictor(fitted, ("x", "z"), named=True, task="regression")
    [found] = dependences(model, frame, np.zeros(frame.shape), ["x"], seed=1)
    assert [p.value for p in found.points] == [0, 1, 2, 3, 4]
    assert np.diff([p.ale or 0.0 for p in found.points]) == pytest.approx([3.0] * 4)
