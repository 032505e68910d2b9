"""Performance: floors in both directions, pending, overdue, none configured."""

import math
from datetime import date
from typing import Any

import pytest

from audit_pipeline.decision import decide
from audit_pipeline.records import Outcome
from audit_pipeline_tests.decision.made import finding, metric, model, night, performance, unlabelled

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
AUC: dict[str, Any] = {"performance": {"metrics": {"auc": {"warn_below": 0.7, "fail_below": 0.6}}}}
RMSE: dict[str, Any] = {"performance": {"metrics": {"rmse": {"warn_above": 2.0, "fail_above": 3.0}}}}
DUE = date(2026, 1, 3)


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.7, PASS), (0.6999, WARN), (0.6, WARN), (0.5999, FAIL), (None, NONE), (math.nan, NONE)]
)
def test_a_metric_that_is_good_when_high(value: float | None, verdict: Outcome) -> None:
    measured = performance(metric("auc", value, reason=None if value else "one class only"))
    assert decide(model(**AUC), night(performance=measured)).verdict is verdict


@pytest.mark.parametrize(("value", "verdict"), [(2.0, PASS), (2.0001, WARN), (3.0, WARN), (3.0001, FAIL), (None, NONE)])
def test_a_metric_that_is_good_when_low(value: float | None, verdict: Outcome) -> None:
    decision = decide(model("regression", **RMSE), night(performance=performance(metric("rmse", value))))
    assert decision.verdict is verdict


def test_the_reason_has_n_and_limit() -> None:
    decision = decide(model(**AUC), night(performance=performance(metric("auc", 0.55))))
    assert finding(decision.findings, "auc").reason == "auc is 0.55 over 700 labelled rows; the limit is 0.6."


def test_a_metric_that_was_not_measured_is_not_passed() -> None:
    decision = decide(model(**AUC), night(performance=performance(metric("brier", 0.1))))
    assert decision.verdict is NONE
    assert finding(decision.findings, "auc").reason == "auc was not evaluated: it was not measured."


def test_a_slice_is_shown_and_not_judged() -> None:
    measured = performance(metric("auc", 0.8), metric("auc", 0.1, slice="version=2"))
    assert decide(model(**AUC), night(performance=measured)).verdict is PASS


def test_labels_that_are_not_due_are_shown_and_not_counted() -> None:
    decision = decide(model(**AUC), night(performance=unlabelled(due=DUE)))
    assert (decision.verdict, decision.conclusion) == (PASS, "PASS, performance pending")
    found = finding(decision.findings, "labels")
    assert (found.outcome, found.counts, found.n, found.conclusion) == (NONE, False, 0, "pending")
    assert found.reason == "Labels are due on 2026-01-03; until then performance is pending."


def test_overdue_labels_count() -> None:
    decision = decide(model(**AUC), night(performance=unlabelled(due=DUE, overdue=True)))
    assert (decision.verdict, decision.conclusion) == (NONE, "NOT_EVALUATED, 1 finding in performance")
    assert finding(decision.findings, "labels").reason == "The labels were due on 2026-01-03 and have not come."


def test_a_model_without_labels_passes_and_says_so() -> None:
    decision = decide(model(), night(performance=unlabelled(due=None)))
    assert decision.verdict is PASS
    assert finding(decision.findings, "labels").conclusion == "no labels"


def test_performance_without_limits_is_said_to_be_unjudged() -> None:
    decision = decide(model(), night(performance=performance(metric("auc", 0.1))))
    assert decision.verdict is PASS
    reason = finding(decision.findings, "performance").reason
    assert reason == "Performance is measured; the policy sets no limit on it."


def test_limits_are_listed_with_their_direction() -> None:
    metrics = {"auc": {"warn_below": 0.7}, "brier": {"fail_above": 0.3}}
    limits = decide(model(performance={"metrics": metrics}), night()).limits
    listed = {(x.name, x.warn, x.fail, x.high_is_bad) for x in limits if x.stage == "performance"}
    assert listed == {("auc", 0.7, None, False), ("brier", None, 0.3, True)}
