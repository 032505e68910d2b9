"""All numbers of a night together: against scipy, by simulation, and what makes it impossible."""

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from audit_pipeline.config.charts import ChartsPolicy
from audit_pipeline.metrics.control_charts import measure_charts
from audit_pipeline.metrics.joint_anomaly import MEMBERS, limit_of
from audit_pipeline.records import ControlCharts

MONDAY = date(2026, 1, 5)
PATHS = ("volume.rows", "drift.mean_prediction", "drift.largest_psi")


def result(rows: float, mean: float, psi: float | None) -> dict[str, Any]:
    """What a record holds of three numbers."""
    scores = [{"column": "x", "method": "psi", "value": psi, "n": 500}]
    output = {"role": "score", "n": 500, "missing": 0, "mean": mean, "sd": 0.01}
    return {"model_version": "1", "snapshot": {"rows": rows}, "profile": [output], "drift": {"scores": scores}}


def alike(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Nights whose rows and mean prediction rise and fall together."""
    rng = np.random.default_rng(seed)
    both = rng.normal(size=count)
    rows = np.round(4000 + 200 * both)
    means = 0.3 + 0.01 * both + 0.002 * rng.normal(size=count)
    return [
        result(*night)
        for night in zip(rows.tolist(), means.tolist(), rng.uniform(0.01, 0.03, count).tolist(), strict=True)
    ]


def last(nights: list[dict[str, Any]], *, needed: int = 28) -> ControlCharts:
    """Chart the last of some nights; without records of charts, phase I is what is before it."""
    past = [(MONDAY + timedelta(days=i), "0" * 64, night) for i, night in enumerate(nights)][:-1][::-1]
    night = MONDAY + timedelta(days=len(nights) - 1)
    return measure_charts(nights[-1], night, past, version="1", policy=ChartsPolicy(nights=needed))


def test_a_night_against_the_grain_is_found_though_each_number_is_within_its_limits() -> None:
    found = last([*alike(29), result(4300, 0.285, 0.02)])
    charts = {chart.metric: chart for chart in found.charts if chart.metric in PATHS}
    assert all("limits" not in chart.broken for chart in charts.values())
    assert found.joint.metrics == PATHS
    assert found.joint.broken
    assert not last([*alike(29), result(4300, 0.315, 0.02)]).joint.broken  # the same deviations, along it


def test_the_distance_is_that_of_scipy() -> None:
    found = last([*alike(29), result(4300, 0.29, 0.02)])
    z = [next(c.z for c in found.charts if c.metric == name) for name in PATHS]
    assert found.joint.baseline is not None
    inverse = np.linalg.inv(np.array(found.joint.baseline.covariance))
    assert found.joint.distance == pytest.approx(mahalanobis(z, [0, 0, 0], inverse) ** 2)


def test_a_number_that_is_missing_leaves_the_distance_of_the_others() -> None:
    nights = alike(29)
    before = last([*nights, result(4300, 0.29, 0.02)]).joint.baseline
    assert before is not None
    carried = [*nights, {**nights[-1], "charts": {"charts": [], "joint": {"baseline": None}}}]
    found = last([*carried[:-1], result(4300, 0.29, None)])
    assert found.joint.metrics == PATHS[:2]
    assert found.joint.limit == limit_of(2, 28, 1)


def test_before_phase_one_is_over_nothing_is_said() -> None:
    found = last(alike(20))
    assert (found.joint.distance, found.joint.broken) == (None, False)
    assert found.joint.reason == "its numbers do not have the 28 nights of phase I yet"


def test_numbers_that_say_the_same_do_not_divide_by_zero() -> None:
    rng = np.random.default_rng(1)
    twins = [result(round(4000 + 200 * x), 0.3 + 0.01 * x, 0.02 + 0.001 * x) for x in rng.normal(size=30)]
    found = last(twins)
    assert found.joint.distance is not None
    assert math.isfinite(found.joint.distance)
    assert not found.joint.broken


def test_an_outlier_of_phase_one_does_not_hide_a_night() -> None:
    nights = alike(29)
    nights[11] = result(40_000, 0.3, 0.02)
    assert last([*nights, result(4300, 0.285, 0.02)]).joint.broken


def test_the_least_phase_one_allows_four_numbers() -> None:
    assert len(MEMBERS) == 5
    assert ChartsPolicy().nights // 5 == 5
    found = last(alike(21), needed=20)
    assert found.joint.metrics == PATHS
    # T-squared of one number is the square of t: p (m - 1) / (m - p) F * (1 + 1/m)
    assert limit_of(1, 10_000, 1) == pytest.approx(9, abs=0.02)
