"""Did the relation of inputs and outcome move? Judged only where the owner says what comes of it."""

from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.findings import not_evaluated, number, passed
from audit_pipeline.records import (
    AppliedLimit,
    Concept,
    ConceptNumber,
    Finding,
    Maturity,
    Outcome,
    Performance,
    Severity,
    Stage,
)

NAME = "concept"
MOVED = ("concept", "both")
UNKNOWN = "not evaluated"
SHOWN = "shown"  # outcome of a policy that judges nothing
READABLE = {
    "inputs": "the inputs",
    "loss": "the loss of rows with the same inputs",
    "calibration": "the mean outcome of rows with the same inputs",
    "slope": "the slope of the outcome over the score",
    "structure": "the outcome in a part of the inputs",
}


def concept(model: ModelConfig, measured: Performance | None) -> Iterator[Finding]:
    """Say what was concluded: a move always, all else where the policy judges it. Pending labels do not count."""
    found = measured.concept if measured else None
    if measured is None or found is None:
        return
    judged = model.policy.concept.outcome != SHOWN
    if found.conclusion in MOVED:
        yield _moved(model, measured, found)
    elif judged and found.conclusion == UNKNOWN:
        text = (
            f"Whether the relation of inputs and outcome moved was not evaluated: {(found.reason or '').rstrip('.')}."
        )
        coming = measured.maturity is Maturity.PROVISIONAL and not measured.overdue
        counts = measured.labelled > 0 and not coming
        yield not_evaluated(Stage.PERFORMANCE, NAME, text, n=found.n, counts=counts, conclusion=UNKNOWN)
    elif judged:
        text = f"The relation of inputs and outcome has not moved{_inputs(found)}, {_rows(measured, found)}."
        yield passed(Stage.PERFORMANCE, NAME, text, n=found.n)


def _moved(model: ModelConfig, measured: Performance, found: Concept) -> Finding:
    """The relation moved: what that comes to is the owner's word."""
    judged = model.policy.concept.outcome
    outcome = Outcome.WARN if judged == SHOWN else Outcome(judged)
    severity = {Outcome.WARN: Severity.WARNING, Outcome.FAIL: Severity.CRITICAL}[outcome]
    tests = [one for one in found.numbers if one.found and one.name != "inputs"]
    largest = max(abs(one.effect or 0.0) for one in tests)
    reason = (
        f"The relation of inputs and outcome moved{_inputs(found)}: {'; '.join(map(_said, tests))}; "
        f"{_rows(measured, found)}."
    )
    return Finding(
        stage=Stage.PERFORMANCE,
        name=NAME,
        column=next((one.column for one in tests if one.column), None),
        severity=Severity.INFO if judged == SHOWN else severity,
        outcome=outcome,
        counts=judged != SHOWN,
        value=largest,
        limit=found.effect,
        n=found.n,
        reason=reason,
        conclusion=found.conclusion,
    )


def _said(one: ConceptNumber) -> str:
    """Say which direction moved, and how far."""
    where = f" (most by {one.column})" if one.column else ""
    return f"{READABLE[one.name]}{where} by {number(one.effect)} standard deviations (adjusted p {one.adjusted_p:.2g})"


def _inputs(found: Concept) -> str:
    """Say whether the inputs moved too."""
    moved = any(one.found for one in found.numbers if one.name == "inputs")
    if found.conclusion in MOVED:
        return ", and so did the inputs" if moved else ", and the inputs did not"
    return ", though the inputs did" if moved else ", nor did the inputs"


def _rows(measured: Performance, found: Concept) -> str:
    kind = "" if measured.maturity is Maturity.FINAL else f"{measured.maturity.value} labels, "
    return f"{kind}{found.n:,} labelled rows against {found.n_reference:,}"


def concept_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the least size and alpha as they were applied."""
    policy = model.policy.concept
    if policy.outcome != SHOWN:
        warn, fail = (policy.effect, None) if policy.outcome == Outcome.WARN else (None, policy.effect)
        yield AppliedLimit(Stage.PERFORMANCE, NAME, None, warn, fail, True, policy.alpha)
