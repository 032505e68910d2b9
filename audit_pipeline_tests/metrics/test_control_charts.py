"""One number over its nights: what is found, what is not an alarm, and what cannot be evaluated."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.metrics.charted import Number
from audit_pipeline.metrics.control_charts import chart_of
from audit_pipeline.metrics.phase_one import Point, estimate_baseline
from audit_pipeline.metrics.scales import SCALES
from audit_pipeline.records import ControlChart

MONDAY = date(2026, 1, 5)
NEEDED = 28
WEEK = (0, 30, 60, 30, 0, -300, -400)  # rows of a day over those of a Monday


def charted(
    values: Sequence[float | None], *, scale: str = "identity", half: float | None = None, n: int | None = None
) -> list[ControlChart]:
    """Chart every night of a series the way night after night would; `half` is that of every 95 % interval."""
    points: list[Point] = []
    baseline, found = None, []
    for place, value in enumerate(values):
        night = MONDAY + timedelta(days=place)
        ends = (None, None) if half is None or value is None else (value - half, value + half)
        number = None if value is None else Number(scale, value, n, *ends)
        chart = chart_of("number", scale, number, night, points, baseline, needed=NEEDED)
        found.append(chart)
        baseline = chart.baseline
        if number is not None:
            points.append(Point(night, *number.on_scale()))
    return found


def normal(count: int, seed: int = 0, *, mean: float = 100.0, sd: float = 2.0) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).normal(mean, sd, count)]


def strong(chart: ControlChart) -> set[str]:
    return {"limits", "ewma", "cusum"} & set(chart.broken)


def test_during_phase_one_nothing_is_evaluated_and_the_reason_counts_the_nights() -> None:
    found = charted(normal(30))
    assert [chart.z for chart in found[:28]] == [None] * 28
    assert found[9].reason == "9 of the 28 nights of phase I have it"
    assert (found[9].broken, found[9].lower, found[9].baseline) == ((), None, None)
    assert found[28].z is not None
    assert found[28].reason is None


def test_limits_are_frozen_after_phase_one() -> None:
    found = charted([*normal(28), *normal(60, seed=1, mean=130)])
    assert len({chart.baseline for chart in found[28:]}) == 1
    assert found[28].baseline == estimate_baseline(
        [Point(MONDAY + timedelta(i), y, 0.0) for i, y in enumerate(normal(28))]
    )
    assert "limits" in found[-1].broken  # a shift that stays does not become the new normal


def test_a_shift_of_two_deviations_is_found_within_a_few_nights() -> None:
    waited = []
    for seed in range(100):
        shifted = normal(15, seed + 100, mean=104.0 if seed % 2 else 96.0)
        found = charted([*normal(40, seed), *shifted])[40:]
        waited.append(next((night for night, chart in enumerate(found, start=1) if strong(chart)), 99))
    assert np.median(waited) <= 4
    assert np.quantile(waited, 0.9) <= 8


def test_one_outlier_breaks_the_limits_on_its_night_and_counts_as_three_deviations_after_it() -> None:
    quiet = normal(61, 4)
    found = charted([*quiet[:40], 1e6, *quiet[41:]])
    assert found[40].broken[0] == "limits"
    assert not any(strong(chart) for chart in found[41:])
    baseline = found[40].baseline
    assert baseline is not None
    mild = charted([*quiet[:40], baseline.centre + 3 * baseline.sigma, *quiet[41:]])
    assert [c.ewma for c in found[41:]] == pytest.approx([c.ewma for c in mild[41:]])
    assert [c.cusum_high for c in found[41:]] == pytest.approx([c.cusum_high for c in mild[41:]])
    assert [c.upper for c in found[41:]] == [c.upper for c in mild[41:]]


def test_a_weekly_season_is_no_alarm_and_a_working_day_like_a_sunday_is() -> None:
    rng = np.random.default_rng(7)
    rows = [float(round(1000 + WEEK[i % 7] + rng.normal(0, 15))) for i in range(91)]
    found = charted(rows, scale="count")
    assert not any(strong(chart) for chart in found)
    assert found[40].baseline is not None
    assert found[40].baseline.weekdays
    sunday, monday = found[41], found[42]
    assert sunday.centre == pytest.approx(600, abs=25)
    assert monday.centre == pytest.approx(1000, abs=25)
    rows[84] = 600.0  # a Monday
    assert "limits" in charted(rows, scale="count")[84].broken


def test_a_night_with_few_labels_is_not_an_alarm_for_what_its_error_explains() -> None:
    values = [*normal(40, 4, mean=0.8, sd=0.004), 0.77]
    sure, unsure = charted(values, half=0.008)[-1], charted(values[:-1], half=0.008)
    assert "limits" in sure.broken
    points = [Point(MONDAY + timedelta(days=i), v, 0.004) for i, v in enumerate(values[:-1])]
    few = Number("identity", 0.77, 90, 0.70, 0.84)  # standard error 0.036
    chart = chart_of("auc", "identity", few, MONDAY + timedelta(days=40), points, unsure[-1].baseline, needed=NEEDED)
    assert chart.broken == ()
    assert chart.lower is not None
    assert chart.lower < 0.7


def test_a_constant_share_is_judged_by_the_error_of_its_rows() -> None:
    found = charted([1.0] * 30 + [0.9999, 0.99], scale="share", n=10_000)
    assert found[29].z == 0.0
    assert "nelson_7" not in found[29].broken  # near the centre because of the error, which is no pattern
    assert found[30].broken == ()  # 1 of 10,000: arcsine(1) - arcsine(0.99995) = 0.01, twice its error of 0.005
    assert found[31].broken[0] == "limits"  # 100 of 10,000
    assert found[31].upper is None  # a share has no limit above 1


def test_a_constant_without_a_known_error_cannot_be_charted() -> None:
    found = charted([5.0] * 30 + [9.0])
    assert {chart.z for chart in found} == {None}
    assert found[-1].reason == "it did not vary in phase I, and its sampling error is not known"
    assert found[-1].baseline is not None


def test_a_night_without_the_number_is_not_evaluated_and_carries_phase_one_on() -> None:
    values: list[float | None] = [*normal(20), None, *normal(10, 1), None, *normal(3, 2)]
    found = charted(values)
    assert found[20].reason == "20 of the 28 nights of phase I have it"
    assert (found[31].value, found[31].z, found[31].reason) == (None, None, "it was not measured tonight")
    assert found[31].baseline == found[30].baseline == found[-1].baseline
    assert found[-1].nights == 4  # two nights before the gap and two after it; 28 with the number made phase I


def test_the_charts_by_hand() -> None:
    # phase I: 1, -1, ...: centre 0, sigma s. Then s and 2 s: z = 1 and 2
    base = [1.0, -1.0] * 14
    s = estimate_baseline([Point(MONDAY + timedelta(days=i), y, 0.0) for i, y in enumerate(base)]).sigma
    chart = charted([*base, s, 2 * s])[-1]
    assert chart.z == pytest.approx(2)
    assert (chart.centre, chart.lower, chart.upper) == pytest.approx((0, -3 * s, 3 * s))
    assert chart.ewma == pytest.approx((0.2 * 2 + 0.8 * 0.2) * s)
    assert (chart.cusum_low, chart.cusum_high) == pytest.approx((0, 0.5 + 1.5))
    width = 2.86 * (0.2 / 1.8 * (1 - 0.8**4) + 1 / 28) ** 0.5 * s
    assert (chart.ewma_lower, chart.ewma_upper) == pytest.approx((-width, width))
    assert chart.cusum_limit == pytest.approx(5 * (1 + 9 / 28) ** 0.5)


def test_patterns_are_not_judged_of_nights_that_resemble_each_other() -> None:
    waves = [float(x) for x in 100 + 5 * np.sin(np.arange(70) / 4)]
    found = charted(waves)
    assert found[-1].baseline is not None
    assert found[-1].baseline.autocorrelation > 0.8
    assert not any(rule.startswith("nelson") for chart in found for rule in chart.broken)


@given(st.lists(st.floats(90, 110), min_size=40, max_size=40), st.floats(0.5, 20), st.floats(-50, 50))
def test_what_is_found_does_not_depend_on_the_unit(values: list[float], factor: float, shift: float) -> None:
    before = charted([round(v, 3) for v in values])[-1]
    after = charted([factor * round(v, 3) + shift for v in values])[-1]
    if before.baseline is None or after.baseline is None or before.z is None or after.z is None:
        return
    if (
        before.baseline.set_aside == after.baseline.set_aside
        and before.baseline.weekdays == () == after.baseline.weekdays
    ):
        assert after.z == pytest.approx(before.z, rel=1e-5, abs=1e-5)
        assert after.cusum_high == pytest.approx(before.cusum_high, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_limits_enclose_the_centre_on_every_scale(scale: str) -> None:
    rng = np.random.default_rng(3)
    values = [float(x) for x in rng.uniform(0.2, 0.4, 40)]
    for chart in charted(values, scale=scale, n=500)[28:]:
        assert chart.centre is not None
        assert (chart.lower if chart.lower is not None else -1e9) < chart.centre
        assert chart.centre < (chart.upper if chart.upper is not None else 1e9)
