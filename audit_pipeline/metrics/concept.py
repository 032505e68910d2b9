"""Did the inputs move, or what follows from them, or both? What a fall of performance is due to.

Five tests, adjusted by Holm over the night; each also needs a size that matters, in standard deviations:

- `inputs` (covariate): the AUC of the domain classifier; its size d makes two normal distributions d standard
  deviations apart overlap as much (AUC = Phi(d / sqrt 2)).
- `loss`, `calibration`, `slope`, `structure` (concept): whether the loss, the mean outcome, its slope over the score,
  or the outcome in some region moved though the inputs are the same (`shift`): the first three are known directions,
  the last one is looked for.

A move is `concept` as soon as one test finds it. That there is none takes all of them. Beside the tests stands the
difference in loss, parted into what other inputs and what another relation bring, and the standardised mean residual
of the night, for charts over nights: detectors that run over rows take errors that cluster by day for a drift.
docs/decisions/0011 says what was weighed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics import shift
from audit_pipeline.metrics.additive import cross_fitted
from audit_pipeline.metrics.adjust import holm
from audit_pipeline.metrics.concept_rows import LOSS, Drawn, by_side, drawn_rows, need_enough
from audit_pipeline.metrics.domain import FOLDS, Told
from audit_pipeline.metrics.estimate import calibrated
from audit_pipeline.metrics.interval import Z, around, of_mean
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import Concept, ConceptNumber, DomainScore

INPUTS = "inputs"  # the one test that asks about covariates
CONCEPT = ("loss", "calibration", "slope", "structure")
NONE, COVARIATE, MOVED, BOTH, UNKNOWN = "none", "covariate only", "concept", "both", "not evaluated"
NORMAL = NormalDist()
FARTHEST = 1 - 1e-12  # AUC above which no size is told apart


def measure_concept(
    told: Told,
    current: Path,
    labels: Path | None,
    reference: Sequence[Path],
    model: ModelConfig,
    *,
    threads: int,
    memory: str,
) -> Concept:
    """Tell concept drift from covariate drift on the rows the domain classifier drew.

    Args:
        told: what the classifier said of night and reference, in the order of these files.
        current: the night's canonical Parquet file.
        labels: columns row_id and `label`; None when there are none yet.
        reference: canonical Parquet files; each needs a column `label`.
        model: says task, columns, least number of labels, and `policy.concept`.
        threads: of DuckDB; the result does not depend on it.
        memory: of DuckDB, as in "1GB".

    Raises:
        MetricError: a file cannot be read or lacks a column the join needs.
    """
    if told.score.value is None:
        return not_evaluated(told.score, model, told.score.reason or "night and reference were not compared")
    if labels is None:
        return not_evaluated(told.score, model, "no row of the night has a label")
    try:
        rows = drawn_rows(told, current, labels, reference, model, threads=threads, memory=memory)
        need_enough(rows, model)
    except MetricError as error:
        return not_evaluated(told.score, model, str(error))
    return concept_of(rows, told.score, model)


def not_evaluated(domain: DomainScore, model: ModelConfig, reason: str) -> Concept:
    """Return a conclusion that says why there is none."""
    policy = model.policy.concept
    return Concept(UNKNOWN, (), LOSS[model.task], 0, 0, None, policy.alpha, policy.effect, domain.seed, reason)


def concept_of(rows: Drawn, domain: DomainScore, model: ModelConfig) -> Concept:
    """Return the conclusion from rows that are enough."""
    policy = model.policy.concept
    g = shift.overlap(rows.chance, rows.night)
    shared, least = shift.shared_rows(g), model.policy.performance.min_labels
    expected = cross_fitted(rows.features, np.column_stack([rows.outcome, rows.loss]), rows.fold, folds=FOLDS)
    numbers = [_inputs(domain), *_means(rows), *_residuals(rows, model)]
    reason = None
    if shared >= least:
        numbers += _tests(rows, g, rows.outcome - expected[:, 0], rows.loss - expected[:, 1])
    else:
        reason = (
            f"night and reference have too few inputs in common: as much as {shared:,.0f} rows on each side, fewer "
            f"than the {least:,} labels the policy asks for, so what moved the outcome cannot be told"
        )
    numbers = _adjusted(numbers, alpha=policy.alpha, effect=policy.effect)
    word, why = _conclusion(numbers)
    n, m = (side.size for side in by_side(rows, rows.outcome))
    loss = LOSS[model.task]
    return Concept(word, tuple(numbers), loss, n, m, shared, policy.alpha, policy.effect, domain.seed, reason or why)


def _inputs(domain: DomainScore) -> ConceptNumber:
    """Did the inputs move? The domain classifier's AUC, and how far apart it puts the sides."""
    if domain.value is None or domain.lo is None or domain.hi is None:
        return ConceptNumber(INPUTS, None, None, None, reason=domain.reason)
    error = max(domain.value - domain.lo, domain.hi - domain.value) / Z  # one end may be cut
    p = NORMAL.cdf((0.5 - domain.value) / error) if error > 0 else float(domain.value <= 0.5)
    size = math.sqrt(2) * NORMAL.inv_cdf(min(max(domain.value, 1 - FARTHEST), FARTHEST))
    return ConceptNumber(INPUTS, domain.value, domain.lo, domain.hi, size, p)


