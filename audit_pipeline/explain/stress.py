"""Does the model's output hold when a value is missing, moves a little, or rises where its owner says it must not fall?

Asked of a seeded part of the sample, with all else of a row unchanged:

- missing: each feature in turn has no value in any row. What the model raises then is told, and no fault of the night;
- noise: each number moves by a twentieth of its standard deviation, and then all of them together; whole numbers are
  rounded, so that a flag stays what it is;
- monotonicity: each declared feature goes through its own quantiles, row by row (individual conditional expectations).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.blocks import Score, Variant, scores
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import Stress, StressTest

if TYPE_CHECKING:
    import pandas as pd

ROWS = 300  # that are put under stress, at most
NOISE = 0.05  # standard deviations
STEPS = 11  # quantiles a declared feature goes through
ROUNDING = 1e-9  # of the largest output: a fall this small is none


def stress(
    score: Score,
    frame: "pd.DataFrame",
    *,
    deviations: Mapping[str, float],
    threshold: float | None,
    monotone: Mapping[str, str],
    over: str,
    seed: int,
) -> Stress:
    """Return what the output of a sample does under stress.

    Args:
        score: the model's output, (m,) for m raw rows.
        frame: (n, features) raw rows, in training types; n >= 1.
        deviations: column -> standard deviation by which its noise is measured.
        threshold: from which a binary model decides yes; None where nothing is decided.
        monotone: column -> increasing or decreasing, as the owner declares.
        over: whose standard deviations they are: reference or night.
        seed: of the rows and the noise.
    """
    rng = np.random.default_rng(seed)
    rows = frame.iloc[np.sort(rng.permutation(len(frame))[:ROWS])].reset_index(drop=True)
    moved = _moved(rows, deviations, rng)
    together: list[Variant] = [moved] if len(moved) > 1 else []
    as_it_is, *noisy = scores(score, rows, [{}, *({name: column} for name, column in moved.items()), *together])
    under = _Under(score, rows, as_it_is, threshold)
    noise = [under.test("noise", name, out) for name, out in zip([*moved, None], noisy, strict=False)]
    tests = (*under.missing(), *noise, *under.monotone(monotone))
    return Stress(tests=tests, n=len(rows), noise=NOISE, over=over, seed=seed)


class _Under:
    """Some rows, and what the model says of them as they are."""

    def __init__(self, score: Score, rows: "pd.DataFrame", before: Floats, threshold: float | None) -> None:
        self._score, self._rows, self._before, self._threshold = score, rows, before, threshold

    def missing(self) -> list[StressTest]:
        """Take away each feature in turn: all in one call, and one by one where the model raises."""
        names = [str(name) for name in self._rows.columns]
        variants = [{name: _none(self._rows[name].to_numpy())} for name in names]
        try:
            return [self.test("missing", name, out) for name, out in zip(names, self._asked(variants), strict=True)]
        except ExplainError:
            return [self._missing_one(name, variant) for name, variant in zip(names, variants, strict=True)]

    def _missing_one(self, name: str, variant: Variant) -> StressTest:
        try:
            return self.test("missing", name, self._asked([variant])[0])
        except ExplainError as error:
            return StressTest("missing", name, None, None, None, f"Without a value the model {_what(error)}.")

    def monotone(self, declared: Mapping[str, str]) -> list[StressTest]:
        """Walk each declared feature through its quantiles."""
        return [self._monotone_one(name, direction) for name, direction in declared.items()]

    def _monotone_one(self, name: str, direction: str) -> StressTest:
        if name not in self._rows:
            return StressTest(direction, name, None, None, None, "It is no input of the model.")
        column = self._rows[name].to_numpy()
        seen = column[np.isfinite(column.astype(np.float64))]
        levels = np.unique(np.quantile(seen, np.linspace(0, 1, STEPS), method="inverted_cdf")) if seen.size else seen
        if levels.size < 2:
            return StressTest(direction, name, None, None, None, "It has fewer than two values in the sample.")
        try:
            out = self._asked([{name: np.full(len(column), level, dtype=column.dtype)} for level in levels])
        except ExplainError as error:
            return StressTest(direction, name, None, None, None, f"The model {_what(error)}.")
        return self._broken(name, direction, out)

    def _broken(self, name: str, direction: str, out: Floats) -> StressTest:
        """Return how many rows' outputs fall anywhere on the way up, and how far."""
        rising = out if direction == "increasing" else -out
        falls = (np.maximum.accumulate(rising, axis=0) - rising).max(axis=0)
        falls = np.where(falls > ROUNDING * (float(np.abs(out).max()) or 1.0), falls, 0.0)
        return StressTest(direction, name, float((falls > 0).mean()), float(falls.mean()), float(falls.max()))

    def _asked(self, variants: Sequence[Variant]) -> Floats:
        """Return (variants, n) outputs.

        Raises:
            ExplainError: the model raises, or gives a row no number.
        """
        with guarded("Asking it", advice=""):
            out = scores(self._score, self._rows, variants)
        if not np.isfinite(out).all():
            raise ExplainError("gives some rows no number")
        return out

    def test(self, test: str, name: str | None, out: Floats) -> StressTest:
        """Hold outputs against those before."""
        if not np.isfinite(out).all():
            return StressTest(test, name, None, None, None, "The model gives some rows no number.")
        change = np.abs(out - self._before)
        share = None
        if self._threshold is not None:
            flips = (out >= self._threshold) != (self._before >= self._threshold)
            share = float(flips.mean())
        return StressTest(test, name, share, float(change.mean()), float(change.max()))


def _what(error: ExplainError) -> str:
    """Say what a model did, as the end of a sentence."""
    cause = error.__cause__
    return f"raises {type(cause).__name__}" if cause else str(error)


def _none(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column of the same length without a value."""
    if column.dtype.kind == "M":
        return np.full(column.shape, np.datetime64("NaT"), dtype=column.dtype)
    return np.full(column.shape, np.nan, dtype=object if column.dtype == object else np.float64)


def _moved(rows: "pd.DataFrame", deviations: Mapping[str, float], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Return the numeric columns with noise; whole numbers are rounded, flags and constants left out."""
    found = {}
    for name in rows.columns:
        column, deviation = rows[name].to_numpy(), deviations.get(str(name), 0.0)
        if column.dtype.kind not in "if" or not np.isfinite(deviation) or deviation == 0:
            continue
        moved = column + NOISE * deviation * rng.standard_normal(len(column))
        whole = bool((np.rint(column) == column)[np.isfinite(column)].all())  # a flag with a missing value is a float
        moved = np.rint(moved).astype(column.dtype) if whole else moved
        if not np.array_equal(moved, column, equal_nan=True):
            found[str(name)] = moved
    return found
