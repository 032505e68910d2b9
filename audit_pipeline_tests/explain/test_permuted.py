"""Permutation importance: scikit-learn's on the same shuffles, and an interval that holds 0 for a useless feature."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.permuted import REPEATS, orders, permuted
from audit_pipeline_tests.explain.kit import outcome, people
from audit_pipeline_tests.explain.test_explain import pipeline


def shuffles_of_sklearn(n: int, seed: int) -> Any:
    """The orders that scikit-learn shuffles each column by: every repeat shuffles what the one before left."""
    random = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    index, now, found = np.arange(n), np.arange(n), []
    for _ in range(REPEATS):
        random.shuffle(index)
        now = now[index]
        found.append(now)
    return np.stack(found)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_equal_to_scikit_learn_on_the_same_shuffles(task: str) -> None:
    frame = people(200)
    labels = outcome(frame)
    if task == "binary":
        model: Pipeline = pipeline(GradientBoostingClassifier(n_estimators=10, random_state=0)).fit(frame, labels)
        scoring = "neg_brier_score"
    else:
        model = pipeline(LinearRegression()).fit(frame, labels)
        scoring = "neg_mean_squared_error"

    def score(rows: pd.DataFrame) -> Any:
        return model.predict_proba(rows)[:, 1] if task == "binary" else model.predict(rows)

    theirs = permutation_importance(model, frame, labels, scoring=scoring, n_repeats=REPEATS, random_state=5)
    before, found = permuted(score, frame, labels.astype(float), shuffles_of_sklearn(200, 5))
    assert before == pytest.approx(((score(frame) - labels) ** 2).mean())
    ours = {f.feature: f.value for f in found}
    expected = dict(zip(frame.columns, theirs.importances_mean, strict=True))
    assert ours == pytest.approx(expected, abs=1e-12)
    assert [f.feature for f in found] == sorted(ours, key=lambda name: (-ours[name], name))
    assert found[0].feature == "age"


def test_the_interval_of_two_rows_by_hand() -> None:
    """f = x, labels equal x: a swap of 0 and 2 costs 4 in each row, no swap costs 0."""
    frame, labels = pd.DataFrame({"x": [0.0, 2.0]}), np.array([0.0, 2.0])
    shuffles = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [1, 0]])
    _, (found,) = permuted(lambda rows: rows["x"].to_numpy(), frame, labels, shuffles)
    # repeats: 4, 4, 0, 4, 4: mean 3.2, sd 1.789, over root 5: 0.8; both rows have 3.2, so that rows add nothing
    assert (found.value, found.lo, found.hi) == pytest.approx((3.2, 3.2 - 2.776 * 0.8, 3.2 + 2.776 * 0.8), abs=1e-9)


def test_a_feature_that_is_worth_nothing_has_an_interval_around_zero() -> None:
    """The model leans on noise with a quarter of its weight: by SHAP that matters, by outcomes it does not."""
    covered, useful = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"x": rng.normal(size=300), "noise": rng.normal(size=300)})
        labels = frame["x"].to_numpy() + rng.normal(size=300)
        _, found = permuted(
            lambda f: f["x"].to_numpy() + 0.25 * f["noise"].to_numpy(), frame, labels, orders(300, seed=seed)
        )
        by = {f.feature: f for f in found}
        covered += by["noise"].lo <= 0 <= by["noise"].hi
        useful += by["x"].lo > 0
    assert covered >= 36  # 95 % of 40 are 38
    assert useful == 40


def test_a_shuffled_row_without_a_number_is_no_importance() -> None:
    frame = pd.DataFrame({"u": [0.0, 1.0] * 30, "v": [0.0, 1.0] * 30})
    with pytest.raises(ExplainError, match="no number"):
        permuted(lambda rows: np.where(rows["u"] == rows["v"], 0.5, np.nan), frame, np.zeros(60), orders(60, seed=1))


def test_a_feature_the_model_does_not_read_is_worth_exactly_nothing() -> None:
    frame = people(80)
    _, found = permuted(lambda rows: rows["visits"].to_numpy(float), frame, np.zeros(80), orders(80, seed=1))
    assert {(f.value, f.lo, f.hi) for f in found if f.feature != "visits"} == {(0.0, 0.0, 0.0)}
