"""What drives the model on this night's data, and is it the model that scored the log?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Predictor, as_trained, finite, predictor
from audit_pipeline.explain.model_file import load, one_thread
from audit_pipeline.explain.outputs import TOLERANCE
from audit_pipeline.explain.sample import stratified
from audit_pipeline.records import Explanation
from audit_pipeline.small_cells import of_in_words

if TYPE_CHECKING:
    import pandas as pd

    from audit_pipeline.explain.engine_shap import Attribution
    from audit_pipeline.explain.reference import Beside

MINIMUM_ROWS = 50  # under this a mean |SHAP| says little
ADVICE = "Run the model on a night's log by hand to see why; the reason is not shown, it may hold values."


@dataclass(frozen=True, slots=True)
class _Scored:
    """The usable rows of the sample, and whether the model gives them the score that was logged."""

    model: Predictor
    frame: "pd.DataFrame"
    agreement: float | None
    others: "pd.DataFrame"  # columns beside the features: row id, slices
    drawn: str  # how


def explain(
    snapshot: Path,
    artefact: Path,
    model: ModelConfig,
    *,
    sha256: str,
    seed: int,
    rows: int,
    beside: "Beside | None" = None,
) -> Explanation:
    """Explain one model on a seeded sample of one snapshot; the same arguments give the same bits.

    Args:
        snapshot: the night's rows, Parquet in canonical columns.
        artefact: the model file's bytes.
        model: its configuration; `artefact.trusted` are the reviewed types.
        sha256: what the artefact must hash to, in hex.
        seed: of every random choice.
        rows: upper bound of the sample.
        beside: reference and outcomes, for what is told beside the importances; None: there are none.

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
    try:
        estimator = _load(artefact, model, sha256=sha256)
        with guarded("Scoring the sample", advice=ADVICE), one_thread():
            scored = _scored(estimator, snapshot, model, seed=seed, rows=rows)
    except (ModelDigestError, UntrustedModelError):
        raise
    except ExplainError as error:
        return replace(none, reason=str(error))
    # what follows may fail; the agreement stands, over these n rows
    none = replace(none, n=len(scored.frame), agreement=scored.agreement, sample=scored.drawn)
    with one_thread():
        try:
            with guarded("Explaining the sample", advice=ADVICE):
                made, found = _explained(scored, none)
        except ExplainError as error:
            made, found = replace(none, reason=str(error)), None
        return _overall(made, scored, found, model, rows, beside)


def _load(artefact: Path, model: ModelConfig, *, sha256: str) -> Any:
    """Return the model, under the name its configuration gives it."""
    named = model.artefact
    return load(
        artefact,
        sha256=sha256,
        trusted=named.trusted if named else (),
        name=named.path if named else artefact.name,
    )


def _scored(estimator: Any, snapshot: Path, model: ModelConfig, *, seed: int, rows: int) -> _Scored:
    """Draw the sample, set aside rows that cannot be explained, and score the rest."""
    types = {name: str(column.type) for name, column in model.columns.items()}
    wanted = predictor(estimator, features=model.features, known=types, task=model.task)
    slices = (column for columns in (model.fairness.sliced if model.fairness else ()) for column in columns)
    others = dict.fromkeys((model.row_id, *slices))
    columns = dict.fromkeys((*wanted.columns, model.output, *others))
    sample, drawn = stratified(snapshot, columns, row_id=model.row_id, output=model.output, seed=seed, rows=rows)
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
    kept = sample.loc[usable, list(others)].reset_index(drop=True)
    return _Scored(model=wanted, frame=frame, agreement=agreement, others=kept, drawn=drawn)


def _overall(
    made: Explanation,
    scored: _Scored,
    found: "Attribution | None",
    model: ModelConfig,
    rows: int,
    beside: "Beside | None",
) -> Explanation:
    """Add what is told beside the importances."""
    from audit_pipeline.explain.overall import Night, overall
    from audit_pipeline.explain.reference import Beside

    night = Night(scored.model, scored.frame, scored.others, seed=made.seed, rows=rows)
    return overall(made, night, found, model, beside or Beside())


def _explained(scored: _Scored, none: Explanation) -> "tuple[Explanation, Attribution | None]":
    """Attribute, hold the sums against the model's own output, and rank; no SHAP values where they do not add up."""
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
        return replace(made, reason=reason), None
    return replace(made, importances=importances(found.values, scored.frame.iloc[found.picked])), found
