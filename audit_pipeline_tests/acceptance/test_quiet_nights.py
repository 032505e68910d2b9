"""Alarms mean something: quiet nights stay quiet at any size, and what was planted is found the same night."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from audit_pipeline_tests.metrics.arrays import Column, alarms, drawn, drift_between, made_model, quiet_columns
from audit_pipeline_tests.metrics.relations import World, bound, conclude

COLUMNS, ALPHA = 30, 0.05
HAIR_TRIGGER = {  # every number that is not zero reaches its limit: chance alone decides
    "psi": {"warn": 1e-12},
    "missing_increase": {"warn": 1e-12},
    "new_category_share": {"warn": 1e-12},
}
SIZES = [  # rows of a night, nights
    pytest.param(200, 500, marks=pytest.mark.soak),
    pytest.param(2_000, 250, marks=pytest.mark.acceptance),
    pytest.param(2_000, 500, marks=pytest.mark.soak),
    pytest.param(20_000, 500, marks=pytest.mark.soak),
]


def noisy_share(columns: Mapping[str, Column], n: int, nights: int, policies: list[Mapping[str, Any]]) -> list[float]:
    """Return the share of nights with any alarm, per policy; night and reference are drawn anew each time."""
    configs = [made_model(columns, policy) for policy in policies]
    found = np.zeros((nights, len(policies)))
    for night in range(nights):
        rng = np.random.default_rng([n, night])
        current, reference = drawn(columns, rng, n), drawn(columns, rng, n)
        drift = drift_between(configs[0], current, reference)
        found[night] = [bool(alarms(config, drift)) for config in configs]
    return [float(share) for share in found.mean(axis=0)]


@pytest.mark.parametrize(("n", "nights"), SIZES)
def test_a_quiet_night_raises_any_alarm_with_a_chance_of_at_most_alpha(n: int, nights: int) -> None:
    # three standard errors of a share of 0.05: 0.0414 among 250, 0.0292 among 500
    bound = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / nights)
    default, strictest = noisy_share(quiet_columns(COLUMNS), n, nights, [{}, HAIR_TRIGGER])
    assert default <= bound
    assert strictest <= bound
    assert default <= strictest


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_of_two_fifths_of_a_standard_deviation_in_one_of_fifty_columns_is_found(seed: int) -> None:
    columns, rng = quiet_columns(50), np.random.default_rng(seed)
    config = made_model(columns)
    current, reference = drawn(columns, rng, 20_000), drawn(columns, rng, 20_000)
    current["x00"] = current["x00"] + 0.4
    assert alarms(config, drift_between(config, current, reference)) == {("x00", "psi")}


@pytest.mark.parametrize(
    "nights", [pytest.param(120, marks=pytest.mark.acceptance), pytest.param(240, marks=pytest.mark.soak)]
)
def test_a_quiet_night_has_another_conclusion_than_none_with_a_chance_of_at_most_alpha(nights: int) -> None:
    found = [conclude(World(n=250, m=500), seed).conclusion for seed in range(nights)]
    assert sum(word != "none" for word in found) / nights <= bound(nights, ALPHA)


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("world", "conclusion"),
    [
        (World(moved=1.0), "covariate only"),
        (World(flipped=0.4), "concept"),
        (World(prevalence=0.6), "concept"),
        (World(moved=1.0, flipped=0.4), "both"),
    ],
)
def test_planted_moves_are_told_apart_night_after_night(world: World, conclusion: str) -> None:
    found = [conclude(world, seed).conclusion for seed in range(100, 120)]
    # of 20 nights on which one test in twenty strays, more than 4 stray with a chance of 3 in a thousand
    assert found.count(conclusion) >= 16
