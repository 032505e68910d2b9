"""Is the model explained where that is due, and is the artefact the model that wrote the log?"""

from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.findings import not_evaluated, passed
from audit_pipeline.decision.judge import against_limit, is_set
from audit_pipeline.records import AppliedLimit, Explanation, Finding, Severity, Stage


def explanation(model: ModelConfig, measured: Explanation | None) -> Iterator[Finding]:
    """Judge the explanation as a whole, then how well the artefact's output agrees with the log."""
    if measured is None:
        return
    if measured.explains == "surrogate":
        yield _surrogate(model, measured)
    elif measured.importances:
        top = ", ".join(importance.feature for importance in measured.importances[:3])
        text = f"Explained on {measured.n:,} rows; the largest contributions come from {top}."
        yield passed(Stage.EXPLANATION, "explanation", text, n=measured.n)
    else:
        why = (measured.reason or "there is no result").rstrip(".")
        text = f"The model was not explained: {why}."
        required = model.policy.explanation.required
        yield not_evaluated(Stage.EXPLANATION, "explanation", text, n=measured.n, counts=required)
    if measured.reason_codes is not None and measured.reason_codes.reason is not None:
        text = f"The reasons of single rows were not kept: {measured.reason_codes.reason}"
        yield not_evaluated(Stage.EXPLANATION, "reason_codes", text, n=measured.reason_codes.rows, counts=True)
    if measured.agreement is not None and is_set(model.policy.explanation.agreement):
        yield _agreement(model, measured, measured.agreement)


def _surrogate(model: ModelConfig, measured: Explanation) -> Finding:
    """Say that the model was not explained, and what was; one that imitates it badly is no reason to fail the night."""
    if measured.fidelity is None or not measured.importances:
        why = (measured.reason or "there is no result").rstrip(".")
        text = f"No surrogate of the model was explained: {why}."
        return not_evaluated(
            Stage.EXPLANATION, "surrogate", text, n=measured.n, counts=model.policy.explanation.required
        )
    fit = measured.fidelity
    top = ", ".join(importance.feature for importance in measured.importances[:3])
    text = (
        f"The model itself was not explained, since there is no model file. A surrogate fitted on {fit.fitted:,} rows "
        f"of the log imitates it with R2 {fit.value:.3f} ({fit.lo:.3f} to {fit.hi:.3f}) on {fit.n:,} others; the "
        f"surrogate's largest contributions come from {top}."
    )
    return not_evaluated(Stage.EXPLANATION, "surrogate", text, n=measured.n, counts=False)


def _agreement(model: ModelConfig, measured: Explanation, value: float) -> Finding:
    """Hold the largest difference between the artefact's output and the logged one against its limit."""
    judgement = against_limit(value, model.policy.explanation.agreement)
    reason = (
        f"The artefact's own output differs from the logged one by at most {value:.3g} on {measured.n:,} rows "
        f"(limit {judgement.limit:.3g})."
    )
    if coarse := [name for name in model.features if model.columns[name].generalise]:
        reason += (
            f" It was given the generalised {', '.join(coarse)} of the model file: unless the model is served these "
            "too, it is another input. Serve them generalised, or remove `artefact`."
        )
    return Finding(
        stage=Stage.EXPLANATION,
        name="agreement",
        column=model.output,
        severity=Severity.CRITICAL,
        outcome=judgement.outcome,
        counts=True,
        value=value,
        limit=judgement.limit,
        n=measured.n,
        reason=reason,
    )


def explanation_limits(model: ModelConfig) -> Iterator[AppliedLimit]:
    """List the limit on agreement as it was applied."""
    limit = model.policy.explanation.agreement
    if is_set(limit):
        yield AppliedLimit(Stage.EXPLANATION, "agreement", model.output, limit.warn, limit.fail, True)
