"""What is measured of a group, one line each: a share or a mean from its counts, or the reason why not."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.cells import Cell
from audit_pipeline.metrics.pairs import Sample
from audit_pipeline.small_cells import in_words


@dataclass(frozen=True)
class GroupKind:
    """One number of a group; `measure` raises MetricError when the rows do not allow it."""

    name: str
    measure: Callable[[Cell, int], Sample | None]  # counts, favourable decision; None: no row stands behind it
    labelled: bool = True  # whether it needs labels
    tests: int = 1  # numbers that a difference of the whole attribute is taken over: they share its error


def _selection(cell: Cell, favourable: int) -> Sample | None:
    """Share of the rows with the favourable decision."""
    _decided(cell)
    return _share(cell.yes if favourable == 1 else cell.n - cell.yes, cell.n)


def _tpr(cell: Cell, _: int) -> Sample | None:
    """Share of the positives that were found."""
    _right(cell)
    return _share(cell.tp, cell.tp + cell.fn)


def _fpr(cell: Cell, _: int) -> Sample | None:
    """Share of the negatives that were decided 1."""
    _right(cell)
    return _share(cell.fp, cell.fp + cell.tn)


def _ppv(cell: Cell, _: int) -> Sample | None:
    """Share of the decisions 1 that were right."""
    _right(cell)
    return _share(cell.tp, cell.tp + cell.fp)


def _accuracy(cell: Cell, _: int) -> Sample | None:
    """Share of the decisions that were right."""
    _right(cell)
    return _share(cell.tp + cell.tn, cell.labelled)


def _calibration_gap(cell: Cell, _: int) -> Sample | None:
    """Mean score minus observed rate: above 0 the model promises too much for this group."""
    _measured(cell, "without a score between 0 and 1")
    return _mean(cell.error, cell)


def _bias(cell: Cell, _: int) -> Sample | None:
    """Mean error: above 0 the model predicts too high for this group."""
    _measured(cell, "without a finite prediction")
    return _mean(cell.error, cell)


def _mae(cell: Cell, _: int) -> Sample | None:
    """Mean absolute error."""
    _measured(cell, "without a finite prediction")
    return _mean(cell.absolute, cell)


GROUP_BINARY: tuple[GroupKind, ...] = (
    GroupKind("selection_rate", _selection, labelled=False),
    GroupKind("tpr", _tpr, tests=2),
    GroupKind("fpr", _fpr, tests=2),
    GroupKind("ppv", _ppv),
    GroupKind("accuracy", _accuracy),
    GroupKind("calibration_gap", _calibration_gap),
)
GROUP_REGRESSION: tuple[GroupKind, ...] = (GroupKind("bias", _bias), GroupKind("mae", _mae))


def _share(hits: int, n: int) -> Sample | None:
    return Sample(hits / n, n) if n else None


def _mean(total: float, cell: Cell) -> Sample | None:
    """Mean of errors or absolute errors (their squares are the same) with its standard error."""
    n = cell.measured
    if n < 2:
        return None
    mean = total / n
    return Sample(mean, n, error=math.sqrt(max(0.0, cell.square / n - mean * mean) / (n - 1)))


def _refuse(rows: int, what: str) -> None:
    if rows:
        raise MetricError(f"{in_words(rows)} rows {what}")


def _decided(cell: Cell) -> None:
    _refuse(cell.undecided, "without a decision of 0 or 1")


def _right(cell: Cell) -> None:
    """Decisions and labels are 0 or 1 throughout."""
    _decided(cell)
    _refuse(cell.mislabelled, "with a label other than 0 and 1")


def _measured(cell: Cell, what: str) -> None:
    """Every labelled row has an error."""
    _refuse(cell.mislabelled, "with a label that cannot be used")
    _refuse(cell.labelled - cell.measured, what)
