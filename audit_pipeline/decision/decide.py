"""What one model-night comes to: every measurement held against the policy, and the worst that counts.

A stage that did not run has not passed: it leaves a NOT_EVALUATED finding, and the verdict is not PASS. Labels
that are not yet due are the one exception: shown as pending, not counted.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from audit_pipeline.config import Floor, Limit, ModelConfig
from audit_pipeline.decision.judge import against_floor, against_limit, is_set
from audit_pipeline.records import (
    AppliedLimit,
    CheckResult,
    Decision,
    Drift,
    DriftScore,
    Explanation,
    Finding,
    Outcome,
    Performance,
    Severity,
    Snapshot,
    Stage,
    Validation,
    worst,
)

READABLE = {
    "psi": "PSI",
    "ks": "KS distance",
    "missing_share": "rise of the missing share",
    "new_category_share": "share of rows in categories the reference lacks",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What the stages of one model-night brought; None where a stage did not run."""

    snapshot: Snapshot | None = None
    validation: Validation | None = None
    drift: Drift | None = None
    performance: Performance | None = None
    explanation: Explanation | None = None
    faults: tuple[Finding, ...] = ()  # what kept a stage from running


def decide(model: ModelConfig, measured: Measured) -> Decision:
    """Return the verdict on `measured` under the model's policy."""
    findings = (
        *measured.faults,
        *_duplicates(model, measured.snapshot),
        *_checks(model, measured.validation),
        *_drift(model, measured.drift),
        *_performance(model, measured.performance),
        *_explanation(model, measured.explanation),
    )
    verdict = worst(finding.outcome for finding in findings if finding.counts)
    return Decision(verdict, _conclusion(verdict, findings), findings, tuple(_limits(model)))


def _conclusion(verdict: Outcome, findings: tuple[Finding, ...]) -> str:
    """Say the verdict with what qualifies it: stopped, pending, what decided."""
    words = [str(verdict)]
    words += sorted({f.conclusion for f in findings if f.conclusion in ("missing night", "empty night", "stopped")})
    deciding = Counter(f.stage for f in findings if f.counts and f.outcome is verdict)
    if verdict is not Outcome.PASS:
        words.append(" and ".join(f"{n} in {stage}" for stage, n in deciding.items()))
    if any(f.conclusion == "pending" for f in findings):
        words.append("performance pending")
    return ", ".join(words)


def _duplicates(model: ModelConfig, snapshot: Snapshot | None) -> Iterator[Finding]:
    """Row ids must be unique: labels join on them."""
    if snapshot is None:
        return
    beyond = snapshot.duplicate_row_ids
    yield Finding(
        stage=Stage.SNAPSHOT,
        name="row_id_unique",
        column=model.row_id,
        severity=Severity.CRITICAL,
        outcome=Outcome.FAIL if beyond else Outcome.PASS,
        counts=True,
        value=float(beyond),
        limit=0.0,
        n=snapshot.rows,
        reason=f"{beyond:,} of {snapshot.rows:,} rows repeat the {model.row_id} of another row."
        if beyond
        else f"All {snapshot.rows:,} rows have a {model.row_id} of their own.",
        conclusion="stopped" if beyond else None,
    )


def _checks(model: ModelConfig, validation: Validation | None) -> Iterator[Finding]:
    """One finding per expectation that did not pass, and one for those that did."""
    if validation is None:
        return
    passed = [r for r in validation.results if r.outcome is Outcome.PASS]
    for result in validation.results:
        if result.outcome is not Outcome.PASS:
            yield _check(model, result)
    if passed:
        text = f"{len(passed)} of {len(validation.results)} expectations hold on {validation.n:,} rows."
        yield _summary(Stage.VALIDATION, "expectations", text, validation.n)
    quality = model.policy.quality
    floors = {
        "completeness": quality.completeness,
        "accuracy": quality.accuracy,
        "consistency": quality.consistency,
    }
    for score in validation.scores:
        floor = floors.get(score.name, Floor())
        if is_set(floor):
            reason = score.reason or f"{score.name} is {_number(score.value)} over {score.n:,} values."
            yield _floor_finding(Stage.VALIDATION, score.name, score.value, floor, score.n, reason)


def _check(model: ModelConfig, result: CheckResult) -> Finding:
    """Turn a failed or unevaluated expectation into a finding by its severity."""
    outcome = result.outcome
    if outcome is Outcome.FAIL and result.severity is Severity.WARNING:
        outcome = Outcome(model.policy.on_warning_check)
    stopped = result.severity is Severity.CRITICAL and result.outcome is Outcome.FAIL
    return Finding(
        stage=Stage.VALIDATION,
        name=result.name,
        column=result.column,
        severity=result.severity,
        outcome=outcome,
        counts=result.severity is not Severity.INFO,
        value=result.unexpected_share,
        limit=None,
        n=result.n,
        reason=result.reason,
        conclusion="stopped" if stopped else None,
    )


