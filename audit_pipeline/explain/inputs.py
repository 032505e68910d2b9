"""What does the model get to see? The sample's rows, in the columns and types the model was trained on.

numbers are float64 with NaN, integers int64 (float64 when one is missing), booleans bool (float64 when one is
missing), categories text with NaN for a missing one, which is how scikit-learn's encoders know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.small_cells import of_in_words

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
SHOWN = 5  # columns that an error names


@dataclass(frozen=True, slots=True)
class Predictor:
    """A loaded model and how it wants its rows."""

    estimator: Any
    columns: tuple[str, ...]  # raw inputs, in the order of training
    named: bool  # trained on a DataFrame: else on an array
    task: str  # binary or regression
    budget: Budget | None = None  # of time, for all that it is asked

    @property
    def gives_probability(self) -> bool:
        """Whether its number is the probability of the second class."""
        return self.task == "binary" and hasattr(self.estimator, "predict_proba")

    @property
    def comparable(self) -> bool:
        """Whether its number is what the log holds: not for a classifier that only names the class."""
        return self.gives_probability or not hasattr(self.estimator, "classes_")

    def rows(self, frame: "pd.DataFrame") -> Any:
        """Return `frame` as the model was trained: itself, or an array of float64 (object with categories)."""
        if self.named:
            return frame
        text = any(frame[column].dtype == object for column in frame)
        return frame.to_numpy(dtype=object if text else np.float64)

    def score(self, frame: "pd.DataFrame") -> Floats:
        """Return (n,) the number the model would log: P(second class) of a binary model, else its prediction.

        Raises:
            ExplainError: the budget of time is over; other classes as the model raises them.
        """
        if self.budget is not None:
            self.budget.check()
        if self.gives_probability:
            return np.asarray(self.estimator.predict_proba(self.rows(frame)), dtype=np.float64)[:, 1]
        return np.asarray(self.estimator.predict(self.rows(frame)), dtype=np.float64).reshape(len(frame))


def predictor(
    estimator: Any, *, features: tuple[str, ...], known: Mapping[str, str], task: str, budget: Budget | None = None
) -> Predictor:
    """Return the model with its raw columns: those it names itself, else all features of the model file.

    Args:
        estimator: a loaded model.
        features: feature columns of the model file, in order.
        known: every column of the model file, with its type.
        task: binary or regression.
        budget: of time.

    Raises:
        ExplainError: the model needs a column the log does not declare, another number of features, or does
            not tell two classes apart.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        columns = tuple(str(name) for name in names)
        lacking = [column for column in columns if column not in known]
        if lacking:
            more = f" and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
            raise ExplainError(
                f"The model was trained on columns that the log lacks: {', '.join(lacking[:SHOWN])}{more}. "
                "Log them and declare them in `columns` of the model file."
            )
    else:
        columns = features
        width = getattr(estimator, "n_features_in_", len(features))
        if width != len(features):
            raise ExplainError(
                f"The model was trained on {width} unnamed features, the model file declares {len(features)}. "
                "Declare the same features in the order of training."
            )
    classes = getattr(estimator, "classes_", None)
    if task == "binary" and classes is not None and len(classes) != 2:
        raise ExplainError(
            f"The model tells {len(classes)} classes apart; a binary model has 2. Correct `task` or `artefact`."
        )
    return Predictor(estimator=estimator, columns=columns, named=names is not None, task=task, budget=budget)


def as_trained(sample: "pd.DataFrame", columns: tuple[str, ...], types: Mapping[str, str]) -> "pd.DataFrame":
    """Return `columns` of `sample` in the types a model is trained on.

    Args:
        sample: rows of a snapshot.
        columns: raw inputs of the model, in order.
        types: column -> type as the model file declares it.
    """
    return table({column: _typed(sample[column], types[column]) for column in columns})


def finite(frame: "pd.DataFrame") -> NDArray[np.bool_]:
    """Return (n,) whether a row holds no infinite number, which no model takes."""
    numbers = frame.select_dtypes("float").to_numpy(dtype=np.float64)
    return np.asarray(~np.isinf(numbers).any(axis=1), dtype=np.bool_)


def usable(frame: "pd.DataFrame", logged: Floats, *, output: str, fewest: int, what: str) -> NDArray[np.bool_]:
    """Return (n,) whether a sampled row can be used: it has a logged output and no infinite number.

    Raises:
        ExplainError: fewer than `fewest` rows have, which `what` needs.
    """
    found = np.asarray(np.isfinite(logged) & finite(frame), dtype=np.bool_)
    if (count := int(found.sum())) < fewest:
        raise ExplainError(
            f"{of_in_words(count, len(found))} sampled rows have a logged {output} and no infinite feature; {what} "
            f"needs {fewest}."
        )
    return found


def table(columns: Mapping[str, NDArray[Any]]) -> "pd.DataFrame":
    """Return a frame whose columns keep their dtype: pandas 3 would read object as `str`, with its own missing."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def _typed(column: "pd.Series[Any]", kind: str) -> NDArray[Any]:
    """Return (n,) one column in its training type."""
    missing = column.isna().to_numpy(dtype=bool)
    if kind in ("date", "timestamp"):
        return np.asarray(column.to_numpy(dtype="datetime64[us]"))
    if kind == "category":
        text = column.astype(object).to_numpy(dtype=object, copy=True)
        text[missing] = np.nan
        return np.asarray(text, dtype=object)
    exact = {"integer": np.int64, "boolean": np.bool_}.get(kind)
    if exact is not None and not missing.any():
        return column.to_numpy(dtype=exact)
    return column.astype(object).where(~missing, np.nan).to_numpy(dtype=np.float64)
