"""The page of a night: complete, honest about what is missing, self-contained, the same for the same record."""

import base64
import hashlib
import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.evidence import report_text as text
from audit_pipeline.evidence.report import labels_line, render_report
from audit_pipeline.evidence.report_explained import rows_share
from audit_pipeline.records import (
    AppliedLimit,
    AuditResult,
    Concept,
    ConceptNumber,
    ConfusionCell,
    DomainScore,
    DriftScore,
    Maturity,
    Outcome,
    PerformanceMetric,
    QualityScore,
    Severity,
    Stage,
)
from audit_pipeline_tests.evidence import nights

VOID = {"meta", "wbr", "link", "br", "img", "input", "hr", "base"}
CREATED = datetime(2026, 7, 2, 3, 14, 9, tzinfo=UTC)
ALL = pytest.mark.parametrize("name", list(nights.NIGHTS))


def render(result: AuditResult, **more: object) -> str:
    given_ = {
        "result_digest": nights.digest("result"),
        "run_id": "run-1",
        "created": CREATED,
        "history": nights.history(),
        "files": (nights.file("evidently", "artifacts/readmission/2026-07-01/ab/evidently.html", 3_912_004),),
    }
    return render_report(result, **(given_ | more))  # type: ignore[arg-type]


class Page(HTMLParser):
    """Reads a page as a browser would: every element closed in order, the text of each section apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.section, self.texts = "head", {"head": ""}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_ = dict(attrs)
        self.tags.append((tag, given_))
        if given_.get("id"):
            self.ids.append(str(given_["id"]))
        if tag == "section":
            self.section = str(given_["id"])
            self.texts[self.section] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script", "title"):
            self.texts[self.section] += data + " "

    def said(self, section: str) -> str:
        return re.sub(r"[\s\u00a0]+", " ", self.texts[section])


@ALL
def test_page_is_well_formed_small_and_loads_nothing(name: str) -> None:
    html = render(nights.NIGHTS[name]())
    page = Page(html)
    assert len(html.encode()) < 200_000
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\ssrcset?=", html.split("<body>")[0] + html.split("<body>")[1])
    assert {t for t, _ in page.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "form"})
    links = [a["href"] for t, a in page.tags if t == "a"]
    assert {x for x in links if x and not x.startswith("#")} == {"evidently.html"}
    assert {x[1:] for x in links if x and x.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@ALL
def test_policy_of_the_page_admits_exactly_its_own_style_and_script(name: str) -> None:
    html = render(nights.NIGHTS[name]())
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', html)[0])
    for tag in ("style", "script"):
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(blocks) == 1
        digest = base64.b64encode(hashlib.sha256(blocks[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\s(style|on\w+)=", html)  # neither inline styles nor handlers, which the policy would refuse


@ALL
def test_page_can_be_heard(name: str) -> None:
    page = Page(render(nights.NIGHTS[name]()))
    levels = [int(t[1]) for t, _ in page.tags if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(a.get("scope") in ("col", "row") for t, a in page.tags if t == "th")
    for tag, a in page.tags:
        if tag == "svg":
            assert a.get("aria-hidden") == "true" or (a.get("role") == "img" and a.get("aria-label"))


@ALL
def test_verdict_is_told_by_word_and_every_reason_is_there(name: str) -> None:
    result = nights.NIGHTS[name]()
    page = Page(render(result))
    assert str(result.decision.verdict).replace("_", " ") in page.said("head")
    for finding in result.decision.findings:
        assert finding.reason in page.said("findings")
    for check in result.validation.results if result.validation else ():
        assert check.reason in page.said("checks")


@ALL
def test_same_record_same_bytes_and_order_of_history_does_not_matter(name: str) -> None:
    result, history = nights.NIGHTS[name](), nights.history()
    assert render(result) == render(nights.NIGHTS[name](), history=history[::-1])


def test_findings_stand_worst_first_and_apart() -> None:
    said = Page(render(nights.fail_night())).said("findings")
    income, score, family = (said.index(f"PSI of {c} is") for c in ("income", "score", "family_size"))
    not_run, waiting = said.index("What could not be evaluated"), said.index("Open, not counted")
    known = said.index("For information, not counted")
    # FAIL before WARN; 3.1187 is (3.1187 - 0.25) / 0.25 = 11.5 limits beyond, 0.2514 is 0.006 beyond
    assert income < score < family < not_run < said.index("PSI of education_years was not") < waiting
    assert waiting < said.index("Labels are due") < known < said.index("188 of 727")
    assert "value 3.12 · limit 0.25 · n = 727" in said


def test_head_says_why_and_how_ripe_the_labels_are() -> None:
    said = Page(render(nights.fail_night())).said("head")
    assert "PSI of income is 3.119 (limit 0.25)" in said
    assert "performance pending until 2026-07-31" in said
    assert "2 model versions in the log: 1.4.0 (700 rows), 1.4.1 (27 rows)" in Page(render(nights.warn_night())).said(
        "head"
    )


def test_stopped_night_says_so_and_shows_no_number_of_later_stages() -> None:
    page = Page(render(nights.stopped_night()))
    assert "The line stopped here." in page.said("findings")
    assert "Not computed, and so not passed: drift, performance, explanation." in page.said("findings")
    for section in ("drift", "performance", "explanation"):
        assert "Did not run. The line stopped before this stage, at 2 critical findings" in page.said(section)
        assert "PASS" not in page.said(section)
    assert page.said("head").count("did not run") == 3


def test_failed_check_says_what_was_expected() -> None:
    result = nights.stopped_night()
    assert result.validation
    limits = '{"column": "score", "max_value": 1, "value_set": ["a", "b"], "nested": {"x": 1}}'
    checks = tuple(
        replace(c, expected=limits if c.column == "score" else "not JSON") for c in result.validation.results
    )
    page = Page(render(replace(result, validation=replace(result.validation, results=checks))))
    rule = "score: values to be between (max_value 1, value_set of 2)."
    assert f"{rule} 31 of 727 values of score are outside 0 to 1. And 1 more, below." in page.said("head")
    assert re.search(re.escape(rule) + " +31 of 727", page.said("findings"))
    assert "visit_id: values to be unique. 14 of 727" in page.said("findings")


def test_line_finding_of_a_later_stage_is_no_outcome_of_that_stage() -> None:
    result = nights.stopped_night()
    line = nights.finding(
        Stage.DRIFT, "line", Outcome.NOT_EVALUATED, "A critical check failed.", n=None, conclusion="stopped"
    )
    decision = replace(result.decision, findings=(*result.decision.findings, line))
    page = Page(render(replace(result, decision=decision)))
    assert "Drift did not run" in page.said("head")
    assert "at 2 critical findings (see above)" in page.said("drift")


def test_missing_night_claims_nothing() -> None:
    result = nights.missing_night()
    page = Page(render(result, history=()))
    assert "There is no snapshot of this night. Nothing could be measured, and nothing has passed." in page.said(
        "findings"
    )
    for section in ("checks", "drift", "performance", "explanation"):
        assert "Did not run. There is no snapshot" in page.said(section)
    assert "PASS" not in page.said("head").replace("did not pass", "")
    assert "none: no snapshot" in page.said("head")
    assert "no earlier night is on record" in page.said("trend")


def test_stage_that_crashed_shows_the_records_reason() -> None:
    result = nights.pass_night()
    crash = nights.finding(Stage.DRIFT, "drift", Outcome.NOT_EVALUATED, "Drift could not be computed: out of memory.")
    decision = replace(result.decision, verdict=Outcome.NOT_EVALUATED, conclusion="NOT_EVALUATED", findings=(crash,))
    page = Page(render(replace(result, drift=None, decision=decision)))
    assert "Did not run. Drift could not be computed: out of memory." in page.said("drift")
    assert "Drift NOT EVALUATED" in page.said("head")


def test_missing_numbers_are_not_evaluated_with_their_reason_never_zero_or_blank() -> None:
    result = nights.warn_night()
    assert result.drift and result.performance and result.validation and result.explanation
    scores = tuple(
        replace(s, value=None, p=None, reason=f"why {s.column} {s.method}") if s.column == "age" else s
        for s in result.drift.scores
    )
    odd = DriftScore("age", "js", math.nan, None, 700, 5000, None, None, "exact")
    metrics = (PerformanceMetric("auc", "all", None, None, None, 41, None, "41 labels, at least 100 are needed"),)
    quality = (QualityScore("accuracy", None, 0, "no rule looks at values"),)
    explained = replace(
        result.explanation, agreement=None, additivity_error=None, model_sha256=None, reason="no artefact"
    )
    page = Page(
        render(
            replace(
                result,
                drift=replace(result.drift, scores=(*scores, odd)),
                performance=replace(result.performance, metrics=metrics),
                validation=replace(result.validation, scores=quality),
                explanation=explained,
            )
        )
    )
    for method in ("psi", "ks", "missing_share", "evidently:wasserstein"):
        assert f"not evaluated: why age {method}" in page.said("drift")
    assert "js not evaluated: not a finite number" in page.said("drift")
    assert "nan" not in page.said("drift")
    assert "not evaluated: 41 labels, at least 100 are needed" in page.said("performance")
    assert "not evaluated: no rule looks at values" in page.said("checks")
    assert page.said("explanation").count("not evaluated: no artefact") == 2
    assert "none in the record" in page.said("explanation")


@ALL
def test_no_table_cell_and_no_definition_is_blank(name: str) -> None:
    html = render(nights.NIGHTS[name]())
    because = r'<tr class="because"><td></td>'  # the cell under a column's name, left free for the reason beside it
    for cell in re.findall(r"<(?:td|dd|th)[^>]*>(.*?)</(?:td|dd|th)>", re.sub(because, "", html), re.DOTALL):
        assert "<svg" in cell or re.sub(r"<[^>]*>", "", cell).strip(), html[html.index(cell) - 200 :][:300]


HOSTILE = "<script>alert(1)</script>\"'&<b onmouseover=x>"


def test_hostile_names_and_reasons_are_text_and_nothing_else() -> None:
    result = nights.warn_night()
    assert result.drift and result.validation and result.explanation and result.snapshot
    bad = nights.finding(Stage.DRIFT, HOSTILE, Outcome.WARN, HOSTILE, column=HOSTILE, conclusion=HOSTILE)
    html = render(
        replace(
            result,
            model_id=HOSTILE,
            model_version=HOSTILE,
            description=HOSTILE,
            owner=HOSTILE,
            source=HOSTILE,
            project=HOSTILE,
            domain=HOSTILE,
            versions_seen=((HOSTILE, 3), ("b", 1)),
            engines=((HOSTILE, HOSTILE),),
            profile=tuple(replace(c, column=HOSTILE, top=((HOSTILE, 20),)) for c in result.profile),
            validation=replace(
                result.validation,
                results=tuple(
                    replace(r, name=HOSTILE, expected=HOSTILE, observed=HOSTILE, reason=HOSTILE)
                    for r in result.validation.results
                ),
            ),
            drift=replace(
                result.drift,
                scores=tuple(
                    replace(s, column=HOSTILE if s.column == "age" else s.column) for s in result.drift.scores
                ),
                distributions=tuple(
                    replace(d, column=HOSTILE, bins=tuple(replace(b, label=HOSTILE) for b in d.bins))
                    for d in result.drift.distributions
                ),
            ),
            explanation=replace(
                result.explanation,
                method=HOSTILE,
                output=HOSTILE,
                importances=tuple(replace(i, feature=HOSTILE) for i in result.explanation.importances),
                dependence=tuple(
                    replace(
                        d,
                        feature=HOSTILE,
                        output=HOSTILE,
                        points=tuple(replace(p, category=p.category and HOSTILE) for p in d.points),
                        reason=d.reason and HOSTILE,
                    )
                    for d in result.explanation.dependence
                ),
            ),
            decision=replace(result.decision, conclusion=HOSTILE, findings=(*result.decision.findings, bad)),
        ),
        run_id=HOSTILE,
        result_digest=HOSTILE,
        files=(replace(nights.file("x", "y", 1), role=HOSTILE, path=HOSTILE),),
    )
    page = Page(html)
    assert [t for t, _ in page.tags].count("script") == 1
    assert "b" not in {t for t, _ in page.tags}
    assert not any(k.startswith("on") for _, a in page.tags for k in a)
    assert HOSTILE in page.said("findings")


def test_the_dependence_of_a_feature_is_drawn_and_one_without_says_why() -> None:
    page = Page(render(nights.warn_night()))
    said = page.said("explanation")
    assert "What the model says along a feature’s values" in said
    assert "plan_13" in said
    assert "Dates have no points to look at." in said
    labels = [attributes.get("aria-label") for _, attributes in page.tags]
    assert {"Output along age", "Output by plan"} <= set(labels)


def test_many_columns_stay_within_the_budget_and_none_is_dropped_in_silence() -> None:
    base = nights.warn_night()
    assert base.drift and base.explanation
    psi: dict[str, float | None] = {f"feature_with_a_rather_long_name_{i:03}": 0.0001 * i for i in range(400)}
    column = base.profile[3]
    result = replace(
        base,
        drift=nights.drift(psi),
        profile=tuple(replace(column, column=name) for name in psi),
        explanation=replace(
            base.explanation,
            importances=tuple(replace(base.explanation.importances[0], feature=n, rank=i) for i, n in enumerate(psi)),
        ),
    )
    html = render(result)
    page = Page(html)
    assert len(html.encode()) < 200_000
    assert "feature_with_a_rather_long_name_399" in page.said("drift").replace(" ", "")  # the worst is listed
    assert "further columns are in the record" in page.said("drift")
    assert "further columns are in the record" in page.said("profile")
    assert "further features are in the record" in page.said("explanation")


def test_drift_mark_follows_the_decision_and_not_a_rule_of_its_own() -> None:
    result = nights.warn_night()
    limits = (AppliedLimit(Stage.DRIFT, "psi", None, 0.1, 0.25, True),)
    # family_size stands at 0.163, above the limit, without a finding: the owner ignores it, so nobody judged it
    html = render(replace(result, decision=replace(result.decision, findings=nights.summaries(), limits=limits)))
    drawn = html[html.index("Population stability index of") :]
    assert "m-warn" not in drawn[: drawn.index("</svg>")]
    assert re.search(r'class="m m-open"[^>]*><title>family_size: PSI 0.163', drawn)


def test_trend_ends_with_this_night_and_ignores_later_ones() -> None:
    later = replace(nights.history()[-1], night=date(2026, 8, 1))
    html = render(nights.warn_night(), history=(*nights.history(60), later))
    assert "of 30 nights" in html
    assert "2026-08-01:" not in html
    assert "2026-07-01: WARN" in html
    assert "2026-07-01: Worst PSI 0.163" in html
    assert "2026-07-01: AUC 0.721" in html


def test_evidently_stands_in_the_row_of_ours_or_in_its_own() -> None:
    said = Page(render(nights.warn_night())).said("performance")
    difference = "−0.0177 −0.0630 to 0.0276"
    assert f"AUC warn 0.68, fail 0.6 all none 0.721 0.680 to 0.763 0.739 {difference} 0.721 727" in said
    assert "Evidently F1 all none 0.412 no interval" in said
    assert "Evidently AUC" not in said


def test_a_difference_that_is_judged_carries_its_outcome() -> None:
    found = nights.finding(Stage.PERFORMANCE, "auc:worse_than_reference", Outcome.WARN, "auc is worse.", n=727)
    night = nights.warn_night()
    night = replace(night, decision=replace(night.decision, findings=(*night.decision.findings, found)))
    said = Page(render(night)).said("performance")
    assert "−0.0177 −0.0630 to 0.0276 WARN 0.721 727" in said
    assert "AUC, worse than reference" in Page(render(night)).said("findings")


def test_the_reliability_table_and_its_drawing() -> None:
    html = render(nights.warn_night())
    assert "0.0600 0.0400 0 to 0.140 73" in Page(html).said("performance")
    drawing = html[html.index('aria-label="Observed rate over mean score in 10 bins"') :]
    drawing = drawing[: drawing.index("</svg>")]
    assert drawing.count("<circle") == 10
    # the axis ends at 1.05 x 0.72 (the highest whisker): a rate of 0.62 stands at 0.62/0.756 of the height
    height = 284 - 0.62 / 0.756 * (284 - 12)
    assert f'cy="{height:.1f}"' in drawing
    pending = replace(nights.warn_night(), performance=nights.pending())
    assert "Does a score mean" not in render(pending)


def test_the_confusion_table_names_pairs_and_says_what_is_left_out() -> None:
    done = replace(nights.performance(), confusion=(ConfusionCell("<home>", "ward", 14),), reliability=())
    html = render(replace(nights.warn_night(), performance=done))
    assert "&lt;home&gt;" in html and "<home>" not in html
    assert "Pairs with fewer than 11 rows are left out." in Page(html).said("performance")


def test_a_cost_has_its_unit() -> None:
    done = nights.performance()
    cost = replace(done.metrics[0], name="cost")
    night = replace(nights.warn_night(), performance=replace(done, metrics=(cost,), cost_unit="dollars"))
    assert "cost (dollars per decision)" in Page(render(night)).said("performance")


def test_estimates_are_named_as_such_beside_what_is_pending() -> None:
    reason = "estimate, valid under covariate shift only"
    made = PerformanceMetric("auc", "all", 0.71, 0.66, 0.76, 727, None, reason, n_reference=5638)
    none = replace(made, name="recall", value=None, lo=None, hi=None, reason="5 rows have no finite score")
    pending = replace(nights.pending(), estimates=(made, none))
    said = Page(render(replace(nights.warn_night(), performance=pending))).said("performance")
    assert "Pending until 2026-07-31." in said
    assert "Valid under covariate shift only" in said
    assert "AUC 0.710 0.660 to 0.760 727 5,638" in said
    assert "not evaluated: 5 rows have no finite score" in said
    assert "Estimated while" not in Page(render(nights.warn_night())).said("performance")


def test_groups_are_shown_with_interval_conclusion_and_what_is_not_there() -> None:
    page = Page(render(nights.grouped_night()))
    said = page.said("fairness")
    assert "female 340 20.0 % 16.0 % to 25.0 % 0.50 not met 0.40 to 0.70 50.0 %" in said
    assert "male 360 40.0 % 35.0 % to 45.0 % best off insufficient" in said
    assert "missing 27 50.0 % 30.0 % to 70.0 % 1.2 inconclusive 0.50 to –" in said
    assert "other < 11 insufficient" in said
    assert re.search(r"Impact ratio 0.500 0.400 to 0.700\s+FAIL not met", said)
    assert "Equalised odds difference not evaluated: fewer than two groups" in said
    assert "Not evaluated. zip has more than 100 values." in said
    assert "3 groups of fewer than 11 rows are neither named nor measured" in said
    assert said.count("four fifths") == 1  # a slice has no impact ratio


def test_groups_that_could_not_be_measured_have_a_box_and_a_model_without_groups_no_section() -> None:
    fault = nights.finding(Stage.PERFORMANCE, "fairness", Outcome.NOT_EVALUATED, "BinderException was raised")
    broken = nights.warn_night()
    broken = replace(broken, decision=replace(broken.decision, findings=(*broken.decision.findings, fault)))
    assert "Not evaluated. BinderException was raised" in Page(render(broken)).said("fairness")
    assert "fairness" not in Page(render(nights.warn_night())).texts


def test_hostile_groups_are_text_and_many_of_them_stay_within_the_budget() -> None:
    found = nights.fairness()
    lead = found.groupings[0].metrics[0]
    names = [HOSTILE, *(f"group_with_a_rather_long_name_{i:03}" for i in range(99))]
    many = [replace(lead, group=name, value=0.2 + i / 1000) for i, name in enumerate(names)]
    grouping = replace(found.groupings[0], attribute=HOSTILE, compared_with=HOSTILE, metrics=tuple(many))
    html = render(replace(nights.grouped_night(), fairness=replace(found, groupings=(grouping,) * 3)))
    page = Page(html)
    assert len(html.encode()) < 200_000
    assert [t for t, _ in page.tags].count("script") == 1
    assert HOSTILE in page.said("fairness")
    assert "75 further groups are in the record" in page.said("fairness")
    assert "name_023" in page.said("fairness")
    assert "name_024" not in page.said("fairness")  # the least often selected are listed


def test_control_charts_are_drawn_out_of_control_first_and_all_stand_in_the_table() -> None:
    page = Page(render(nights.charted_night(), history=nights.charted_history()))
    said = " ".join(page.texts["charts"].split())
    assert "1 of 2 are out of control: mean prediction." in said
    assert said.index("Mean prediction 0.360, expected 0.300; breaks limits, nelson 5") < said.index("Rows 727")
    for part in (
        "Largest PSI 9 of the 28 nights of phase I have it",
        "All together: not evaluated: its numbers do not have the 28 nights of phase I yet",
        "AUC performance",
        "not evaluated: it was not measured tonight",
        "650 to –",  # no limit above
    ):
        assert part in said, part
    assert "Earlier nights in its control charts 1 night" in " ".join(page.texts["evidence"].split())


def test_a_model_in_phase_one_says_how_far_it_is_and_an_old_record_has_no_section() -> None:
    charts = nights.control_charts()
    result = replace(nights.charted_night(), charts=replace(charts, charts=charts.charts[-1:]))
    assert "Not evaluated yet. 9 of 28 nights of phase I" in " ".join(Page(render(result)).texts["charts"].split())
    assert "charts" not in Page(render(nights.pass_night())).texts


def test_labels_line() -> None:
    done = nights.performance()
    assert labels_line(None) == "performance not evaluated"
    assert labels_line(done) == "final: 727 of 727 rows labelled"
    assert labels_line(nights.pending()) == "performance pending until 2026-07-31"
    part = replace(done, maturity=Maturity.PROVISIONAL, labelled=312)
    assert labels_line(part) == "provisional: 312 of 727 rows labelled, all due by 2026-07-31"
    assert labels_line(replace(nights.pending(), overdue=True)) == "overdue since 2026-07-31: 0 of 727 rows labelled"
    assert labels_line(replace(nights.pending(), due=None)) == "no labels for this model"


def test_overdue_labels_have_a_box_that_is_no_pending() -> None:
    said = Page(render(replace(nights.pass_night(), performance=replace(nights.pending(), overdue=True)))).said(
        "performance"
    )
    assert "Labels are overdue. They were due on 2026-07-31; 0 of 727 rows have one." in said
    assert "Pending" not in said


def test_time_is_utc_and_a_naive_time_is_refused() -> None:
    there = CREATED.astimezone(timezone(timedelta(hours=5)))
    assert render(nights.pass_night(), created=there) == render(nights.pass_night())
    assert "2026-07-02 03:14:09 UTC" in render(nights.pass_night())
    with pytest.raises(ValueError, match="aware"):
        render(nights.pass_night(), created=datetime(2026, 7, 2))


def test_info_check_is_shown_and_marked_as_not_counted() -> None:
    html = render(nights.pass_night())
    row = html[html.index('<tr class="muted">') :]
    assert "health_" in row[: row.index("</tr>")]
    assert Severity.INFO.value in row[: row.index("</tr>")]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (0.3119, "0.312"),
        (3.1187, "3.12"),
        (1234567.0, "1,234,567"),
        (9213.5, "9,214"),
        (-0.42, "−0.420"),
        (3.3e-16, "3.30 × 10⁻¹⁶"),
        (0.00012, "0.000120"),
        (math.inf, "not a finite number"),
    ],
)
def test_number(value: float, written: str) -> None:
    assert text.number(value).replace("\u00a0", " ") == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.2586, "25.9 %"), (0.0003, "< 0.1 %"), (0.9997, "> 99.9 %"), (-0.031, "−3.1 %")],
)
def test_share(value: float, written: str) -> None:
    assert text.share(value).replace("\u00a0", " ") == written


@given(st.floats(0, 1))
def test_share_is_never_rounded_to_an_end_it_is_not_at(value: float) -> None:
    if value not in (0.0, 1.0):
        assert text.share(value) not in ("0\u00a0%", "0.0\u00a0%", "100\u00a0%", "100.0\u00a0%")


def test_value_and_limit_are_written_so_that_they_differ() -> None:
    assert text.against("psi", 0.2501, 0.25) == ("0.2501", "0.25")
    assert text.against("psi", 0.25, 0.25) == ("0.25", "0.25")
    assert text.against("psi", 3.1187, 0.25) == ("3.12", "0.25")
    assert text.against("auc", 0.67996, 0.68) == ("0.67996", "0.68")
    assert text.against("new_category_share", 0.0101, 0.01) == ("1.01\u00a0%", "1\u00a0%")


def test_chance_and_the_classifier_are_told_where_the_record_holds_them() -> None:
    result = nights.NIGHTS["pass"]()
    assert result.drift is not None
    plain = Page(render(result)).said("drift")
    assert "All features together" not in plain
    assert "chance does not explain it" not in plain  # records of before have no alpha
    scores = tuple(replace(s, adjusted_p=0.37, test="ks") for s in result.drift.scores)
    limits = tuple(replace(limit, alpha=0.05) for limit in result.decision.limits)
    domain = DomainScore(0.532, 0.511, 0.553, 727, 5638, 9, 7)
    told = replace(
        result,
        drift=replace(result.drift, scores=scores, domain=domain),
        decision=replace(result.decision, limits=limits),
    )
    said = Page(render(told)).said("drift")
    assert "chance does not explain it: p, adjusted for all tests of the night, at most 0.05." in said
    assert "0.370 KS test" in said
    assert "AUC of 0.532 (0.511 to 0.553)" in said
    assert "A sample of 727 rows against 5,638, 9 features, seed 7. Shown, not judged." in said
    none = replace(told, drift=replace(result.drift, domain=replace(domain, value=None, reason="too few rows")))
    assert "AUC of not evaluated: too few rows" in Page(render(none)).said("drift")


def test_concept_drift_is_told_with_its_tests_and_the_loss_in_its_parts() -> None:
    result = nights.NIGHTS["warn"]()
    assert result.performance is not None
    assert "Did the inputs move" not in Page(render(result)).said("performance")  # records of before have none
    numbers = (
        ConceptNumber("inputs", 0.55, 0.52, 0.58, 0.178, 0.001, 0.004, True),
        ConceptNumber("loss_night", 0.19, 0.18, 0.2),
        ConceptNumber("loss_reference", 0.18, 0.17, 0.19),
        ConceptNumber("residual", -0.01, -0.04, 0.02),
        ConceptNumber("residual_z", -0.62, -2.58, 1.34),
        ConceptNumber("loss_covariate", 0.004, 0.001, 0.007),
        ConceptNumber("loss", 0.006, -0.01, 0.022, 0.03, 0.4, 0.8, False),
        ConceptNumber("slope", None, None, None, reason="all scores of a side are equal: they have no slope"),
        ConceptNumber("structure", 0.21, 0.13, 0.29, 0.21, 0.002, 0.006, True, "age"),
    )
    found = Concept("both", numbers, "brier", 700, 5000, 1187.4, 0.05, 0.1, 7)
    told = replace(result, performance=replace(result.performance, concept=found))
    said = Page(render(told)).said("performance")
    assert "Both. The inputs moved, and so did the relation of inputs and outcome." in said
    assert "Outcome in a part of the inputs, in standard deviations most by age moved 0.210" in said
    assert "0.130 to 0.290" in said
    assert "not evaluated: all scores of a side are equal" in said
    assert "Mean Brier score: 0.190 this night, 0.180 on the reference. Of the difference, 0.00400" in said
    assert "0.620 standard errors from what the reference promises" in said
    assert "700 labelled rows against 5,000, which tell as much as 1,187 on each side" in said
    none = replace(found, conclusion="not evaluated", numbers=(), n=0, n_reference=0, shared=None, reason="no labels")
    said = Page(render(replace(result, performance=replace(result.performance, concept=none)))).said("performance")
    assert "Not evaluated. Whether the relation of inputs and outcome moved was not evaluated. No labels." in said


# --- beside the importances ---------------------------------------------------------------------------------------


def explained(**parts: object) -> str:
    base = nights.pass_night()
    assert base.explanation
    page = Page(render(replace(base, explanation=replace(base.explanation, **parts))))  # type: ignore[arg-type]
    return " ".join(unescape(page.texts["explanation"]).split())


def test_what_a_feature_is_worth_and_how_far_it_moved_stand_beside_the_importances() -> None:
    said = explained()
    assert "What each feature is worth, and what changed against the reference" in said
    assert "0.620 sd" in said
    assert "from one value" in said  # a feature that drove nothing on the reference
    assert "8.6 % / 8.7 %" in said  # share of income, night and reference
    assert "Without a value the model raises ValueError." in said
    assert "age declared increasing: broken in 12.0 %." in said
    assert "plan declared decreasing: not evaluated: It is no input of the model." in said
    assert "health_index 23.0 %, age 16.1 %" in said  # of a group


def test_a_share_of_few_rows_is_told_as_fewer_than_11() -> None:
    assert "< 11 rows" in explained()
    shares = [rows_share(share, 300).replace(text.GAP, " ") for share in (0.0, 10 / 300, 0.05, 290 / 300, 1.0)]
    assert shares == ["0 %", "< 11 rows", "5.0 %", "all but < 11 rows", "100 %"]


def test_a_part_that_failed_says_why_and_the_others_are_shown() -> None:
    base = nights.explanation()
    assert base.attribution
    assert base.stress
    gone = replace(base.attribution, features=(), ndcg=None, reason="There is no reference.")
    said = explained(attribution=gone, stress=replace(base.stress, tests=(), reason="It raised ValueError."))
    assert "Change not evaluated: There is no reference." in said
    assert "Not evaluated: It raised ValueError." in said
    assert "Shuffled 5 times among 300 labelled rows of the reference" in said


def test_a_record_from_before_there_was_any_of_it_is_shown_as_it_is() -> None:
    said = explained(sample=None, groups=(), permutation=None, attribution=None, stress=None)
    assert "Mean |SHAP|" in said
    assert "Under stress" not in said
