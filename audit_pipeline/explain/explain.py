"""What drives the model on this night's data, and is it the model that scored the log?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain.budget import SECONDS, Budget
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats, Predictor, as_trained, predictor
from audit_pipeline.explain.models import load, one_thread
from audit_pipeline.explain.sample import draw
from audit_pipeline.records import Explanation, Fidelity
from audit_pipeline.small_cells import of_in_words

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_ROWS = 50  # under this a mean |SHAP| says little
SURROGATE = "surrogate fitted on the log"
TOLERANCE = 1e-6  # of the largest output: what sum + base may differ from it
ADVICE = "Run the model on a night's log by hand to see why; the reason is not shown, it may hold values."


@dataclass(frozen=True, slots=True)
class _Scored:
    """The usable rows of the sample, and whether the model gives them the score that was logged."""

    model: Predictor
    frame: "pd.DataFrame"
    agreement: float | None
    fidelity: Fidelity | None = None  # of a surrogate: the model is not the one that scored the log


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
        explains="model" if artefact else "surrogate",
    )
    budget = Budget(model.artefact.seconds if model.artefact else SECONDS)
    try:
        if artefact is None or sha256 is None:
            with guarded("Fitting a surrogate", advice="Leave `surrogate` out."), one_thread():
                scored = _stood_in(snapshot, model, seed=seed, rows=rows, budget=budget)
        else:
            estimator = _load(artefact, model, sha256=sha256, budget=budget)
            with guarded("Scoring the sample", advice=ADVICE), one_thread():
                scored = _scored(estimator, snapshot, model, seed=seed, rows=rows, budget=budget)
    except (ModelDigestError, UntrustedModelError):
        raise
    except ExplainError as error:
        return replace(none, reason=str(error))
    # what follows may fail; the agreement stands, over these n rows
    none = replace(none, n=len(scored.frame), agreement=scored.agreement, fidelity=scored.fidelity)
    try:
        with guarded("Explaining the sample", advice=ADVICE), one_thread():
            return _explained(scored, none)
    except ExplainError as error:
        return replace(none, reason=str(error))


def _load(artefact: Path, model: ModelConfig, *, sha256: str, budget: Budget | None = None) -> Any:
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


def _scored(
    estimator: Any, snapshot: Path, model: ModelConfig, *, seed: int, rows: int, budget: Budget | None = None
) -> _Scored:
    """Draw the sample, set aside rows that cannot be explained, and score the rest."""
    types = {name: str(column.type) for name, column in model.columns.items()}
    wanted = predictor(estimator, features=model.features, known=types, task=model.task, budget=budget)
    frame, logged = _usable(snapshot, model, wanted.columns, types, seed=seed, rows=rows, fewest=MINIMUM_ROWS)
    own = wanted.score(frame)
    if not np.isfinite(own).all():
        raise ExplainError(f"The model gives {of_in_words(int((~np.isfinite(own)).sum()), len(own))} rows no number.")
    agreement = float(np.max(np.abs(own - logged))) if wanted.comparable else None
    return _Scored(model=wanted, frame=frame, agreement=agreement)


def _stood_in(snapshot: Path, model: ModelConfig, *, seed: int, rows: int, budget: Budget) -> _Scored:
    """Draw the sample, fit a surrogate on half of it, and return it with the rows it has not seen."""
    from audit_pipeline.explain.models.surrogate import surrogate

    types = {name: str(model.columns[name].type) for name in model.features}
    frame, logged = _usable(snapshot, model, model.features, types, seed=seed, rows=rows, fewest=2 * MINIMUM_ROWS)
    frame = _in_numbers(frame)
    fitted, held, fidelity = surrogate(frame, logged, seed=seed)
    # it imitates the number, whatever the task
    stands = Predictor(fitted, model.features, named=True, task="regression", budget=budget)
    return _Scored(stands, frame.iloc[held].reset_index(drop=True), agreement=None, fidelity=fidelity)


def _usable(
    snapshot: Path,
    model: ModelConfig,
    columns: tuple[str, ...],
    types: Mapping[str, str],
    *,
    seed: int,
    rows: int,
    fewest: int,
) -> tuple["pd.DataFrame", Floats]:
    """Return the sampled rows that have a logged output and no infinite feature, and the (n,) logged outputs."""
    wanted = dict.fromkeys((*columns, model.output))
    sample = draw(snapshot, wanted, row_id=model.row_id, seed=seed, rows=rows)
    logged = sample[model.output].astype(np.float64).to_numpy()
    frame = as_trained(sample, columns, types)
    usable = np.isfinite(logged) & ~_infinite(frame)
    if int(usable.sum()) < fewest:
        raise ExplainError(
            f"{of_in_words(int(usable.sum()), len(sample))} sampled rows have a logged {model.output} and no infinite "
            f"feature; an explanation needs {fewest}."
        )
    return frame[usable].reset_index(drop=True), logged[usable]


def _in_numbers(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a frame whose dates are days, which trees can split."""
    times = [str(name) for name in frame if frame[name].dtype.kind == "M"]
    days = {name: (frame[name] - np.datetime64(0, "us")) / np.timedelta64(1, "D") for name in times}
    return frame.assign(**days)


def _infinite(frame: "pd.DataFrame") -> Any:
    """Return (n,) whether a row holds an infinite number, which no model takes."""
    numbers = frame.select_dtypes("float").to_numpy(dtype=np.float64)
    return np.isinf(numbers).any(axis=1)


def _explained(scored: _Scored, none: Explanation) -> Explanation:
    """Attribute, hold the sums against the model's own output, and rank."""
    from audit_pipeline.explain.engine_shap import attribute
    from audit_pipeline.explain.importance import importances

    found = attribute(scored.model, scored.frame, seed=none.seed)
    error = found.error if np.isfinite(found.error) else None
    method = f"{SURROGATE}: {found.method}" if scored.fidelity else found.method
    made = replace(none, method=method, output=found.output, n=len(found.picked), additivity_error=error)
    if not found.error <= TOLERANCE * found.scale:  # so that NaN is refused too
        reason = (
            f"The SHAP values do not add up to the model's {found.output}: off by {found.error:.3g} where "
            f"{TOLERANCE * found.scale:.3g} is allowed. The model is not one this explainer reads correctly."
        )
        return replace(made, reason=reason)
    return replace(made, importances=importances(found.values, scored.frame.iloc[found.picked]))
