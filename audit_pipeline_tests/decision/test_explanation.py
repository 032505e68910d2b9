"""The explanation must be there where it is due, and the artefact must be the model that wrote the log."""

import math

import pytest

from audit_pipeline.config.generalise import Generalise
from audit_pipeline.decision import decide
from audit_pipeline.records import Outcome
from audit_pipeline_tests.decision.made import explanation, finding, model, night

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.0, PASS), (9.9e-7, PASS), (1e-6, FAIL), (0.2, FAIL), (math.nan, NONE), (None, PASS)]
)
def test_the_artefact_must_give_the_logged_output(difference: float | None, verdict: Outcome) -> None:
    decision = decide(model(artefact=True), night(explanation=explanation(agreement=difference)))
    assert decision.verdict is verdict


def test_a_feature_that_was_made_coarser_is_named_where_the_artefact_disagrees() -> None:
    made = model(artefact=True)
    coarse = made.columns["age"].model_copy(update={"generalise": Generalise(floor=5)})
    made = made.model_copy(update={"columns": made.columns | {"age": coarse}})
    decision = decide(made, night(explanation=explanation(agreement=0.2)))
    assert decision.verdict is FAIL
    assert (
        "It was given the generalised age of the model file" in finding(decision.findings, "agreement", "risk").reason
    )


def test_the_owner_may_allow_a_difference() -> None:
    policy = {"agreement": {"warn": 0.01, "fail": 0.1}}
    decision = decide(model(artefact=True, explanation=policy), night(explanation=explanation(agreement=0.05)))
    assert (decision.verdict, finding(decision.findings, "agreement", "risk").limit) == (WARN, 0.01)


@pytest.mark.parametrize(("required", "verdict"), [(True, NONE), (False, PASS)])
def test_a_missing_explanation_counts_when_it_is_required(required: bool, verdict: Outcome) -> None:
    missing = explanation(agreement=None, reason="The model is of no kind that can be explained.")
    decision = decide(model(artefact=True, explanation={"required": required}), night(explanation=missing))
    assert decision.verdict is verdict
    reason = finding(decision.findings, "explanation").reason
    assert reason == "The model was not explained: The model is of no kind that can be explained."
