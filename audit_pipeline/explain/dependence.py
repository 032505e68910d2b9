"""How does the model's output depend on one feature? PDP with its ICE band, ALE, and SHAP values along the feature.

Sources: Friedman, "Greedy function approximation" (2001) for partial dependence; Goldstein et al., "Peeking inside the
black box" (2015) for centred ICE; Apley and Zhu, "Visualizing the effects of predictor variables in black box
supervised learning models" (2020) for accumulated local effects.

PDP sets the feature to a value in all rows, combinations that nobody has included; ALE only moves each row to the two
points next to it. Where the two part, features go together. One row's line is its person's data: of the lines only
the quantiles are told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.grid import Grid, grid_of
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats, Predictor, table
from audit_pipeline.records import Dependence, DependencePoint

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_000  # at most; ALE asks for twice as many predictions per feature
LINES = 200  # rows with an ICE line; PDP asks for POINTS times as many predictions per feature
BAND = (0.1, 0.5, 0.9)  # quantiles of the lines
ADVICE = "There is no dependence on it; the reason is not shown, it may hold values."


@dataclass(frozen=True, slots=True)
class _Question:
    """Which rows the model is asked about with one feature moved, and where to."""

    feature: str
    grid: Grid
    lines: int
    moved: NDArray[np.intp]  # rows that ALE moves, to the point below and to the one above
    upper: NDArray[np.intp]  # index of the point above

    @property
    def rows(self) -> NDArray[np.intp]:
        """Positions of the rows: each line at every point, then the moved ones twice."""
        return np.concatenate([np.tile(np.arange(self.lines), len(self.grid.values)), self.moved, self.moved])

    @property
    def values(self) -> NDArray[Any]:
        """What the feature is set to."""
        along = np.repeat(np.arange(len(self.grid.values)), self.lines)
        return np.take(self.grid.values, np.concatenate([along, self.upper - 1, self.upper]))


def dependences(
    model: Predictor, frame: "pd.DataFrame", values: Floats, features: Sequence[str], *, seed: int
) -> tuple[Dependence, ...]:
    """Return how the output depends on each of `features`; one that has no answer says why and the others stand.

    Args:
        model: the loaded model.
        frame: (n, columns) the explained rows as the model was trained, n >= 50.
        values: (n, columns) their SHAP values.
        features: columns of `frame`.
        seed: of the rows that are asked, where they are more than `ROWS` or `LINES`.
    """
    picked = np.random.default_rng(seed).permutation(len(frame))[:ROWS]  # shuffled: the first LINES are a sample
    rows, shap = frame.iloc[picked].reset_index(drop=True), values[picked]
    unit, lines = "probability" if model.gives_probability else "prediction", min(LINES, len(rows))
    questions, none = {}, {}
    for feature in features:
        try:
            with guarded("Looking for the feature's points", advice=ADVICE):
                questions[feature] = _question(feature, grid_of(rows[feature]), lines)
        except ExplainError as error:
            none[feature] = str(error)
    points = {}
    for question, answer in _asked(model, rows, list(questions.values())):
        if isinstance(answer, str):
            none[question.feature] = answer
        else:
            points[question.feature] = _points(question, answer, shap[:, frame.columns.get_loc(question.feature)])
    return tuple(
        Dependence(feature, unit, len(rows), lines, points.get(feature, ()), none.get(feature)) for feature in features
    )


def _question(feature: str, grid: Grid, lines: int) -> _Question:
    """Return what to ask about one feature; categories have no order, and so no step to the next."""
    moved = np.flatnonzero(grid.point >= 0) if grid.ordered else np.empty(0, dtype=np.intp)
    upper = np.maximum(grid.point[moved], 1)  # the rows of the first point are moved as those of the second
    return _Question(feature, grid, lines, moved, upper)


def _asked(
    model: Predictor, rows: "pd.DataFrame", questions: Sequence[_Question]
) -> Iterator[tuple[_Question, Floats | str]]:
    """Yield the model's output on the rows of each question, or why there is none.

    All are asked in one call, since a pipeline costs more per call than per thousand rows; if that fails, each alone.
    """
    if not questions:
        return
    try:
        with guarded("Asking the model along the feature", advice=ADVICE):
            output = model.score(_moved(rows, questions))
    except ExplainError as error:
        if len(questions) == 1:
            yield questions[0], str(error)
        else:
            for question in questions:
                yield from _asked(model, rows, [question])
        return
    ends = np.cumsum([len(question.rows) for question in questions])[:-1]
    for question, part in zip(questions, np.split(output, ends), strict=True):
        finite = bool(np.isfinite(part).all())
        yield question, part if finite else "The model gives some rows no number where the feature is moved."


def _moved(rows: "pd.DataFrame", questions: Sequence[_Question]) -> "pd.DataFrame":
    """Return the rows of all questions, with the feature of each moved."""
    who = np.concatenate([question.rows for question in questions])
    columns = {name: rows[name].to_numpy()[who] for name in rows.columns}
    first = 0
    for question in questions:
        values = question.values
        columns[question.feature][first : first + len(values)] = values
        first += len(values)
    return table(columns)


def _points(question: _Question, output: Floats, shap: Floats) -> tuple[DependencePoint, ...]:
    """Turn what the model said into what is told."""
    grid, count = question.grid, len(question.grid.values)
    ice = output[: question.lines * count].reshape(count, question.lines).T
    low, high = np.split(output[question.lines * count :], 2)
    ale = accumulated(high - low, question.upper, count) if grid.ordered else None
    pdp, band = ice.mean(axis=0), np.quantile(ice - ice.mean(axis=1, keepdims=True), BAND, axis=0)
    along = [np.quantile(shap[grid.point == k], (BAND[0], BAND[-1])) for k in range(count)]
    return tuple(
        DependencePoint(
            value=float(grid.values[k]) if grid.ordered else None,
            category=None if grid.ordered else str(grid.values[k]),
            n=rows,
            pdp=float(pdp[k]),
            ice_lo=float(band[0, k]),
            ice_mid=float(band[1, k]),
            ice_hi=float(band[2, k]),
            ale=None if ale is None else float(ale[k]),
            shap=float(shap[grid.point == k].mean()),
            shap_lo=float(along[k][0]),
            shap_hi=float(along[k][1]),
        )
        for k, rows in enumerate(grid.rows)
    )


def accumulated(effects: Floats, upper: NDArray[np.intp], points: int) -> Floats:
    """Return (points,) accumulated local effects, centred so that the rows' mean is 0.

    Args:
        effects: (n,) output at the point above a row less that at the point below it.
        upper: (n,) index of the point above.
        points: how many there are, at least 2; each but the first is above some row.
    """
    counts = np.bincount(upper, minlength=points)[1:]
    local = np.bincount(upper, weights=effects, minlength=points)[1:] / counts
    summed = np.concatenate([[0.0], np.cumsum(local)])
    return summed - float(np.average((summed[:-1] + summed[1:]) / 2, weights=counts))
