"""The report's words: findings sorted for a reader, worst first, what did not run apart, nothing dropped.

Nothing is judged here: outcomes and limits are the decision's own.
"""

import json
from dataclasses import dataclass

from audit_pipeline.evidence.report_text import against, count, is_share, quantity, word
from audit_pipeline.evidence.svg import known
from audit_pipeline.records import (
    AuditResult,
    CheckResult,
    Decision,
    Finding,
    Outcome,
    QualityScore,
    Severity,
    Stage,
    Validation,
)

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


def why(result: AuditResult) -> str:
    """Return the sentence under the verdict: the reason of the worst finding that decided it."""
    groups = finding_groups(result.decision)
    deciding = [f for f in (*groups.act, *groups.not_run) if f.outcome is result.decision.verdict]
    if not deciding:
        return ""
    rest = len(deciding) - 1
    sentence = f"{rule_of(deciding[0], result.validation)} {deciding[0].reason}".strip()
    return sentence + (f" And {rest:,} more, below." if rest else "")


def rule_of(finding: Finding, validation: Validation | None) -> str:
    """Return what a failed check expects, in words: "age: values to be between (max_value 110, min_value 0)."."""
    results = validation.results if validation and finding.stage is Stage.VALIDATION else ()
    check = next((r for r in results if r.name == finding.name), None)
    if check is None:
        return ""
    rule = check.expectation.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    settings = ", ".join(_settings(check.expected))
    subject = f"{check.column}: " if check.column else ""
    return f"{subject}{rule}{f' ({settings})' if settings else ''}."


def _settings(expected: str) -> list[str]:
    """Write the arguments of an expectation; a list by its length, since it may be long."""
    try:
        given = json.loads(expected)
    except ValueError:
        return []
    pairs = [(k, v) for k, v in given.items() if k != "column"] if isinstance(given, dict) else []
    return [f"{k} of {len(v)}" if isinstance(v, list) else f"{k} {v}" for k, v in pairs if not isinstance(v, dict)]


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
    stopped = any(_stops(f) for f in decision.findings)
    if counted and (ran or not stopped or any(_stops(f) for f in mine)):
        outcome = min(counted, key=ORDER.__getitem__)
        return Step(name, outcome, word(outcome))
    if not ran:
        return Step(name, None, "did not run")
    waits = next((f.conclusion for f in mine if f.conclusion), None)
    return Step(name, None, waits or "done, not judged")


def _stops(finding: Finding) -> bool:
    """Whether this finding ended the line."""
    return finding.conclusion == "stopped" and finding.outcome is Outcome.FAIL


def absent(result: AuditResult, stage: Stage) -> list[str]:
    """Return why a stage left nothing: the record's own reasons, or what the record shows to be missing."""
    if result.snapshot is None:
        return ["There is no snapshot of this night, so there was nothing to measure."]
    order = list(Stage)
    stopped = [f for f in result.decision.findings if _stops(f)]
    if any(order.index(f.stage) < order.index(stage) for f in stopped):
        return [f"The line stopped before this stage, at {count(len(stopped), 'critical finding')} (see above)."]
    reasons = [f.reason for f in result.decision.findings if f.stage is stage]
    if not reasons and stage is Stage.EXPLANATION and not any(f.role == "model" for f in result.inputs):
        return ["No model file is among the inputs of this night, so there was nothing to explain."]
    return reasons or ["The record gives no reason."]


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
