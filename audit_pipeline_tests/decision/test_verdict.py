"""Laws of the verdict, and stages that brought nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.decision import Measured, decide
from audit_pipeline.records import Finding, Outcome, Severity, Stage, Validation
from audit_pipeline_tests.decision.made import check, drift, metric, model, night, performance, score

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
BADNESS = {PASS: 0, WARN: 1, NONE: 2, FAIL: 3}
VALUE = st.none() | st.floats(min_value=0, max_value=1) | st.just(float("nan"))


def fault(outcome: Outcome = NONE, stage: Stage = Stage.SNAPSHOT, conclusion: str | None = None) -> Finding:
    return Finding(stage, "source", None, Severity.CRITICAL, outcome, True, None, None, 0, "Why.", conclusion)


@st.composite
def nights(draw: st.DrawFn) -> Measured:
    """Any combination of checks, drift scores and metrics."""
    checks = [
        check(draw(st.sampled_from(Severity)), draw(st.sampled_from([PASS, FAIL, NONE])), name=f"check {i}")
        for i in range(draw(st.integers(1, 3)))
    ]
    scores = [score(column, draw(VALUE), reason="few") for column in ("age", "ward", "risk")]
    measured = performance(metric("auc", draw(VALUE), reason="few"))
    return night(validation=Validation("pandas", 700, tuple(checks), ()), drift=drift(*scores), performance=measured)


@given(nights())
def test_the_verdict_is_the_worst_that_counts(measured: Measured) -> None:
    policy = {"metrics": {"auc": {"warn_below": 0.7, "fail_below": 0.6}}}
    decision = decide(model(performance=policy), measured)
    counting = [finding.outcome for finding in decision.findings if finding.counts]
    assert BADNESS[decision.verdict] == max(BADNESS[outcome] for outcome in counting)
    if NONE in counting:
        assert decision.verdict is not PASS
    assert all(finding.reason.endswith(".") for finding in decision.findings)


@given(nights())
def test_every_number_that_is_not_a_pass_has_its_finding(measured: Measured) -> None:
    assert measured.drift is not None
    decision = decide(model(), measured)
    told = {finding.column for finding in decision.findings if finding.name == "psi"}
    expected = {s.column for s in measured.drift.scores if s.value is None or not s.value < 0.1}
    assert told == expected


@pytest.mark.parametrize("stage", ["validation", "drift", "performance"])
def test_a_stage_that_brought_nothing_has_not_passed(stage: str) -> None:
    decision = decide(model(), night(**{stage: None}))
    assert decision.verdict is NONE
    assert decision.conclusion == f"NOT_EVALUATED, 1 finding in {stage}"
    assert f"The stage {stage} did not run." in {finding.reason for finding in decision.findings}


def test_an_artefact_must_have_been_explained() -> None:
    assert decide(model(artefact=True), night()).verdict is NONE
    assert decide(model(artefact=False), night()).verdict is PASS


def test_nothing_at_all_is_not_a_pass() -> None:
    assert decide(model(), Measured()).verdict is NONE


def test_what_kept_a_stage_from_running_is_told_once() -> None:
    broken = replace(night(), drift=None, faults=(fault(stage=Stage.DRIFT),))
    decision = decide(model(), broken)
    assert [finding.stage for finding in decision.findings if finding.outcome is NONE and finding.counts] == [
        Stage.DRIFT
    ]


@pytest.mark.parametrize(
    ("outcome", "conclusion"), [(NONE, "missing night"), (NONE, "empty night"), (NONE, "unreadable"), (FAIL, "stopped")]
)
def test_a_night_without_a_log_has_one_finding_and_says_which(outcome: Outcome, conclusion: str) -> None:
    decision = decide(model(), Measured(faults=(fault(outcome, conclusion=conclusion),)))
    assert (decision.verdict, len(decision.findings)) == (outcome, 1)
    assert decision.conclusion == f"{outcome}, {conclusion}, 1 finding in snapshot"


def test_a_quiet_night_passes() -> None:
    decision = decide(model(), night())
    assert (decision.verdict, decision.conclusion) == (PASS, "PASS")
