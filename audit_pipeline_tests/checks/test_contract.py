"""What the door leans on in Great Expectations 1.24.1 and beyond its public interface; red when it changes."""

import os
import sys
from importlib.metadata import version
from typing import Any

import pytest
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.registry import get_metric_provider

from audit_pipeline.checks import engine_gx


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("great-expectations") == "1.24.1"


def test_the_private_method_is_still_there() -> None:
    assert callable(SqlAlchemyExecutionEngine._execute_query_with_recovery)


def test_calling_home_is_off_before_the_import() -> None:
    assert "great_expectations" in sys.modules
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


@pytest.mark.parametrize(
    ("metric", "engine", "provider"),
    [
        ("column_values.match_regex.condition", "NightPandas", engine_gx.MatchRegex),
        ("column_values.match_regex.condition", "NightDuckDB", engine_gx.MatchRegex),
        ("column_values.not_match_regex.condition", "NightDuckDB", engine_gx.NotMatchRegex),
        ("column_values.match_regex_list.condition", "NightDuckDB", engine_gx.MatchRegexList),
        ("column_values.not_match_regex_list.condition", "NightDuckDB", engine_gx.NotMatchRegexList),
        ("column.quantile_values", "NightPandas", engine_gx.Quantiles),
        ("column.quantile_values", "NightDuckDB", engine_gx.Quantiles),
        ("column.sum", "NightPandas", engine_gx.Sum),
        ("column_pair_values.a_greater_than_b.condition", "NightPandas", engine_gx.PairGreater),
        ("column_pair_values.a_greater_than_b.condition", "NightDuckDB", engine_gx.PairGreater),
        ("column_pair_values.in_set.condition", "NightDuckDB", engine_gx.PairInSet),
        ("multicolumn_sum.equal.condition", "NightPandas", engine_gx.RowSum),
        ("multicolumn_sum.equal.condition", "NightDuckDB", engine_gx.RowSum),
        ("compound_columns.count.map", "NightDuckDB", engine_gx.CompoundCount),
    ],
)
def test_our_engines_find_our_providers(metric: str, engine: str, provider: Any) -> None:
    instance = object.__new__(getattr(engine_gx, engine))  # looked up by class only; never used
    found, _ = get_metric_provider(metric, instance)
    assert found is provider


def test_the_package_itself_keeps_its_own_providers() -> None:
    instance = object.__new__(SqlAlchemyExecutionEngine)
    found: Any = get_metric_provider("column.quantile_values", instance)[0]
    assert found is not engine_gx.Quantiles
