"""Did all features together move so far that a classifier can tell the night from the reference?"""

from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.findings import number
from audit_pipeline.decision.judge import Judgement, against_limit, is_set
from audit_pipeline.records import AppliedLimit, DomainScore, Drift, Finding, Outcome, Severity, Stage

NAME = "domain_auc"


def domain(model: ModelConfig, measured: Drift | None) -> Iterator[Finding]:
    """Judge the classifier's AUC where the policy gives it a limit; what its interval cannot tell from 0.5 passes."""
    limit = model.policy.drift.domain_auc
    found = measured.domain if measured else None
    if found is None or not is_set(limit):
        return
    judgement = against_limit(found.value, limit)
    if judgement.outcome in (Outcome.WARN, Outcome.FAIL) and found.lo is not None and found.lo <= 0.5:
        judgement = Judgement(Outcome.PASS, judgement.limit)
    severity = {Outcome.WARN: Severity.WARNING, Outcome.PASS: Severity.INFO}
    yield Finding(
        stage=Stage.DRIFT,
        name=NAME,
        column=None,
        severity=severity.get(judgement.outcome, Severity.CRITICAL),
        outcome=judgement.outcome,
        counts=True,
        value=found.value,
        limit=judgement.limit,
        n=found.n,
        reason=_reason(found, judgement),
    )


def _reason(found: DomainScore, judgement: Judgement) -> str:
    if found.value is None or judgement.outcome is Outcome.NOT_EVALUATED:
        return f"Whether night and reference can be told apart was not evaluated: {(found.reason or '').rstrip('.')}."
    return (
        f"A classifier tells night from reference with an AUC of {number(found.value)} ({number(found.lo)} to "
        f"{number(found.hi)}; limit {number(judgement.limit)}), on {found.n:,} rows against {found.n_reference:,}."
    )


def domain_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limit as it was applied."""
    limit = model.policy.drift.domain_auc
    if is_set(limit):
        yield AppliedLimit(Stage.DRIFT, NAME, None, limit.warn, limit.fail, True)
