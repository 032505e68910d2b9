"""The drawn rows of night and reference that have a label, as what tells about concept drift needs them.

A multiclass model is asked whether its prediction came true: the outcome is that, the score the probability it gave to
the predicted class (Guo et al. 2017, *On calibration of modern neural networks*: confidence).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.additive import LEVELS, Codes, cut
from audit_pipeline.metrics.binary import labels_of, probability
from audit_pipeline.metrics.domain import Told
from audit_pipeline.metrics.labelled import LABEL, joined, reference_part
from audit_pipeline.metrics.multiclass import ClassRows, class_losses
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Floats, Table, connect
from audit_pipeline.metrics.regression import errors_of

BINS = 20  # of the score, which the outcome depends on most
Value = TypeVar("Value", bound=np.generic)
LOSS = {"binary": "brier", "multiclass": "brier", "regression": "absolute_error"}


@dataclass(frozen=True)
class Drawn:
    """The labelled rows of the sample, those of the night first."""

    night: Floats  # (n,) 1.0 of the night, 0.0 of the reference
    chance: Floats  # (n,) that the row is the night's, by a classifier that never saw it
    fold: Codes  # (n,)
    outcome: Floats  # (n,)
    score: Floats  # (n,) what the model gave out
    loss: Floats  # (n,)
    names: tuple[str, ...]  # of the features, the model's output last
    features: tuple[Codes, ...]  # (n,) each


Part = tuple[Floats, Floats, Floats]  # outcome, score, loss


def drawn_rows(
    told: Told,
    current: Path,
    labels: Path,
    reference: Sequence[Path],
    model: ModelConfig,
    *,
    threads: int,
    memory: str,
) -> Drawn:
    """Read the labels and outputs of the rows the domain classifier drew.

    Raises:
        MetricError: a side has no labels, or a labelled row lacks what the loss needs.
    """
    with connect(threads=threads, memory=memory) as con:
        mine, theirs = told.places
        night = joined(Table(con, [current]), Table(con, [labels]), model, places=mine[0].tolist())
        files = [Table(con, [file]) for file in reference]
        if any(LABEL not in file.types for file in files):
            raise MetricError("the reference has no labels")
        before = [reference_part(file, model, here.tolist()) for file, here in zip(files, theirs, strict=True)]
        read = [side.drawn() for side in (night, *before)]
    parts = [_numbers(rows, model) for _, rows in read]
    chosen = _positions([places for places, _ in read], (*mine, *theirs))
    outcome, score, loss = (np.concatenate([part[i] for part in parts]) for i in range(3))
    features = [_coded(told.features[name][chosen], named=name in told.named) for name in told.features]
    return Drawn(
        told.night[chosen],
        told.chance[chosen],
        told.fold[chosen],
        outcome,
        score,
        loss,
        (*told.features, model.output),
        (*features, cut(score, bins=BINS)),
    )


def _positions(found: Sequence[Codes], drawn: Sequence[Codes]) -> Codes:
    """Return where in the sample the found rows stand; both are ascending within a file."""
    starts = np.cumsum([0, *(places.size for places in drawn)])
    pairs = zip(found, drawn, starts, strict=False)
    return np.concatenate([start + np.searchsorted(places, here) for here, places, start in pairs])


def _numbers(rows: Rows | ClassRows, model: ModelConfig) -> Part:
    """Return outcome, score and loss of the labelled rows."""
    if isinstance(rows, ClassRows):
        return _confidence(rows)
    if model.task == "binary":
        score = probability(rows)
        return labels_of(rows), score, np.square(score - rows.label)
    return rows.label, rows.prediction, np.abs(errors_of(rows))


def _confidence(rows: ClassRows) -> Part:
    """Whether the class of the largest probability came true, that probability, and the Brier score of all."""
    if not rows.declared:
        raise MetricError("the model file names no probabilities of the classes")
    loss = class_losses(rows)
    best = rows.probability.argmax(axis=1)
    return (best == rows.label).astype(np.float64), rows.probability.max(axis=1), loss


def _coded(values: Floats, *, named: bool) -> Codes:
    """Return a feature as codes: 0 for missing, then deciles or levels."""
    if not named:
        return cut(values)
    return np.where(np.isnan(values), 0, 1 + np.minimum(np.nan_to_num(values), LEVELS)).astype(np.int64)


def by_side(rows: Drawn, values: npt.NDArray[Value]) -> tuple[npt.NDArray[Value], npt.NDArray[Value]]:
    """Return the values of the (night, reference)."""
    return values[rows.night == 1], values[rows.night == 0]


def need_enough(rows: Drawn, model: ModelConfig) -> None:
    """Refuse what cannot be asked.

    Raises:
        MetricError: too few labels or only one outcome on a side, values too large to square, or no feature with
            values on both.
    """
    least = model.policy.performance.min_labels
    sides = zip(("the night", "the reference"), by_side(rows, rows.outcome), strict=True)
    for name, outcome in sides:
        if outcome.size < least:
            raise MetricError(
                f"{outcome.size:,} of the drawn rows of {name} have a label, "
                f"fewer than the {least:,} the policy asks for"
            )
        if outcome.min() == outcome.max():
            raise MetricError(f"all outcomes of {name} are equal")
    with np.errstate(over="ignore"):
        sizes = [float(np.square(values).sum()) for values in (rows.outcome, rows.score, rows.loss)]
    if not all(map(math.isfinite, sizes)):
        raise MetricError("the values are too large: their squares are no finite numbers")
    if not any(all(side.any() for side in by_side(rows, codes != 0)) for codes in rows.features[:-1]):
        raise MetricError("no feature has values in the night and in the reference")
