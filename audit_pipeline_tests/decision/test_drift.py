"""Drift against its limits: at, over and under them, per column, and what has no value."""

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.decision import decide, nights_to_look_back
from audit_pipeline.records import DriftScore, EarlierNight, Outcome
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


def with_p(column: str, value: float, adjusted_p: float | None, *, method: str = "psi") -> DriftScore:
    return replace(score(column, value, method=method), adjusted_p=adjusted_p, test="ks")


@pytest.mark.parametrize(
    ("value", "p", "verdict"),
    [
        (0.3, 0.05, FAIL),
        (0.3, 0.0500001, PASS),
        (0.2, 0.05, WARN),
        (0.2, 0.06, PASS),
        (0.05, 0.0, PASS),
        (0.3, None, FAIL),
    ],
)
def test_an_alarm_needs_size_and_evidence(value: float, p: float | None, verdict: Outcome) -> None:
    assert decide(model(), night(drift=drift(with_p("age", value, p)))).verdict is verdict


def test_what_chance_explains_is_a_pass_that_says_so() -> None:
    decision = decide(model(), night(drift=drift(with_p("age", 0.31, 0.4))))
    found = finding(decision.findings, "psi", "age")
    assert (found.outcome, found.conclusion, found.value, found.limit) == (PASS, "chance", 0.31, 0.25)
    assert found.reason == (
        "PSI of age is 0.31 (limit 0.25), from 700 values against 5,000 of the reference. Its test does not tell it "
        "from chance: the adjusted p of 0.4 is above 0.05."
    )
    assert [limit.alpha for limit in decision.limits if limit.name == "psi"] == [0.05]


def test_alpha_is_the_owners_and_one_leaves_the_size_alone() -> None:
    high = night(drift=drift(with_p("age", 0.31, 0.04)))
    assert decide(model(drift={"alpha": 0.01}), high).verdict is PASS
    assert decide(model(drift={"alpha": 1}), night(drift=drift(with_p("age", 0.31, 1.0)))).verdict is FAIL


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_evidence_never_quiets_an_alarm(value: float, p: float, q: float) -> None:
    order = [PASS, WARN, FAIL]
    less, more = (decide(model(), night(drift=drift(with_p("age", value, x)))).verdict for x in (max(p, q), min(p, q)))
    assert order.index(more) >= order.index(less)


def earlier(day: int, *alarms: tuple[str, str]) -> EarlierNight:
    return EarlierNight(date(2026, 1, day), "f" * 64, frozenset(alarms))


AGE, WARD = ("psi", "age"), ("psi", "ward")
PERSIST: dict[str, Any] = {"drift": {"persist": {"nights": 3, "of": 4}}}


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ([], WARN),
        ([(AGE,), ()], WARN),
        ([(AGE,), (AGE,)], FAIL),
        ([(AGE,), (), (AGE,)], FAIL),  # three of the last four
        ([(AGE,), (WARD,), (("ks", "age"),)], WARN),  # another column's, and another method's, are no witnesses
    ],
)
def test_a_warning_that_persists_fails(before: list[tuple[tuple[str, str], ...]], verdict: Outcome) -> None:
    measured = night(drift=drift(with_p("age", 0.2, 0.001)))
    nights = tuple(earlier(9 - i, *alarms) for i, alarms in enumerate(before))
    assert decide(model(**PERSIST), replace(measured, earlier=nights)).verdict is verdict


def test_a_persistent_warning_says_since_when_and_keeps_its_limit() -> None:
    measured = replace(night(drift=drift(with_p("age", 0.2, 0.001))), earlier=(earlier(9, AGE), earlier(8, AGE)))
    found = finding(decide(model(**PERSIST), measured).findings, "psi", "age")
    assert (found.outcome, found.conclusion, found.limit) == (FAIL, "persistent", 0.1)
    assert found.reason.endswith("adjusted p 0.001. It persists: 3 of the last 3 nights, and 3 of 4 fail.")


def test_only_a_warning_looks_back() -> None:
    def back(value: float, p: float, **policy: Any) -> int:
        return nights_to_look_back(model(**policy), drift(with_p("age", value, p)))

    assert back(0.2, 0.001) == 6  # the default: 5 of 7
    assert back(0.2, 0.001, **PERSIST) == 3
    assert back(0.2, 0.9) == 0  # chance
    assert back(0.3, 0.001) == 0  # fails at once
    assert back(0.05, 0.001) == 0
    assert back(0.2, 0.001, drift={"persist": None}) == 0
    assert back(0.2, 0.001, drift={"psi": {"warn": 0.1}}) == 0  # never fails
    assert nights_to_look_back(model(), None) == 0


def test_without_persistence_a_warning_stays_a_warning() -> None:
    measured = replace(
        night(drift=drift(with_p("age", 0.2, 0.0))), earlier=tuple(earlier(d, AGE) for d in range(9, 3, -1))
    )
    assert decide(model(drift={"persist": None}), measured).verdict is WARN
    assert decide(model(drift={"psi": {"warn": 0.1}}), measured).verdict is WARN
    assert decide(model(), measured).verdict is FAIL
