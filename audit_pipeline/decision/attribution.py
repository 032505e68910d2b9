"""Is the model driven by what drove it on the reference, and does its output hold under stress?"""

import math
from collections.abc import Iterator

from audit_pipeline.config import Limit, ModelConfig
from audit_pipeline.decision.findings import not_evaluated, number
from audit_pipeline.decision.judge import against_limit, is_set
from audit_pipeline.records import (
    AppliedLimit,
    AttributionDrift,
    Explanation,
    Finding,
    MovedAttribution,
    Outcome,
    Severity,
    Stage,
    Stress,
    StressTest,
)

DRIFT = "attribution_drift"
MONOTONE = "monotone"
FLIPS = {"noise": "noise_flips", "missing": "missing_flips"}  # test -> name of its limit
SEVERITY = {Outcome.PASS: Severity.INFO, Outcome.WARN: Severity.WARNING}


def attribution(model: ModelConfig, measured: Explanation | None) -> Iterator[Finding]:
    """Judge how far the SHAP values moved; records from before they were compared have none."""
    found = measured.attribution if measured else None
    policy = model.policy.explanation.attribution_drift
    if found is None or not is_set(policy.wasserstein):
        return
    if not found.features:
        text = f"Whether other features drive the model was not evaluated: {_end(found.reason)}"
        yield not_evaluated(Stage.EXPLANATION, DRIFT, text, n=found.n, counts=model.policy.explanation.required)
        return
    sure = [moved for moved in found.features if (moved.adjusted_p or 0.0) <= policy.alpha]
    top = max(sure or found.features, key=lambda moved: math.inf if moved.distance is None else moved.distance)
    judgement = against_limit(top.distance, policy.wasserstein) if sure else None
    yield _finding(
        DRIFT,
        top.feature,
        judgement.outcome if judgement else Outcome.PASS,
        _moved(top, found),
        value=top.distance,
        limit=judgement.limit if judgement else _first(model),
        n=found.n,
    )


def _first(model: ModelConfig) -> float | None:
    """Return the limit that would be met first."""
    return against_limit(None, model.policy.explanation.attribution_drift.wasserstein).limit


def _moved(top: MovedAttribution, found: AttributionDrift) -> str:
    """Say what moved most, and what became of its place."""
    places = f"{top.rank}" if top.rank == top.rank_reference else f"{top.rank}, {top.rank_reference} on the reference"
    far = (
        "from one and the same value, which gives no unit to measure in"
        if top.distance is None
        else f"by {number(top.distance)} standard deviations"
    )
    return (
        f"The contributions of {top.feature} moved most from the reference's, {far} (adjusted p "
        f"{number(top.adjusted_p)}); its rank is {places}. {found.n:,} rows against {found.n_reference:,}."
    )


def under_stress(model: ModelConfig, measured: Explanation | None) -> Iterator[Finding]:
    """Judge monotonicity where it is declared, and flips where they are limited."""
    found = measured.stress if measured else None
    if found is None:
        return
    declared = [name for name, column in model.columns.items() if column.monotone]
    tests = {test.feature: test for test in found.tests if test.test in ("increasing", "decreasing")}
    for name in declared if model.policy.explanation.stress.monotone != "shown" else ():
        yield _monotone(model, found, name, tests.get(name))
    for test, limited in FLIPS.items():
        yield from _flips(model, found, test, limited)


def _monotone(model: ModelConfig, found: Stress, name: str, test: StressTest | None) -> Finding:
    """Hold one declared feature against what the output does."""
    direction = model.columns[name].monotone
    if test is None or test.share is None:
        why = _end(test.reason if test else found.reason)
        return _finding(
            MONOTONE, name, Outcome.NOT_EVALUATED, f"Whether the output is {direction} in {name} is not known: {why}"
        )
    if test.share == 0:
        text = f"The output is {direction} in {name}, as declared, in each of {found.n:,} rows."
        return _finding(MONOTONE, name, Outcome.PASS, text, value=0.0, n=found.n)
    text = (
        f"The output is declared to be {direction} in {name} and is not, in {test.share:.1%} of {found.n:,} rows or "
        f"fewer; the largest break is {number(test.largest)}."
    )
    outcome = Outcome(model.policy.explanation.stress.monotone)
    return _finding(MONOTONE, name, outcome, text, value=test.share, limit=0.0, n=found.n)


def _flips(model: ModelConfig, found: Stress, test: str, limited: str) -> Iterator[Finding]:
    """Hold the largest share of flipped decisions of one test against its limit."""
    limit = getattr(model.policy.explanation.stress, limited)
    if not is_set(limit):
        return
    shares = [(t.share, t.feature) for t in found.tests if t.test == test and t.share is not None]
    if not shares:
        refused = next((t.reason for t in found.tests if t.test == test and t.reason), None)
        why = _end(found.reason or refused or "the model decides nothing, or has no such feature")
        text = f"How many decisions flip was not evaluated: {why}"
        yield not_evaluated(Stage.EXPLANATION, limited, text, n=found.n, counts=True)
        return
    share, feature = max(shares, key=lambda pair: pair[0])
    judgement = against_limit(share, limit)
    what = "a small move" if test == "noise" else "a missing value"
    of = feature or "all numbers together"
    text = (
        f"{what.capitalize()} of {of} flips at most {share:.1%} of {found.n:,} decisions (limit {judgement.limit:.1%})."
    )
    yield _finding(limited, feature, judgement.outcome, text, value=share, limit=judgement.limit, n=found.n)


def attribution_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limits as they were applied."""
    policy = model.policy.explanation
    named: list[tuple[str, Limit, float | None]] = [
        (DRIFT, policy.attribution_drift.wasserstein, policy.attribution_drift.alpha)
    ]
    named += [(name, getattr(policy.stress, name), None) for name in FLIPS.values()]
    for name, limit, alpha in named:
        if model.artefact is not None and is_set(limit):
            yield AppliedLimit(Stage.EXPLANATION, name, None, limit.warn, limit.fail, True, alpha)


def _end(reason: str | None) -> str:
    """Return a reason as the end of a sentence."""
    return f"{(reason or 'the record gives no reason').rstrip('.')}."


def _finding(
    name: str,
    column: str | None,
    outcome: Outcome,
    reason: str,
    *,
    value: float | None = None,
    limit: float | None = None,
    n: int | None = None,
) -> Finding:
    return Finding(
        stage=Stage.EXPLANATION,
        name=name,
        column=column,
        severity=SEVERITY.get(outcome, Severity.CRITICAL),
        outcome=outcome,
        counts=True,
        value=value,
        limit=limit,
        n=n,
        reason=reason,
    )
