"""What drives the model on this night's data, and is it the model that scored the log?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain.budget import SECONDS, Budget
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Predictor, as_trained, finite, predictor
from audit_pipeline.explain.models import load, one_thread
from audit_pipeline.explain.outputs import TOLERANCE
from audit_pipeline.explain.sample import draw
from audit_pipeline.explain.surrogate import imitated
from audit_pipeline.records import Explanation
from audit_pipeline.small_cells import of_in_words

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_ROWS = 50  # under this a mean |SHAP| says little
ADVICE = "Run the model on a night's log by hand to see why; the reason is not shown, it may hold values."


@dataclass(frozen=True, slots=True)
class Scored:
    """The usable rows of the sample, and whether the model gives them the score that was logged."""

    model: Predictor
    frame: "pd.DataFrame"
    agreement: float | None


def explain(
    snapshot: Path, artefact: Path | None, model: ModelConfig, *, sha256: str | None, seed: int, rows: int
) -> Explanation:
    """Explain one model on a seeded sample of one snapshot; the same arguments give the same bits.

    Args:
        snapshot: the night's rows, Parquet in canonical columns.
        artefact: the model file's bytes; None: a surrogate fitted on the log is explained, and named as one.
        model: its configuration; `artefact.trusted` are the reviewed types.
        sha256: what the artefact must hash to, in hex; None without one.
        seed: of every random choice.
        rows: upper bound of the sample.

    Returns:
        The explanation; without importances, and with the reason, when there is none.

    Raises:
        ModelDigestError: the artefact is not the pinned file; it was not opened.
        UntrustedModelError: the artefact holds types nobody reviewed; it was not loaded.
    """
    none = Explanation(
        method="none",
        output="none",
        importances=(),
        n=0,
        seed=seed,
        model_sha256=sha256,
        additivity_error=None,
        agreement=None,
    )
    if artefact is None or sha256 is None:
        return imitated(none, snapshot, model, rows=rows)
    budget = Budget(model.artefact.seconds if model.artefact else SECONDS)
    try:
        estimator = _load(artefact, model, sha256=sha256, budget=budget)
        with guarded("Scoring the sample", advice=ADVICE), one_thread():
            scored = _scored(estimator, snapshot, model, seed=seed, rows=rows, budget=budget)
    except (ModelDigestError, UntrustedModelError):
        raise
    except ExplainError as error:
        return replace(none, reason=str(error))
    # what follows may fail; the agreement stands, over these n rows
    none = replace(none, n=len(scored.frame), agreement=scored.agreement)
    try:
        with guarded("Explaining the sample", advice=ADVICE), one_thread():
            return _explained(scored, none, model)
    except ExplainError as error:
        return replace(none, reason=str(error))


def _load(artefact: Path, model: ModelConfig, *, sha256: str, budget: Budget) -> Any:
    """Return the model, under the name its configuration gives it."""
    named = model.artefact
    return load(
        artefact,
        sha256=sha256,
        trusted=named.trusted if named else (),
        name=named.path if named else artefact.name,
        kind=named.format if named else "skops",
        budget=budget,
    )


def _scored(estimator: Any, snapshot: Path, model: ModelConfig, *, seed: int, rows: int, budget: Budget) -> Scored:
    """Draw the sample, set aside rows that cannot be explained, and score the rest."""
    types = {name: str(column.type) for name, column in model.columns.items()}
    wanted = predictor(estimator, features=model.features, known=types, task=model.task, budget=budget)
    columns = dict.fromkeys((*wanted.columns, model.output))
    sample = draw(snapshot, columns, row_id=model.row_id, seed=seed, rows=rows)
    logged = sample[model.output].astype(np.float64).to_numpy()
    frame = as_trained(sample, wanted.columns, types)
    usable = np.isfinite(logged) & finite(frame)
    if int(usable.sum()) < MINIMUM_ROWS:
        raise ExplainError(
            f"{of_in_words(int(usable.sum()), len(sample))} sampled rows have a logged {model.output} and no infinite "
            f"feature; an explanation needs {MINIMUM_ROWS}."
        )
    frame = frame[usable].reset_index(drop=True)
    own = wanted.score(frame)
    if not np.isfinite(own).all():
        raise ExplainError(f"The model gives {of_in_words(int((~np.isfinite(own)).sum()), len(own))} rows no number.")
    agreement = float(np.max(np.abs(own - logged[usable]))) if wanted.comparable else None
    return Scored(model=wanted, frame=frame, agreement=agreement)


def scored_sample(snapshot: Path, artefact: Path, model: ModelConfig, *, sha256: str, seed: int, rows: int) -> Scored:
    """Return the model and the sample that `explain` explains it on, for single rows; arguments as there.

    Raises:
        ExplainError: the model cannot be loaded, or cannot be used on the sample.
    """
    budget = Budget(model.artefact.seconds if model.artefact else SECONDS)
    estimator = _load(artefact, model, sha256=sha256, budget=budget)
    with guarded("Scoring the sample", advice=ADVICE), one_thread():
        return _scored(estimator, snapshot, model, seed=seed, rows=rows, budget=budget)


def _explained(scored: Scored, none: Explanation, model: ModelConfig) -> Explanation:
    """Attribute, hold the sums against the model's own output, rank, and look along the first features."""
    from audit_pipeline.explain.dependence import dependences
    from audit_pipeline.explain.engine_shap import attribute
    from audit_pipeline.explain.importance import importances

    found = attribute(scored.model, scored.frame, seed=none.seed)
    error = found.error if np.isfinite(found.error) else None
    made = replace(none, method=found.method, output=found.output, n=len(found.picked), additivity_error=error)
    if not found.error <= TOLERANCE * found.scale:  # so that NaN is refused too
        reason = (
            f"The SHAP values do not add up to the model's {found.output}: off by {found.error:.3g} where "
            f"{TOLERANCE * found.scale:.3g} is allowed. The model is not one this explainer reads correctly."
        )
        return replace(made, reason=reason)
    rows = scored.frame.iloc[found.picked]
    ranked = importances(found.values, rows)
    # a pseudonym is no category to be named, however often it is seen
    shown = [i.feature for i in ranked if model.columns[i.feature].privacy != "direct_identifier"]
    first = shown[: model.policy.explanation.dependence]
    along = dependences(scored.model, rows, found.values, first, seed=none.seed)
    return replace(made, importances=ranked, dependence=along)
