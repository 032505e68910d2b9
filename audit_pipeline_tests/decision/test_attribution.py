"""Drift of attributions alarms by size and chance; stress and monotonicity by what the owner says of them."""

from dataclasses import replace
from typing import Any

import pytest

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision import decide
from audit_pipeline.records import AttributionDrift, Finding, MovedAttribution, Outcome, Stress, StressTest
from audit_pipeline.tell import told_decision, told_measures
from audit_pipeline_tests.decision.made import N, explanation, finding, model, night

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED


def moved(distance: float | None, p: float, *, feature: str = "age") -> MovedAttribution:
    return MovedAttribution(feature, distance, 0.4, 0.2, 1, 3, p)


def drifted(*features: MovedAttribution, reason: str | None = None) -> AttributionDrift:
    return AttributionDrift(features, 0.99, 0.98, 0.2, 0.9, 0.3, 700, 2000, 499, 7, reason)


def judged(made: ModelConfig, **parts: Any) -> tuple[Finding, ...]:
    return decide(made, night(explanation=replace(explanation(), **parts))).findings


@pytest.mark.parametrize(
    ("distance", "p", "outcome"),
    [(0.49, 1e-9, PASS), (0.5, 1e-9, WARN), (0.5, 0.06, PASS), (3.0, 0.9, PASS), (0.9, 0.05, WARN)],
)
def test_a_move_warns_by_its_size_where_chance_does_not_explain_it(distance: float, p: float, outcome: Outcome) -> None:
    made = model(artefact=True)
    found = finding(judged(made, attribution=drifted(moved(distance, p))), "attribution_drift", "age")
    assert (found.outcome, found.limit, found.value) == (outcome, 0.5, distance)
    assert "its rank is 1, 3 on the reference. 700 rows against 2,000." in found.reason


def test_the_farthest_of_those_that_are_no_chance_decides() -> None:
    made = model(artefact=True, explanation={"attribution_drift": {"wasserstein": {"warn": 0.3, "fail": 0.8}}})
    features = (moved(2.0, 0.5, feature="ward"), moved(0.9, 0.001), moved(0.4, 0.0, feature="risk"))
    assert finding(judged(made, attribution=drifted(*features)), "attribution_drift", "age").outcome is FAIL


@pytest.mark.parametrize(("required", "verdict"), [(True, NONE), (False, PASS)])
def test_a_comparison_that_was_not_made_has_not_passed(required: bool, verdict: Outcome) -> None:
    made = model(artefact=True, explanation={"required": required})
    missing = replace(explanation(), attribution=drifted(reason="The reference lacks columns of the model: age."))
    decision = decide(made, night(explanation=missing))
    assert decision.verdict is verdict
    assert finding(decision.findings, "attribution_drift").reason == (
        "Whether other features drive the model was not evaluated: The reference lacks columns of the model: age."
    )


def test_a_move_from_one_value_is_not_evaluated_and_without_a_limit_nothing_is_said() -> None:
    made = model(artefact=True)
    features = (moved(None, 0.0), moved(0.1, 0.0, feature="ward"))
    found = finding(judged(made, attribution=drifted(*features)), "attribution_drift", "age")
    assert (found.outcome, found.value) == (NONE, None)
    shown = model(artefact=True, explanation={"attribution_drift": {"wasserstein": {}}})
    names = {f.name for f in judged(shown, attribution=drifted(moved(9.0, 0.0)))}
    assert "attribution_drift" not in names
    assert "attribution_drift" not in {f.name for f in judged(made)}  # a record from before it was compared


# --- stress -------------------------------------------------------------------------------------------------------


def stressed(*tests: StressTest, reason: str | None = None) -> Stress:
    return Stress(tests, 300, 0.05, "reference", 7, reason)


def declared(outcome: str | None = None) -> ModelConfig:
    """A model whose owner says that its output rises with age."""
    stress = {"monotone": outcome} if outcome else {}
    raw = model(artefact=True, explanation={"stress": stress}).model_dump()
    raw["columns"]["age"]["monotone"] = "increasing"
    return ModelConfig.model_validate(raw)


@pytest.mark.parametrize(("policy", "outcome"), [(None, FAIL), ("FAIL", FAIL), ("WARN", WARN)])
def test_a_broken_monotonicity_comes_to_what_the_policy_says(policy: str | None, outcome: Outcome) -> None:
    broken = StressTest("increasing", "age", 0.25, 0.01, 0.2)
    found = finding(judged(declared(policy), stress=stressed(broken)), "monotone", "age")
    assert (found.outcome, found.value) == (outcome, 0.25)
    kept = finding(
        judged(declared(policy), stress=stressed(replace(broken, share=0.0, mean_change=0.0, largest=0.0))),
        "monotone",
        "age",
    )
    assert kept.outcome is PASS


def test_a_declared_monotonicity_that_was_not_checked_has_not_passed() -> None:
    refused = StressTest("increasing", "age", None, None, None, "The model raises ValueError.")
    for stress in (stressed(refused), stressed(reason="Putting the model under stress raised TimeoutError.")):
        found = finding(judged(declared(), stress=stress), "monotone", "age")
        assert (found.outcome, found.counts) == (NONE, True)
    assert "monotone" not in {f.name for f in judged(declared("shown"), stress=stressed(refused))}


def test_flips_are_judged_exactly_and_told_as_small_cells() -> None:
    """3 of 300 decisions: over a limit of 0.9 %, and told as fewer than 11."""
    made = model(
        artefact=True, explanation={"stress": {"noise_flips": {"warn": 0.009}, "missing_flips": {"fail": 0.5}}}
    )
    tests = (
        StressTest("missing", "age", 0.4, 0.1, 0.2),
        StressTest("missing", "ward", None, None, None, "Without a value the model raises ValueError."),
        StressTest("noise", "age", 0.0, 0.0, 0.0),
        StressTest("noise", None, 0.01, 0.001, 0.1),
    )
    exact = night(explanation=replace(explanation(), stress=stressed(*tests)))
    shown = told_measures(exact)
    assert shown.explanation is not None
    assert shown.explanation.stress is not None
    assert [t.share for t in shown.explanation.stress.tests] == [0.4, None, 0.0, 10 / 300]
    findings = told_decision(made, exact, shown).findings
    noise, missing = finding(findings, "noise_flips"), finding(findings, "missing_flips", "age")
    assert (noise.outcome, noise.value) == (WARN, 10 / 300)
    assert "flips at most 3.3% of 300 decisions" in noise.reason
    assert (missing.outcome, missing.value) == (PASS, 0.4)
    nothing = replace(explanation(), stress=stressed(replace(tests[0], share=None)))
    regression = decide(made, night(explanation=nothing)).findings
    assert finding(regression, "missing_flips").outcome is NONE
    assert N
