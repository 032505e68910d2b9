"""Why did the model say that of this row? Contributions of its features, and the reasons for the decision made.

A reason is a contribution towards the decision: of a binary model one that raises the output where the log says yes
(its prediction, else the score and the threshold), and one that lowers it where it says no; of a regression one on the
side of the base on which the output is.
The rows are explained against the sample that stands in the record; nothing else of other persons' is in an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats, as_trained, finite
from audit_pipeline.explain.models import one_thread
from audit_pipeline.explain.scored import ADVICE, Scored, scored_sample
from audit_pipeline.small_cells import in_words

if TYPE_CHECKING:
    import pandas as pd

    from audit_pipeline.explain.engine_shap import Attribution

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature added to the output."""

    feature: str
    value: Any  # as the snapshot holds it; None: it is missing
    contribution: float  # in the unit of the SHAP values


@dataclass(frozen=True, slots=True)
class RowExplained:
    """One row, explained."""

    row_id: str
    logged: float  # the output in the log
    own: float  # the model's own, today
    decision: str | None  # yes or no, of a binary model
    base: float  # output with nothing known of the row, in the unit of the SHAP values
    output: float  # base and contributions, in that unit
    contributions: tuple[Contribution, ...]  # the largest first
    reasons: tuple[Contribution, ...]  # those towards the decision, the largest first


@dataclass(frozen=True, slots=True)
class RowsExplained:
    """The rows of one person, or one prediction."""

    rows: tuple[RowExplained, ...]
    method: str
    unit: str  # of the SHAP values
    error: float  # largest |base + contributions - the model's own output|, in that unit


def explain_rows(
    snapshot: Path, artefact: Path, model: ModelConfig, wanted: "pd.DataFrame", *, sha256: str, seed: int, rows: int
) -> RowsExplained:
    """Explain single rows of a snapshot.

    Args:
        snapshot: the night's rows, Parquet in canonical columns.
        artefact: the model file's bytes.
        model: its configuration.
        wanted: (k, columns) all columns of `model` of the rows to explain, k >= 1, as the snapshot holds them.
        sha256: what the artefact must hash to, in hex.
        seed: of every random choice.
        rows: upper bound of the sample that they are explained against.

    Raises:
        ModelDigestError: the artefact is not the pinned file; it was not opened.
        UntrustedModelError: the artefact holds types nobody reviewed; it was not loaded.
        ExplainError: the model or the rows cannot be explained.
    """
    scored = scored_sample(snapshot, artefact, model, sha256=sha256, seed=seed, rows=rows)
    with guarded("Explaining the rows", advice=ADVICE), one_thread():
        found, own = attributed(scored, model, wanted, seed=seed)
    toward = towards(model, wanted, found)
    answers = tuple(
        _answer(model, wanted.iloc[k], scored.model.columns, found.values[k], found.base, own[k], toward[k])
        for k in range(len(wanted))
    )
    return RowsExplained(answers, found.method, found.output, found.error)


def logged_of(wanted: "pd.DataFrame", model: ModelConfig) -> Floats:
    """Return (k,) the logged outputs; NaN where there is none."""
    return np.asarray(wanted[model.output].astype(np.float64), dtype=np.float64)


def attributed(
    scored: Scored, model: ModelConfig, wanted: "pd.DataFrame", *, seed: int
) -> tuple["Attribution", Floats]:
    """Return the SHAP values of these rows against the sample, and (k,) the model's own outputs.

    Raises:
        ExplainError: a row holds an infinite number or has no logged output, or the values do not add up.
    """
    from audit_pipeline.explain.engine_shap import attribute

    frame = as_trained(wanted, scored.model.columns, {name: str(c.type) for name, c in model.columns.items()})
    unusable = int((~finite(frame) | ~np.isfinite(logged_of(wanted, model))).sum())
    if unusable:
        raise ExplainError(
            f"{in_words(unusable).capitalize()} rows hold an infinite number or no logged {model.output}, and cannot "
            "be explained."
        )
    found = attribute(scored.model, scored.frame, seed=seed, only=frame)
    if not found.adds_up:
        raise ExplainError(f"The SHAP values do not add up to the model's {found.output}: off by {found.error:.3g}.")
    return found, scored.model.score(frame)


def towards(model: ModelConfig, wanted: "pd.DataFrame", found: "Attribution") -> Floats:
    """Return (k,) 1.0 where a reason raises the output, -1.0 where it lowers it."""
    if model.task != "binary":
        return np.where(found.values.sum(axis=1) >= 0, 1.0, -1.0)
    scored = logged_of(wanted, model) >= model.threshold
    column = model.by_role("prediction")
    if column is None:
        return np.where(scored, 1.0, -1.0)
    logged = np.asarray(wanted[column].astype(np.float64), dtype=np.float64)
    return np.where(np.where(np.isnan(logged), scored, logged > 0), 1.0, -1.0)


def ranked(values: Floats, names: Sequence[str], toward: float) -> list[int]:
    """Return positions of the contributions towards a decision, the largest first, equal ones by name."""
    pushed = values * toward
    return sorted((i for i in range(len(values)) if pushed[i] > 0), key=lambda i: (-pushed[i], names[i]))


def _answer(
    model: ModelConfig,
    row: "pd.Series[Any]",
    names: Sequence[str],
    values: Floats,
    base: float,
    own: float,
    toward: float,
) -> RowExplained:
    """Put one row's answer together."""
    parts = [Contribution(name, _plain(row[name]), float(values[i])) for i, name in enumerate(names)]
    order = sorted(range(len(parts)), key=lambda i: (-abs(values[i]), names[i]))
    return RowExplained(
        row_id=str(row[model.row_id]),
        logged=float(row[model.output]),
        own=float(own),
        decision=(YES if toward > 0 else NO) if model.task == "binary" else None,
        base=base,
        output=base + float(values.sum()),
        contributions=tuple(parts[i] for i in order),
        reasons=tuple(parts[i] for i in ranked(values, names, toward)),
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; None when it is missing."""
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
