"""What a quality metric gets and gives: the labelled rows as arrays; a value with its interval, or a reason."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.read import Floats


@dataclass(frozen=True)
class Rows:
    """The labelled rows, in an order that depends on their values only; NaN is missing."""

    label: Floats  # (n,) never NaN
    score: Floats  # (n,) NaN throughout when the model has no such column
    prediction: Floats  # (n,)

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.label.size)

    def where(self, keep: np.ndarray) -> "Rows":
        """Return the rows of the boolean mask `keep`."""
        return Rows(self.label[keep], self.score[keep], self.prediction[keep])


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
    measure: Callable[[Rows], Estimate]
    sliced: bool = False  # also per model version


def refuse(rows: int, what: str) -> None:
    """Raise MetricError("<rows> of the labelled rows <what>") unless `rows` is 0."""
    if rows:
        raise MetricError(f"{rows:,} labelled row{'s' if rows != 1 else ''} {what}")
