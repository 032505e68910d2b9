"""The three quality scores, worked by hand."""

from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.checks.kinds import KINDS
from audit_pipeline.checks.scores import quality_scores
from audit_pipeline_tests.checks.kit import ENGINES, Night, expect


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_of_a_small_night(tmp_path: Path, engine: str) -> None:
    night = Night(
        tmp_path,
        {
            "a": ("number", [1.0] * 16 + [None] * 4),
            "b": ("category", ["x"] * 15 + ["y"] * 5),
            "k": ("integer", [*range(18), 0, 1]),
        },
    )
    validation = night.check(
        engine,
        expect("column_values_to_not_be_null", column="a"),  # 4 of 20 missing
        expect("column_values_to_not_be_null", column="b"),  # 0 of 20
        expect("column_values_to_be_between", column="a", max_value=0.5, mostly=0.1),  # 16 of 16 outside
        expect("column_values_to_be_in_set", column="b", value_set=["x"]),  # 5 of 20 outside
        expect("column_values_to_be_unique", column="k"),  # 4 of 20 share a value
        expect("column_values_to_match_regex", column="b", regex="("),  # not evaluated: counts nowhere
        expect("column_mean_to_be_between", column="a", max_value=0),  # one number: has no unexpected values
    )
    scores: dict[str, Any] = {score.name: (score.value, score.n) for score in validation.scores}
    assert scores == {
        "completeness": (pytest.approx(1 - 4 / 40), 40),
        "accuracy": (pytest.approx(1 - 21 / 36), 36),
        "consistency": (pytest.approx(1 - 4 / 20), 20),
    }


def test_a_score_nobody_measured_has_no_value() -> None:
    scores = quality_scores([])
    assert [(score.value, score.n) for score in scores] == [(None, 0)] * 3
    assert all(score.reason for score in scores)


def test_only_expectations_that_count_values_feed_a_score() -> None:
    assert all(kind.counts == "values" and not kind.refused for kind in KINDS.values() if kind.score)
