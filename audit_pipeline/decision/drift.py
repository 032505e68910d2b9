"""Did a column move further from the reference than its limit allows?"""

from collections.abc import Iterator

from audit_pipeline.config import Limit, ModelConfig
from audit_pipeline.decision.findings import number, passed
from audit_pipeline.decision.judge import against_limit, is_set
from audit_pipeline.records import AppliedLimit, Drift, DriftScore, Finding, Outcome, Severity, Stage

READABLE = {
    "psi": "PSI",
    "ks": "KS distance",
    "missing_share": "rise of the missing share",
    "new_category_share": "share of rows in categories the reference lacks",
}
KEYS = {"missing_share": "missing_increase"}  # method -> key of the policy, where they differ


def drift(model: ModelConfig, measured: Drift | None) -> Iterator[Finding]:
    """One finding per score that did not pass, and one for those that did."""
    if measured is None:
        return
    held: list[DriftScore] = []
    judged = 0
    for score in measured.scores:
        limit = drift_limit(model, score.method, score.column)
        if score.engine != "exact" or not is_set(limit):
            continue
        judged += 1
        finding = _finding(score, limit)
        if finding.outcome is Outcome.PASS:
            held.append(score)
        else:
            yield finding
    if held:
        yield _held(held, judged)


def _held(held: list[DriftScore], judged: int) -> Finding:
    """Say how much passed, and the largest PSI among it."""
    text = f"{len(held)} of {judged} drift scores are below their limits."
    stable = [score for score in held if score.method == "psi"]
    if stable:
        top = max(stable, key=lambda score: score.value or 0.0)
        text += f" The largest PSI among them is {number(top.value)} ({top.column})."
    return passed(Stage.DRIFT, "drift", text, n=max(score.n for score in held))


def drift_limit(model: ModelConfig, method: str, column: str | None) -> Limit:
    """Return the limit that holds for `method` on `column` (None: on all others); unset when it is only shown."""
    policy, key = model.policy.drift, KEYS.get(method, method)
    own = policy.columns.get(column) if column is not None else None
    if own is not None and own.ignore:
        return Limit()
    limit = getattr(own, key, None)
    if limit is None and method == "psi" and column == model.output:
        limit = policy.prediction_psi
    if limit is None:
        limit = getattr(policy, key, None)
    return limit if isinstance(limit, Limit) else Limit()


def _finding(score: DriftScore, limit: Limit) -> Finding:
    """Hold one score against its limit."""
    what = f"{READABLE.get(score.method, score.method)} of {score.column}"
    judgement = against_limit(score.value, limit)
    if judgement.outcome is Outcome.NOT_EVALUATED:
        reason = f"{what} was not evaluated: {(score.reason or 'it is not a number').rstrip('.')}."
    else:
        reason = (
            f"{what} is {number(score.value)} (limit {number(judgement.limit)}), "
            f"from {score.n:,} values against {score.n_reference:,} of the reference."
        )
    return Finding(
        stage=Stage.DRIFT,
        name=score.method,
        column=score.column,
        severity=Severity.WARNING if judgement.outcome is Outcome.WARN else Severity.CRITICAL,
        outcome=judgement.outcome,
        counts=True,
        value=score.value,
        limit=judgement.limit,
        n=score.n,
        reason=reason,
    )


def drift_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits as they were applied: those of all columns, and those of a column that differ from them."""
    columns = dict.fromkeys((model.output, *model.policy.drift.columns))
    for method in READABLE:
        general = drift_limit(model, method, None)
        if is_set(general):
            yield AppliedLimit(Stage.DRIFT, method, None, general.warn, general.fail, True)
        for column in columns:
            own = drift_limit(model, method, column)
            if own != general:
                yield AppliedLimit(Stage.DRIFT, method, column, own.warn, own.fail, True)