def _drift(model: ModelConfig, drift: Drift | None) -> Iterator[Finding]:
    """One finding per score that did not pass, and one for those that did."""
    if drift is None:
        return
    judged = [(score, limit) for score, limit in _judged_scores(model, drift)]
    passed: list[DriftScore] = []
    for score, limit in judged:
        finding = _drift_finding(score, limit)
        if finding.outcome is Outcome.PASS:
            passed.append(score)
        else:
            yield finding
    if passed:
        stable = [s for s in passed if s.method == "psi"]
        text = f"{len(passed)} of {len(judged)} drift scores are below their limits."
        if stable:
            top = max(stable, key=lambda s: s.value or 0.0)
            text += f" The largest PSI among them is {_number(top.value)} ({top.column})."
        yield _summary(Stage.DRIFT, "drift", text, max(s.n for s in passed))


def _judged_scores(model: ModelConfig, drift: Drift) -> Iterator[tuple[DriftScore, Limit]]:
    """Yield the exact scores that have a limit, each with it."""
    for score in drift.scores:
        override = model.policy.drift.columns.get(score.column)
        if score.engine != "exact" or (override and override.ignore):
            continue
        limit = drift_limit(model, score.method, score.column)
        if limit is not None and is_set(limit):
            yield score, limit


def drift_limit(model: ModelConfig, method: str, column: str) -> Limit | None:
    """Return the limit that holds for `method` on `column`, or None when the method is only shown."""
    policy, own = model.policy.drift, model.policy.drift.columns.get(column)
    key = {"missing_share": "missing_increase"}.get(method, method)
    limit = getattr(own, key, None) if own else None
    if limit is None and method == "psi" and column == model.output:
        limit = policy.prediction_psi
    if limit is None:
        limit = getattr(policy, key, None)
    return limit if isinstance(limit, Limit) else None


def _drift_finding(score: DriftScore, limit: Limit) -> Finding:
    """Hold one score against its limit."""
    what = f"{READABLE.get(score.method, score.method)} of {score.column}"
    if score.value is None:
        outcome, bound = Outcome.NOT_EVALUATED, limit.fail
        reason = f"{what} was not evaluated: {score.reason}"
    else:
        judgement = against_limit(score.value, limit)
        outcome, bound = judgement.outcome, judgement.limit
        reason = (
            f"{what} is {_number(score.value)} (limit {_number(bound)}), "
            f"from {score.n:,} values against {score.n_reference:,} of the reference."
        )
    return Finding(
        stage=Stage.DRIFT,
        name=score.method,
        column=score.column,
        severity=Severity.WARNING if outcome is Outcome.WARN else Severity.CRITICAL,
        outcome=outcome,
        counts=True,
        value=score.value,
        limit=bound,
        n=score.n,
        reason=reason,
    )


def _performance(model: ModelConfig, performance: Performance | None) -> Iterator[Finding]:
    """Judge the metrics the policy names; pending labels are shown and not counted."""
    if performance is None:
        return
    if performance.due is None or performance.labelled == 0:
        yield _no_labels(performance)
        return
    overall = {metric.name: metric for metric in performance.metrics if metric.slice == "all"}
    passed = 0
    for name, floor in model.policy.performance.metrics.items():
        metric = overall.get(name)
        if metric is None or metric.value is None:
            why = metric.reason if metric else f"no such metric is computed for a {model.task} model"
            yield _floor_finding(Stage.PERFORMANCE, name, None, floor, metric.n if metric else 0, f"{name}: {why}")
            continue
        interval = "" if metric.lo is None else f" (95 % interval {_number(metric.lo)} to {_number(metric.hi)})"
        reason = f"{name} is {_number(metric.value)}{interval} over {metric.n:,} labelled rows."
        finding = _floor_finding(Stage.PERFORMANCE, name, metric.value, floor, metric.n, reason)
        if finding.outcome is Outcome.PASS:
            passed += 1
        else:
            yield finding
    if passed:
        text = f"{passed} of {len(model.policy.performance.metrics)} judged metrics are within their limits."
        yield _summary(Stage.PERFORMANCE, "performance", text, performance.labelled)


