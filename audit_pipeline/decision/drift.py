"""Did a column move further from the reference than its limit allows, and than chance explains?

The size of a move says whether it matters; the adjusted p-value of the column's test, whether chance explains it. Both
must speak for an alarm. A score without a test is judged by its size alone: what cannot be tested is not passed for it.
"""

from collections.abc import Iterator, Sequence

from audit_pipeline.config import Limit, ModelConfig
from audit_pipeline.decision.findings import number, passed
from audit_pipeline.decision.judge import Judgement, against_limit, is_set
from audit_pipeline.records import AppliedLimit, Drift, DriftScore, EarlierNight, Finding, Outcome, Severity, Stage

READABLE = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon distance",
    "ks": "KS distance",
    "wasserstein": "Wasserstein distance in standard deviations",
    "total_variation": "total variation distance",
    "missing_share": "rise of the missing share",
    "new_category_share": "share of rows in categories the reference lacks",
    "vanished_category_share": "share of the reference in categories the night lacks",
}
KEYS = {"missing_share": "missing_increase"}  # method -> key of the policy, where they differ
CHANCE = "chance"  # conclusion of a score that reaches its limit and that its test does not tell from chance
PERSISTS = "persistent"  # conclusion of a warning that stayed


def drift(model: ModelConfig, measured: Drift | None, earlier: Sequence[EarlierNight]) -> Iterator[Finding]:
    """One finding per score that reaches a limit or has no value, and one for the others.

    Args:
        model: says limits, alpha and persistence.
        measured: the scores of the night; None when the stage did not run.
        earlier: the nights of `nights_to_look_back`, fewer when there are not so many.
    """
    judged = list(_judged(model, measured))
    held: list[DriftScore] = []
    for score, limit in judged:
        judgement = against_limit(score.value, limit)
        if judgement.outcome is Outcome.PASS:
            held.append(score)
        elif judgement.outcome is Outcome.NOT_EVALUATED:
            yield _finding(score, judgement, f"{_what(score)} was not evaluated: {_why(score)}.")
        elif _is_chance(model, score):
            yield _chance(model, score, judgement)
        else:
            yield _alarm(model, score, limit, earlier)
    if held:
        yield _held(held, len(judged))


def nights_to_look_back(model: ModelConfig, measured: Drift | None) -> int:
    """Return how many earlier nights decide whether a warning of tonight persists; 0 when nothing warns."""
    persist = model.policy.drift.persist
    may_persist = any(
        _may_persist(score, limit) and not _is_chance(model, score) for score, limit in _judged(model, measured)
    )
    return persist.of - 1 if persist and may_persist else 0


def _may_persist(score: DriftScore, limit: Limit) -> bool:
    """Tell whether the score warns below a limit at which it would fail; one that never fails is only told."""
    return limit.fail is not None and against_limit(score.value, limit).outcome is Outcome.WARN


def _judged(model: ModelConfig, measured: Drift | None) -> Iterator[tuple[DriftScore, Limit]]:
    """Yield the scores of record that have a limit."""
    for score in measured.scores if measured else ():
        limit = drift_limit(model, score.method, score.column)
        if score.engine == "exact" and is_set(limit):
            yield score, limit


def _is_chance(model: ModelConfig, score: DriftScore) -> bool:
    """Tell whether chance may explain the score: its test was made, and does not reject."""
    return score.adjusted_p is not None and score.adjusted_p > model.policy.drift.alpha


def _chance(model: ModelConfig, score: DriftScore, judgement: Judgement) -> Finding:
    """A score that reaches its limit, as it may on a quiet night."""
    reason = (
        f"{_measured(score, judgement)} Its test does not tell it from chance: the adjusted p of "
        f"{number(score.adjusted_p)} is above {number(model.policy.drift.alpha)}."
    )
    return _finding(score, Judgement(Outcome.PASS, judgement.limit), reason, conclusion=CHANCE)


def _alarm(model: ModelConfig, score: DriftScore, limit: Limit, earlier: Sequence[EarlierNight]) -> Finding:
    """A score that reaches its limit beyond chance; a warning that stays is a failure."""
    judgement = against_limit(score.value, limit)
    reason = _measured(score, judgement)
    if score.adjusted_p is not None:
        reason = f"{reason.removesuffix('.')}; adjusted p {number(score.adjusted_p)}."
    persist = model.policy.drift.persist
    seen = 1 + sum((score.method, score.column) in night.alarms for night in earlier)
    if persist is None or seen < persist.nights or not _may_persist(score, limit):
        return _finding(score, judgement, reason)
    reason += f" It persists: {seen} of the last {len(earlier) + 1} nights, and {persist.nights} of {persist.of} fail."
    return _finding(score, Judgement(Outcome.FAIL, judgement.limit), reason, conclusion=PERSISTS)


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


def _what(score: DriftScore) -> str:
    return f"{READABLE.get(score.method, score.method)} of {score.column}"


def _why(score: DriftScore) -> str:
    return (score.reason or "it is not a number").rstrip(".")


def _measured(score: DriftScore, judgement: Judgement) -> str:
    """Say the number, its limit and what stands behind it."""
    return (
        f"{_what(score)} is {number(score.value)} (limit {number(judgement.limit)}), "
        f"from {score.n:,} values against {score.n_reference:,} of the reference."
    )


def _finding(score: DriftScore, judgement: Judgement, reason: str, *, conclusion: str | None = None) -> Finding:
    """What one score came to."""
    severity = {Outcome.WARN: Severity.WARNING, Outcome.PASS: Severity.INFO}
    return Finding(
        stage=Stage.DRIFT,
        name=score.method,
        column=score.column,
        severity=severity.get(judgement.outcome, Severity.CRITICAL),
        outcome=judgement.outcome,
        counts=True,
        value=score.value,
        limit=judgement.limit,
        n=score.n,
        reason=reason,
        conclusion=conclusion,
    )


def drift_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits as they were applied: those of all columns, and those of a column that differ from them."""
    alpha = model.policy.drift.alpha
    columns = dict.fromkeys((model.output, *model.policy.drift.columns))
    for method in READABLE:
        general = drift_limit(model, method, None)
        if is_set(general):
            yield AppliedLimit(Stage.DRIFT, method, None, general.warn, general.fail, True, alpha)
        for column in columns:
            own = drift_limit(model, method, column)
            if own != general:
                yield AppliedLimit(Stage.DRIFT, method, column, own.warn, own.fail, True, alpha)
