"""What the report shows of a record, sorted for a reader: worst first, what did not run apart, nothing dropped.

Nothing is judged here: outcomes and limits are the decision's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audit_pipeline.evidence.plots import PsiRow, known, padded
from audit_pipeline.evidence.report_text import against, count, is_share, name_of, quantity, word
from audit_pipeline.records import (
    AppliedLimit,
    AuditResult,
    Bin,
    CheckResult,
    Decision,
    DriftScore,
    Explanation,
    Finding,
    HistoryPoint,
    Outcome,
    PerformanceMetric,
    QualityScore,
    Severity,
    Stage,
    Validation,
)

MAIN_METRIC = {"binary": "auc", "regression": "rmse"}
BINS = 16  # bars per distribution; beyond, those that moved most
STEPS = {
    Stage.SNAPSHOT: "Snapshot",
    Stage.VALIDATION: "Data checks",
    Stage.DRIFT: "Drift",
    Stage.PERFORMANCE: "Performance",
    Stage.EXPLANATION: "Explanation",
}
ORDER = {Outcome.FAIL: 0, Outcome.NOT_EVALUATED: 1, Outcome.WARN: 2, Outcome.PASS: 3}
WEIGHT = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the line, as the strip at the top shows it."""

    name: str
    outcome: Outcome | None  # worst that counts; None: not judged, pending or did not run
    said: str


@dataclass(frozen=True, slots=True)
class FindingGroups:
    """All findings of a night, each in exactly one group, worst first."""

    act: tuple[Finding, ...]  # WARN and FAIL that count
    not_run: tuple[Finding, ...]  # NOT_EVALUATED that count
    waiting: tuple[Finding, ...]  # NOT_EVALUATED that do not count: pending labels, no labels
    known: tuple[Finding, ...]  # WARN and FAIL that do not count
    passed: tuple[Finding, ...]


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


@dataclass(frozen=True, slots=True)
class MetricGroup:
    """All slices of one performance metric, on one axis."""

    name: str
    rows: tuple[tuple[PerformanceMetric, Outcome | None], ...]
    domain: tuple[float, float]
    warn: float | None
    fail: float | None


def finding_groups(decision: Decision) -> FindingGroups:
    """Sort the findings into what to act on, what did not run, what waits, what is known, what passed."""
    ranked = sorted(decision.findings, key=_rank)
    bad = (Outcome.FAIL, Outcome.WARN)
    return FindingGroups(
        act=tuple(f for f in ranked if f.counts and f.outcome in bad),
        not_run=tuple(f for f in ranked if f.counts and f.outcome is Outcome.NOT_EVALUATED),
        waiting=tuple(f for f in ranked if not f.counts and f.outcome is Outcome.NOT_EVALUATED),
        known=tuple(f for f in ranked if not f.counts and f.outcome in bad),
        passed=tuple(f for f in ranked if f.outcome is Outcome.PASS),
    )


def _rank(finding: Finding) -> tuple[int, int, float, int, str, str]:
    """Order findings: outcome, severity, how far beyond the limit, stage, name."""
    value, limit = known(finding.value), known(finding.limit)
    beyond = abs(value / 2 - limit / 2) / max(abs(limit), 1e-12) if None not in (value, limit) else 0.0  # type: ignore[operator,arg-type]
    stage = list(Stage).index(finding.stage)
    return (
        ORDER[finding.outcome],
        WEIGHT[finding.severity],
        -beyond,
        stage,
        finding.name,
        finding.column or "",
    )


def why(decision: Decision) -> str:
    """Return the sentence under the verdict: the reason of the worst finding that decided it."""
    groups = finding_groups(decision)
    deciding = [f for f in (*groups.act, *groups.not_run) if f.outcome is decision.verdict]
    if not deciding:
        return ""
    rest = len(deciding) - 1
    return deciding[0].reason + (f" And {rest:,} more, below." if rest else "")


def facts(finding: Finding) -> str:
    """Return value, limit and n of a finding, as far as it has them."""
    parts = []
    value, limit = known(finding.value), known(finding.limit)
    unit = "unexpected_share" if _is_check(finding) else finding.name
    if value is not None and limit is not None:
        written, bound = against(unit, value, limit)
        parts += [f"value {written}", f"limit {bound}"]
    elif value is not None:
        parts.append(f"{'unexpected' if _is_check(finding) else 'value'} {quantity(unit, value)}")
    if finding.n is not None:
        parts.append(f"n\u00a0=\u00a0{finding.n:,}")
    return " · ".join(parts)


def _is_check(finding: Finding) -> bool:
    """Whether the value is a check's share of unexpected rows."""
    return finding.stage is Stage.VALIDATION and not is_share(finding.name)


def stage_steps(result: AuditResult) -> tuple[Step, ...]:
    """Return what each stage of the line came to, by the findings that count."""
    ran = {
        Stage.SNAPSHOT: result.snapshot,
        Stage.VALIDATION: result.validation,
        Stage.DRIFT: result.drift,
        Stage.PERFORMANCE: result.performance,
        Stage.EXPLANATION: result.explanation,
    }
    return tuple(_step(stage, name, result.decision, ran[stage] is not None) for stage, name in STEPS.items())


