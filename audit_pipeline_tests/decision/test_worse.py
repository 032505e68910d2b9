"""Worse than the reference: the interval of the difference decides, and what it leaves open is said."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.config import Limit
from audit_pipeline.decision import decide
from audit_pipeline.decision.worse import CONCLUSIVE, INCONCLUSIVE, judge
from audit_pipeline.records import Maturity, Outcome, PerformanceMetric
from audit_pipeline_tests.decision.made import N, finding, metric, model, night, performance

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
BOTH = Limit(warn=0.02, fail=0.05)


def policy(name: str, **limit: float) -> dict[str, Any]:
    return {"performance": {"worse_than_reference": {name: limit}}}


def compared(name: str, difference: float, half: float) -> PerformanceMetric:
    ends = (difference - half, difference + half)
    return PerformanceMetric(
        name, "all", 0.7 + difference, None, None, N, 0.7, None, None, None, 5000, difference, *ends
    )


@pytest.mark.parametrize(
    ("worse", "half", "outcome", "limit", "conclusion"),
    [
        (0.080, 0.030, FAIL, 0.05, CONCLUSIVE),  # 0.05 to 0.11: reaches 0.05 at its least
        (0.080, 0.031, WARN, 0.02, CONCLUSIVE),  # 0.049: over the warn limit for sure
        (0.060, 0.050, WARN, 0.05, INCONCLUSIVE),  # 0.01 to 0.11: the number alone is over the fail limit
        (0.040, 0.030, PASS, 0.02, INCONCLUSIVE),  # 0.01 to 0.07
        (0.010, 0.009, PASS, 0.02, CONCLUSIVE),  # 0.001 to 0.019
        (-0.10, 0.200, PASS, 0.02, INCONCLUSIVE),  # better, and yet 0.1 worse is not excluded
    ],
)
def test_the_interval_decides(worse: float, half: float, outcome: Outcome, limit: float, conclusion: str) -> None:
    assert judge(worse, worse - half, worse + half, BOTH) == (outcome, limit, conclusion)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_a_narrower_interval_around_a_fail_never_passes(worse: float, half: float, warn: float, more: float) -> None:
    limit = Limit(warn=warn, fail=warn + more)
    outcome, _, _ = judge(worse, worse - half, worse + half, limit)
    sharper, _, _ = judge(worse, worse - half / 2, worse + half / 2, limit)
    rank = [PASS, WARN, FAIL]
    assert rank.index(sharper) >= rank.index(outcome) or worse < warn + more
    certain, _, conclusion = judge(worse, worse, worse, limit)
    assert conclusion == CONCLUSIVE
    assert certain is (FAIL if worse >= warn + more else WARN if worse >= warn else PASS)


@pytest.mark.parametrize(("name", "sign"), [("auc", -1), ("brier", 1), ("ece", 1), ("recall", -1)])
def test_worse_is_down_for_some_and_up_for_others(name: str, sign: int) -> None:
    config = model(outcomes=True, **policy(name, warn=0.02, fail=0.05))
    decision = decide(config, night(performance=performance(compared(name, sign * 0.1, 0.02))))
    found = finding(decision.findings, f"{name}:worse_than_reference")
    assert found.value == pytest.approx(0.1)
    assert (found.outcome, found.limit) == (FAIL, 0.05)
    assert found.reason == (
        f"{name} is worse than on the reference by 0.1 (95 % interval 0.08 to 0.12; limit 0.05), "
        "from 700 labelled rows against 5,000."
    )
    better = decide(config, night(performance=performance(compared(name, -sign * 0.1, 0.02))))
    assert better.verdict is PASS


def test_what_is_open_is_said_and_passes() -> None:
    config = model(outcomes=True, **policy("auc", fail=0.05))
    decision = decide(config, night(performance=performance(compared("auc", -0.03, 0.05))))
    found = finding(decision.findings, "auc:worse_than_reference")
    assert (decision.verdict, found.outcome, found.conclusion) == (PASS, PASS, INCONCLUSIVE)
    assert "too few labels to tell" in found.reason


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (metric("auc", 0.7), "the reference has no value of it"),
        (metric("auc", None, reason="one class only"), "one class only"),
        (metric("brier", 0.1), "it was not measured"),
    ],
)
def test_what_cannot_be_compared_has_not_passed(measured: PerformanceMetric, why: str) -> None:
    config = model(outcomes=True, **policy("auc", fail=0.05))
    decision = decide(config, night(performance=performance(measured)))
    assert decision.verdict is NONE
    found = finding(decision.findings, "auc:worse_than_reference")
    assert found.reason == f"auc was not compared with the reference: {why}."


def test_while_labels_are_on_their_way_it_is_pending() -> None:
    config = model(outcomes=True, **policy("auc", fail=0.05))
    some = replace(performance(metric("auc", None, reason="few")), maturity=Maturity.PROVISIONAL, labelled=50)
    decision = decide(config, night(performance=some))
    found = finding(decision.findings, "auc:worse_than_reference")
    assert (decision.verdict, found.counts, found.conclusion) == (PASS, False, "pending")


def test_a_slice_is_not_judged() -> None:
    config = model(outcomes=True, **policy("auc", fail=0.05))
    part = replace(compared("auc", -0.5, 0.01), slice="version=2")
    decision = decide(config, night(performance=performance(compared("auc", 0.0, 0.01), part)))
    assert decision.verdict is PASS


def test_the_limit_is_listed_under_a_name_of_its_own() -> None:
    config = model(outcomes=True, **policy("auc", warn=0.02, fail=0.05))
    (listed,) = [x for x in decide(config, night()).limits if x.stage == "performance"]
    assert (listed.name, listed.warn, listed.fail) == ("auc:worse_than_reference", 0.02, 0.05)
