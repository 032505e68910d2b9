"""Drawings: positions worked by hand, and nothing leaves the paper whatever the numbers are."""

import re
from datetime import date, timedelta
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.evidence import plots
from audit_pipeline.evidence.plot_control import ChartNight, control_plot
from audit_pipeline.evidence.plot_dependence import dependence_plot
from audit_pipeline.evidence.plots import PsiRow
from audit_pipeline.evidence.svg import Scale, fit, mark, padded, ticks
from audit_pipeline.records import Bin, ChartPoint, Dependence, DependencePoint, HistoryPoint, Outcome

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.none() | st.floats()  # NaN and infinity as well: a drawing must survive what should not be there
OUTCOME = st.none() | st.sampled_from(Outcome)
LIMIT = st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def marks(svg: str) -> list[tuple[float, float]]:
    """Every point a drawing puts ink on, after checking that it is well formed and every number is a number."""
    points: list[tuple[float, float]] = []
    for e in ElementTree.fromstring(svg).iter():
        a = {k: float(v) for k, v in e.attrib.items() if k in ("x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r")}
        if e.tag == "line":
            points += [(a["x1"], a["y1"]), (a["x2"], a["y2"])]
        elif e.tag == "circle":
            points += [(a["cx"] - a["r"], a["cy"] - a["r"]), (a["cx"] + a["r"], a["cy"] + a["r"])]
        elif e.tag == "rect":
            width, height = float(e.attrib["width"]), float(e.attrib["height"])
            assert width >= 0
            assert height >= 0
            points += [(a["x"], a["y"]), (a["x"] + width, a["y"] + height)]
        elif e.tag in ("polygon", "polyline"):
            points += [(float(p.split(",")[0]), float(p.split(",")[1])) for p in e.attrib["points"].split()]
        elif e.tag == "text":
            label = e.text or "".join(child.tail or "" for child in e)
            width = (6.4 if "tick" in e.attrib["class"] else 6.9) * len(label)
            anchor = 1.0 if "end" in e.attrib["class"] else 0.5 if "mid" in e.attrib["class"] else 0.0
            points += [(a["x"] - anchor * width, a["y"] - 9), (a["x"] + (1 - anchor) * width, a["y"] + 2)]
    return points


def assert_inside(svg: str) -> None:
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    width, height = float(box[1]), float(box[2])
    for x, y in marks(svg):
        assert -0.1 <= x <= width + 0.1, (x, svg)
        assert -0.1 <= y <= height + 0.1, (y, svg)


def circle_x(svg: str, cls: str) -> list[float]:
    return [float(e.attrib["cx"]) for e in ElementTree.fromstring(svg).iter("circle") if cls in e.attrib["class"]]


def test_scale_maps_ends_and_middle() -> None:
    axis = Scale(0.0, 0.5, 190, 810)
    # 0.25 is half of 0.5: 190 + 620 / 2 = 500; 0.1 is a fifth: 190 + 124 = 314
    assert [axis.at(x) for x in (0, 0.25, 0.1, 0.5)] == pytest.approx([190, 500, 314, 810])
    assert axis.at(-3) == 190  # outside: at the end
    assert axis.at(3) == 810
    assert Scale(1e308, -1e308, 0, 10).at(0) == 5.0  # no length: the middle
    assert Scale(-1.7e308, 1.7e308, 0, 10).at(0) == 5.0  # the difference would overflow


def test_scale_may_run_upwards() -> None:
    # pixel 128 is the foot, 58 the head: a value of a quarter stands 70 / 4 = 17.5 above the foot
    assert Scale(0, 1, 128, 58).at(0.25) == 110.5


@given(FINITE, FINITE, FINITE, FINITE)
def test_scale_keeps_order_and_bounds(lo: float, hi: float, a: float, b: float) -> None:
    axis = Scale(lo, hi, 20, 80)
    assert 20 <= axis.at(a) <= 80
    if a <= b:
        assert axis.at(a) <= axis.at(b)


