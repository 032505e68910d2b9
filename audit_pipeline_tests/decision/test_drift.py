"""Drift against its limits: at, over and under them, per column, and what has no value."""

import math
from typing import Any

import pytest

from audit_pipeline.decision import decide
from audit_pipeline.records import Outcome
from audit_pipeline_tests.decision.made import drift, finding, model, night, score

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED


@pytest.mark.parametrize(
    ("value", "verdict", "limit"),
    [
        (0.0999, PASS, None),
        (0.1, WARN, 0.1),  # a limit is met when it is reached
        (0.2499, WARN, 0.1),
        (0.25, FAIL, 0.25),
        (math.inf, FAIL, 0.25),
    ],
)
def test_psi_against_the_default_limits(value: float, verdict: Outcome, limit: float | None) -> None:
    decision = decide(model(), night(drift=drift(score("age", value))))
    assert decision.verdict is verdict
    if limit is not None:
        found = finding(decision.findings, "psi", "age")
        assert (found.outcome, found.value, found.limit, found.n) == (verdict, value, limit, 700)


def test_the_reason_can_be_read_without_the_code() -> None:
    decision = decide(model(), night(drift=drift(score("age", 0.31))))
    reason = finding(decision.findings, "psi", "age").reason
    assert reason == "PSI of age is 0.31 (limit 0.25), from 700 values against 5,000 of the reference."
    assert decision.conclusion == "FAIL, 1 finding in drift"


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_value_is_not_evaluated_and_no_pass(value: float | None) -> None:
    drifted = drift(score("age", 0.0), score("ward", value, reason="190 values, at least 200 are needed"))
    decision = decide(model(), night(drift=drifted))
    assert decision.verdict is NONE
    reason = finding(decision.findings, "psi", "ward").reason
    assert reason == "PSI of ward was not evaluated: 190 values, at least 200 are needed."


def test_a_fail_outweighs_what_has_no_value() -> None:
    decision = decide(model(), night(drift=drift(score("age", 0.3), score("ward", None, reason="few"))))
    assert decision.verdict is FAIL


OVERRIDE: dict[str, Any] = {"drift": {"columns": {"age": {"psi": {"warn": 0.3, "fail": 0.5}}}}}


@pytest.mark.parametrize(
    ("column", "value", "verdict"), [("age", 0.29, PASS), ("age", 0.5, FAIL), ("ward", 0.29, FAIL)]
)
def test_a_limit_of_a_column_holds_for_it_alone(column: str, value: float, verdict: Outcome) -> None:
    assert decide(model(**OVERRIDE), night(drift=drift(score(column, value)))).verdict is verdict


def test_what_a_columns_own_limits_leave_out_is_taken_from_the_models() -> None:
    missing = drift(score("age", 0.2, method="missing_share"))  # default: fails at 0.2
    assert decide(model(**OVERRIDE), night(drift=missing)).verdict is FAIL


def test_an_ignored_column_is_measured_and_not_judged() -> None:
    ignoring = model(drift={"columns": {"age": {"ignore": True}}})
    decision = decide(ignoring, night(drift=drift(score("age", 9.0), score("ward", 0.0))))
    assert decision.verdict is PASS
    shown = [limit for limit in decision.limits if limit.column == "age"]
    assert {(limit.name, limit.warn, limit.fail) for limit in shown} == {
        ("psi", None, None),
        ("missing_share", None, None),
        ("new_category_share", None, None),
    }


def test_the_output_has_a_limit_of_its_own() -> None:
    policy: dict[str, Any] = {"drift": {"prediction_psi": {"warn": 0.02, "fail": 0.05}}}
    moved = drift(score("risk", 0.05), score("age", 0.05))
    decision = decide(model(**policy), night(drift=moved))
    assert [(f.column, f.outcome) for f in decision.findings if f.name == "psi"] == [("risk", FAIL)]
    assert ("psi", "risk", 0.05) in {(limit.name, limit.column, limit.fail) for limit in decision.limits}


def test_a_methods_without_limit_and_another_engines_score_are_only_shown() -> None:
    shown = drift(score("age", 0.0), score("age", 0.9, method="ks"), score("age", 9.0, engine="evidently"))
    assert decide(model(), night(drift=shown)).verdict is PASS


def test_what_passed_is_said() -> None:
    decision = decide(model(), night(drift=drift(score("age", 0.05), score("ward", 0.09), score("risk", 0.2))))
    summary = finding(decision.findings, "drift")
    assert summary.outcome is PASS
    assert summary.reason == "2 of 3 drift scores are below their limits. The largest PSI among them is 0.09 (ward)."