def _no_labels(performance: Performance) -> Finding:
    """Say why there is no performance: no labels configured, pending, or overdue."""
    if performance.due is None:
        counts, conclusion = False, "no labels"
        reason = "No labels are configured for this model, so its performance is not measured."
    elif performance.overdue:
        counts, conclusion = True, "overdue"
        reason = f"The labels were due on {performance.due} and have not come."
    else:
        counts, conclusion = False, "pending"
        reason = f"Labels are due on {performance.due}; until then performance is pending."
    return Finding(
        stage=Stage.PERFORMANCE,
        name="labels",
        column=None,
        severity=Severity.WARNING if counts else Severity.INFO,
        outcome=Outcome.NOT_EVALUATED,
        counts=counts,
        value=None,
        limit=None,
        n=0,
        reason=reason,
        conclusion=conclusion,
    )


def _explanation(model: ModelConfig, explanation: Explanation | None) -> Iterator[Finding]:
    """An explanation that is due must be there, and the artefact must be the model that wrote the log."""
    if explanation is None:
        return
    required = model.policy.explanation.required
    if not explanation.importances:
        yield Finding(
            stage=Stage.EXPLANATION,
            name="explanation",
            column=None,
            severity=Severity.WARNING if required else Severity.INFO,
            outcome=Outcome.NOT_EVALUATED,
            counts=required,
            value=None,
            limit=None,
            n=explanation.n,
            reason=f"The model was not explained: {explanation.reason}",
        )
    else:
        top = ", ".join(i.feature for i in explanation.importances[:3])
        text = f"Explained on {explanation.n:,} rows; the largest contributions come from {top}."
        yield _summary(Stage.EXPLANATION, "explanation", text, explanation.n)
    if explanation.agreement is not None:
        judgement = against_limit(explanation.agreement, model.policy.explanation.agreement)
        text = (
            f"The artefact's own output differs from the logged one by at most {explanation.agreement:.3g} "
            f"on {explanation.n:,} rows."
        )
        yield Finding(
            stage=Stage.EXPLANATION,
            name="agreement",
            column=model.output,
            severity=Severity.CRITICAL,
            outcome=judgement.outcome,
            counts=True,
            value=explanation.agreement,
            limit=judgement.limit,
            n=explanation.n,
            reason=text,
        )


def _floor_finding(stage: Stage, name: str, value: float | None, floor: Floor, n: int, reason: str) -> Finding:
    """Hold a metric of quality against its floor; without a value it is NOT_EVALUATED."""
    if value is None:
        outcome, limit = Outcome.NOT_EVALUATED, None
    else:
        judgement = against_floor(value, floor)
        outcome, limit = judgement.outcome, judgement.limit
        if outcome is not Outcome.PASS:
            reason = f"{reason[:-1]}; the limit is {_number(limit)}."
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=Severity.WARNING if outcome is Outcome.WARN else Severity.CRITICAL,
        outcome=outcome,
        counts=True,
        value=value,
        limit=limit,
        n=n,
        reason=reason,
    )


def _summary(stage: Stage, name: str, reason: str, n: int) -> Finding:
    """One PASS for what passed in a stage, so that passing is stated and not implied."""
    return Finding(
        stage=stage,
        name=name,
        column=None,
        severity=Severity.INFO,
        outcome=Outcome.PASS,
        counts=True,
        value=None,
        limit=None,
        n=n,
        reason=reason,
    )


def _limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits as they were applied."""
    policy = model.policy.drift
    for method in READABLE:
        for column in (None, *policy.columns, model.output if method == "psi" else None):
            limit = drift_limit(model, method, column or "")
            if limit is not None and is_set(limit) and (column is None or _is_own(model, method, column)):
                yield AppliedLimit(Stage.DRIFT, method, column, limit.warn, limit.fail, True)
    for name, floor in model.policy.performance.metrics.items():
        if floor.warn_below is not None or floor.fail_below is not None:
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_below, floor.fail_below, False)
        if floor.warn_above is not None or floor.fail_above is not None:
            yield AppliedLimit(Stage.PERFORMANCE, name, None, floor.warn_above, floor.fail_above, True)
    agreement = model.policy.explanation.agreement
    yield AppliedLimit(Stage.EXPLANATION, "agreement", model.output, agreement.warn, agreement.fail, True)


def _is_own(model: ModelConfig, method: str, column: str) -> bool:
    """Whether a column's limit differs from the one that holds for all."""
    return drift_limit(model, method, column) != drift_limit(model, method, "")


def _number(value: float | None) -> str:
    """Four significant digits: enough to compare with a limit, few enough to read."""
    return "none" if value is None else f"{value:.4g}"