def test_ticks_are_round() -> None:
    # 0 to 0.5 in about five: step 0.1; 0.7 to 0.76 in about three: raw step 0.02
    assert ticks(0, 0.5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert ticks(0.7, 0.76, about=3) == pytest.approx([0.7, 0.72, 0.74, 0.76])


@given(FINITE, FINITE, st.integers(1, 10))
def test_ticks_are_few_and_rise(lo: float, hi: float, about: int) -> None:
    found = ticks(min(lo, hi), max(lo, hi), about=about)
    assert 0 < len(found) <= 50 or lo == hi or not found
    assert all(a < b for a, b in pairwise(found))


def test_psi_plot_puts_marks_and_limits_where_the_numbers_are() -> None:
    rows = [PsiRow("income", 3.1, Outcome.FAIL, 0.1), PsiRow("age", 0.05, Outcome.PASS, 0.1)]
    svg = plots.psi_plot(rows, warn=0.1, fail=0.25)
    # axis 0 to 2 * 0.25 = 0.5 on 190 to 810: 0.05 at 190 + 62 = 252, warn 0.1 at 314, fail 0.25 at 500
    assert circle_x(svg, "m-pass") == [252]
    limits = [e.attrib for e in ElementTree.fromstring(svg).iter("line") if "limit-" in e.attrib["class"]]
    assert [(e["class"], float(e["x1"])) for e in limits] == [("limit limit-warn", 314), ("limit limit-fail", 500)]
    assert "beyond the axis: 3.10" in svg  # 3.1 is not on the axis: an arrow with the number
    assert ">3.10</text>" in svg


def test_a_column_limit_of_its_own_is_drawn_on_its_line_only() -> None:
    rows = [PsiRow("a", 0.3, Outcome.PASS, 0.4), PsiRow("b", 0.05, Outcome.PASS, 0.1)]
    svg = plots.psi_plot(rows, warn=0.1, fail=0.25)
    own = [e for e in ElementTree.fromstring(svg).iter("line") if e.attrib["class"] == "ownlimit"]
    # 0.4 on 0 to 0.5: 190 + 0.8 * 620 = 686; first line is at 44 + 12 = 56
    assert [(float(e.attrib["x1"]), float(e.attrib["y1"])) for e in own] == [(686, 47)]


def test_what_was_not_evaluated_is_an_open_diamond_and_never_a_zero() -> None:
    svg = plots.psi_plot([PsiRow("a", None, Outcome.NOT_EVALUATED, 0.1)], warn=0.1, fail=None)
    assert "not evaluated</text>" in svg
    assert 'class="stem"' not in svg
    assert not circle_x(svg, "m-")


def test_each_outcome_has_a_shape_of_its_own() -> None:
    drawn = {o: mark(o, 8, 8, 7) for o in (*Outcome, None)}
    shapes = {o: (e.split()[0], re.sub(r'class="[^"]*"', "", e)) for o, e in drawn.items()}
    assert len(set(shapes.values())) == 5  # without colour and class they still differ


def test_paired_bars_are_as_long_as_their_shares() -> None:
    svg = plots.paired_bars([Bin("low", 0.2, 0.4), Bin("high", 0.8, 0.6)], column="age")
    bars = list(ElementTree.fromstring(svg).iter("rect"))
    # 0.8 is the longest: 460 - 140 - 128 = 192 px; so 0.2 is 48, 0.4 is 96, 0.6 is 144
    assert [float(e.attrib["width"]) for e in bars] == [48, 96, 192, 144]


def test_interval_draws_dot_whisker_reference_and_limits() -> None:
    svg = plots.interval(0.7, 0.65, 0.75, domain=(0.5, 0.9), reference=0.8, warn=0.6, fail=0.1, label="AUC")
    # 8 to 212 px for 0.5 to 0.9: 510 px per 1.0; 0.7 at 110, 0.65 at 84.5, 0.75 at 135.5, 0.8 at 161, 0.6 at 59
    lines = {e.attrib["class"]: e.attrib for e in ElementTree.fromstring(svg).iter("line")}
    assert circle_x(svg, "dot") == [110]
    assert 'class="whisker" x1="84.5" y1="12" x2="135.5"' in svg
    assert float(lines["refline"]["x1"]) == 161
    assert float(lines["limit limit-warn"]["x1"]) == 59
    assert "limit limit-fail" not in lines  # off the axis: not drawn at a false place


def point(day: int, psi: float | None, metric: float | None, verdict: Outcome = Outcome.PASS) -> HistoryPoint:
    return HistoryPoint(date(2026, 7, 1) + timedelta(days=day), "ab", verdict, psi, "age", metric)


def test_trend_follows_the_calendar_and_breaks_where_a_number_is_missing() -> None:
    points = [point(0, 0.1, 0.7), point(1, 0.1, None), point(3, 0.1, 0.8), point(4, 0.1, 0.8)]
    svg = plots.trend(points, metric="AUC", warn=0.1, fail=0.25)
    runs = [e.attrib["points"].split() for e in ElementTree.fromstring(svg).iter("polyline")]
    # 140 to 816 px for four days: 169 per day; day 2 is missing, so day 3 stands at 140 + 507 = 647
    assert [float(p.split(",")[0]) for p in runs[0]] == [140, 309, 647, 816]
    assert [float(p.split(",")[0]) for p in runs[1]] == [647, 816]  # AUC: the line begins anew after the gap
    assert "2026-07-02: AUC not evaluated" in svg


def test_text_of_others_is_escaped() -> None:
    hostile = "<script>alert('x')</script>&\""
    for svg in (
        plots.psi_plot([PsiRow(hostile, 0.1, None, None)], warn=None, fail=None),
        plots.paired_bars([Bin(hostile, 0.5, 0.5)], column=hostile),
        plots.interval(1, None, None, domain=(0, 1), label=hostile),
        plots.trend([point(0, 0.1, 0.7)], metric=hostile),
    ):
        assert "<script" not in svg
        ElementTree.fromstring(svg)


@settings(max_examples=60)
@given(
    st.lists(
        st.builds(PsiRow, st.text(st.characters(categories=("L", "N", "P")), max_size=80), ANY, OUTCOME, ANY),
        max_size=6,
    ),
    LIMIT,
    LIMIT,
)
def test_psi_plot_stays_on_the_paper(rows: list[PsiRow], warn: float | None, fail: float | None) -> None:
    assert_inside(plots.psi_plot(rows, warn=warn, fail=fail))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=16))
