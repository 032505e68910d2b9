"""Pandas and DuckDB give equal results, and both equal a plain loop: a night that grows must not change its verdict."""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_pipeline.config import ExpectationConfig
from audit_pipeline.records import CheckResult, Outcome
from audit_pipeline_tests.checks.kit import Night, expect

N = 240


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night with gaps in every type, on which most expectations fail."""
    draw = np.random.default_rng(7)
    start = datetime(2026, 1, 4, 12)

    def gaps(values: list[Any], every: int) -> list[Any]:
        return [None if i % every == 0 else value for i, value in enumerate(values)]

    return Night(
        tmp_path_factory.mktemp("night"),
        {
            "row": ("category", [f"r{min(i, N - 5)}" for i in range(N)]),
            "x": ("number", gaps([float(v) for v in draw.normal(50, 20, N)], 7)),
            "y": ("number", gaps([float(v) for v in draw.normal(45, 20, N)], 11)),
            "age": ("integer", [int(v) for v in draw.integers(0, 90, N)]),
            "visits": ("integer", gaps([int(v) for v in draw.integers(0, 9, N)], 5)),
            "big": ("integer", gaps([2**60 + i // 2 for i in range(N)], 6)),
            "ward": ("category", gaps([str(v) for v in draw.choice(list("ABCDE"), N)], 9)),
            "unit": ("category", gaps([str(v) for v in draw.choice(list("ABC"), N)], 9)),
            "code": ("category", gaps([f"id-{v}" if v < 80 else f"x{v}é" for v in draw.integers(0, 99, N)], 8)),
            "flag": ("boolean", gaps([bool(i % 3) for i in range(N)], 4)),
            "told": ("boolean", [bool(i % 3) for i in range(N)]),
            "day": ("date", gaps([date(2026, 1, 1) + timedelta(days=i % 9) for i in range(N)], 6)),
            "order": ("integer", range(N)),  # reserved words are fair names of columns, "at" is one too
            "at": ("timestamp", gaps([start + timedelta(minutes=7 * i) for i in range(N)], 6)),
        },
    )


def _cases() -> list[ExpectationConfig]:
    """List failing and passing expectations of every common kind."""
    cases = []
    for column in ("x", "age", "visits", "big", "ward", "flag", "told", "day", "at", "order"):
        cases += [expect("column_values_to_not_be_null", column=column, mostly=share) for share in (1.0, 0.8)]
        cases += [
            expect("column_values_to_be_null", column=column),
            expect("column_values_to_be_unique", column=column),
            expect("column_unique_value_count_to_be_between", column=column, min_value=1, max_value=3),
            expect("column_proportion_of_unique_values_to_be_between", column=column, min_value=0.1, max_value=0.3),
            expect("column_proportion_of_non_null_values_to_be_between", column=column, max_value=0.5),
        ]
    bounds: list[tuple[str, Any, Any]] = [
        ("x", 10, 80),
        ("age", 5, 70),
        ("big", 0, 10),
        ("day", date(2026, 1, 2), "2026-01-07"),
        ("at", datetime(2026, 1, 4, 13), {"$PARAMETER": "night"}),
    ]
    for column, low, high in bounds:
        for strict in (True, False):
            limits = {"column": column, "min_value": low, "max_value": high}
            cases.append(expect("column_values_to_be_between", **limits, strict_min=strict, strict_max=strict))
        cases.append(expect("column_values_to_be_between", column=column, min_value=low, mostly=0.6))
        cases += [expect(f"column_{one}_to_be_between", column=column, min_value=low) for one in ("min", "max")]
    quantiles = {"quantiles": [0.01, 0.25, 0.5, 0.9, 0.99], "value_ranges": [[0, 50]] * 5}
    for column in ("x", "age", "visits", "big"):
        for one in ("mean", "median", "stdev", "sum"):
            cases.append(expect(f"column_{one}_to_be_between", column=column, min_value=40, max_value=60))
        cases.append(expect("column_quantile_values_to_be_between", column=column, quantile_ranges=quantiles))
        cases.append(expect("column_value_z_scores_to_be_less_than", column=column, threshold=1.5, double_sided=True))
        cases.append(expect("column_values_to_not_be_outliers", column=column, multiplier=0.5))
    sets: list[tuple[str, list[Any]]] = [
        ("ward", ["A", "B", "Z"]),
        ("age", list(range(50))),
        ("visits", [1, 2]),
        ("flag", [True]),
        ("told", [True]),
        ("day", [date(2026, 1, day) for day in (1, 2, 3)]),
        ("at", [datetime(2026, 1, 4, 12, 7)]),
    ]
    for column, allowed in sets:
        for kind in (
            "values_to_be_in_set",
            "values_to_not_be_in_set",
            "distinct_values_to_be_in_set",
            "distinct_values_to_contain_set",
            "distinct_values_to_equal_set",
            "most_common_value_to_be_in_set",
        ):
            cases.append(expect(f"column_{kind}", column=column, value_set=allowed))
    cases += [
        expect("column_values_to_match_regex", column="code", regex=r"^id-\d$"),
        expect("column_values_to_not_match_regex", column="code", regex="^id-[0-4]"),
        expect("column_values_to_match_regex_list", column="code", regex_list=["^id-1", "é$"]),
        expect("column_values_to_match_regex_list", column="code", regex_list=["^id-1", "7"], match_on="all"),
        expect("column_values_to_not_match_regex_list", column="code", regex_list=["^id-1", "^x"]),
        expect("column_value_lengths_to_be_between", column="code", min_value=4, max_value=4),
        expect("column_value_lengths_to_equal", column="code", value=5),
        expect("column_values_to_match_strftime_format", column="code", strftime_format="%Y"),
        expect("column_kl_divergence_to_be_less_than", column="ward", threshold=1e-4,
               partition_object={"values": list("ABCDE"), "weights": [0.2] * 5}),
    ]  # fmt: skip
    for ignore in ("both_values_are_missing", "either_value_is_missing", "neither"):
        xy = {"column_A": "x", "column_B": "y", "ignore_row_if": ignore}
        words = {"column_A": "ward", "column_B": "unit", "ignore_row_if": ignore}
        cases += [
            expect("column_pair_values_a_to_be_greater_than_b", **xy),
            expect("column_pair_values_a_to_be_greater_than_b", **{**xy, "column_B": "big"}, or_equal=True),
            expect("column_pair_values_to_be_equal", **words),
            expect("column_pair_values_to_be_in_set", **words, value_pairs_set=[["A", "A"], ["B", "C"]]),
        ]
    cases.append(expect("column_pair_values_a_to_be_greater_than_b", column_A="at", column_B="day"))
    cases.append(expect("column_pair_values_to_be_equal", column_A="flag", column_B="told"))
    for ignore in ("all_values_are_missing", "any_value_is_missing", "never"):
        for columns in (["ward", "day"], ["row", "told"]):
            cases.append(expect("compound_columns_to_be_unique", column_list=columns, ignore_row_if=ignore))
        pair = {"column_list": ["ward", "unit"], "ignore_row_if": ignore}
        cases += [
            expect("select_column_values_to_be_unique_within_record", **pair),
            expect("multicolumn_values_to_be_equal", **pair),
            expect("multicolumn_sum_to_equal", column_list=["age", "visits"], sum_total=40, ignore_row_if=ignore),
        ]
    ward = {"type": "comparison", "column": {"name": "ward"}, "parameter": "A"}
    grown = {"type": "comparison", "column": {"name": "age"}, "operator": ">", "parameter": 30}
    for condition in (
        {**ward, "operator": "=="},
        {**ward, "operator": "!="},
        {**ward, "operator": "NOT_IN", "parameter": ["A", "B"]},
        {"type": "and", "conditions": [{**ward, "operator": "!="}, grown]},
    ):
        for kind in ("values_to_be_between", "mean_to_be_between", "median_to_be_between"):
            cases.append(expect(f"column_{kind}", column="x", min_value=30, max_value=70, row_condition=condition))
        cases.append(expect("table_row_count_to_be_between", max_value=3, row_condition=condition))
        cases.append(expect("compound_columns_to_be_unique", column_list=["ward", "day"], row_condition=condition))
    cases += [
        expect("column_to_exist", column="nowhere"),
        expect("column_to_exist", column="x", column_index=1),
        expect("table_columns_to_match_set", column_set=["x", "nowhere"]),
        expect("table_columns_to_match_ordered_list", column_list=["x", "y"]),
        expect("table_column_count_to_equal", value=3),
        expect("table_row_count_to_equal", value=N),
        expect("table_row_count_to_be_between", max_value=3),
        expect("unexpected_rows_expectation", unexpected_rows_query="select * from {batch} where age > 80"),
    ]
    return cases


def test_every_common_expectation_gives_equal_results_on_both_engines(night: Night) -> None:
    cases = _cases()
    pandas, duckdb = night.check("pandas", *cases), night.check("duckdb", *cases)
    differ = [(a.name, a.reason, b.reason) for a, b in zip(pandas.results, duckdb.results, strict=True) if a != b]
    assert differ == []
    assert pandas.scores == duckdb.scores
    came_to = Counter(result.outcome for result in pandas.results)
    assert came_to[Outcome.NOT_EVALUATED] == 0
    assert came_to[Outcome.FAIL] > 100 and came_to[Outcome.PASS] > 20


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_quantiles_interpolate_between_neighbours(tmp_path: Path, engine: str) -> None:
    # 1..20: type 7 puts p25 at 1 + 0.25 * 19 = 5.75, the median at 10.5, p90 at 18.1
    night = Night(tmp_path, {"x": ("integer", range(1, 21))})
    ranges = {"quantiles": [0.25, 0.5, 0.9], "value_ranges": [[5.7, 5.8], [10.5, 10.5], [18, 18.05]]}
    result = night.one(engine, "column_quantile_values_to_be_between", column="x", quantile_ranges=ranges)
    assert result.observed == "p25 5.75, p50 10.5, p90 18.1"
    assert (result.outcome, result.n) == (Outcome.FAIL, 20)  # 18.1 is above 18.05


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_sum_of_large_integers_does_not_overflow(tmp_path: Path, engine: str) -> None:
    # 20 * 2^62 is far beyond 64 bits, where pandas alone would wrap round to a small number
    night = Night(tmp_path, {"x": ("integer", [2**62] * 20)})
    result = night.one(engine, "column_sum_to_be_between", column="x", max_value=1000)
    assert (result.outcome, result.observed) == (Outcome.FAIL, f"{20 * 2.0**62:.10g}")


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_neighbouring_large_ids_with_gaps_stay_distinct(tmp_path: Path, engine: str) -> None:
    # as floats, 2^60 and 2^60 + 1 would be equal
    night = Night(tmp_path, {"id": ("integer", [None, *(2**60 + i for i in range(20))])})
    result = night.one(engine, "column_values_to_be_unique", column="id")
    assert (result.outcome, result.n, result.unexpected) == (Outcome.PASS, 20, 0)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_nan_counts_as_missing(tmp_path: Path, engine: str) -> None:
    night = Night(tmp_path, {"x": ("number", [float("nan")] * 5 + [1.0] * 15)})
    result = night.one(engine, "column_values_to_not_be_null", column="x")
    assert (result.outcome, result.n, result.unexpected) == (Outcome.FAIL, 20, 5)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_a_pattern_only_python_knows_is_not_evaluated(night: Night, engine: str) -> None:
    result = night.one(engine, "column_values_to_match_regex", column="code", regex="^(?!x)")
    assert result.outcome is Outcome.NOT_EVALUATED


# --- an independent implementation: plain loops over the rows ---------------------------------------------------------

ROW = st.tuples(
    st.none() | st.integers(-3, 3),
    st.none() | st.sampled_from([-1.5, 0.0, 0.5, 2.0]),
    st.none() | st.sampled_from(["a", "b", "ab", "c1"]),
)
LAWS = (
    expect("column_values_to_not_be_null", column="i"),
    expect("column_values_to_be_between", column="i", min_value=-1, max_value=2, strict_max=True),
    expect("column_values_to_be_in_set", column="t", value_set=["a", "b"]),
    expect("column_values_to_be_unique", column="t"),
    expect("column_values_to_match_regex", column="t", regex="[a-b]$"),
    expect("column_value_lengths_to_equal", column="t", value=2),
    expect("column_pair_values_a_to_be_greater_than_b", column_A="i", column_B="x"),
    expect("compound_columns_to_be_unique", column_list=["i", "t"]),
)


def _by_hand(rows: list[tuple[int | None, float | None, str | None]]) -> list[tuple[int, int]]:
    """Count (values looked at, unexpected) for each of LAWS."""
    i = [row[0] for row in rows if row[0] is not None]
    t = [row[2] for row in rows if row[2] is not None]
    pairs = [(a, b) for a, b, _ in rows if a is not None or b is not None]
    keys = [(a, c) for a, _, c in rows if a is not None or c is not None]
    return [
        (len(rows), len(rows) - len(i)),
        (len(i), sum(not -1 <= v < 2 for v in i)),
        (len(t), sum(v not in ("a", "b") for v in t)),
        (len(t), sum(t.count(v) > 1 for v in t)),
        (len(t), sum(not re.search("[a-b]$", v) for v in t)),
        (len(t), sum(len(v) != 2 for v in t)),
        (len(pairs), sum(a is None or b is None or not a > b for a, b in pairs)),
        (len(keys), sum(keys.count(key) > 1 for key in keys)),
    ]


def _agrees(result: CheckResult, n: int, unexpected: int) -> bool:
    """Whether a result says what was counted by hand."""
    if n == 0:
        return result.outcome is Outcome.NOT_EVALUATED
    outcome = Outcome.FAIL if unexpected else Outcome.PASS
    return (result.outcome, result.n, result.unexpected) == (outcome, n, unexpected)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=14))
def test_both_engines_count_what_a_loop_counts(
    tmp_path: Path, rows: list[tuple[int | None, float | None, str | None]]
) -> None:
    i, x, t = zip(*rows, strict=True)
    night = Night(tmp_path, {"i": ("integer", i), "x": ("number", x), "t": ("category", t)})
    for engine, (law, counted) in product(("pandas", "duckdb"), [(LAWS, _by_hand(rows))]):
        for result, (n, unexpected) in zip(night.check(engine, *law).results, counted, strict=True):
            assert _agrees(result, n, unexpected), (engine, result, n, unexpected)
