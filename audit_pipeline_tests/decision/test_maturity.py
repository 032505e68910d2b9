"""What is said while labels are missing: an estimate is never a pass, a labelled part unlike the rest is a warning."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from audit_pipeline.decision import decide
from audit_pipeline.records import LabelledPart, Maturity, Outcome, PerformanceMetric
from audit_pipeline_tests.decision.made import N, finding, metric, model, night, performance, unlabelled

PASS, WARN, NONE = Outcome.PASS, Outcome.WARN, Outcome.NOT_EVALUATED
AUC: dict[str, Any] = {"performance": {"metrics": {"auc": {"fail_below": 0.6}}}}
DUE = date(2026, 1, 3)
BAD = PerformanceMetric("auc", "all", 0.31, 0.28, 0.35, N, None, "estimate, valid under covariate shift only")
GOOD = replace(BAD, value=0.9, lo=0.8, hi=0.95)
ALIKE = LabelledPart(12, "age", 0.05, 0.4, False, 400, 300)


@pytest.mark.parametrize("estimated", [BAD, GOOD])
@pytest.mark.parametrize(
    ("overdue", "verdict", "conclusion"),
    [(False, PASS, "PASS, performance pending"), (True, NONE, "NOT_EVALUATED, 1 finding in performance")],
)
def test_an_estimate_changes_no_verdict_and_hides_nothing(
    estimated: PerformanceMetric, overdue: bool, verdict: Outcome, conclusion: str
) -> None:
    measured = replace(unlabelled(due=DUE, overdue=overdue), estimates=(estimated,))
    decision = decide(model(**AUC), night(performance=measured))
    assert (decision.verdict, decision.conclusion) == (verdict, conclusion)
    assert finding(decision.findings, "labels").conclusion == ("overdue" if overdue else "pending")
    said = finding(decision.findings, "auc:estimated")
    assert (said.outcome, said.counts, said.conclusion) == (NONE, False, "estimate")
    assert "estimate, valid under covariate shift only. It is not judged." in said.reason
    assert not any(f.outcome is PASS and f.stage == "performance" for f in decision.findings)


def test_an_estimate_that_could_not_be_made_is_no_finding() -> None:
    none = replace(BAD, value=None, lo=None, hi=None, reason="the reference has 20 rows")
    decision = decide(model(), night(performance=replace(unlabelled(due=DUE), estimates=(none,))))
    assert not any(f.name == "auc:estimated" for f in decision.findings)


def test_a_labelled_part_unlike_the_rest_warns_and_names_the_column() -> None:
    some = replace(
        performance(metric("auc", 0.8)), maturity=Maturity.PROVISIONAL, labelled_part=replace(ALIKE, differs=True)
    )
    decision = decide(model(**AUC), night(performance=some))
    found = finding(decision.findings, "labelled_part", "age")
    assert (decision.verdict, found.outcome, found.counts, found.conclusion) == (WARN, WARN, True, "selective labels")
    assert found.reason == (
        "The 400 rows with a label are not like the 300 without: age differs most, by 0.05 (adjusted p 0.4). "
        "The provisional numbers tell of the labelled rows only."
    )


def test_a_labelled_part_like_the_rest_is_said_and_decides_nothing() -> None:
    some = replace(performance(metric("auc", None, reason="few")), maturity=Maturity.PROVISIONAL, labelled_part=ALIKE)
    decision = decide(model(**AUC), night(performance=some))
    found = finding(decision.findings, "labelled_part")
    assert (found.outcome, found.counts) == (PASS, False)


def test_a_labelled_part_too_small_to_compare_is_no_pass() -> None:
    untested = LabelledPart(0, None, None, None, False, 20, 680, "only 20 rows have a label, fewer than the 100")
    some = replace(performance(metric("auc", 0.8)), maturity=Maturity.PROVISIONAL, labelled_part=untested)
    found = finding(decide(model(**AUC), night(performance=some)).findings, "labelled_part")
    assert (found.outcome, found.counts, found.conclusion) == (NONE, False, "not tested")
    assert "only 20 rows have a label" in found.reason
