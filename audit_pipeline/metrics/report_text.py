"""What stands in Evidently's report beside its numbers: which rows, which limits, and text that is safe to show."""

import math
from datetime import date
from typing import Any

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.records import Drift, Fairness, Performance, PerformanceMetric

THRESHOLD = 0.1  # of the PSI where the policy sets none: the usual "watch"


def concept_numbers(performance: Performance) -> tuple[PerformanceMetric, ...]:
    """Return the numbers on concept drift in the shape of metrics."""
    found = performance.concept
    rows = found.n if found else 0
    numbers = found.numbers if found else ()
    return tuple(PerformanceMetric(f"concept: {x.name}", "all", x.value, x.lo, x.hi, rows, None) for x in numbers)


def domain_number(drift: Drift) -> tuple[PerformanceMetric, ...]:
    """Return how well night and reference are told apart, in the shape of a metric."""
    found = drift.domain
    name = "AUC of telling night from reference"
    return (PerformanceMetric(name, "all", found.value, found.lo, found.hi, found.n, None),) if found else ()


def group_numbers(fairness: Fairness | None) -> tuple[PerformanceMetric, ...]:
    """Return the numbers that compare the groups of an attribute, in the shape of metrics."""
    return tuple(
        PerformanceMetric(f"groups: {m.metric}", grouping.attribute, m.value, m.lo, m.hi, m.n or 0, None)
        for grouping in (fairness.groupings if fairness else ())
        for m in grouping.metrics
        if m.group is None
    )


def why_exact(model: ModelConfig, rows: int, reference_rows: int, row_limit: int) -> str | None:
    """Say why Evidently is not given the rows: the owner asks for it, or a side is above the limit; else nothing."""
    shown = "the numbers shown are the exact ones over all rows, computed outside Evidently"
    if model.evidently == "exact":
        return f"as the model file says (`evidently: exact`), {shown}"
    for count, name in ((rows, "the night"), (reference_rows, "the reference")):
        if count > row_limit:
            return f"{name} has {count:,} rows, more than the {row_limit:,} Evidently is given: {shown}"
    return None


def intro(model: ModelConfig, night: date, rows: int, reference_rows: int, reason: str | None) -> str:
    """What the report is about and whose numbers it shows."""
    who = reason or "Evidently computed over the rows; the scores of record are the exact ones of the audit"
    head = f"Model {model.model_id}, night {night}: {rows:,} rows against {reference_rows:,} of the reference"
    return f"{head}. {who[0].upper()}{who[1:]}."


def threshold(model: ModelConfig, column: str) -> float:
    """The PSI from which the policy warns, else fails, for this column."""
    policy = model.policy.drift
    limit = policy.prediction_psi if model.columns[column].role in ("score", "prediction") else policy.psi
    own = policy.columns.get(column)
    limit = own.psi if own and own.psi else limit
    return next((x for x in (limit.warn, limit.fail) if x is not None), THRESHOLD)


def harmless(value: Any) -> Any:
    """Replace < and > in all texts: Evidently writes them raw into a script, where a category could end it."""
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [harmless(item) for item in value]
    return value.replace("<", "‹").replace(">", "›") if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """Numpy values as Python's, numbers that are not finite as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
