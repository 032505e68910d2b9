"""Are the predictions as good as the owner asks, as far as labels are there?"""

from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.findings import by_floor, not_evaluated, number, passed
from audit_pipeline.decision.maturity import estimate, labelled_part
from audit_pipeline.decision.worse import CONCLUSIVE, worse_limits, worse_than_reference
from audit_pipeline.records import AppliedLimit, Finding, Maturity, Outcome, Performance, PerformanceMetric, Stage
from audit_pipeline.small_cells import of_in_words


def performance(model: ModelConfig, measured: Performance | None) -> Iterator[Finding]:
    """Judge the metrics the policy names; pending labels are shown and not counted."""
    if measured is None:
        return
    if measured.due is None or measured.labelled == 0:
        yield _no_labels(measured)
        yield from estimate(measured)
        return
    yield from labelled_part(measured.labelled_part)
    floors, compared = model.policy.performance.metrics, model.policy.performance.worse_than_reference
    overall = {metric.name: metric for metric in measured.metrics if metric.slice == "all"}
    held = 0
    for name, floor in floors.items():
        metric = overall.get(name)
        value, n = (metric.value, metric.n) if metric else (None, 0)
        if value is None and _may_come(measured):
            yield _too_few_yet(name, measured, n)
            continue
        finding = by_floor(Stage.PERFORMANCE, name, value, floor, n=n, reason=_reason(name, metric))
        if finding.outcome is Outcome.PASS:
            held += 1
        else:
            yield finding
    for finding in worse_than_reference(model, measured.metrics):
        if finding.outcome is Outcome.NOT_EVALUATED and _may_come(measured):
            yield _too_few_yet(finding.name, measured, finding.n or 0)
        elif finding.outcome is Outcome.PASS and finding.conclusion == CONCLUSIVE:
            held += 1
        else:
            yield finding
    judged = len(floors) + len(compared)
    if held or not judged:
        text = f"{held} of {judged} judged metrics are within their limits." if judged else UNJUDGED
        yield passed(Stage.PERFORMANCE, "performance", text, n=measured.labelled)


def _may_come(measured: Performance) -> bool:
    """Whether labels are still on their way, so that a number that is not there yet may come."""
    return measured.maturity is Maturity.PROVISIONAL and not measured.overdue


UNJUDGED = "Performance is measured; the policy sets no limit on it."


def _reason(name: str, metric: PerformanceMetric | None) -> str:
    """Say the number with its interval and n, or why there is none."""
    if metric is None or metric.value is None:
        why = (metric.reason if metric else None) or "it was not measured"
        return f"{name} was not evaluated: {why.rstrip('.')}."
    interval = "" if metric.lo is None else f" (95 % interval {number(metric.lo)} to {number(metric.hi)})"
    return f"{name} is {number(metric.value)}{interval} over {metric.n:,} labelled rows."


def _too_few_yet(name: str, measured: Performance, n: int) -> Finding:
    """Labels trickle in before they are due: too few for this number, which stays pending."""
    reason = f"{name} is pending: {of_in_words(measured.labelled, measured.rows)} labels came before {measured.due}."
    return not_evaluated(Stage.PERFORMANCE, name, reason, n=n, counts=False, conclusion="pending")


def _no_labels(measured: Performance) -> Finding:
    """Say why there is no performance: no labels configured, pending, or overdue."""
    if measured.due is None:
        counts, conclusion = False, "no labels"
        reason = "No labels are configured for this model, so its performance is not measured."
    elif measured.overdue:
        counts, conclusion = True, "overdue"
        reason = f"The labels were due on {measured.due} and have not come."
    else:
        counts, conclusion = False, "pending"
        reason = f"Labels are due on {measured.due}; until then performance is pending."
    return not_evaluated(Stage.PERFORMANCE, "labels", reason, n=0, counts=counts, conclusion=conclusion)


def performance_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits on metrics as they were applied."""
    for name, floor in model.policy.performance.metrics.items():
        if floor.warn_below is not None or floor.fail_below is not None:
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_below, floor.fail_below, False)
        if floor.warn_above is not None or floor.fail_above is not None:
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_above, floor.fail_above, True)
    yield from worse_limits(model)
