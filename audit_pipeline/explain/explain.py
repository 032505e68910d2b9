"""What drives the model on this night's data, and is it the model that scored the log?"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.models import one_thread
from audit_pipeline.explain.scored import ADVICE, Scored, scored_sample
from audit_pipeline.explain.surrogate import imitated
from audit_pipeline.records import Explanation

if TYPE_CHECKING:
    from audit_pipeline.explain.engine_shap import Attribution
    from audit_pipeline.explain.reference import Beside


def explain(
    snapshot: Path,
    artefact: Path | None,
    model: ModelConfig,
    *,
    sha256: str | None,
    seed: int,
    rows: int,
    beside: "Beside | None" = None,
) -> Explanation:
    """Explain one model on a seeded sample of one snapshot; the same arguments give the same bits.

    Args:
        snapshot: the night's rows, Parquet in canonical columns.
        artefact: the model file's bytes; None: a surrogate fitted on the log is explained, and named as one.
        model: its configuration; `artefact.trusted` are the reviewed types.
        sha256: what the artefact must hash to, in hex; None without one.
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
    if artefact is None or sha256 is None:
        return imitated(none, snapshot, model, rows=rows)
    try:
        scored = scored_sample(snapshot, artefact, model, sha256=sha256, seed=seed, rows=rows)
    except (ModelDigestError, UntrustedModelError):
        raise
    except ExplainError as error:
        return replace(none, reason=str(error))
    # what follows may fail; the agreement stands, over these n rows
    none = replace(none, n=len(scored.frame), agreement=scored.agreement, sample=scored.drawn)
    with one_thread():
        try:
            with guarded("Explaining the sample", advice=ADVICE):
                made, found = _explained(scored, none, model)
        except ExplainError as error:
            made, found = replace(none, reason=str(error)), None
        return _overall(made, scored, found, model, rows, beside)


def _explained(scored: Scored, none: Explanation, model: ModelConfig) -> "tuple[Explanation, Attribution | None]":
    """Attribute, hold the sums against the model's own output, rank, and look along the first features.

    There are no SHAP values where they do not add up.
    """
    from audit_pipeline.explain.dependence import dependences
    from audit_pipeline.explain.engine_shap import attribute
    from audit_pipeline.explain.importance import importances

    found = attribute(scored.model, scored.frame, seed=none.seed)
    error = found.error if np.isfinite(found.error) else None
    made = replace(none, method=found.method, output=found.output, n=len(found.picked), additivity_error=error)
    if not found.adds_up:
        reason = (
            f"The SHAP values do not add up to the model's {found.output}: off by {found.error:.3g} where "
            f"{found.allowed:.3g} is allowed. The model is not one this explainer reads correctly."
        )
        return replace(made, reason=reason), None
    rows = scored.frame.iloc[found.picked]
    ranked = importances(found.values, rows)
    # a pseudonym is no category to be named, however often it is seen
    shown = [i.feature for i in ranked if model.columns[i.feature].privacy != "direct_identifier"]
    first = shown[: model.policy.explanation.dependence]
    along = dependences(scored.model, rows, found.values, first, seed=none.seed)
    return replace(made, importances=ranked, dependence=along), found


def _overall(
    made: Explanation,
    scored: Scored,
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
