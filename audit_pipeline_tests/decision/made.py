"""Measurements as the stages would bring them, with one number that the test chooses."""

from dataclasses import replace
from datetime import date
from typing import Any

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision import Measured
from audit_pipeline.records import (
    CheckResult,
    Drift,
    DriftScore,
    Explanation,
    Finding,
    Importance,
    Maturity,
    Outcome,
    Performance,
    PerformanceMetric,
    QualityScore,
    Severity,
    Snapshot,
    Validation,
)

N = 700


def model(task: str = "binary", artefact: bool = False, outcomes: bool = False, **policy: Any) -> ModelConfig:
    """A model with columns id, age, ward and its output `risk`; `outcomes`: the reference has some."""
    data: dict[str, Any] = {
        "schema_version": 1,
        "model_id": "risk",
        "version": "1",
        "owner": "team",
        "domain": "care",
        "task": task,
        "log": {"path": "{night}.parquet"},
        "reference": {"path": "reference.parquet"},
        "columns": {
            "id": {"type": "category", "privacy": "none", "role": "row_id"},
            "age": {"type": "integer", "privacy": "none"},
            "ward": {"type": "category", "privacy": "none"},
            "risk": {"type": "number", "privacy": "none", "role": "score" if task == "binary" else "prediction"},
        },
        "policy": policy,
    }
    if outcomes:
        data["reference"]["label"] = "outcome"
    if artefact:
        data["artefact"] = {"path": "m.skops", "sha256": "0" * 64}
    return ModelConfig.model_validate(data)


def snapshot(*, duplicates: int = 0) -> Snapshot:
    return Snapshot("snapshots/s.parquet", "0" * 64, 1000, N, duplicates, (), (), "log.parquet", "1" * 64)


def check(
    severity: Severity = Severity.CRITICAL, outcome: Outcome = Outcome.PASS, name: str = "unique(id)"
) -> CheckResult:
    return CheckResult(name, "expect_x", "id", severity, outcome, "{}", None, N, 0, 0.0, "One sentence.")


def validation(*checks: CheckResult, scores: tuple[QualityScore, ...] = ()) -> Validation:
    return Validation("pandas", N, checks or (check(),), scores)


def score(
    column: str, value: float | None, *, method: str = "psi", engine: str = "exact", reason: str | None = None
) -> DriftScore:
    return DriftScore(column, method, value, None, N, 5000, 0.0, 0.0, engine, reason)


def drift(*scores: DriftScore) -> Drift:
    return Drift(scores or (score("age", 0.01),), ())


def metric(name: str, value: float | None, *, slice: str = "all", reason: str | None = None) -> PerformanceMetric:
    return PerformanceMetric(name, slice, value, None, None, N, None, reason)


def performance(*metrics: PerformanceMetric) -> Performance:
    return Performance(Maturity.FINAL, date(2026, 1, 3), False, N, N, metrics, "exact")


def unlabelled(*, due: date | None, overdue: bool = False) -> Performance:
    return Performance(Maturity.PENDING, due, overdue, 0, N, (), "exact", "no row has a label")


def explanation(*, agreement: float | None = 0.0, reason: str | None = None) -> Explanation:
    found = () if reason else (Importance("age", 0.5, 0.4, 0.6, 1, False, 0.9, 1.0),)
    return Explanation("shap", "log-odds", found, 0 if reason else N, 1, "2" * 64, None, agreement, reason)


def night(**changes: Any) -> Measured:
    """A night on which every stage ran and nothing is wrong, with what `changes` says otherwise."""
    quiet = Measured(snapshot(), validation(), drift(), unlabelled(due=None))
    return replace(quiet, **changes)


def finding(findings: tuple[Finding, ...], name: str, column: str | None = None) -> Finding:
    """Return the one finding of that name and column."""
    (found,) = [f for f in findings if f.name == name and f.column == column]
    return found
