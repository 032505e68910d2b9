"""Groups against the policy: beyond, within, in between; no number; labels that are not there; nothing measured."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from audit_pipeline.config import Floor, ModelConfig
from audit_pipeline.decision import decide
from audit_pipeline.decision.judge import by_interval
from audit_pipeline.records import Decision, Fairness, Finding, Grouping, GroupMetric, Outcome, Severity, Stage
from audit_pipeline_tests.decision.made import finding, model, night, performance, unlabelled

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
RATIO: dict[str, Any] = {"impact_ratio": {"warn_below": 0.9, "fail_below": 0.8}}
ODDS: dict[str, Any] = {"equalised_odds_difference": {"fail_above": 0.1}}


def made(metric: str, value: float | None, lo: float | None = None, hi: float | None = None, **extra: Any) -> Grouping:
    whole = GroupMetric(None, metric, value, lo, hi, 700, None, **extra)
    rates = tuple(GroupMetric(g, "selection_rate", v, v, v, 350, None) for g, v in (("north", 0.2), ("south", 0.4)))
    return Grouping("protected", "ward", (*rates, whole), "south", 0)


def judged(policy: dict[str, Any], *groupings: Grouping, labelled: int = 700, **changes: Any) -> Decision:
    found = Fairness(groupings, 1, 30, labelled, 0, 1)
    return decide(declared(policy), night(fairness=found, **changes))


def declared(policy: dict[str, Any]) -> ModelConfig:
    data = model().model_dump() | {"fairness": {"protected": ["ward"]}, "policy": {"fairness": policy}}
    return ModelConfig.model_validate(data)


@pytest.mark.parametrize(
    ("value", "lo", "hi", "verdict", "conclusion"),
    [
        (0.5, 0.4, 0.79, FAIL, "not met"),
        (0.7, 0.6, 0.8, WARN, "not met"),  # below 0.9 as a whole, below 0.8 not for sure
        (0.85, 0.81, 0.89, WARN, "not met"),
        (0.85, 0.7, 0.95, WARN, "inconclusive"),  # they differ, nobody knows by how much
        (0.85, 0.7, 1.0, PASS, "inconclusive"),  # may be chance: shown, not counted
        (0.95, 0.85, 1.0, PASS, "inconclusive"),
        (0.95, 0.9, 1.0, PASS, "met"),
    ],
)
def test_a_ratio_is_judged_by_its_interval(
    value: float, lo: float, hi: float, verdict: Outcome, conclusion: str
) -> None:
    decision = judged(RATIO, made("impact_ratio", value, lo, hi))
    assert decision.verdict is verdict
    if conclusion == "met":
        assert finding(decision.findings, "fairness").reason == "1 of 1 limits on protected groups are met."
        return
    found = finding(decision.findings, "impact_ratio", "ward")
    assert found.conclusion == conclusion
    counts = verdict is not PASS
    assert (found.outcome, found.counts) == (verdict if counts else NONE, counts)
    assert "fairness" not in {f.name for f in decision.findings}  # what the rows do not tell is no pass


def test_the_reason_names_number_interval_limit_and_groups() -> None:
    found = finding(judged(RATIO, made("impact_ratio", 0.5, 0.4, 0.7)).findings, "impact_ratio", "ward")
    assert found.reason == (
        "Impact ratio of ward is 0.5 (95 % interval 0.4 to 0.7, 700 rows); the limit 0.8 is not met. "
        "Least often selected: north; best off: south."
    )
    assert (found.value, found.limit, found.n, found.severity) == (0.5, 0.8, 700, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("lo", "hi", "verdict"), [(0.11, 0.3, FAIL), (0.01, 0.3, WARN), (0.0, 0.3, PASS), (0.0, 0.09, PASS)]
)
def test_a_difference_is_bad_when_high(lo: float, hi: float, verdict: Outcome) -> None:
    metric = "equalised_odds_difference"
    value = 0.15 if hi > 0.1 else 0.05
    decision = judged(ODDS, made(metric, value, lo, hi), performance=performance())
    assert decision.verdict is verdict


@pytest.mark.parametrize("value", [0.0, 0.3, 0.79, 0.8, 0.81, 1.0])
def test_an_interval_without_width_is_judged_like_the_number(value: float) -> None:
    judgement, _ = by_interval(value, value, value, Floor(fail_below=0.8), equal=1.0)
    assert judgement.outcome is (FAIL if value < 0.8 else PASS)


def test_too_few_rows_are_not_evaluated_and_count() -> None:
    decision = judged(RATIO, made("impact_ratio", None, conclusion="insufficient", reason="too few"))
    found = finding(decision.findings, "impact_ratio", "ward")
    assert (decision.verdict, found.counts) == (NONE, True)
    assert found.reason == "Impact ratio of ward was not evaluated: too few."
    broken = Grouping("protected", "ward", (), None, 0, "ward has more than 100 values")
    assert judged(RATIO, broken).verdict is NONE


@pytest.mark.parametrize(
    ("measured", "verdict", "word"),
    [
        (unlabelled(due=date(2026, 1, 3)), PASS, "pending"),
        (unlabelled(due=None), PASS, "no labels"),
        (unlabelled(due=date(2026, 1, 3), overdue=True), NONE, "overdue"),  # by the finding on the labels
    ],
)
def test_what_needs_labels_waits_for_them(measured: Any, verdict: Outcome, word: str) -> None:
    decision = judged(ODDS, Grouping("protected", "ward", (), None, 0), labelled=0, performance=measured)
    found = finding(decision.findings, "equalised_odds_difference", "ward")
    assert (decision.verdict, found.counts, found.conclusion) == (verdict, False, word)


def test_labels_that_are_all_there_and_no_number_counts() -> None:
    decision = judged(ODDS, Grouping("protected", "ward", (), None, 0), performance=performance())
    assert decision.verdict is NONE


def test_slices_are_not_judged_and_no_limit_says_so() -> None:
    sliced = replace(made("impact_ratio", 0.1, 0.05, 0.2), kind="slice")
    assert judged(RATIO, sliced).verdict is PASS
    unjudged = judged({}, made("impact_ratio", 0.1, 0.05, 0.2))
    reason = "Fairness is measured; the policy sets no limit on it."
    assert (unjudged.verdict, finding(unjudged.findings, "fairness").reason) == (PASS, reason)


def test_an_intersection_has_no_proxy_test_to_be_missed() -> None:
    policy = {"proxy_auc": {"fail_above": 0.9}}
    crossed = replace(made("impact_ratio", 1.0, 0.9, 1.0), attribute="ward & sex")
    assert judged(policy, made("proxy_auc", 0.6, 0.5, 0.7), crossed).verdict is PASS
    assert judged(policy, made("proxy_auc", 0.95, 0.92, 0.99), crossed).verdict is FAIL


def test_declared_groups_that_were_not_measured_are_no_pass() -> None:
    decision = decide(declared({}), night())
    assert decision.verdict is NONE
    assert finding(decision.findings, "fairness").reason.startswith("Fairness was not measured")
    fault = Finding(Stage.PERFORMANCE, "fairness", None, Severity.CRITICAL, NONE, True, None, None, None, "It raised.")
    told = decide(declared({}), night(faults=(fault,)))
    assert [f.reason for f in told.findings if f.name == "fairness"] == ["It raised."]


def test_limits_are_listed_with_their_direction() -> None:
    limits = decide(declared(RATIO | ODDS), night()).limits
    listed = {(x.name, x.warn, x.fail, x.high_is_bad) for x in limits if x.stage == "performance"}
    assert listed == {("impact_ratio", 0.9, 0.8, False), ("equalised_odds_difference", None, 0.1, True)}
