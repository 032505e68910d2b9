"""The report's groups: one table per attribute, one line per group, numbers of the attribute as a whole under it.

Nothing is judged here: outcomes and limits are the decision's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audit_pipeline.records import AppliedLimit, AuditResult, Finding, Grouping, GroupMetric, Stage

LEADS = ("selection_rate", "mae")  # the number that is drawn
BESIDE = ("tpr", "fpr", "calibration_gap", "bias")  # shown beside it; the record and audit.fairness hold all
LISTED = 25  # groups per attribute; beyond, those that fare worst
WORDS = {"met": "met", "not met": "not met", "inconclusive": "inconclusive", "compared with": "best off"}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group: the number that is drawn, and the others in the order of the table."""

    name: str
    lead: GroupMetric
    rest: tuple[GroupMetric | None, ...]


@dataclass(frozen=True, slots=True)
class WholeRow:
    """A number of the attribute as a whole, with what the decision says of it."""

    metric: GroupMetric
    finding: Finding | None
    limit: AppliedLimit | None
    met: bool  # judged, and without a finding of its own


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """What the template shows of one attribute."""

    grouping: Grouping
    lead: str
    rest: tuple[str, ...]  # metric names after the one that is drawn
    groups: tuple[GroupRow, ...]
    further: int  # groups that are not listed
    wholes: tuple[WholeRow, ...]
    domain: tuple[float, float]
    compared: bool  # whether ratios and four fifths are shown: a slice is not a group of people


def attribute_tables(result: AuditResult) -> list[AttributeTable]:
    """Return one table per attribute, in the order of the record."""
    return [_table(grouping, result) for grouping in result.fairness.groupings] if result.fairness else []


def _table(grouping: Grouping, result: AuditResult) -> AttributeTable:
    """Arrange the numbers of one attribute."""
    single = [metric for metric in grouping.metrics if metric.group is not None]
    names = tuple(dict.fromkeys(metric.metric for metric in single))
    lead = next((name for name in LEADS if name in names), "")
    rest = tuple(name for name in BESIDE if name in names)
    by = {(metric.group, metric.metric): metric for metric in single}
    groups = tuple(
        GroupRow(str(metric.group), metric, tuple(by.get((metric.group, name)) for name in rest))
        for metric in single
        if metric.metric == lead
    )
    listed = _worst(groups)
    drawn = [x for row in listed for x in (row.lead.value, row.lead.hi, row.lead.reference) if x is not None]
    whole = [metric for metric in grouping.metrics if metric.group is None and grouping.kind == "protected"]
    wholes = tuple(_whole(metric, grouping, result) for metric in whole)
    compared = lead == "selection_rate" and grouping.kind == "protected"
    return AttributeTable(
        grouping,
        lead,
        rest,
        listed,
        len(groups) - len(listed),
        wholes,
        (0.0, 1.05 * max(drawn, default=1.0) or 1.0),
        compared,
    )


def _worst(groups: Sequence[GroupRow]) -> tuple[GroupRow, ...]:
    """Return at most 25 groups in their order: those selected least often, or with the largest errors."""

    def fares(row: GroupRow) -> float:
        value = row.lead.value
        return math.inf if value is None else value if row.lead.metric == "selection_rate" else -value

    kept = {row.name for row in sorted(groups, key=fares)[:LISTED]}
    return tuple(row for row in groups if row.name in kept)


def _whole(metric: GroupMetric, grouping: Grouping, result: AuditResult) -> WholeRow:
    """Put the finding and the limit of a number beside it."""
    mine = [f for f in result.decision.findings if f.stage is Stage.PERFORMANCE and f.name == metric.metric]
    finding = next((f for f in mine if f.column == grouping.attribute), None)
    limits = (x for x in result.decision.limits if x.stage is Stage.PERFORMANCE and x.name == metric.metric)
    limit = next(limits, None)
    return WholeRow(metric, finding, limit, met=limit is not None and finding is None and metric.value is not None)


def fairness_fault(result: AuditResult) -> Finding | None:
    """Return the finding that says why declared groups were not measured."""
    return next((f for f in result.decision.findings if f.name == "fairness" and result.fairness is None), None)
