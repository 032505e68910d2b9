"""What of a model-night's numbers may be told: small cells are taken out before anything is stated, kept or sent.

The owner's policy judges the exact numbers, so that no verdict changes. Everything after that (record, report, lineage,
alerts, Dagster, published tables) is made from what is told here. How a number is told: `small_cells`.
"""

from collections.abc import Sequence
from dataclasses import replace

from audit_pipeline.checks import quality_scores
from audit_pipeline.config import ModelConfig
from audit_pipeline.decision import Measured, decide
from audit_pipeline.records import (
    SMALL_CELL,
    CheckResult,
    ColumnProfile,
    Decision,
    Drift,
    DriftScore,
    Explanation,
    Finding,
    Outcome,
    Performance,
    PerformanceMetric,
    QualityScore,
    Validation,
)
from audit_pipeline.small_cells import few, told, told_share

BOUND = "counts of fewer than 11 values enter it as 10"
SHARES = ("new_category_share", "vanished_category_share")  # drift scores that are a share of the values


def told_profile(profile: Sequence[ColumnProfile]) -> tuple[ColumnProfile, ...]:
    """Return the profile without counts of small cells."""
    return tuple(_column(column) for column in profile)


def _column(column: ColumnProfile) -> ColumnProfile:
    """Coarsen the missing values; name no category by which a small rest could be worked out."""
    top = list(column.top)
    while top and few(column.n - sum(count for _, count in top)):
        top.pop()
    return replace(column, missing=told(column.missing, column.n), top=tuple(top))


def told_measures(measured: Measured) -> Measured:
    """Return what the stages brought without counts and shares of small cells."""
    rows = measured.snapshot.rows if measured.snapshot else 0
    snapshot, validation, drift = measured.snapshot, measured.validation, measured.drift
    performance = measured.performance
    return replace(
        measured,
        snapshot=replace(snapshot, duplicate_row_ids=told(snapshot.duplicate_row_ids, rows)) if snapshot else None,
        validation=_validation(validation) if validation else None,
        drift=_drift(drift, rows) if drift else None,
        performance=_performance(performance) if performance else None,
        explanation=_explanation(measured.explanation) if measured.explanation else None,
    )


def _validation(validation: Validation) -> Validation:
    """Coarsen every expectation, and a score from which the one small cell in it could be worked out."""
    results = tuple(_check(check, validation.n) for check in validation.results)
    bounds = {score.name: score for score in quality_scores(results)}
    scores = tuple(_score(score, bounds.get(score.name)) for score in validation.scores)
    return replace(validation, results=results, scores=scores)


def _score(score: QualityScore, bound: QualityScore | None) -> QualityScore:
    """Tell a score by the counts as they are told: never above what it is."""
    if bound is None or bound.value is None or bound.value == score.value:
        return score
    return replace(score, value=bound.value, n=bound.n, reason=f"{score.name} is at least {bound.value:.4g}: {BOUND}.")


def _check(check: CheckResult, rows: int) -> CheckResult:
    """Coarsen the values that were looked at, and those not as expected."""
    if check.n is None or check.unexpected is None:
        return check
    n = told(check.n, rows)
    unexpected = min(told(check.unexpected, check.n), n)
    return replace(check, n=n, unexpected=unexpected, unexpected_share=unexpected / n if n else None)


def _drift(drift: Drift, rows: int) -> Drift:
    whole = max((score.n_reference for score in drift.scores if score.method == "missing_share"), default=0)
    return replace(drift, scores=tuple(_drift_score(score, rows, whole) for score in drift.scores))


def _drift_score(score: DriftScore, rows: int, whole: int) -> DriftScore:
    """Coarsen the values behind a score, the missing shares, and a score that is a share itself.

    Args:
        score: of one column and method.
        rows: of the night.
        whole: rows of the reference; 0 when that is not known.
    """
    missing, before = score.missing_share, score.missing_share_reference
    missing = None if missing is None else told_share(missing, rows)
    before = None if before is None else told_share(before, whole)
    value = score.value
    if value is not None and score.method == "missing_share" and missing is not None and before is not None:
        value = missing - before if (missing, before) != (score.missing_share, score.missing_share_reference) else value
    elif value is not None and score.method in SHARES:
        value = told_share(value, score.n if score.method == "new_category_share" else score.n_reference)
    return replace(
        score,
        value=value,
        n=told(score.n, rows),
        n_reference=told(score.n_reference, whole) if whole else score.n_reference,
        missing_share=missing,
        missing_share_reference=before,
    )


def _performance(performance: Performance) -> Performance:
    """Coarsen the rows that have a label, and the share of positive ones."""
    metrics = tuple(_metric(metric, performance.rows) for metric in performance.metrics)
    return replace(performance, labelled=told(performance.labelled, performance.rows), metrics=metrics)


def _metric(metric: PerformanceMetric, rows: int) -> PerformanceMetric:
    """Coarsen the rows behind a metric; where a prevalence becomes a bound, nothing tells more than the bound."""
    n = told(metric.n, rows)
    if metric.name != "prevalence" or metric.value is None or told_share(metric.value, metric.n) == metric.value:
        return replace(metric, n=n)
    bound = told_share(metric.value, metric.n)
    return replace(metric, n=n, value=bound, lo=None, hi=None, difference=None, difference_lo=None, difference_hi=None)


def _explanation(explanation: Explanation) -> Explanation:
    """Coarsen the shares of rows that change under stress."""
    under = explanation.stress
    if under is None:
        return explanation
    shares = (None if test.share is None else told_share(test.share, under.n) for test in under.tests)
    tests = tuple(replace(test, share=share) for test, share in zip(under.tests, shares, strict=True))
    return replace(explanation, stress=replace(under, tests=tests))


def told_decision(model: ModelConfig, exact: Measured, measured: Measured) -> Decision:
    """Judge the exact numbers, and give the reasons with what may be told.

    Args:
        model: its policy.
        exact: what was measured.
        measured: the same as it is told.
    """
    decision = decide(model, exact)
    if exact == measured:
        return decision
    words = {_about(finding): finding for finding in decide(model, measured).findings}
    findings = tuple(_in_words(finding, words.get(_about(finding))) for finding in decision.findings)
    return replace(decision, findings=findings)


def _about(finding: Finding) -> tuple[str, str, str | None, Outcome]:
    return finding.stage, finding.name, finding.column, finding.outcome


def _in_words(finding: Finding, words: Finding | None) -> Finding:
    """Take number and reason as they are told; a bound that would be judged otherwise tells neither."""
    if words is None:
        reason = f"{finding.name} is {finding.outcome} over a count of fewer than {SMALL_CELL} rows, which is not told."
        return replace(finding, value=None, n=None, reason=reason)
    return replace(finding, value=words.value, n=words.n, reason=words.reason)
