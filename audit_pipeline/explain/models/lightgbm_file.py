"""A booster of LightGBM in its text format. The only door to LightGBM.

Categories of a pandas frame stand by name at the end of the file, without the columns they belong to: these are the
columns that the model file declares as `category`, in order. Integer codes are numbers and are passed as such.
"""

import re
from typing import Any

import numpy as np

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.explain.models.foreign import Numbers, Probabilities, Trees, extra, one_class_too_many

LOG_ODDS = ("binary", "cross_entropy")
LOG_LINK = {
    "poisson": "log of the expected count",
    "gamma": "log of the expected value",
    "tweedie": "log of the expected value",
}


def read(data: bytes, name: str) -> Numbers:
    """Return the model; the probability of the second class where the objective is binary.

    Raises:
        ExplainError: it tells more than two classes apart.
    """
    with extra("lightgbm"):
        import lightgbm

    text = data.decode("utf-8")
    if not text.startswith("tree\n"):  # LightGBM itself ends the process on some other texts
        raise ExplainError(f"The model file '{name}' is no LightGBM model in text. Write it with `Booster.save_model`.")
    booster = lightgbm.Booster(params={"verbosity": -1, "num_threads": 1}, model_str=text)
    if booster.num_model_per_iteration() > 1:
        raise one_class_too_many(booster.num_model_per_iteration())
    found = re.search(r"^objective=(\S+)(.*)$", text, flags=re.MULTILINE)
    objective, options = (found[1], found[2]) if found else ("none", "")
    names = tuple(booster.feature_name())
    asked = _Booster(booster)
    kind = Probabilities if objective in LOG_ODDS else Numbers
    return kind(
        asked.number,
        # its own names for columns that had none
        names=None if all(re.fullmatch(r"Column_\d+", name) for name in names) else names,
        width=booster.num_feature(),
        trees=Trees("TreeSHAP of LightGBM (path-dependent)", _unit(objective, options), asked.parts),
    )


def _unit(objective: str, options: str) -> str:
    """Return in what the raw scores are."""
    if objective in LOG_ODDS:
        scale = re.search(r"sigmoid:(\S+)", options)
        return "log-odds" if scale is None or float(scale[1]) == 1 else "margin"
    if "sqrt" in options or objective == "none":
        return "margin"
    return LOG_LINK.get(objective, "prediction")


class _Booster:
    """Rows in its types."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self._categories = len(booster.pandas_categorical or [])

    def number(self, rows: Any) -> Floats:
        """Return (n,) what the model gives out."""
        return np.asarray(self._booster.predict(self._typed(rows), num_threads=1), dtype=np.float64)

    def parts(self, rows: Any) -> tuple[Floats, float, Floats]:
        """Return SHAP values, their base and the raw score."""
        typed = self._typed(rows)
        values = np.asarray(self._booster.predict(typed, pred_contrib=True, num_threads=1), dtype=np.float64)
        margin = self._booster.predict(typed, raw_score=True, num_threads=1)
        return values[:, :-1], float(values[0, -1]), np.asarray(margin, dtype=np.float64)

    def _typed(self, rows: Any) -> Any:
        """Return the rows as LightGBM takes them."""
        if not hasattr(rows, "columns"):
            if rows.dtype == object:
                raise ExplainError("The model file has no feature names: it takes numbers only. Save it with names.")
            return rows
        text = [column for column in rows.columns if rows[column].dtype == object]
        if len(text) != self._categories:
            raise ExplainError(
                f"The model was trained on {self._categories} columns of categories, the model file declares "
                f"{len(text)} of its inputs as `category`. Declare those, and only those."
            )
        return rows.astype(dict.fromkeys(text, "category"))
