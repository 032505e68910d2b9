"""Row ids, expectations by severity, quality scores."""

import pytest

from audit_pipeline.decision import decide
from audit_pipeline.records import Outcome, QualityScore, Severity
from audit_pipeline_tests.decision.made import check, finding, model, night, snapshot, validation

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("severity", "outcome", "verdict"),
    [
        (CRITICAL, PASS, PASS),
        (CRITICAL, FAIL, FAIL),
        (CRITICAL, NONE, NONE),
        (WARNING, FAIL, WARN),
        (WARNING, NONE, NONE),
        (INFO, FAIL, PASS),
        (INFO, NONE, PASS),
    ],
)
def test_the_verdict_follows_the_severity(severity: Severity, outcome: Outcome, verdict: Outcome) -> None:
    other = check(name="not_null(age)")
    decision = decide(model(), night(validation=validation(check(severity, outcome), other)))
    assert decision.verdict is verdict


def test_a_failed_critical_check_says_that_the_line_stopped() -> None:
    stopped = night(validation=validation(check(CRITICAL, FAIL)), drift=None, performance=None)
    decision = decide(model(), stopped)
    assert decision.conclusion == "FAIL, stopped, 1 finding in validation"
    assert finding(decision.findings, "unique(id)", "id").conclusion == "stopped"


def test_the_owner_may_let_a_warning_fail() -> None:
    failed = night(validation=validation(check(WARNING, FAIL)))
    assert decide(model(on_warning_check="FAIL"), failed).verdict is FAIL


def test_a_failed_info_check_is_shown_and_not_counted() -> None:
    decision = decide(model(), night(validation=validation(check(INFO, FAIL), check())))
    shown = finding(decision.findings, "unique(id)", "id")
    assert (shown.outcome, shown.counts) == (FAIL, False)
    assert finding(decision.findings, "expectations").reason == "1 of 2 expectations hold on 700 rows."


def test_repeated_row_ids_fail() -> None:
    decision = decide(model(), night(snapshot=snapshot(duplicates=2), drift=None, performance=None))
    assert decision.verdict is FAIL
    found = finding(decision.findings, "row_id_unique", "id")
    assert (found.value, found.reason) == (2.0, "Fewer than 11 of 700 rows repeat the id of another row.")


@pytest.mark.parametrize(("value", "verdict"), [(0.95, PASS), (0.9499, WARN), (0.89, FAIL), (None, NONE)])
def test_a_quality_score_under_its_floor(value: float | None, verdict: Outcome) -> None:
    policy = {"completeness": {"warn_below": 0.95, "fail_below": 0.9}}
    scores = (QualityScore("completeness", value, 2800, None if value else "no expectation asks for it"),)
    decision = decide(model(quality=policy), night(validation=validation(scores=scores)))
    assert decision.verdict is verdict


def test_a_quality_score_without_a_floor_is_only_shown() -> None:
    scores = (QualityScore("completeness", 0.0, 2800),)
    assert decide(model(), night(validation=validation(scores=scores))).verdict is PASS
