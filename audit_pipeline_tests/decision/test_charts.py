"""Control charts are told of, and judged only where the owner asks for it."""

from dataclasses import replace

from audit_pipeline.decision import decide
from audit_pipeline.records import ControlCharts, Finding, Outcome
from audit_pipeline_tests.decision.made import finding, model, night
from audit_pipeline_tests.evidence.nights import control_charts

Warn = dict[str, list[str]]
CHOSEN: Warn = {"drift.mean_prediction": ["limits", "ewma"], "volume.rows": ["cusum"]}
TOGETHER: Warn = {"joint": ["limits"]}


def found(charts: ControlCharts, warn: Warn | None = None) -> tuple[Outcome, tuple[Finding, ...]]:
    decision = decide(model(charts={"warn": warn or {}}), night(charts=charts))
    return decision.verdict, tuple(f for f in decision.findings if f.name.startswith("control_chart"))


def unjudged() -> ControlCharts:
    charts = control_charts()
    return replace(charts, charts=tuple(replace(chart, judged=()) for chart in charts.charts))


def test_by_default_what_is_out_of_control_is_shown_and_not_counted() -> None:
    verdict, [told] = found(unjudged())
    assert verdict is Outcome.PASS
    assert (told.outcome, told.counts, told.conclusion) == (Outcome.WARN, False, "out of control")
    assert told.reason == (
        "1 of 2 charted numbers are out of control, shown and not judged: drift.mean_prediction (beyond its limits)."
    )


def test_a_broken_rule_that_the_owner_chose_warns_and_one_that_holds_is_stated() -> None:
    verdict, findings = found(control_charts(), CHOSEN)
    assert verdict is Outcome.WARN
    moved = finding(findings, "control_chart:drift.mean_prediction")
    assert (moved.outcome, moved.counts, moved.value, moved.limit, moved.n) == (Outcome.WARN, True, 0.36, 0.33, 727)
    assert moved.reason == (
        "drift.mean_prediction is 0.36, where 0.3 is expected (limits 0.27 to 0.33, from 28 nights): beyond its limits."
    )
    rows = finding(findings, "control_chart:volume.rows")
    assert (rows.outcome, rows.counts) == (Outcome.PASS, True)


def test_a_judged_number_without_a_chart_is_not_evaluated_and_not_passed() -> None:
    warn: Warn = {"performance.auc": ["limits"], "drift.largest_psi": ["limits"], "drift.domain_auc": ["ewma"]}
    verdict, findings = found(unjudged(), warn)
    reasons = {f.name.removeprefix("control_chart:"): f.reason for f in findings if f.outcome is Outcome.NOT_EVALUATED}
    assert reasons == {
        "performance.auc": "performance.auc was not held against its control chart: it was not measured tonight.",
        "drift.largest_psi": "drift.largest_psi was not held against its control chart: 9 of the 28 nights of phase I "
        "have it.",
        "drift.domain_auc": "drift.domain_auc was not held against its control chart: it has not been measured so far.",
    }
    # phase I and missing labels are waited for; a number that should be there and is not, is not passed
    assert [f.name for f in findings if f.counts] == ["control_chart:drift.domain_auc"]
    assert verdict is Outcome.NOT_EVALUATED
    stopped = replace(night(charts=unjudged()), drift=None, performance=None)
    assert not any(f.counts for f in decide(model(charts={"warn": warn}), stopped).findings if "chart" in f.name)


def test_phase_one_is_one_finding_that_counts_the_nights() -> None:
    young = control_charts().charts[-1:]
    _, [told] = found(replace(control_charts(), charts=young))
    assert (told.outcome, told.counts, told.conclusion) == (Outcome.NOT_EVALUATED, False, "phase I")
    assert told.reason == "Control charts are not evaluated yet: 9 of 28 nights of phase I."


def test_all_numbers_together_warn_when_asked_and_are_shown_when_not() -> None:
    charts = unjudged()
    members = ("volume.rows", "drift.mean_prediction")
    joint = replace(charts.joint, metrics=members, distance=36.2, limit=14.25, broken=True, reason=None)
    _, findings = found(replace(charts, joint=joint))
    text = (
        "The squared distance of 2 numbers together is 36.2 (limit 14.25): unlike the nights of phase I. "
        "drift.mean_prediction is farthest from its centre."
    )
    assert (findings[0].reason, findings[0].counts) == (text, False)
    verdict, findings = found(replace(charts, joint=replace(joint, judged=True)), TOGETHER)
    assert verdict is Outcome.WARN
    assert finding(findings, "control_chart:joint").reason == text
    quiet = replace(joint, judged=True, broken=False, distance=3.1)
    verdict, findings = found(replace(charts, joint=quiet), TOGETHER)
    assert finding(findings, "control_chart:joint").outcome is Outcome.PASS
    assert finding(findings, "control_chart:joint").reason == (
        "The squared distance of 2 numbers together is 3.1 (limit 14.25): like the nights of phase I."
    )
    _, findings = found(charts, TOGETHER)
    assert finding(findings, "control_chart:joint").outcome is Outcome.NOT_EVALUATED