def test_paired_bars_stay_on_the_paper(shares: list[tuple[float, float]]) -> None:
    assert_inside(plots.paired_bars([Bin("from 1,000,000.5 to 2,000,000.5", a, b) for a, b in shares], column="x"))


@settings(max_examples=60)
@given(ANY, ANY, ANY, st.lists(FINITE, min_size=1, max_size=3), ANY, LIMIT, LIMIT)
def test_interval_stays_on_the_paper(
    value: float | None,
    lo: float | None,
    hi: float | None,
    others: list[float],
    reference: float | None,
    warn: float | None,
    fail: float | None,
) -> None:
    domain = padded(others)
    assert_inside(plots.interval(value, lo, hi, domain=domain, reference=reference, warn=warn, fail=fail, label="x"))


@settings(max_examples=60)
@given(st.lists(st.tuples(ANY, ANY, st.sampled_from(Outcome)), min_size=1, max_size=30), LIMIT, LIMIT)
def test_trend_stays_on_the_paper(
    values: list[tuple[float | None, float | None, Outcome]], warn: float | None, fail: float | None
) -> None:
    points = [point(i, psi, metric, verdict) for i, (psi, metric, verdict) in enumerate(values)]
    assert_inside(plots.trend(points, metric="RMSE", warn=warn, fail=fail))


@given(st.lists(FINITE, min_size=1))
def test_padded_holds_all(values: list[float]) -> None:
    lo, hi = padded(values)
    assert all(lo <= v <= hi for v in values if abs(v) <= 1e308)
    assert lo < hi


def test_fit_cuts_the_middle_of_a_long_name() -> None:
    # 70 px hold int(70 / 6.9) = 10 characters: 5 of the head, the sign, 4 of the tail
    assert fit("income_of_household", 70) == "incom…hold"
    assert fit("income", 70) == "income"


# --- control charts -----------------------------------------------------------------------------------------------


