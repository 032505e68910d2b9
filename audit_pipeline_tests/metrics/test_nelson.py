"""Nelson's rules: each by the shortest series that breaks it, and by the one next to it that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.metrics.nelson import RULES, broken_rules

UP_AND_DOWN = [0.5, -0.5] * 7
CASES = [  # rule, series that breaks it, series that just does not
    ("limits", [0.0, 3.01], [0.0, 3.0]),
    ("nelson_2", [0.1] * 9, [0.1] * 4 + [0.0] + [0.1] * 4),
    ("nelson_3", [-0.5, -0.4, -0.2, 0.0, 0.1, 0.4], [-0.5, -0.4, -0.4, 0.0, 0.1, 0.4]),
    ("nelson_4", UP_AND_DOWN, [*UP_AND_DOWN[:-1], 0.5]),
    ("nelson_5", [2.1, 0.0, 2.1], [2.1, 0.0, 2.0]),
    ("nelson_6", [1.1, 1.1, 0.0, 1.1, 1.1], [1.1, 1.1, 0.0, 1.1, 1.0]),
    ("nelson_7", [0.9, -0.9, 0.3] * 5, [0.9, -0.9, 0.3] * 4 + [0.9, -0.9, 1.0]),
    ("nelson_8", [1.5, -1.5] * 4, [1.5, -1.5] * 3 + [1.5, -1.0]),
]


@pytest.mark.parametrize(("rule", "breaks", "keeps"), CASES)
def test_a_rule_is_broken_by_its_pattern_and_not_by_the_next_one(
    rule: str, breaks: list[float], keeps: list[float]
) -> None:
    assert rule in broken_rules(breaks)
    assert rule not in broken_rules(keeps)
    assert rule not in broken_rules(breaks[:-1])  # the last point completes it


def test_a_pattern_is_broken_only_by_the_point_that_takes_part() -> None:
    assert "nelson_5" not in broken_rules([2.5, 2.5, 0.0])
    assert "nelson_5" not in broken_rules([2.5, -2.5, 2.5][:2])
    assert "nelson_6" not in broken_rules([1.5, 1.5, 1.5, 1.5, -1.5])
    assert broken_rules([]) == ()


@given(st.lists(st.floats(-4, 4), max_size=20))
def test_every_rule_is_the_same_for_the_mirrored_series_and_looks_at_fifteen_points(z: list[float]) -> None:
    found = broken_rules(z)
    assert broken_rules([-x for x in z]) == found
    assert broken_rules(z[-15:]) == found
    assert set(found) <= set(RULES)
