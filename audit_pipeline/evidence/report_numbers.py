"""The report's numbers: one line per column or metric, gathered from the record and put in order.

Nothing is judged here: outcomes and limits are the decision's own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit_pipeline.evidence.plots import PsiRow
from audit_pipeline.evidence.report_text import name_of
from audit_pipeline.evidence.svg import known, padded
from audit_pipeline.records import (
    AppliedLimit,
    AuditResult,
    Bin,
    Decision,
    DriftScore,
    Explanation,
    HistoryPoint,
    Outcome,
    PerformanceMetric,
    Stage,
    worst,
)

MAIN_METRIC = {"binary": "auc", "regression": "rmse", "multiclass": "accuracy"}
THEIRS = "evidently:"  # marks a number that Evidently computed
WORSE = "worse_than_reference"  # marks a limit on the difference
BINS = 16  # bars per distribution; beyond, those that moved most


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """The drift table's line of one column."""

    column: str
    psi: DriftScore | None
    ks: DriftScore | None
    evidently: tuple[DriftScore, ...]
    other: tuple[DriftScore, ...]
    outcome: Outcome | None  # worst of its findings
    n: int
    n_reference: int
    missing: float | None
    missing_reference: float | None
    rise: DriftScore | None  # of the missing share
    reasons: tuple[tuple[str, str], ...]  # what was not evaluated, and why
    adjusted_p: float | None  # that the distribution did not move; None in records that lack it
    test: str | None  # behind it


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One slice of a metric: our number, what its finding says, the same by Evidently."""

    metric: PerformanceMetric
    outcome: Outcome | None
    evidently: PerformanceMetric | None
    worse: Outcome | None = None  # of the finding on its difference to the reference


@dataclass(frozen=True, slots=True)
class MetricGroup:
    """All slices of one performance metric, on one axis."""

    name: str
    rows: tuple[MetricRow, ...]
    domain: tuple[float, float]
    warn: float | None
    fail: float | None


def tonight(result: AuditResult, digest: str) -> HistoryPoint:
    """Return this night as the last point of the trend."""
    top = next((row for row in psi_rows(result) if known(row.value) is not None), None)
    name = MAIN_METRIC.get(result.task)
    metrics = result.performance.metrics if result.performance else ()
    main = next((m for m in metrics if m.name == name and m.slice == "all"), None)
    return HistoryPoint(
        night=result.night,
        record=digest,
        verdict=result.decision.verdict,
        worst_psi=top.value if top else None,
        worst_psi_column=top.column if top else None,
        metric=main.value if main else None,
    )


def psi_limits(decision: Decision) -> tuple[float | None, float | None]:
    """Return the PSI limits (warn, fail) of every column that has none of its own."""
    limit = _limit(decision.limits, Stage.DRIFT, "psi", None)
    return (limit.warn, limit.fail) if limit else (None, None)


def drift_alpha(decision: Decision) -> float | None:
    """Return the p-value above which no column alarms; None in records that lack it."""
    return next((x.alpha for x in decision.limits if x.stage is Stage.DRIFT), None)


def _limit(limits: Sequence[AppliedLimit], stage: Stage, name: str, column: str | None) -> AppliedLimit | None:
    """Return the limit of `column`, else the one for all."""
    mine = [x for x in limits if x.stage is stage and x.name == name and x.column in (column, None)]
    return next((x for x in mine if x.column == column), mine[0] if mine else None)


def psi_rows(result: AuditResult) -> list[PsiRow]:
    """Return the PSI of every column, largest first, those not evaluated last.

    A column without a finding of its own is below its limit, or nobody judged it: then it has no outcome.
    """
    scores = [s for s in result.drift.scores if s.method == "psi"] if result.drift else []
    found = {f.column: f for f in result.decision.findings if f.stage is Stage.DRIFT and f.name == "psi"}
    rows = []
    for score in scores:
        limit = _limit(result.decision.limits, Stage.DRIFT, "psi", score.column)
        finding = found.get(score.column)
        bounds = [x for x in (limit.warn, limit.fail) if x is not None] if limit else []
        value = known(score.value)
        below = value is not None and bool(bounds) and value < min(bounds)
        outcome = finding.outcome if finding else Outcome.PASS if below else None
        rows.append(PsiRow(score.column, value, outcome, min(bounds) if bounds else None))
    return sorted(rows, key=lambda r: (r.value is None, -(r.value or 0.0), r.column))


def column_rows(result: AuditResult) -> list[ColumnDrift]:
    """Return one line per column for the drift table, in the order of the plot, then columns without a PSI."""
    by: dict[str, list[DriftScore]] = {row.column: [] for row in psi_rows(result)}
    for score in result.drift.scores if result.drift else ():
        by.setdefault(score.column, []).append(score)
    return [_column_row(column, scores, result.decision) for column, scores in by.items()]


def _column_row(column: str, scores: Sequence[DriftScore], decision: Decision) -> ColumnDrift:
    """Gather the scores of one column."""
    exact = {s.method: s for s in scores if s.engine == "exact"}
    lead = exact.get("psi") or scores[0]
    outcomes = [f.outcome for f in decision.findings if f.stage is Stage.DRIFT and f.column == column and f.counts]
    return ColumnDrift(
        column=column,
        psi=exact.get("psi"),
        ks=exact.get("ks"),
        evidently=tuple(s for s in scores if s.engine != "exact"),
        other=tuple(s for m, s in exact.items() if m not in ("psi", "ks", "missing_share")),
        outcome=worst(outcomes) if outcomes else None,
        n=lead.n,
        n_reference=lead.n_reference,
        missing=lead.missing_share,
        missing_reference=lead.missing_share_reference,
        rise=exact.get("missing_share"),
        reasons=_reasons(scores),
        adjusted_p=lead.adjusted_p,
        test=lead.test,
    )


def _reasons(scores: Sequence[DriftScore]) -> tuple[tuple[str, str], ...]:
    """Gather what was not evaluated under its reason, each reason once."""
    names: dict[str, list[str]] = {}
    for score in scores:
        if known(score.value) is None:
            why = score.reason or ("the record gives no reason" if score.value is None else "not a finite number")
            names.setdefault(why, []).append(name_of(score.method))
    return tuple((", ".join(methods), reason) for reason, methods in names.items())


def moved_most(bins: Sequence[Bin]) -> list[Bin]:
    """Return at most 16 bins in their order: those whose share moved most."""
    by_move = sorted(range(len(bins)), key=lambda i: -abs(bins[i].share - bins[i].share_reference))
    return [bins[i] for i in sorted(by_move[:BINS])]


def metric_groups(result: AuditResult) -> list[MetricGroup]:
    """Return the performance metrics, the main one first, slices under the whole, each metric on one axis.

    Evidently's number stands in the row of ours; one that has no counterpart has a row of its own.
    """
    metrics = result.performance.metrics if result.performance else ()
    ours = {(m.name, m.slice) for m in metrics}
    shown = [m for m in metrics if not m.name.startswith(THEIRS) or (m.name.removeprefix(THEIRS), m.slice) not in ours]
    main = MAIN_METRIC.get(result.task)
    names = sorted(dict.fromkeys(m.name for m in shown), key=lambda name: name != main)
    theirs = {(m.name.removeprefix(THEIRS), m.slice): m for m in metrics if m.name.startswith(THEIRS)}
    return [_metric_group(name, [m for m in shown if m.name == name], theirs, result.decision) for name in names]


def _metric_group(
    name: str,
    metrics: Sequence[PerformanceMetric],
    theirs: Mapping[tuple[str, str], PerformanceMetric],
    decision: Decision,
) -> MetricGroup:
    """Give the rows of one metric a common axis that holds values, intervals, references and limits."""
    limits = [x for x in decision.limits if x.stage is Stage.PERFORMANCE and x.name == name]
    warn = next((x.warn for x in limits if x.warn is not None), None)
    fail = next((x.fail for x in limits if x.fail is not None), None)
    drawn = [v for m in metrics for v in (m.value, m.lo, m.hi, m.reference)] + [warn, fail]
    found = {f.name: f.outcome for f in decision.findings if f.stage is Stage.PERFORMANCE}
    rows = tuple(
        MetricRow(m, None, theirs.get((m.name, m.slice)))
        if m.slice != "all"
        else MetricRow(m, found.get(name), theirs.get((m.name, m.slice)), found.get(f"{name}:{WORSE}"))
        for m in metrics
    )
    return MetricGroup(name, rows, padded([v for v in drawn if v is not None]), warn, fail)


def estimate_rows(result: AuditResult) -> list[tuple[PerformanceMetric, tuple[float, float]]]:
    """Return the estimates that stand in for labels, each with the axis it is drawn on."""
    found = result.performance.estimates if result.performance else ()
    return [(m, padded([v for v in (m.value, m.lo, m.hi) if v is not None])) for m in found]


def effect_domain(explanation: Explanation | None) -> tuple[float, float]:
    """Return the common axis of the importances, from zero."""
    ends = [v for i in explanation.importances for v in (i.value, i.hi) if math.isfinite(v)] if explanation else []
    return 0.0, max(ends, default=1.0) or 1.0
