"""What the report shows beside the importances: what shuffling costs, what moved, what stress does, group by group.

Nothing is judged here: outcomes are the decision's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_pipeline.evidence.plots import paired_bars
from audit_pipeline.evidence.report_text import share
from audit_pipeline.evidence.svg import padded
from audit_pipeline.records import (
    SMALL_CELL,
    AuditResult,
    Bin,
    Explanation,
    Finding,
    GroupImportance,
    MovedAttribution,
    PermutedFeature,
    Stage,
    StressTest,
)
from audit_pipeline.small_cells import MOST

LISTED = 20  # features of the table; the record and audit.attribution hold all
DRAWN = 12  # features in the drawing of what changed
NAMED = 3  # features of a group
LOSSES = {"brier": "Brier score", "squared_error": "mean squared error"}
MONOTONE = ("increasing", "decreasing")


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature: what shuffling it costs, and how far its contributions moved."""

    feature: str
    permuted: PermutedFeature | None
    moved: MovedAttribution | None


@dataclass(frozen=True, slots=True)
class StressRow:
    """One feature under stress."""

    feature: str  # or what stands for all of them
    missing: StressTest | None
    noise: StressTest | None


@dataclass(frozen=True, slots=True)
class ExplainedSection:
    """What the template shows."""

    rows: tuple[FeatureRow, ...]  # in order of importance
    others: int  # features that are not listed
    loss: str
    domain: tuple[float, float]  # axis of the rises
    changed: str  # drawing; "" when nothing was compared
    findings: dict[str, Finding]  # of this section, by name
    stress: tuple[StressRow, ...]
    monotone: tuple[tuple[StressTest, Finding | None], ...]
    groups: tuple[tuple[GroupImportance, str], ...]  # with the words on what drives the model there


def explained_section(result: AuditResult) -> ExplainedSection | None:
    """Gather the section; None where the record has none of it."""
    e = result.explanation
    if e is None or e.stress is None:
        return None
    mine = [f for f in result.decision.findings if f.stage is Stage.EXPLANATION]
    permuted = {p.feature: p for p in e.permutation.features} if e.permutation else {}
    moved = {m.feature: m for m in e.attribution.features} if e.attribution else {}
    order = [i.feature for i in e.importances] or list(permuted)
    rows = [
        FeatureRow(name, permuted.get(name), moved.get(name)) for name in order if name in permuted or name in moved
    ]
    broken = {f.column: f for f in mine if f.name == "monotone"}
    return ExplainedSection(
        rows=tuple(rows[:LISTED]),
        others=max(0, len(rows) - LISTED),
        loss=LOSSES.get(e.permutation.loss, "loss") if e.permutation else "loss",
        domain=padded([0.0, *(end for p in permuted.values() for end in (p.lo, p.hi))]),
        changed=_changed(e),
        findings={f.name: f for f in mine},
        stress=tuple(_stress_rows(e.stress.tests)),
        monotone=tuple((test, broken.get(test.feature)) for test in e.stress.tests if test.test in MONOTONE),
        groups=tuple((group, _drivers(group)) for group in e.groups),
    )


def _changed(e: Explanation) -> str:
    """Draw each feature's share of the importances, of the night over the reference's."""
    found = e.attribution.features if e.attribution else ()
    totals = [sum(m.value for m in found), sum(m.reference for m in found)]
    if not all(totals):
        return ""
    ranked = sorted(found, key=lambda m: min(m.rank, m.rank_reference))[:DRAWN]
    bars = [Bin(m.feature, m.value / totals[0], m.reference / totals[1]) for m in ranked]
    return paired_bars(bars, column="importance over the features")


def _stress_rows(tests: Sequence[StressTest]) -> list[StressRow]:
    """Put the tests of one feature on one line, all numbers together last."""
    by = {(test.test, test.feature): test for test in tests if test.test not in MONOTONE}
    names = dict.fromkeys(feature for _, feature in by if feature is not None)
    rows = [StressRow(name, by.get(("missing", name)), by.get(("noise", name))) for name in names]
    together = by.get(("noise", None))
    return [*rows, StressRow("all numbers together", None, together)] if together else rows


def _drivers(group: GroupImportance) -> str:
    """Name what drives the model most in a group."""
    return ", ".join(f"{i.feature} {share(i.share)}" for i in group.importances[:NAMED])


def rows_share(value: float, of: int) -> str:
    """Write a share of rows as it may be told: that of 10 rows stands for 1 to 10."""
    count = round(value * of)
    if count == MOST and of > MOST:
        return f"< {SMALL_CELL} rows"
    return f"all but < {SMALL_CELL} rows" if of > count == of - MOST else share(value)