def chart_night(
    day: int, value: float | None, limits: tuple[float | None, float | None] | None = (90, 110), *broken: str
) -> ChartNight:
    low, high = limits or (None, None)
    centre = 100.0 if limits else None
    return ChartNight(date(2026, 7, 1) + timedelta(days=day), ChartPoint("rows", value, centre, low, high, broken))


def test_a_night_beyond_the_axis_is_an_arrow_and_flattens_nothing() -> None:
    svg = control_plot(
        [chart_night(0, 100), chart_night(1, 1e6, (90, 110), "limits"), chart_night(2, 95)], name="rows", write=str
    )
    assert_inside(svg)
    assert "rows 1000000.0, limits: beyond the axis" in svg
    heights = [float(e.attrib["cy"]) for e in ElementTree.fromstring(svg).iter("circle") if e.attrib["class"] == "dot"]
    assert heights[1] - heights[0] > 5  # 5 rows of 20 between the limits are still told apart


def test_a_missing_night_breaks_the_line() -> None:
    svg = control_plot(
        [chart_night(0, 100), chart_night(1, None), chart_night(2, 95), chart_night(3, 96)], name="rows", write=str
    )
    [line] = list(ElementTree.fromstring(svg).iter("polyline"))
    assert len(line.attrib["points"].split()) == 2


@given(
    values=st.lists(ANY, min_size=1, max_size=30),
    limits=st.none() | st.tuples(ANY, ANY),
    broken=st.booleans(),
)
def test_a_control_chart_survives_what_should_not_be_there(
    values: list[float | None], limits: tuple[float | None, float | None] | None, broken: bool
) -> None:
    nights = [chart_night(day, value, limits, *(("limits",) if broken else ())) for day, value in enumerate(values)]
    assert_inside(control_plot(nights, name="rows", write=lambda x: f"{x:.2g}"))


SMALL = st.floats(-1e6, 1e6)
SHARE = st.integers(11, 10_000)


def a_point(value: float | None, category: str | None, pdp: float, n: int, ale: float | None) -> DependencePoint:
    return DependencePoint(value, category, n, pdp, -0.5, 0.0, 0.5, ale, 0.1, 0.0, 0.2)


def test_a_dependence_has_its_line_its_band_and_its_rows_where_they_belong() -> None:
    # x from 64 to 440 px for values 0 to 4; the band is 0.5 about the mean of the PDP (2), from 1 to 3: padded
    # by a tenth to 0.8 ... 3.2, over 172 to 12 px
    points = tuple(a_point(float(v), None, 1.0 + v / 2, n, v / 2 - 1) for v, n in ((0, 30), (2, 60), (4, 15)))
    svg = dependence_plot(Dependence("x", "probability", 105, 105, points))
    assert circle_x(svg, "dot") == [64.0, 252.0, 440.0]
    heights = [float(e.attrib["cy"]) for e in ElementTree.fromstring(svg).iter("circle")]
    assert heights == [158.7, 92.0, 25.3]  # 172 - 160 * (1 - 0.8) / 2.4
    lines = [e.attrib["points"] for e in ElementTree.fromstring(svg).iter("polyline")]
    assert lines[0] == lines[1] == "64,158.7 252,92 440,25.3"  # ALE rises as PDP does, and is drawn at its level
    bars = [float(e.attrib["height"]) for e in ElementTree.fromstring(svg).iter("rect")]
    assert bars == [13.0, 26.0, 6.5]
    assert_inside(svg)


@given(st.lists(st.tuples(SMALL, SMALL, SHARE, SMALL), min_size=2, max_size=10, unique_by=lambda t: round(t[0], 3)))
@settings(max_examples=60, deadline=None)
def test_a_dependence_stays_on_its_paper(drawn: list[tuple[float, float, int, float]]) -> None:
    along = [a_point(v, None, pdp, n, ale) for v, pdp, n, ale in sorted(drawn)]
    assert_inside(dependence_plot(Dependence("x", "prediction", 9, 9, tuple(along))))
    named = [a_point(None, f"{'name of a category ' * 3}{i}", pdp, n, None) for i, (_, pdp, n, _) in enumerate(drawn)]
    assert_inside(dependence_plot(Dependence("<x>", "prediction", 9, 9, tuple(named))))