def _step(stage: Stage, name: str, decision: Decision, ran: bool) -> Step:
    """Say what one stage came to; a stage without findings that count was not judged."""
    mine = [f for f in decision.findings if f.stage is stage]
    counted = [f.outcome for f in mine if f.counts]
    if counted:
        outcome = min(counted, key=ORDER.__getitem__)
        return Step(name, outcome, word(outcome))
    if not ran:
        return Step(name, None, "did not run")
    waits = next((f.conclusion for f in mine if f.conclusion), None)
    return Step(name, None, waits or "done, not judged")


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


def _limit(
    limits: Sequence[AppliedLimit], stage: Stage, name: str, column: str | None
) -> AppliedLimit | None:
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
    outcomes = [
        f.outcome
        for f in decision.findings
        if f.stage is Stage.DRIFT and f.column == column and f.counts
    ]
    return ColumnDrift(
        column=column,
        psi=exact.get("psi"),
        ks=exact.get("ks"),
        evidently=tuple(s for s in scores if s.engine != "exact"),
        other=tuple(s for m, s in exact.items() if m not in ("psi", "ks", "missing_share")),
        outcome=min(outcomes, key=ORDER.__getitem__, default=None),
        n=lead.n,
        n_reference=lead.n_reference,
        missing=lead.missing_share,
        missing_reference=lead.missing_share_reference,
        rise=exact.get("missing_share"),
        reasons=_reasons(scores),
    )


def _reasons(scores: Sequence[DriftScore]) -> tuple[tuple[str, str], ...]:
    """Gather what was not evaluated under its reason, each reason once."""
    names: dict[str, list[str]] = {}
    for score in scores:
        if known(score.value) is None:
            why = score.reason or ("the record gives no reason" if score.value is None else "not a finite number")
            names.setdefault(why, []).append(name_of(score.method.replace("evidently:", "Evidently ")))
    return tuple((", ".join(methods), reason) for reason, methods in names.items())


def moved_most(bins: Sequence[Bin]) -> list[Bin]:
    """Return at most 16 bins in their order: those whose share moved most."""
    by_move = sorted(range(len(bins)), key=lambda i: -abs(bins[i].share - bins[i].share_reference))
    return [bins[i] for i in sorted(by_move[:BINS])]


def check_groups(
    validation: Validation | None,
) -> tuple[list[CheckResult], list[CheckResult], tuple[QualityScore, ...]]:
    """Return the checks that did not pass (worst first), those that did, and the scores."""
    results = validation.results if validation else ()
    ranked = sorted(results, key=lambda r: (WEIGHT[r.severity], ORDER[r.outcome], r.name))
    return (
        [r for r in ranked if r.outcome is not Outcome.PASS],
        [r for r in ranked if r.outcome is Outcome.PASS],
        validation.scores if validation else (),
    )


def metric_groups(result: AuditResult) -> list[MetricGroup]:
    """Return the performance metrics, the main one first, slices under the whole, each metric on one axis."""
    metrics = result.performance.metrics if result.performance else ()
    main = MAIN_METRIC.get(result.task)
    names = sorted(dict.fromkeys(m.name for m in metrics), key=lambda name: name != main)
    return [_metric_group(name, [m for m in metrics if m.name == name], result.decision) for name in names]


def _metric_group(name: str, rows: Sequence[PerformanceMetric], decision: Decision) -> MetricGroup:
    """Give the rows of one metric a common axis that holds values, intervals, references and limits."""
    limits = [x for x in decision.limits if x.stage is Stage.PERFORMANCE and x.name == name]
    warn = next((x.warn for x in limits if x.warn is not None), None)
    fail = next((x.fail for x in limits if x.fail is not None), None)
    drawn = [v for m in rows for v in (m.value, m.lo, m.hi, m.reference)] + [warn, fail]
    found = {f.name: f.outcome for f in decision.findings if f.stage is Stage.PERFORMANCE}
    judged = tuple((m, found.get(name) if m.slice == "all" else None) for m in rows)
    return MetricGroup(name, judged, padded([v for v in drawn if v is not None]), warn, fail)


def effect_domain(explanation: Explanation | None) -> tuple[float, float]:
    """Return the common axis of the importances, from zero."""
    ends = [v for i in explanation.importances for v in (i.value, i.hi) if math.isfinite(v)] if explanation else []
    return 0.0, max(ends, default=1.0) or 1.0


def absent(result: AuditResult, stage: Stage) -> list[str]:
    """Return why a stage left nothing: the record's own reasons, or what the record shows to be missing."""
    if result.snapshot is None:
        return ["There is no snapshot of this night, so there was nothing to measure."]
    order = list(Stage)
    stopped = [f for f in result.decision.findings if f.conclusion == "stopped"]
    if any(order.index(f.stage) < order.index(stage) for f in stopped):
        names = ", ".join(f.name for f in stopped)
        return [f"The line stopped before this stage, at {count(len(stopped), 'critical finding')}: {names}."]
    reasons = [f.reason for f in result.decision.findings if f.stage is stage]
    if not reasons and stage is Stage.EXPLANATION and not any(f.role == "model" for f in result.inputs):
        return ["No model file is among the inputs of this night, so there was nothing to explain."]
    return reasons or ["The record gives no reason."]
