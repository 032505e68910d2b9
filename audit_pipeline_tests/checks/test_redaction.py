"""No value of a row leaves the checks, whatever an expectation observed or raised."""

from pathlib import Path

import pytest

from audit_pipeline.records import Outcome
from audit_pipeline_tests.checks.kit import ENGINES, Night, expect

NAME = "Quentin-Planted"
NUMBER = 987654.25


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Forty rows; one of them holds the planted values."""
    return Night(
        tmp_path,
        {
            "who": ("category", [NAME] + ["A", "B", "C"] * 13),
            "x": ("number", [NUMBER] + [float(i) for i in range(39)]),
            "id": ("category", [NAME] * 2 + [f"r{i}" for i in range(38)]),
            "few": ("number", [NUMBER] * 2 + [None] * 38),
        },
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_planted_values_stand_nowhere(night: Night, engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    abc = ["A", "B", "C"]
    condition = {"type": "comparison", "column": {"name": "x"}, "operator": ">", "parameter": 1000}
    casts = "select * from {batch} where who::integer > 3"
    top = {"quantiles": [0.0, 1.0], "value_ranges": [[0, 1], [0, 1]]}
    validation = night.check(
        engine,
        expect("column_values_to_be_in_set", column="who", value_set=abc),
        expect("column_distinct_values_to_be_in_set", column="who", value_set=abc),
        expect("column_distinct_values_to_equal_set", column="who", value_set=abc),
        expect("column_most_common_value_to_be_in_set", column="id", value_set=["r1"]),
        expect("column_values_to_match_regex", column="who", regex="^.$"),
        expect("column_values_to_be_unique", column="id"),
        expect("compound_columns_to_be_unique", column_list=["id", "few"]),
        expect("column_max_to_be_between", column="x", max_value=100),
        expect("column_min_to_be_between", column="few", max_value=100),
        expect("column_quantile_values_to_be_between", column="x", quantile_ranges=top),
        expect("column_mean_to_be_between", column="few", max_value=100),
        expect("column_median_to_be_between", column="few", max_value=100),
        expect("column_sum_to_be_between", column="x", max_value=100, row_condition=condition),
        expect("column_values_to_match_json_schema", column="who", json_schema={"type": "object"}),
        expect("unexpected_rows_expectation", unexpected_rows_query="select * from {batch} where x > 1000"),
        expect("unexpected_rows_expectation", unexpected_rows_query=casts),
    )
    evaluated = [result for result in validation.results if result.outcome is not Outcome.NOT_EVALUATED]
    assert len(evaluated) == 14  # all but the JSON schema and the cast, which raise with the value in their message
    assert all(result.outcome is Outcome.FAIL for result in evaluated)
    printed = repr(validation) + "".join(capfd.readouterr())
    assert NAME not in printed
    assert "987654" not in printed


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_raised_is_named_by_its_class(night: Night, engine: str) -> None:
    result = night.one(engine, "column_values_to_match_json_schema", column="who", json_schema={"type": "object"})
    assert "JSONDecodeError" in result.reason


@pytest.mark.parametrize("engine", ENGINES)
def test_aggregates_over_enough_values_are_shown(night: Night, engine: str) -> None:
    # counts of who: 13 each of A, B, C; mean of x without the planted row: (0 + ... + 38) / 39 = 19
    condition = {"type": "comparison", "column": {"name": "x"}, "operator": "<", "parameter": 1000}
    mean, common, distinct = night.check(
        engine,
        expect("column_mean_to_be_between", column="x", max_value=100, row_condition=condition),
        expect("column_most_common_value_to_be_in_set", column="who", value_set=["A", "B", "C"]),
        expect("column_distinct_values_to_equal_set", column="who", value_set=["A", "B", "Z"]),
    ).results
    assert (mean.observed, mean.n) == ("19", 39)
    assert common.observed == '["A", "B", "C"]'
    assert distinct.observed == "distinct values not in the set: 2; distinct values of the set not seen: 1"
