"""What a quality metric gets and gives: the labelled rows as arrays; a value with its interval, or a reason."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audit_pipeline.config.model import Costs, ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.read import Floats
from audit_pipeline.small_cells import in_words

SEED = 20260101  # of every simulated interval: part of the method, recorded in `Performance.seed`


@dataclass(frozen=True)
class Rows:
    """The labelled rows, in an order that depends on their values only; NaN is missing."""

    label: Floats  # (n,) never NaN
    score: Floats  # (n,) NaN throughout when the model has no such column
    prediction: Floats  # (n,)
    costs: Costs | None = None  # of a decision, as the model file says
    low: Floats | None = None  # (n,) ends of the prediction intervals, where they are logged
    high: Floats | None = None

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.label.size)

    def where(self, keep: np.ndarray) -> "Rows":
        """Return the rows of the boolean mask `keep`."""
        arrays = ("label", "score", "prediction", "low", "high")
        kept = {name: column[keep] for name in arrays if (column := getattr(self, name)) is not None}
        return replace(self, **kept)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class Metric:
    """One quality metric; `measure` raises MetricError with the reason when it has no value."""

    name: str
    measure: Callable[[Any], Estimate]  # of Rows, or of ClassRows
    sliced: bool = False  # also per model version
    fits: Callable[[ModelConfig], bool] = lambda model: True  # whether the model file gives what it needs


def refuse(rows: int, what: str) -> None:
    """Raise MetricError("<rows> of the labelled rows <what>") unless `rows` is 0."""
    if rows:
        raise MetricError(f"{in_words(rows)} labelled rows {what}")
