"""May the night's data be trusted? Row ids, expectations by their severity, and quality scores."""

from collections.abc import Iterator

from audit_pipeline.config import Floor, ModelConfig
from audit_pipeline.decision.findings import by_floor, number, passed
from audit_pipeline.decision.judge import is_set
from audit_pipeline.records import CheckResult, Finding, Outcome, Severity, Snapshot, Stage, Validation
from audit_pipeline.small_cells import of_in_words


def row_ids(model: ModelConfig, snapshot: Snapshot | None) -> Iterator[Finding]:
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
        reason=_repeats(model, beyond, snapshot.rows)
        if beyond
        else f"All {snapshot.rows:,} rows have a {model.row_id} of their own.",
        conclusion="stopped" if beyond else None,
    )


def _repeats(model: ModelConfig, beyond: int, rows: int) -> str:
    said = of_in_words(beyond, rows)
    return f"{said[0].upper()}{said[1:]} rows repeat the {model.row_id} of another row."


def expectations(model: ModelConfig, validation: Validation | None) -> Iterator[Finding]:
    """One finding per expectation that did not pass, and one for those that did."""
    if validation is None:
        return
    held = 0
    for result in validation.results:
        if result.outcome is Outcome.PASS:
            held += 1
        else:
            yield _expectation(model, result)
    if held:
        text = f"{held} of {len(validation.results)} expectations hold on {validation.n:,} rows."
        yield passed(Stage.VALIDATION, "expectations", text, n=validation.n)


def _expectation(model: ModelConfig, result: CheckResult) -> Finding:
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


def quality(model: ModelConfig, validation: Validation | None) -> Iterator[Finding]:
    """Judge the quality scores that the policy gives a floor."""
    policy = model.policy.quality
    floors = {"completeness": policy.completeness, "accuracy": policy.accuracy, "consistency": policy.consistency}
    for score in validation.scores if validation else ():
        floor = floors.get(score.name, Floor())
        if is_set(floor):
            reason = score.reason or f"{score.name} is {number(score.value)} over {score.n:,} values."
            yield by_floor(Stage.VALIDATION, score.name, score.value, floor, n=score.n, reason=reason)
