"""The shapes a finding comes in, whatever its stage."""

from audit_pipeline.config import Floor
from audit_pipeline.decision.judge import against_floor
from audit_pipeline.records import Finding, Outcome, Severity, Stage


def number(value: float | None) -> str:
    """Four significant digits: enough to compare with a limit, few enough to read."""
    return "none" if value is None else f"{value:.4g}"


def by_floor(stage: Stage, name: str, value: float | None, floor: Floor, *, n: int, reason: str) -> Finding:
    """Hold a metric of quality against its floor; without a value it is NOT_EVALUATED."""
    judgement = against_floor(value, floor)
    if judgement.outcome in (Outcome.WARN, Outcome.FAIL):
        reason = f"{reason.removesuffix('.')}; the limit is {number(judgement.limit)}."
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=Severity.WARNING if judgement.outcome is Outcome.WARN else Severity.CRITICAL,
        outcome=judgement.outcome,
        counts=True,
        value=value,
        limit=judgement.limit,
        n=n,
        reason=reason,
    )


def passed(stage: Stage, name: str, reason: str, *, n: int, counts: bool = True) -> Finding:
    """One PASS for what passed in a stage, so that passing is stated and not implied."""
    return _plain(stage, name, Outcome.PASS, reason, n=n, severity=Severity.INFO, counts=counts)


def not_evaluated(
    stage: Stage, name: str, reason: str, *, n: int | None, counts: bool, conclusion: str | None = None
) -> Finding:
    """Something without a number; when it counts, the verdict is not PASS."""
    severity = Severity.WARNING if counts else Severity.INFO
    return _plain(
        stage, name, Outcome.NOT_EVALUATED, reason, n=n, severity=severity, counts=counts, conclusion=conclusion
    )


def _plain(
    stage: Stage,
    name: str,
    outcome: Outcome,
    reason: str,
    *,
    n: int | None,
    severity: Severity,
    counts: bool,
    conclusion: str | None = None,
) -> Finding:
    """A finding about the stage as a whole."""
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=severity,
        outcome=outcome,
        counts=counts,
        value=None,
        limit=None,
        n=n,
        reason=reason,
        conclusion=conclusion,
    )
