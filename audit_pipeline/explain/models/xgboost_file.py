"""A booster of XGBoost in JSON or UBJSON. The only door to XGBoost.

Categories are understood where the file holds their names (`enable_categorical`, saved by XGBoost 3.1 or later): with
the bare codes of an older file nobody can tell which text was which number.
"""

import json
from typing import Any

import numpy as np

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.explain.models.foreign import Numbers, Probabilities, Trees, extra, one_class_too_many

PROBABILITY = {"binary:logistic": "log-odds", "reg:logistic": "log-odds"}
LOG_LINK = {
    "count:poisson": "log of the expected count",
    "reg:gamma": "log of the expected value",
    "reg:tweedie": "log of the expected value",
}
SLICE = (
    20  # rounds summed in float32 at once; more of them would not add up to 1e-6 (500 trees: 1.4e-6, in slices 1e-7)
)


def read(data: bytes, name: str) -> Numbers:
    """Return the model; the probability of the second class where the objective is logistic.

    Raises:
        ExplainError: it tells more than two classes apart, or holds categories without their names.
    """
    with extra("xgboost"):
        import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(data))
    learner = json.loads(booster.save_config())["learner"]
    objective = str(learner["objective"]["name"])
    outputs = max(int(learner["learner_model_param"][key]) for key in ("num_class", "num_target"))
    if outputs > 1:
        raise one_class_too_many(outputs)
    asked = _Booster(xgboost, booster, name)
    kind = Probabilities if objective in PROBABILITY else Numbers
    unit = PROBABILITY.get(objective) or LOG_LINK.get(objective) or "margin"
    if objective.startswith("reg:") and unit == "margin":
        unit = "prediction"
    trees = Trees("TreeSHAP of XGBoost (path-dependent)", unit, asked.parts)
    return kind(
        asked.number,
        names=tuple(booster.feature_names) if booster.feature_names else None,
        width=booster.num_features(),
        trees=trees if learner["gradient_booster"]["name"] == "gbtree" else None,
    )


class _Booster:
    """Rows in its types, and its rounds."""

    def __init__(self, xgboost: Any, booster: Any, name: str) -> None:
        self._xgboost, self._booster = xgboost, booster
        kinds = booster.feature_types or []
        self._categories = [n for n, kind in zip(booster.feature_names or [], kinds, strict=False) if kind == "c"]
        if "c" in kinds and not _categories_are_named(booster):
            raise ExplainError(
                f"The model file '{name}' holds categories by number only. Train and save it with XGBoost 3.1 or "
                "later, which keeps their names."
            )
        # early stopping: XGBoost's scikit-learn classes score with the rounds up to the best one
        best = booster.attr("best_iteration")
        self._rounds = booster.num_boosted_rounds() if best is None else int(best) + 1

    def number(self, rows: Any) -> Floats:
        """Return (n,) what the model gives out."""
        found = self._booster.predict(self._matrix(rows), iteration_range=(0, self._rounds))
        return np.asarray(found, dtype=np.float64).reshape(len(rows))

    def parts(self, rows: Any) -> tuple[Floats, float, Floats]:
        """Return SHAP values, their base and the raw margin, summed over slices of rounds.

        XGBoost sums in float32. Only the first slice has the base score; `base_margin` replaces it in the others.
        """
        first, others = self._matrix(rows), self._matrix(rows, base_margin=np.zeros(len(rows)))
        values, margin = np.zeros((len(rows), first.num_col() + 1)), np.zeros(len(rows))
        for start in range(0, self._rounds, SLICE):
            rounds = self._booster[start : min(start + SLICE, self._rounds)]
            matrix = others if start else first
            values += rounds.predict(matrix, pred_contribs=True)
            margin += rounds.predict(matrix, output_margin=True)
        return values[:, :-1], float(values[0, -1]), margin  # the base is the same for all rows

    def _matrix(self, rows: Any, **options: Any) -> Any:
        """Return the rows as XGBoost takes them."""
        if hasattr(rows, "columns"):
            text = [column for column in rows.columns if rows[column].dtype == object]
            if text != self._categories:
                raise ExplainError(
                    f"The model was trained on the categories {self._categories}, the model file declares {text}. "
                    "Declare a column as `category` where the model has one, and only there."
                )
            rows = rows.astype(dict.fromkeys(text, "category"))
        elif rows.dtype == object:
            raise ExplainError("The model file has no feature names: it takes numbers only. Save it with names.")
        return self._xgboost.DMatrix(rows, enable_categorical=bool(self._categories), nthread=1, **options)


def _categories_are_named(booster: Any) -> bool:
    """Whether every category column has its values in the file, as text."""
    try:
        found = dict(booster.get_categories(export_to_arrow=True).to_arrow())
    except Exception:  # noqa: BLE001  (a file of before 3.1, or a library that does not know them)
        return False
    kinds = zip(booster.feature_names or [], booster.feature_types, strict=False)
    return all(found.get(name) is not None for name, kind in kinds if kind == "c")
