"""The classifier's AUC is judged only by a limit, and only beyond its own interval."""

from dataclasses import replace
from typing import Any

import pytest

from audit_pipeline.decision import decide
from audit_pipeline.records import DomainScore, Outcome
from audit_pipeline_tests.decision.made import drift, finding, model, night

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
LIMIT: dict[str, Any] = {"drift": {"domain_auc": {"warn": 0.6, "fail": 0.8}}}


def domain(value: float | None, lo: float | None = 0.55, reason: str | None = None) -> DomainScore:
    return DomainScore(value, lo, 0.99, 700, 5000, 12, 7, reason)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (domain(0.59), PASS),
        (domain(0.6), WARN),
        (domain(0.8), FAIL),
        (domain(0.8, lo=0.5), PASS),
        (domain(None, lo=None, reason="fewer than the 200 rows asked for"), NONE),
    ],
)
def test_against_its_limit(found: DomainScore, verdict: Outcome) -> None:
    measured = night(drift=replace(drift(), domain=found))
    decision = decide(model(**LIMIT), measured)
    assert decision.verdict is verdict
    assert finding(decision.findings, "domain_auc").outcome is verdict
    assert decide(model(), measured).verdict is PASS  # without a limit it is shown, not judged


def test_the_reason_can_be_read_without_the_code() -> None:
    decision = decide(model(**LIMIT), night(drift=replace(drift(), domain=domain(0.7))))
    assert finding(decision.findings, "domain_auc").reason == (
        "A classifier tells night from reference with an AUC of 0.7 (0.55 to 0.99; limit 0.6), "
        "on 700 rows against 5,000."
    )
    assert [limit.warn for limit in decision.limits if limit.name == "domain_auc"] == [0.6]
