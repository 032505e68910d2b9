"""How long a quiet number stays quiet: run lengths by simulation, against the textbook and with estimated limits."""

import math
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from audit_pipeline.metrics.chart_history import WINDOW
from audit_pipeline.metrics.charted import Number
from audit_pipeline.metrics.control_charts import CAP, chart_of
from audit_pipeline.metrics.ewma_cusum import cusum, cusum_limit, ewma
from audit_pipeline.metrics.nelson import broken_rules
from audit_pipeline.metrics.phase_one import Point, estimate_baseline

pytestmark = pytest.mark.acceptance

RUNS = 400
NIGHTS = [date(2026, 1, 1) + timedelta(days=i) for i in range(28 + 30)]
Alarm = Callable[[list[float]], bool]


def _capped(z: list[float]) -> list[float]:
    return [min(max(x, -CAP), CAP) for x in z]


def _ewma(z: list[float]) -> bool:
    average, width = ewma(_capped(z))
    return abs(average) > width


CHARTS: dict[str, tuple[float, Alarm]] = {  # the textbook's average run length with known limits
    "limits": (370, lambda z: "limits" in broken_rules(z)),
    "ewma": (370, _ewma),
    "cusum": (465, lambda z: max(cusum(_capped(z))) > cusum_limit()),
}


def run_length(rng: np.random.Generator, alarm: Alarm, *, shift: float = 0.0) -> int:
    """Return the nights to the first alarm, with a memory of thirty nights, as the product has."""
    z: list[float] = []
    nights = 0
    while nights < 10_000:
        nights += 1
        z = [*z, float(rng.normal(shift))][-WINDOW:]
        if alarm(z):
            break
    return nights


@pytest.mark.parametrize("chart", CHARTS)
def test_with_known_limits_the_run_lengths_are_those_of_the_textbook(chart: str) -> None:
    wanted, alarm = CHARTS[chart]
    rng = np.random.default_rng(370)
    lengths = [run_length(rng, alarm) for _ in range(RUNS)]
    # a run length has about the standard deviation of its mean: 4 standard errors of 400 runs are 20 %
    assert np.mean(lengths) == pytest.approx(wanted, rel=4 / math.sqrt(RUNS))


@pytest.mark.parametrize(("chart", "wanted"), [("limits", 6.3), ("ewma", 2.9), ("cusum", 4.0)])
def test_a_shift_of_two_deviations_takes_a_few_nights(chart: str, wanted: float) -> None:
    # Shewhart: 1 / P(z > 1) = 6.3. Montgomery, table 9.3: 4.01 for CUSUM. An EWMA with constant limits takes 3.7
    # (table 9.11), with the narrower ones of the first nights less
    rng = np.random.default_rng(2)
    lengths = [run_length(rng, CHARTS[chart][1], shift=2.0) for _ in range(RUNS)]
    assert np.mean(lengths) == pytest.approx(wanted, rel=0.15)


def share_with_an_alarm(draw: Callable[[np.random.Generator], np.ndarray]) -> dict[str, float]:
    """Return the share of series with an alarm among the first thirty nights after a phase I of 28."""
    found = dict.fromkeys(CHARTS, 0)
    for seed in range(RUNS):
        y = draw(np.random.default_rng([28, seed]))
        points = [Point(night, float(value), 0.0) for night, value in zip(NIGHTS, y, strict=True)]
        baseline = estimate_baseline(points[:28])
        broken: set[str] = set()
        for place in range(28, len(points)):
            number = Number("identity", points[place].y, None, None, None)
            chart = chart_of("x", "identity", number, NIGHTS[place], points[:place], baseline, needed=28)
            broken |= set(chart.broken)
        for name in found:
            found[name] += name in broken
    return {name: count / RUNS for name, count in found.items()}


def test_limits_from_twenty_eight_nights_raise_no_more_alarms_than_known_ones() -> None:
    # known limits: 1 - exp(-30 / 370) = 7.8 % of series alarm within thirty nights, 6.3 % of CUSUMs; and four
    # standard errors of a share of 0.078 among 400: 5.4 %
    found = share_with_an_alarm(lambda rng: rng.normal(size=len(NIGHTS)))
    assert max(found.values()) <= 0.078 + 0.054


def test_a_week_costs_no_alarms() -> None:
    week = np.array([0, 0, 0, 0, 0, -6, -8.0])
    days = np.array([week[night.weekday()] for night in NIGHTS])
    found = share_with_an_alarm(lambda rng: rng.normal(size=len(NIGHTS)) + days)
    assert max(found.values()) <= 0.078 + 0.054


def test_nights_that_resemble_each_other_cost_few_alarms() -> None:
    def draw(rng: np.random.Generator) -> np.ndarray:
        steps, y = rng.normal(size=len(NIGHTS)), np.zeros(len(NIGHTS))
        for i in range(1, len(y)):
            y[i] = 0.5 * y[i - 1] + steps[i]
        return y

    found = share_with_an_alarm(draw)
    assert max(found.values()) <= 0.16  # twice that of known limits: 28 nights tell the correlation poorly
