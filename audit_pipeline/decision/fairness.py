"""Do protected groups differ by more than the owner allows? Judged by the interval, never by the number alone.

The interval holds for all groups of all protected attributes at once (metrics/pairs.py), so many groups make no alarm.
Beyond a limit as a whole, it is FAIL or WARN; within all limits, PASS ("met"). Where it holds a limit, the rows do not
tell: WARN when the number is beyond the limit and the groups do differ, else NOT_EVALUATED and not counted
("inconclusive"): it is neither an alarm nor a pass, and it is shown.
"""

from collections.abc import Iterator
from dataclasses import replace

from audit_pipeline.config import Floor, ModelConfig
from audit_pipeline.decision.findings import not_evaluated, number, passed
from audit_pipeline.decision.judge import by_interval, is_set
from audit_pipeline.decision.measured import Measured
from audit_pipeline.records import (
    AppliedLimit,
    Fairness,
    Finding,
    Grouping,
    GroupMetric,
    Maturity,
    Outcome,
    Performance,
    Severity,
    Stage,
)
from audit_pipeline.small_cells import in_words

EQUAL = {"impact_ratio": 1.0, "proxy_auc": 0.5}  # what the number is when groups do not differ; others 0
NEEDS_LABELS = ("equalised_odds_difference", "bias_difference", "mae_difference")
UNJUDGED = "Fairness is measured; the policy sets no limit on it."


def fairness(model: ModelConfig, measured: Measured) -> Iterator[Finding]:
    """One finding per limit and protected attribute that was not met, and one for those that were."""
    found = measured.fairness
    if model.fairness is None or found is None:
        if model.fairness is not None and measured.performance is not None and not _told(measured):
            text = "Fairness was not measured, though the model file declares groups."
            yield not_evaluated(Stage.PERFORMANCE, "fairness", text, n=None, counts=True)
        return
    limits = _limits(model)
    protected = [grouping for grouping in found.groupings if grouping.kind == "protected"]
    asked = [(name, floor, each) for each in protected for name, floor in limits if _is_asked(name, each)]
    judged = [_judge(name, floor, grouping, found, measured) for name, floor, grouping in asked]
    yield from (finding for finding in judged if finding.outcome is not Outcome.PASS)
    met = sum(finding.outcome is Outcome.PASS for finding in judged)
    if met or not judged:
        text = f"{met} of {len(judged)} limits on protected groups are met." if judged else UNJUDGED
        rows = measured.snapshot.rows if measured.snapshot else 0
        yield passed(Stage.PERFORMANCE, "fairness", text, n=rows)


def _told(measured: Measured) -> bool:
    """Whether a fault says already why there is nothing."""
    return any(finding.name == "fairness" for finding in measured.faults)


def _is_asked(name: str, grouping: Grouping) -> bool:
    """Whether the attribute has this number: an intersection has no proxy test of its own."""
    return name != "proxy_auc" or grouping.reason is not None or any(m.metric == name for m in grouping.metrics)


def _limits(model: ModelConfig) -> list[tuple[str, Floor]]:
    return [(name, floor) for name, floor in model.policy.fairness if is_set(floor)]


def _judge(name: str, floor: Floor, grouping: Grouping, found: Fairness, measured: Measured) -> Finding:
    """Hold one number of one attribute against its limit."""
    metric = next((m for m in grouping.metrics if m.metric == name and m.group is None), None)
    if metric is None or metric.value is None or metric.lo is None or metric.hi is None:
        return _without(name, grouping, metric, found, measured)
    judgement, conclusion = by_interval(metric.value, metric.lo, metric.hi, floor, equal=EQUAL.get(name, 0.0))
    return Finding(
        stage=Stage.PERFORMANCE,
        name=name,
        column=grouping.attribute,
        severity=Severity.CRITICAL if judgement.outcome is Outcome.FAIL else Severity.WARNING,
        outcome=judgement.outcome,
        counts=judgement.outcome is not Outcome.NOT_EVALUATED,
        value=metric.value,
        limit=judgement.limit,
        n=metric.n,
        reason=_reason(grouping, metric, judgement.limit, conclusion),
        conclusion=conclusion,
    )


def _without(name: str, grouping: Grouping, metric: GroupMetric | None, found: Fairness, measured: Measured) -> Finding:
    """Say why there is no number; labels that are not due are pending, and the labels' own finding says the rest."""
    what = f"{_readable(name)} of {grouping.attribute}"
    if name in NEEDS_LABELS and not grouping.reason and (word := _waiting(found, measured.performance)):
        text = f"{what} needs labels: {in_words(found.labelled)} rows have one."
        return _finding(name, grouping, text, n=found.labelled, counts=False, conclusion=word)
    why = grouping.reason or (metric.reason if metric else None) or "it was not measured"
    text = f"{what} was not evaluated: {why}."
    return _finding(name, grouping, text, n=metric.n if metric else None, counts=True, conclusion=None)


def _waiting(found: Fairness, performance: Performance | None) -> str | None:
    """Say why a number that needs labels may be absent without a finding of its own that counts."""
    if performance is None:
        return None if found.labelled else "no labels"
    if performance.due is None:
        return "no labels"
    if performance.overdue:
        return None if found.labelled else "overdue"  # counted once, by the finding on the labels
    return None if performance.maturity is Maturity.FINAL else "pending"


def _finding(
    name: str, grouping: Grouping, reason: str, *, n: int | None, counts: bool, conclusion: str | None
) -> Finding:
    """A number that is not there."""
    found = not_evaluated(Stage.PERFORMANCE, name, reason, n=n, counts=counts, conclusion=conclusion)
    return replace(found, column=grouping.attribute)


def _reason(grouping: Grouping, metric: GroupMetric, limit: float | None, conclusion: str) -> str:
    """Say number, interval, limit, and what the interval says of it."""
    told = {"met": "is met", "not met": "is not met", "inconclusive": "lies within: the rows do not tell"}
    interval = f"95 % interval {number(metric.lo)} to {number(metric.hi)}, {metric.n or 0:,} rows"
    text = f"{_readable(metric.metric)} of {grouping.attribute} is {number(metric.value)} ({interval}); "
    text += f"the limit {number(limit)} {told[conclusion]}"
    rates = {m.value: m.group for m in grouping.metrics if m.metric == "selection_rate" and m.value is not None}
    if metric.metric == "impact_ratio" and rates:
        text += f". Least often selected: {rates[min(rates)]}; best off: {grouping.compared_with}"
    small = {m.group for m in grouping.metrics if m.conclusion == "insufficient" and m.group is not None}
    return text + (f". Too few rows for every number: {len(small)} of its groups." if small else ".")


def _readable(name: str) -> str:
    """The name of a number as it begins a sentence."""
    return {"proxy_auc": "Proxy AUC", "mae_difference": "MAE difference"}.get(name, name.replace("_", " ").capitalize())


def fairness_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits on protected groups as they were applied."""
    for name, floor in _limits(model):
        if name == "impact_ratio":
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_below, floor.fail_below, False)
        else:
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_above, floor.fail_above, True)