def _means(rows: Drawn) -> Iterator[ConceptNumber]:
    """The mean loss of either side."""
    for name, loss in zip(("loss_night", "loss_reference"), by_side(rows, rows.loss), strict=True):
        yield ConceptNumber(name, float(loss.mean()), *of_mean(loss))


def _residuals(rows: Drawn, model: ModelConfig) -> Iterator[ConceptNumber]:
    """The night's mean residual after calibration on the reference, and its z: (seen - expected) / sd of the sum.

    The calibrated score is isotonic. How uncertain the calibration is does not enter z: it is the same every night,
    and in a chart it moves the centre alone.
    """
    score, before = by_side(rows, rows.score)
    outcome, known = by_side(rows, rows.outcome)
    fit = calibrated(before, known, np.ones(before.size))
    expected = fit(score)
    rest = outcome - expected
    if model.task == "regression":
        variance = float(np.square(known - fit(before)).mean()) * rest.size
    else:
        variance = float((expected * (1 - expected)).sum())
    yield ConceptNumber("residual", float(rest.mean()), *of_mean(rest))
    if variance > 0:
        z = float(rest.sum()) / math.sqrt(variance)
        yield ConceptNumber("residual_z", z, *around(z, 1.0))


def _tests(rows: Drawn, g: Floats, rest: Floats, loss_rest: Floats) -> Iterator[ConceptNumber]:
    """The tests of concept drift, and the part of the loss that is none."""
    covariate, _ = shift.parted(rows.loss, rows.night, g, loss_rest)
    yield ConceptNumber("loss_covariate", covariate.value, *covariate.ends)
    ones = np.ones(g.size)
    yield _test("loss", lambda: (shift.along(g, ones, loss_rest), None))
    yield _test("calibration", lambda: (shift.along(g, ones, rest), None))
    yield _test("slope", lambda: (shift.along(g, _slope(rows, g), rest), None))
    yield _test("structure", lambda: _structure(rows, g, rest))


def _test(name: str, measure: Callable[[], tuple[shift.Shift, str | None]]) -> ConceptNumber:
    """Make one test; one that cannot be made says why."""
    try:
        found, column = measure()
    except MetricError as error:
        return ConceptNumber(name, None, None, None, reason=str(error))
    return ConceptNumber(name, found.value, *found.ends, found.effect, found.p, column=column)


def _slope(rows: Drawn, g: Floats) -> Floats:
    """The direction of the score."""
    if any(side.min() == side.max() for side in by_side(rows, rows.score)):
        raise MetricError("all scores of a side are equal: they have no slope")
    return shift.centred(g, rows.score)


def _structure(rows: Drawn, g: Floats, rest: Floats) -> tuple[shift.Shift, str]:
    """A direction that is looked for, and the column it turns on most."""
    found, place = shift.structure(rows.features, g, rest, rows.fold % 2)
    return found, rows.names[place]


def _adjusted(numbers: Sequence[ConceptNumber], *, alpha: float, effect: float) -> list[ConceptNumber]:
    """Adjust the tests for each other and say which of them found a move."""
    tested = [number for number in numbers if number.p is not None]
    adjusted = dict(zip((one.name for one in tested), holm([one.p or 0.0 for one in tested]), strict=True))
    return [_judged(one, adjusted.get(one.name), alpha=alpha, effect=effect) for one in numbers]


def _judged(one: ConceptNumber, p: float | None, *, alpha: float, effect: float) -> ConceptNumber:
    """Both chance and size must speak for a move; inputs and structure only upwards."""
    if p is None or one.effect is None:
        return one
    size = one.effect if one.name in (INPUTS, "structure") else abs(one.effect)
    found = p <= alpha and size >= effect
    return replace(one, adjusted_p=p, found=found, column=one.column if found else None)


def _conclusion(numbers: Sequence[ConceptNumber]) -> tuple[str, str | None]:
    """Return the conclusion, and why there is none."""
    found = {one.name: one.found for one in numbers}
    moved = found.get(INPUTS)
    if any(found.get(name) for name in CONCEPT):
        return (BOTH if moved else MOVED), None
    missing = [one for one in numbers if one.name in CONCEPT and one.found is None]
    if missing or not all(name in found for name in CONCEPT):
        return UNKNOWN, "; ".join(f"{one.name}: {one.reason}" for one in missing) or None
    return (COVARIATE if moved else NONE), None
