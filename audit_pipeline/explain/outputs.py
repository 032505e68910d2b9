"""In which unit does a model add up, and what is its own number in that unit?

Additivity is checked against these numbers, which the whole model computes from raw rows by its own code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from audit_pipeline.explain.folding import kind
from audit_pipeline.explain.inputs import Floats

IDENTITY = {
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
}
LOG_LINK = {"PoissonRegressor": "log of the expected count", "GammaRegressor": "log of the expected value"}
LOGIT = {"LogisticRegression", "LogisticRegressionCV"}
FOREST = {
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
}
BOOSTED = {
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
}


@dataclass(frozen=True, slots=True)
class Margin:
    """The scale on which a known model is a sum."""

    engine: Literal["linear", "tree"]
    unit: str
    own: Callable[[Any, Any], Floats]  # (whole model, its rows) -> (n,)


def margin(last: Any) -> Margin | None:
    """Return the scale of a model whose last step is `last`; None when it is not known here."""
    name = kind(last)
    if name in LOGIT:
        return Margin("linear", "log-odds", _decision)
    if name in IDENTITY:
        return Margin("linear", "prediction", _predicted)
    if name in LOG_LINK:
        return Margin("linear", LOG_LINK[name], _log_predicted)
    if name in FOREST:
        return (
            Margin("tree", "probability", _second_class)
            if name.endswith("Classifier")
            else Margin("tree", "prediction", _predicted)
        )
    return _boosted(last, name) if name in BOOSTED else None


def _boosted(last: Any, name: str) -> Margin | None:
    """Return the scale of a boosted model, which its loss decides; None for what TreeExplainer gets wrong in silence.

    With SHAP 0.51 that is splits on categories (off by 4 in log-odds) and the start value of the exponential loss.
    """
    if getattr(last, "is_categorical_", None) is not None or last.loss == "exponential":
        return None
    if name.endswith("Classifier"):
        return Margin("tree", "log-odds", _decision)
    if last.loss in ("poisson", "gamma"):
        return Margin("tree", "log of the expected value", _log_predicted)
    return Margin("tree", "prediction", _predicted)


def _decision(model: Any, rows: Any) -> Floats:
    return np.asarray(model.decision_function(rows), dtype=np.float64).ravel()


def _predicted(model: Any, rows: Any) -> Floats:
    return np.asarray(model.predict(rows), dtype=np.float64).ravel()


def _log_predicted(model: Any, rows: Any) -> Floats:
    return np.asarray(np.log(_predicted(model, rows)), dtype=np.float64)


def _second_class(model: Any, rows: Any) -> Floats:
    return np.asarray(model.predict_proba(rows), dtype=np.float64)[:, 1]
