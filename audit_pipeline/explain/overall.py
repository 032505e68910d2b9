"""Beyond mean |SHAP|: by group, by what shuffling costs, against the reference, under stress.

Each part is asked for on its own, and fails on its own: its reason stands where its numbers would.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from audit_pipeline.config import ModelConfig
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain import permuted
from audit_pipeline.explain.attribution_drift import DRAWS, attribution_drift
from audit_pipeline.explain.by_group import by_group
from audit_pipeline.explain.engine_shap import Attribution
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats, Predictor
from audit_pipeline.explain.labels import labels_of
from audit_pipeline.explain.reference import FEWEST, Beside, Explained, Reference, deviations
from audit_pipeline.explain.stress import NOISE, stress
from audit_pipeline.records import (
    AttributionDrift,
    Explanation,
    GroupImportance,
    PermutationImportance,
    Stress,
)
from audit_pipeline.small_cells import told

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
BLACK_BOX_ROWS = 100  # of the night, that are explained against the reference's background
ADVICE = "The other numbers of the explanation stand; run the model on the night's log by hand to see why."


@dataclass(frozen=True, slots=True)
class Night:
    """The usable rows of the sample."""

    model: Predictor
    frame: "pd.DataFrame"  # in training types
    others: "pd.DataFrame"  # columns beside the features, of the same rows: row id, slices
    seed: int
    rows: int  # upper bound of a sample


def overall(
    made: Explanation, night: Night, found: Attribution | None, config: ModelConfig, beside: Beside
) -> Explanation:
    """Return the explanation with everything that is told beside the importances.

    Args:
        made: the explanation so far.
        night: the rows that are explained.
        found: their SHAP values; None when they do not add up.
        config: the model file.
        beside: reference and outcomes.
    """
    against = Reference(night.model, config, beside, sha256=made.model_sha256 or "", seed=night.seed, rows=night.rows)
    reference = _tried("Explaining the reference", against.explained)
    return replace(
        made,
        groups=_groups(night, found, config),
        permutation=_permutation(night, against, config, beside),
        attribution=_attribution(night, found, against, reference),
        stress=_stress(night, config, reference),
    )


def _tried(what: str, work: Callable[[], T]) -> T | str:
    """Return what `work` returns, or why it did not."""
    try:
        with guarded(what, advice=ADVICE):
            return work()
    except ExplainError as error:
        return str(error)


def _groups(night: Night, found: Attribution | None, config: ModelConfig) -> tuple[GroupImportance, ...]:
    declared = config.fairness
    if found is None or declared is None or not declared.slices:
        return ()
    picked = found.picked
    made = _tried(
        "Explaining the slices",
        lambda: by_group(found.values, night.frame.iloc[picked], night.others.iloc[picked], declared),
    )
    return (GroupImportance("all", "all", 0, (), made),) if isinstance(made, str) else made


def _permutation(night: Night, against: Reference, config: ModelConfig, beside: Beside) -> PermutationImportance:
    """Shuffle where there are outcomes: among the night's rows, else among the reference's."""
    loss = permuted.LOSS.get(config.task, "squared_error")

    def of(over: str, frame: "pd.DataFrame", outcome: Floats, drawn: int) -> PermutationImportance:
        rows = np.sort(np.random.default_rng(night.seed).permutation(len(frame))[: permuted.ROWS])
        shuffles = permuted.orders(len(rows), seed=night.seed)
        before, features = permuted.permuted(night.model.score, frame.iloc[rows], outcome[rows], shuffles)
        n = told(len(rows), drawn)
        return PermutationImportance(loss, over, before, features, n, permuted.REPEATS, night.seed)

    def work() -> PermutationImportance:
        outcome = labels_of(beside.labels, night.others[config.row_id], config.row_id)
        known = np.isfinite(outcome)
        if known.sum() >= FEWEST:
            return of("night", night.frame[known], outcome[known], len(known))
        return against.permutation(lambda frame, outcome, drawn: of("reference", frame, outcome, drawn))

    made = _tried("Shuffling the features", work)
    if isinstance(made, str):
        return PermutationImportance(loss, "none", None, (), 0, permuted.REPEATS, night.seed, made)
    return made


def _attribution(
    night: Night, found: Attribution | None, against: Reference, reference: Explained | str
) -> AttributionDrift:
    """Hold the night's SHAP values against the reference's."""

    def work() -> AttributionDrift:
        if found is None:
            raise ExplainError("The night has no SHAP values to compare.")
        if isinstance(reference, str):
            raise ExplainError(reference)
        values = against.against_it(found, reference, night.frame, rows=BLACK_BOX_ROWS)
        features = [str(name) for name in night.frame.columns]
        return attribution_drift(features, values, reference.values, n_reference=reference.n, seed=night.seed)

    made = _tried("Comparing the explanation with the reference's", work)
    if isinstance(made, str):
        return AttributionDrift((), None, None, None, None, None, 0, 0, DRAWS, night.seed, made)
    return made


def _stress(night: Night, config: ModelConfig, reference: Explained | str) -> Stress:
    """Put a part of the sample under stress."""
    own = isinstance(reference, str)
    over = "night" if own else "reference"

    def work() -> Stress:
        spread = deviations(night.frame) if isinstance(reference, str) else reference.deviations
        return stress(
            night.model.score,
            night.frame,
            deviations=dict(zip(night.model.columns, spread.tolist(), strict=True)),
            threshold=config.threshold if night.model.gives_probability else None,
            monotone={name: column.monotone for name, column in config.columns.items() if column.monotone},
            over=over,
            seed=night.seed,
        )

    made = _tried("Putting the model under stress", work)
    return Stress((), 0, NOISE, over, night.seed, made) if isinstance(made, str) else made
