"""SHAP values over raw features: they add up, and equal what is known otherwise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import GammaRegressor, LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.engine_shap import Attribution, attribute
from audit_pipeline.explain.inputs import Predictor
from audit_pipeline.explain.permutation import permutation_shap
from audit_pipeline_tests.explain.kit import outcome, people

NUMBERS, TEXTS = ["age", "visits", "smoker"], ["site", "site_b"]


def before() -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return ColumnTransformer([("num", numbers, NUMBERS), ("cat", OneHotEncoder(handle_unknown="ignore"), TEXTS)])


def explained(model: Any, frame: pd.DataFrame, task: str, *, seed: int = 1) -> Attribution:
    return attribute(Predictor(model, tuple(frame.columns), True, task), frame, seed=seed)


KINDS = {
    "logistic": (LogisticRegression(), "binary", "log-odds", "Linear"),
    "ols": (LinearRegression(), "regression", "prediction", "Linear"),
    "ridge": (Ridge(), "regression", "prediction", "Linear"),
    "poisson": (PoissonRegressor(), "regression", "log of the expected count", "Linear"),
    "gamma": (GammaRegressor(), "regression", "log of the expected value", "Linear"),
    "gbm": (GradientBoostingClassifier(n_estimators=20), "binary", "log-odds", "Tree"),
    "gbm, exponential": (
        GradientBoostingClassifier(n_estimators=20, loss="exponential"),
        "binary",
        "probability",
        "permutation",  # SHAP gets its start value wrong
    ),
    "gbm, own start": (
        GradientBoostingClassifier(n_estimators=5, init=LogisticRegression()),
        "binary",
        "probability",
        "permutation",  # SHAP reads no other start than the prior
    ),
    "gbr": (GradientBoostingRegressor(n_estimators=20), "regression", "prediction", "Tree"),
    "forest": (RandomForestClassifier(20, random_state=0), "binary", "probability", "Tree"),
    "extra trees": (ExtraTreesRegressor(20, random_state=0), "regression", "prediction", "Tree"),
    "hist": (HistGradientBoostingClassifier(max_iter=5), "binary", "log-odds", "Tree"),
    "hist poisson": (
        HistGradientBoostingRegressor(loss="poisson", max_iter=5),
        "regression",
        "log of the expected value",
        "Tree",
    ),
    "neighbours": (KNeighborsClassifier(5), "binary", "probability", "permutation"),
}


@pytest.mark.parametrize("name", KINDS)
def test_sum_and_base_are_the_models_output(name: str) -> None:
    model, task, unit, engine = KINDS[name]
    frame = people(120)
    y = outcome(frame) if task == "binary" else outcome(frame) * 2.0 + frame["visits"] + 1.0
    found = explained(make_pipeline(before(), model).fit(frame, y), frame, task)
    assert found.error <= 1e-9 * found.scale
    assert found.output == unit
    assert found.method.startswith((f"shap.{engine}Explainer", f"{engine} SHAP"))
    assert found.values.shape == (len(found.picked), 5)
    assert np.abs(found.values).sum(axis=0).argmax() in (0, 1, 2, 3)  # never site_b, which drives nothing


def test_a_folded_tree_by_hand() -> None:
    # One split, on the column "site = a": 40 rows of a with y = 10, 60 others with y = 5.
    # base = 0.4 * 10 + 0.6 * 5 = 7; a row of a gets +3, another -2; nothing else is split on.
    frame = pd.DataFrame(
        {
            "x": np.arange(100.0),
            "site": pd.Series((["a"] * 40 + ["b"] * 30 + ["c"] * 30), dtype=object),
        }
    )
    pre = ColumnTransformer([("c", OneHotEncoder(), ["site"]), ("n", "passthrough", ["x"])])
    stump = make_pipeline(pre, DecisionTreeRegressor(max_depth=1, max_features=None, random_state=0))
    y = np.where(frame["site"] == "a", 10.0, 5.0)
    order = np.random.default_rng(0).permutation(100)  # so that x splits nothing off
    frame["x"] = order.astype(float)
    found = explained(stump.fit(frame, y), frame, "regression")
    assert found.values[:, 0] == pytest.approx(np.zeros(100))
    assert found.values[:, 1] == pytest.approx(np.where(frame["site"] == "a", 3.0, -2.0))
    assert "sum of one-hot attributions" in found.method


def test_a_linear_pipeline_equals_the_exact_explainer_over_raw_columns() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "z": rng.normal(size=60),
            "site": pd.Series(rng.choice(list("abc"), 60), dtype=object),
        }
    )
    y = (frame["x"] + (frame["site"] == "b") + rng.normal(size=60) > 0.3).to_numpy(dtype=int)
    pre = ColumnTransformer([("n", StandardScaler(), ["x", "z"]), ("c", OneHotEncoder(), ["site"])])
    model = make_pipeline(pre, LogisticRegression()).fit(frame, y)
    found = explained(model, frame, "binary")
    letters = np.array(list("abc"), dtype=object)

    def of_codes(codes: Any) -> Any:
        raw = pd.DataFrame({"x": codes[:, 0], "z": codes[:, 1], "site": letters[codes[:, 2].astype(int)]})
        return model.decision_function(raw)

    coded = np.column_stack([frame["x"], frame["z"], frame["site"].map({"a": 0, "b": 1, "c": 2})]).astype(float)
    exact = shap.ExactExplainer(of_codes, shap.maskers.Independent(coded, max_samples=60))(coded[:12])
    assert found.values[:12] == pytest.approx(exact.values, abs=1e-9)


def test_splits_on_categories_are_not_left_to_the_tree_explainer() -> None:
    frame = people(200)
    native = frame.astype({"site": "category", "site_b": "category"})
    model = HistGradientBoostingClassifier(max_iter=10).fit(native, outcome(frame))
    found = explained(model, frame, "binary")
    assert found.method.startswith("permutation SHAP")
    assert found.error <= 1e-9


def test_a_black_box_with_interactions_of_two_equals_both_explainers_of_shap() -> None:
    # x*y + 2z has no higher interaction than two, so that one walk forward and back is exact
    rng = np.random.default_rng(3)
    rows, background = rng.normal(size=(8, 3)), rng.normal(size=(20, 3))

    def score(raw: Any) -> Any:
        x, y, z = np.asarray(raw, dtype=float).T
        return x * y + 2 * z

    names = list("xyz")
    values, base = permutation_shap(
        score, pd.DataFrame(rows, columns=names), pd.DataFrame(background, columns=names), permutations=1, seed=0
    )
    masker = shap.maskers.Independent(background, max_samples=20)
    exact = shap.ExactExplainer(score, masker)(rows)
    assert values == pytest.approx(exact.values, abs=1e-12)
    assert base == pytest.approx(exact.base_values[0], abs=1e-12)
    assert values == pytest.approx(shap.PermutationExplainer(score, masker, seed=1)(rows).values, abs=1e-12)


def test_a_black_box_with_an_interaction_of_three_nears_the_exact_values() -> None:
    # f = x*y*z with background 0: a row of ones shares its output of 1 equally, 1/3 each. Every single order gives
    # all to its last feature; 400 orders come within 5 sd = 5 * sqrt(2/9/400) / sqrt(2) = 0.083
    ones = pd.DataFrame(np.ones((1, 3)), columns=list("xyz"))
    values, base = permutation_shap(lambda f: f.prod(axis=1).to_numpy(), ones, ones * 0, permutations=400, seed=0)
    assert base == 0.0
    assert values.sum() == pytest.approx(1.0)
    assert values == pytest.approx(np.full((1, 3), 1 / 3), abs=0.083)


def test_large_and_close_values_keep_their_difference() -> None:
    # For a linear model SHAP values of two rows differ by slope * difference, whatever the background
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"big": 1e6 + rng.integers(0, 9, 80), "x": rng.normal(size=80)})
    y = 2.0 * frame["big"] - 3.0 * frame["x"]
    model = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()).fit(frame, y)
    found = explained(model, frame, "regression")
    assert found.method.startswith("permutation SHAP")
    rows = frame.iloc[found.picked].to_numpy()
    assert found.values - found.values[0] == pytest.approx((rows - rows[0]) * [2.0, -3.0], abs=1e-5)


def test_a_black_box_follows_its_seed_and_its_bounds() -> None:
    frame = people(700)
    model = make_pipeline(before(), KNeighborsClassifier(5)).fit(frame, outcome(frame))
    one = explained(model, frame, "binary", seed=2**40 + 1)
    assert len(set(one.picked)) == 500
    assert (one.values == explained(model, frame, "binary", seed=2**40 + 1).values).all()
    assert (one.picked != explained(model, frame, "binary", seed=8).picked).any()


def test_a_model_whose_time_is_over_is_asked_nothing_more() -> None:
    frame = people(60)
    model = make_pipeline(before(), LogisticRegression()).fit(frame, outcome(frame))
    late = Predictor(model, tuple(frame.columns), True, "binary", Budget(-1))
    for ask in (lambda: late.score(frame), lambda: attribute(late, frame, seed=1)):
        with pytest.raises(ExplainError, match="slower than its budget"):
            ask()
    assert Budget(60).left > 0
