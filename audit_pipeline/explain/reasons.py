"""Which reasons had each decision of a night? For the cases that the owner's policy asks for, without any value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.config.policy import ReasonCodesPolicy
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.called import rows_decided
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.local import attributed, ranked, towards
from audit_pipeline.explain.models import one_thread
from audit_pipeline.explain.scored import ADVICE, scored_sample


@dataclass(frozen=True, slots=True)
class Reasons:
    """One line per case and reason: columns of the same length, in the order of the snapshot."""

    cases: int  # rows with the decision
    row_ids: tuple[Any, ...]
    ranks: tuple[int, ...]  # 1 is the largest
    features: tuple[str, ...]
    contributions: tuple[float, ...]  # in the unit of the SHAP values


def reasons(
    snapshot: Path, artefact: Path, model: ModelConfig, asked: ReasonCodesPolicy, *, sha256: str, seed: int, rows: int
) -> Reasons:
    """Return the reasons of every case of the night, explained against the recorded sample; arguments as `explain`.

    Raises:
        ExplainError: there are more cases than `asked.most`, or the model or one of the rows cannot be explained.
    """
    cases = rows_decided(snapshot, list(model.columns), model, asked.cases, most=asked.most)
    if len(cases) > asked.most:
        raise ExplainError(f"More than {asked.most:,} rows have that decision (`reason_codes.most`).")
    if cases.empty:
        return Reasons(0, (), (), (), ())
    scored = scored_sample(snapshot, artefact, model, sha256=sha256, seed=seed, rows=rows)
    with guarded("Explaining the rows", advice=ADVICE), one_thread():
        found, _ = attributed(scored, model, cases, seed=seed)
    names, way, ids = scored.model.columns, towards(model, cases, found), cases[model.row_id].tolist()
    lines = [
        (ids[k], rank, names[i], float(found.values[k, i]))
        for k in range(len(cases))
        for rank, i in enumerate(ranked(found.values[k], names, way[k])[: asked.top], start=1)
    ]
    row_ids, ranks, features, contributions = zip(*lines, strict=True) if lines else ((), (), (), ())
    return Reasons(len(cases), row_ids, ranks, features, contributions)
