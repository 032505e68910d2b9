"""A model of another library, asked as scikit-learn's own are: names of its inputs, `predict`, `predict_proba`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats

Number = Callable[[Any], Floats]  # (n, features) rows, a frame or an array -> (n,)


@dataclass(frozen=True, slots=True)
class Trees:
    """What a library of boosted trees says of its own sum: exact path-dependent SHAP values, and what they add up to.

    `shap.TreeExplainer` hands these models back to their library; asked directly, SHAP need not be imported.
    """

    method: str
    unit: str
    parts: Callable[[Any], tuple[Floats, float, Floats]]  # rows -> (n, features) SHAP values, base, (n,) own margin


class Numbers:
    """A model that gives one number per row."""

    def __init__(
        self,
        number: Number,
        *,
        names: tuple[str, ...] | None,
        width: int | None,
        classes: int | None = None,
        trees: Trees | None = None,
    ) -> None:
        """`names` and `width` (how many) are those of the inputs, `classes` how many it tells apart."""
        self._number, self.trees = number, trees
        if names is not None:
            self.feature_names_in_ = names
        if width is not None:
            self.n_features_in_ = width
        if classes is not None:
            self.classes_: tuple[int, ...] = tuple(range(classes))

    def predict(self, rows: Any) -> Floats:
        """Return (n,) its number."""
        return self._number(rows)


class Probabilities(Numbers):
    """A model whose number is the probability of the second of two classes."""

    classes_ = (0, 1)

    def predict_proba(self, rows: Any) -> Floats:
        """Return (n, 2) probabilities."""
        second = self._number(rows)
        return np.column_stack([1 - second, second])


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what an extra of this package brings.

    Raises:
        ExplainError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExplainError(
            f"The model needs '{error.name}', which is not installed. Install the extra: "
            f'`pip install "audit-pipeline[{name}]"`.'
        ) from error


def one_class_too_many(classes: int) -> ExplainError:
    """Return the refusal of a model that gives several numbers per row."""
    return ExplainError(f"The model tells {classes} classes apart; a binary model has 2. Correct `task` or `artefact`.")
