"""Are the predictions worse than on the reference, by more than the owner allows and more than chance explains?

The interval of the difference decides: a limit is exceeded for sure when the whole interval reaches it, and kept for
sure when none of it does. In between the night has too few labels to tell: the number alone can warn, never fail.
"""

from collections.abc import Iterator

from audit_pipeline.config import Limit, ModelConfig
from audit_pipeline.config.metrics import METRICS
from audit_pipeline.decision.findings import not_evaluated, number
from audit_pipeline.records import AppliedLimit, Finding, Outcome, PerformanceMetric, Severity, Stage

NAME = "worse_than_reference"
CONCLUSIVE, INCONCLUSIVE = "conclusive", "inconclusive"


def worse_than_reference(model: ModelConfig, metrics: tuple[PerformanceMetric, ...]) -> Iterator[Finding]:
    """Judge the difference to the reference of every metric that has a limit on it."""
    overall = {metric.name: metric for metric in metrics if metric.slice == "all"}
    for name, limit in model.policy.performance.worse_than_reference.items():
        yield _finding(name, overall.get(name), limit, sign=-1 if METRICS[model.task][name] == "high" else 1)


def _finding(name: str, metric: PerformanceMetric | None, limit: Limit, *, sign: int) -> Finding:
    """Hold one difference, turned so that above 0 is worse, against its limit."""
    if metric is None or metric.difference is None or metric.difference_lo is None or metric.difference_hi is None:
        return _unknown(name, metric)
    ends = (sign * metric.difference_lo, sign * metric.difference_hi)
    worse, lo, hi = sign * metric.difference, min(ends), max(ends)
    outcome, met, conclusion = judge(worse, lo, hi, limit)
    reason = (
        f"{name} is worse than on the reference by {number(worse)} (95 % interval {number(lo)} to {number(hi)}; "
        f"limit {number(met)}), from {metric.n:,} labelled rows against {metric.n_reference or 0:,}."
    )
    if conclusion is INCONCLUSIVE:
        reason += " The interval holds the limit: too few labels to tell."
    return Finding(
        stage=Stage.PERFORMANCE,
        name=limit_name(name),
        column=None,
        severity={Outcome.PASS: Severity.INFO, Outcome.WARN: Severity.WARNING}.get(outcome, Severity.CRITICAL),
        outcome=outcome,
        counts=True,
        value=worse,
        limit=met,
        n=metric.n,
        reason=reason,
        conclusion=conclusion,
    )


def judge(worse: float, lo: float, hi: float, limit: Limit) -> tuple[Outcome, float | None, str]:
    """Return outcome, the limit it was held against, and whether the interval leaves the matter open."""
    warn, fail = limit.warn, limit.fail
    first = warn if warn is not None else fail
    if fail is not None and lo >= fail:
        return Outcome.FAIL, fail, CONCLUSIVE
    if warn is not None and lo >= warn:
        return Outcome.WARN, warn, CONCLUSIVE
    if fail is not None and worse >= fail:
        return Outcome.WARN, fail, INCONCLUSIVE
    open_ = first is not None and hi >= first
    return Outcome.PASS, first, INCONCLUSIVE if open_ else CONCLUSIVE


def _unknown(name: str, metric: PerformanceMetric | None) -> Finding:
    """Say why there is no difference; what cannot be compared has not passed."""
    why = (metric.reason if metric else "it was not measured") or "the reference has no value of it"
    reason = f"{name} was not compared with the reference: {why.rstrip('.')}."
    return not_evaluated(Stage.PERFORMANCE, limit_name(name), reason, n=metric.n if metric else 0, counts=True)


def limit_name(name: str) -> str:
    """Return how the limit on the difference of a metric is called beside the one on its value."""
    return f"{name}:{NAME}"


def worse_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits on differences as they were applied."""
    for name, limit in model.policy.performance.worse_than_reference.items():
        yield AppliedLimit(Stage.PERFORMANCE, limit_name(name), None, limit.warn, limit.fail, True)
