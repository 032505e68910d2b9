"""What could not be evaluated is NOT_EVALUATED with a reason, and takes nothing else down."""

import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.records import Outcome, Severity
from audit_pipeline_tests.checks.kit import ENGINES, Night, expect

WARDS = ["A"] * 12 + ["B"] * 15 + [None] * 3


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Thirty rows."""
    return Night(
        tmp_path,
        {
            "x": ("number", [float(i) for i in range(30)]),
            "ward": ("category", WARDS),
            "gone": ("number", [None] * 30),
            "at": ("timestamp", [datetime(2026, 1, 4, 23)] * 4 + [datetime(2026, 1, 5, 8)] * 26),
        },
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_one_that_raises_is_not_evaluated_and_the_others_stand(night: Night, engine: str) -> None:
    broken = expect("column_values_to_match_regex", column="ward", regex="(")
    results = night.check(
        engine,
        expect("column_values_to_be_in_set", column="ward", value_set=["A"]),
        broken,
        expect("column_mean_to_be_between", column="x", min_value=0, max_value=20),
    ).results
    assert [result.outcome for result in results] == [Outcome.FAIL, Outcome.NOT_EVALUATED, Outcome.PASS]
    assert (results[0].n, results[0].unexpected) == (27, 15)
    assert results[2].observed == "14.5"
    assert results[1].n is None and "raised" in results[1].reason


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "kwargs", "why"),
    [
        ("column_values_to_be_unique", {"column": "wrad"}, "Did you mean 'ward'?"),
        ("column_mean_to_be_between", {"column": "ward", "min_value": 0}, "is of type category"),
        ("column_values_to_be_in_set", {"column": "x", "value_set": ["1"]}, "no number"),
        ("column_values_to_be_in_set", {"column": "ward", "value_set": [1, 2]}, "quotes"),
        ("column_values_to_be_between", {"column": "at", "min_value": 3}, "no timestamp"),
        ("column_values_to_be_between", {"column": "at", "min_value": "noon"}, "no date or time"),
        ("column_values_to_be_between", {"column": "at", "min_value": {"$PARAMETER": "now()"}}, "not known"),
        ("column_values_to_be_between", {"column": "x", "min_value": 2**53 + 1}, "beyond 2^53"),
        ("column_values_to_not_be_null", {"column": "x", "mostly": 7}, "`mostly`"),
        ("column_values_to_be_between", {"column": "gone", "min_value": 0}, "no value to look at"),
        ("column_mean_to_be_between", {"column": "gone", "min_value": 0}, "no value to look at"),
        ("column_values_to_be_of_type", {"column": "x", "type_": "float"}, "not needed"),
        ("column_to_be_nice", {"column": "x"}, "not known"),
        ("column_pair_values_to_be_equal", {"column_A": "x", "column_B": "ward"}, "cannot be compared"),
        ("column_values_to_not_be_null", {"column": "x", "row_condition": "ward == 'A'"}, "must be written as"),
    ],
)
def test_what_cannot_be_asked_says_why(night: Night, engine: str, kind: str, kwargs: dict[str, Any], why: str) -> None:
    result = night.one(engine, kind, **kwargs)
    assert result.outcome is Outcome.NOT_EVALUATED
    assert why in result.reason


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_cannot_be_read_evaluates_nothing(night: Night, engine: str) -> None:
    night.path.write_bytes(b"PAR1 cut off")
    validation = night.check(
        engine, expect("table_row_count_to_be_between", min_value=1), expect("column_to_exist", column="x")
    )
    assert [result.outcome for result in validation.results] == [Outcome.NOT_EVALUATED] * 2
    assert not validation.stops
    assert all(score.value is None and score.reason for score in validation.scores)


@pytest.mark.parametrize("engine", ENGINES)
def test_equal_expectations_are_all_answered_under_their_own_names(night: Night, engine: str) -> None:
    same = expect("column_values_to_not_be_null", column="ward")
    table = expect("table_row_count_to_equal", value=30)
    results = night.check(engine, same, same, table).results
    assert [result.name for result in results] == [
        "expect_column_values_to_not_be_null(ward) #1",
        "expect_column_values_to_not_be_null(ward) #2",
        "expect_table_row_count_to_equal",
    ]
    assert [result.outcome for result in results] == [Outcome.FAIL, Outcome.FAIL, Outcome.PASS]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_night_is_a_parameter_and_never_the_clock(night: Night, engine: str) -> None:
    # 4 of 30 rows stand before midnight of 2026-01-05, none after the next one
    after = {"$PARAMETER": "night + timedelta(days=1)"}
    result = night.one(
        engine, "column_values_to_be_between", column="at", min_value={"$PARAMETER": "night"}, max_value=after
    )
    assert (result.outcome, result.unexpected, result.n) == (Outcome.FAIL, 4, 30)
    assert result.expected == (
        '{"column":"at","max_value":{"$PARAMETER":"night + timedelta(days=1)"},"min_value":{"$PARAMETER":"night"}}'
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_condition_keeps_rows_without_a_value_when_it_says_not(night: Night, engine: str) -> None:
    # not ward A: 15 rows of B and 3 without a ward
    condition = {"type": "comparison", "column": {"name": "ward"}, "operator": "!=", "parameter": "A"}
    result = night.one(engine, "column_values_to_be_between", column="x", max_value=26, row_condition=condition)
    assert (result.n, result.unexpected) == (18, 3)  # x = 27, 28, 29


@pytest.mark.parametrize("engine", ENGINES)
def test_severity_decides_what_stops_and_not_what_fails(night: Night, engine: str) -> None:
    asked = {"column": "ward"}
    soft = night.check(engine, expect("column_values_to_not_be_null", severity=Severity.WARNING, **asked))
    hard = night.check(engine, expect("column_values_to_not_be_null", severity=Severity.CRITICAL, **asked))
    assert [v.results[0].outcome for v in (soft, hard)] == [Outcome.FAIL, Outcome.FAIL]
    assert (soft.stops, hard.stops) == (False, True)


def test_sql_runs_on_a_small_night_too(night: Night) -> None:
    query = "select * from {batch} where x > 26"
    result = night.one("pandas", "unexpected_rows_expectation", unexpected_rows_query=query)
    assert (result.outcome, result.observed) == (Outcome.FAIL, "fewer than 11")


@pytest.mark.parametrize("reach", ["read_csv('{file}')", "read_parquet('https://example.org/x.parquet')", "glob('/*')"])
def test_sql_of_a_suite_reaches_no_other_file(night: Night, tmp_path: Path, reach: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    query = "select * from {batch} where x in (select 1 from " + reach.format(file=other) + ")"
    result = night.one("duckdb", "unexpected_rows_expectation", unexpected_rows_query=query)
    assert result.outcome is Outcome.NOT_EVALUATED


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_connects_anywhere(night: Night, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def record(_: socket.socket, address: Any) -> None:
        calls.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", record)
    monkeypatch.setattr(socket.socket, "connect_ex", record)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: calls.append(address))
    validation = night.check(engine, expect("column_values_to_not_be_null", column="ward"))
    assert validation.results[0].outcome is Outcome.FAIL
    assert calls == []


def test_a_night_leaves_no_file_behind(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(scratch)
    assert night.one("duckdb", "column_values_to_not_be_null", column="ward").unexpected == 3
    assert list(scratch.iterdir()) == []


def test_importing_the_checks_does_not_import_the_package() -> None:
    code = "import sys, audit_pipeline.checks; print('great_expectations' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
