"""Great Expectations: the only module that imports it.

Two engines evaluate a suite with equal outcomes: pandas over a frame, and DuckDB over a view on the Parquet
file. Great Expectations looks metric providers up along the class hierarchy of the engine, so that the engines
here bring their own where pandas and SQL would differ; nothing of the package is patched.

Guarded by tests: `_execute_query_with_recovery` and the provider decorators are private to the package.
"""

# ruff: noqa: N805 (the package hands a provider's methods their class)
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import great_expectations as gx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_value,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_function_partial import (
    multicolumn_function_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.expectations.row_conditions import ComparisonCondition, Operator

from audit_pipeline.checks.table import VIEW, text, view_sql
from audit_pipeline.offline import DUCKDB

for _name in ("great_expectations", "great_expectations.data_context.types.base"):  # the second has its own level
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # they log tracebacks, which may hold values
PAIR_KEYS = ("batch_id", "table", "column_A", "column_B", "ignore_row_if")
ROWS_KEYS = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")
FORMAT: Any = {"result_format": "BASIC", "partial_unexpected_count": 0}  # counts and aggregates, no samples


@dataclass(frozen=True, slots=True)
class Asked:
    """One expectation to evaluate; `key` finds its answer again."""

    key: str
    type: str
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the package said: an outcome with its numbers, or the class of what it raised."""

    success: bool | None  # None: it was not evaluated
    result: dict[str, Any]  # may hold row values: only `checks/results.py` reads it
    raised: str | None = None  # name of the exception's class
    refused: tuple[str, ...] = ()  # arguments the package refused


class NightPandas(PandasExecutionEngine):
    """Pandas, with the providers below."""


class NightDuckDB(SqlAlchemyExecutionEngine):
    """Reads every row before the pooled connection is reset: the reset drops a pending DuckDB result."""

    def execute_query(self, query: Any) -> Any:
        """Run a query and keep its rows."""
        with self.get_connection() as connection:
            result = self._execute_query_with_recovery(connection, query)
            return result.freeze()() if result.returns_rows else result

    def execute_query_in_transaction(self, query: Any) -> Any:
        """Run a query; the view is only read, so there is nothing to commit."""
        return self.execute_query(query)

    def condition_to_filter_clause(self, condition: Any) -> Any:
        """Keep rows whose value is missing when the condition is 'not equal' or 'not in', as pandas does."""
        clause = super().condition_to_filter_clause(condition)
        negative = isinstance(condition, ComparisonCondition) and condition.operator in (
            Operator.NOT_EQUAL,
            Operator.NOT_IN,
        )
        return sa.or_(clause, sa.column(condition.column.name).is_(None)) if negative else clause


class NightPandasDatasource(PandasDatasource):
    """Creating the class adds `data_sources.add_night_pandas`."""

    type: Literal["night_pandas"] = "night_pandas"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> Any:
        """Name the engine."""
        return NightPandas


class NightDuckDBDatasource(SQLDatasource):
    """Creating the class adds `data_sources.add_night_duckdb`."""

    type: Literal["night_duckdb"] = "night_duckdb"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> Any:
        """Name the engine."""
        return NightDuckDB


def _matches(column: Any, regex: str) -> Any:
    """Whether each text holds `regex`, by RE2: the regular expressions DuckDB has."""
    found = pc.match_substring_regex(pa.array(column, type=pa.string(), from_pandas=True), regex)
    return pd.Series(found.to_numpy(zero_copy_only=False).astype(bool), index=column.index)


def _matches_sql(column: Any, regex: str) -> Any:
    """The same in SQL."""
    return sa.func.regexp_matches(column, sa.literal(regex))


def _any_or_all(found: Sequence[Any], match_on: str) -> Any:
    """Join the matches of several patterns; works on series and on SQL."""
    joined = found[0]
    for one in found[1:]:
        joined = joined & one if match_on == "all" else joined | one
    return joined


class MatchRegex(ColumnMapMetricProvider):
    """RE2 on both engines."""

    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=NightPandas)
    def _night_pandas(cls, column: Any, regex: str, **_: Any) -> Any:
        return _matches(column, regex)

    @column_condition_partial(engine=NightDuckDB)
    def _night_duckdb(cls, column: Any, regex: str, **_: Any) -> Any:
        return _matches_sql(column, regex)


class NotMatchRegex(ColumnMapMetricProvider):
    """RE2 on both engines."""

    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=NightPandas)
    def _night_pandas(cls, column: Any, regex: str, **_: Any) -> Any:
        return ~_matches(column, regex)

    @column_condition_partial(engine=NightDuckDB)
    def _night_duckdb(cls, column: Any, regex: str, **_: Any) -> Any:
        return sa.not_(_matches_sql(column, regex))


class MatchRegexList(ColumnMapMetricProvider):
    """RE2 on both engines."""

    condition_metric_name = "column_values.match_regex_list"
    condition_value_keys = ("regex_list", "match_on")
    default_kwarg_values = {"match_on": "any"}  # noqa: RUF012 (the package's own way)

    @column_condition_partial(engine=NightPandas)
    def _night_pandas(cls, column: Any, regex_list: Any, match_on: str, **_: Any) -> Any:
        return _any_or_all([_matches(column, regex) for regex in regex_list], match_on)

    @column_condition_partial(engine=NightDuckDB)
    def _night_duckdb(cls, column: Any, regex_list: Any, match_on: str, **_: Any) -> Any:
        return _any_or_all([_matches_sql(column, regex) for regex in regex_list], match_on)


class NotMatchRegexList(ColumnMapMetricProvider):
    """RE2 on both engines."""

    condition_metric_name = "column_values.not_match_regex_list"
    condition_value_keys = ("regex_list",)

    @column_condition_partial(engine=NightPandas)
    def _night_pandas(cls, column: Any, regex_list: Any, **_: Any) -> Any:
        return ~_any_or_all([_matches(column, regex) for regex in regex_list], "any")

    @column_condition_partial(engine=NightDuckDB)
    def _night_duckdb(cls, column: Any, regex_list: Any, **_: Any) -> Any:
        return sa.not_(_any_or_all([_matches_sql(column, regex) for regex in regex_list], "any"))


def _check_finite(infinite: object) -> None:
    """Refuse to interpolate to infinity: the engines disagree on the result."""
    if infinite:
        raise ValueError("infinite values have no interpolated quantiles")


class Quantiles(ColumnAggregateMetricProvider):
    """Linear interpolation on both engines (Hyndman and Fan, type 7); the package takes neighbours, unequal ones."""

    metric_name = "column.quantile_values"
    value_keys = ("quantiles", "allow_relative_error")

    @column_aggregate_value(engine=NightPandas)
    def _night_pandas(cls, column: Any, quantiles: Any, **_: Any) -> Any:
        _check_finite(np.isinf(column.astype(float)).any())
        return column.astype(float).quantile(quantiles, interpolation="linear").tolist()

    @metric_value(engine=NightDuckDB)
    def _night_duckdb(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        selectable, _kwargs, accessor = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.COLUMN
        )
        column = sa.cast(sa.column(accessor["column"]), sa.Double)
        shares = [sa.func.quantile_cont(column, float(q)) for q in metric_value_kwargs["quantiles"]]
        infinite = sa.func.bool_or(sa.func.isinf(column))
        found = execution_engine.execute_query(sa.select(infinite, *shares).select_from(selectable)).fetchone()
        _check_finite(found[0])
        return list(found[1:])


class Sum(ColumnAggregateMetricProvider):
    """As floats: 64-bit integers overflow in silence in pandas, and not in DuckDB."""

    metric_name = "column.sum"

    @column_aggregate_value(engine=NightPandas)
    def _night_pandas(cls, column: Any, **_: Any) -> Any:
        return float(column.astype(float).sum())


class PairGreater(ColumnPairMapMetricProvider):
    """A comparison with a missing value does not hold; SQL alone would not count the row, exact integers raise."""

    condition_metric_name = "column_pair_values.a_greater_than_b"
    condition_domain_keys = (*PAIR_KEYS, "row_condition", "condition_parser")
    condition_value_keys = ("or_equal",)

    @column_pair_condition_partial(engine=NightPandas)  # type: ignore[untyped-decorator]
    def _night_pandas(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803
        holds = column_A >= column_B if kwargs.get("or_equal") else column_A > column_B
        return holds.fillna(False).astype(bool)

    @column_pair_condition_partial(engine=NightDuckDB)  # type: ignore[untyped-decorator]
    def _night_duckdb(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803
        holds = column_A >= column_B if kwargs.get("or_equal") else column_A > column_B
        return sa.func.coalesce(holds, sa.false())


class PairInSet(ColumnPairMapMetricProvider):
    """A pair with a missing value is in the set only if the set names it."""

    condition_metric_name = "column_pair_values.in_set"
    condition_domain_keys = PAIR_KEYS  # the package takes no row condition here, and raises on one
    condition_value_keys = ("value_pairs_set",)

    @column_pair_condition_partial(engine=NightDuckDB)  # type: ignore[untyped-decorator]
    def _night_duckdb(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803
        pairs = kwargs["value_pairs_set"]
        return sa.or_(
            sa.false(),
            *(sa.and_(column_A.is_not_distinct_from(a), column_B.is_not_distinct_from(b)) for a, b in pairs),
        )


class RowSum(MulticolumnMapMetricProvider):
    """A sum with a missing value is no sum; SQL alone would not count the row. As floats, which do not overflow."""

    condition_metric_name = "multicolumn_sum.equal"
    condition_domain_keys = ROWS_KEYS
    condition_value_keys = ("sum_total",)

    @multicolumn_condition_partial(engine=NightPandas)  # type: ignore[untyped-decorator]
    def _night_pandas(cls, column_list: Any, **kwargs: Any) -> Any:
        return column_list.astype(float).sum(axis=1, skipna=False) == kwargs["sum_total"]

    @multicolumn_condition_partial(engine=NightDuckDB)  # type: ignore[untyped-decorator]
    def _night_duckdb(cls, column_list: Any, **kwargs: Any) -> Any:
        return sa.func.coalesce(sum(sa.cast(one, sa.Double) for one in column_list) == kwargs["sum_total"], sa.false())


class CompoundCount(MulticolumnMapMetricProvider):
    """How often each combination occurs, where missing equals missing; SQL's join would drop such rows."""

    function_metric_name = "compound_columns.count"
    condition_domain_keys = ROWS_KEYS

    @multicolumn_function_partial(engine=NightDuckDB)  # type: ignore[untyped-decorator]
    def _night_duckdb(cls, column_list: Any, **kwargs: Any) -> Any:
        names: list[Any] = [sa.column(name) for name in kwargs["_table_columns"]]
        times = sa.func.count().over(partition_by=list(column_list)).label("_num_rows")
        return sa.select(*names, times).select_from(kwargs["_table"]).alias("counted")


def over_frame(frame: "pd.DataFrame", asked: Sequence[Asked]) -> dict[str, Answer]:
    """Evaluate `asked` over a frame; every key has its answer."""
    with _quiet():
        batch = (
            _context()
            .data_sources.add_night_pandas("pandas")
            .add_dataframe_asset("night")
            .add_batch_definition_whole_dataframe("night")
            .get_batch({"dataframe": frame})
        )
        return _evaluated(batch, asked)


def over_parquet(path: Path, asked: Sequence[Asked], *, threads: int, memory: str) -> dict[str, Answer]:
    """Evaluate `asked` on DuckDB over the Parquet file; every key has its answer.

    The scratch database holds only a view. DuckDB may read that one file and nothing else, so that a query in
    a suite reaches neither other files nor the network.
    """
    with _quiet(), tempfile.TemporaryDirectory(prefix="checks-") as folder:
        database = Path(folder) / "night.duckdb"
        with duckdb.connect(str(database), config=DUCKDB) as connection:
            connection.execute(view_sql(path))
        source = _context().data_sources.add_night_duckdb(
            "duckdb", connection_string=f"duckdb:///{database}", create_temp_table=False
        )
        engine = source.get_execution_engine()
        try:
            with engine.get_connection() as connection:
                words = connection.exec_driver_sql("SELECT keyword_name FROM duckdb_keywords()").scalars()
                engine.engine.dialect.identifier_preparer.reserved_words = set(words)  # it knows PostgreSQL's only
                for statement in _settings(path, folder, threads=threads, memory=memory):
                    connection.exec_driver_sql(statement)
            asset = source.add_table_asset("night", table_name=VIEW)
            batch = asset.add_batch_definition_whole_table("night").get_batch()
            return _evaluated(batch, asked)
        finally:
            engine.close()
            source.get_engine().dispose()


def _settings(path: Path, folder: str, *, threads: int, memory: str) -> list[str]:
    """Return what bounds and locks DuckDB, in the order it accepts."""
    return [
        f"SET threads = {int(threads)}",
        f"SET memory_limit = {text(memory)}",
        f"SET temp_directory = {text(folder)}",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        f"SET allowed_paths = [{text(path)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]


def _context() -> Any:
    """Return a context that lives in memory for one call."""
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's warnings to itself: they are about its own parts, and may quote data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _configured_once() -> Iterator[None]:
    """Let each expectation make its configuration once.

    The package makes it anew for every key it reads, some 95 times per expectation, and reads it only: that was half
    the cost of a night's suite. Outside this context the package is as it was.
    """
    made: dict[int, tuple[Any, Any]] = {}  # the expectation stands with it: an id is unique only while it lives
    package: Any = Expectation
    as_it_was = package.configuration

    def once(expectation: Any) -> Any:
        if id(expectation) not in made:
            made[id(expectation)] = (expectation, as_it_was.fget(expectation))
        return made[id(expectation)][1]

    try:
        package.configuration = property(once)
        yield
    finally:
        package.configuration = as_it_was


def _evaluated(batch: Any, asked: Sequence[Asked]) -> dict[str, Answer]:
    """Evaluate all in one pass, then those that raised once more by themselves: a query is shared by many."""
    answers: dict[str, Answer] = {}
    built: dict[str, Any] = {}
    for one in asked:
        try:
            built[one.key] = get_expectation_impl(one.type)(**one.kwargs, meta={"key": one.key})
        except Exception as error:  # noqa: BLE001 (whatever it is, it is this expectation's, not the suite's)
            answers[one.key] = _refusal(error)
    try:
        suite = gx.ExpectationSuite(name="night", expectations=list(built.values()))
        with _configured_once():
            results = batch.validate(suite, result_format=FORMAT).results
        for result in results:
            answers[result.expectation_config.meta["key"]] = _answer(result)
    except Exception:  # noqa: BLE001 (one expectation may bring the whole pass down; each is tried below)
        answers = {key: answer for key, answer in answers.items() if key not in built}
    for key, expectation in built.items():
        if key not in answers or (answers[key].raised and len(built) > 1):
            answers[key] = _alone(batch, expectation)
    return answers


def _alone(batch: Any, expectation: Any) -> Answer:
    """Evaluate one expectation by itself."""
    try:
        return _answer(batch.validate(expectation, result_format=FORMAT))
    except Exception as error:  # noqa: BLE001 (it is this expectation's)
        return Answer(success=None, result={}, raised=type(error).__name__)


def _answer(result: Any) -> Answer:
    """Read one result; what raised has `success=False` and no numbers, which is no failure of the data."""
    info = result.exception_info or {}
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            return Answer(success=None, result={}, raised=_class_in(part.get("exception_traceback") or ""))
    return Answer(success=bool(result.success), result=dict(result.result or {}))


def _refusal(error: Exception) -> Answer:
    """Say which arguments were refused; pydantic's own messages quote them."""
    details = error.errors() if hasattr(error, "errors") else []
    names = sorted({str(detail["loc"][0]) for detail in details if detail.get("loc")} - {"__root__"})
    return Answer(success=None, result={}, raised=type(error).__name__, refused=tuple(names))


def _class_in(traceback: str) -> str:
    """Return the class a chain of exceptions began with; the messages beside it may hold values."""
    for line in traceback.splitlines():
        module, _, name = line.partition(":")[0].rpartition(".")
        found = getattr(sys.modules.get(module or "builtins"), name, None) if name else None
        if isinstance(found, type) and issubclass(found, BaseException):
            return name
    return "an exception"


def official_types() -> dict[str, dict[str, list[str]]]:
    """Return every core expectation of the package with its arguments, all and required."""
    from great_expectations.expectations import core
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    types = {}
    for name in sorted(list_registered_expectation_implementations()):
        implementation = get_expectation_impl(name)
        if implementation.__module__.startswith(core.__name__ + "."):
            fields = implementation.__fields__
            types[name] = {
                "all": sorted(fields),
                "required": sorted(key for key, field in fields.items() if field.required),
            }
    return types
