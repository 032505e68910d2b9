"""The sample of a night that a model is explained on, with the model's own output: is it what was logged?"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import SECONDS, Budget
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Predictor, as_trained, predictor, usable
from audit_pipeline.explain.models import load, one_thread
from audit_pipeline.explain.models.pickle_process import out_of_sight
from audit_pipeline.explain.sample import stratified
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
    others: "pd.DataFrame"  # columns beside the features: row id, slices
    drawn: str  # how


def scored_sample(snapshot: Path, artefact: Path, model: ModelConfig, *, sha256: str, seed: int, rows: int) -> Scored:
    """Load the model, draw the sample, set aside rows that cannot be explained, and score the rest.

    Args:
        snapshot: the night's rows, Parquet in canonical columns.
        artefact: the model file's bytes.
        model: its configuration.
        sha256: what the artefact must hash to, in hex.
        seed: of the draw.
        rows: upper bound of the sample.

    Raises:
        ModelDigestError: the artefact is not the pinned file; it was not opened.
        UntrustedModelError: the artefact holds types nobody reviewed; it was not loaded.
        ExplainError: the model cannot be loaded, or cannot be used on the sample.
    """
    budget = Budget(model.artefact.seconds if model.artefact else SECONDS)
    if model.artefact and model.artefact.format == "pickle":
        out_of_sight(artefact, snapshot)
    estimator = _load(artefact, model, sha256=sha256, budget=budget)
    with guarded("Scoring the sample", advice=ADVICE), one_thread():
        return _scored(estimator, snapshot, model, seed=seed, rows=rows, budget=budget)


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
    types = {name: str(column.type) for name, column in model.columns.items()}
    wanted = predictor(estimator, features=model.features, known=types, task=model.task, budget=budget)
    slices = (column for columns in (model.fairness.sliced if model.fairness else ()) for column in columns)
    others = dict.fromkeys((model.row_id, *slices))
    columns = dict.fromkeys((*wanted.columns, model.output, *others))
    sample, drawn = stratified(snapshot, columns, row_id=model.row_id, output=model.output, seed=seed, rows=rows)
    logged = np.asarray(sample[model.output].astype(np.float64), dtype=np.float64)
    frame = as_trained(sample, wanted.columns, types)
    used = usable(frame, logged, output=model.output, fewest=MINIMUM_ROWS, what="an explanation")
    frame = frame[used].reset_index(drop=True)
    own = wanted.score(frame)
    if not np.isfinite(own).all():
        raise ExplainError(f"The model gives {of_in_words(int((~np.isfinite(own)).sum()), len(own))} rows no number.")
    agreement = float(np.max(np.abs(own - logged[used]))) if wanted.comparable else None
    kept = sample.loc[used, list(others)].reset_index(drop=True)
    return Scored(model=wanted, frame=frame, agreement=agreement, others=kept, drawn=drawn)
