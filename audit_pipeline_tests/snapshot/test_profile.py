"""Profiles: right against numpy, equal on every run, silent about persons and small cells."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from audit_pipeline.records import Column, ColumnProfile, Snapshot
from audit_pipeline.snapshot import profile
from audit_pipeline_tests.snapshot.conftest import column

Freeze = Callable[..., Snapshot]
ID = column("id", "integer", "row_id")


@pytest.fixture
def profiled(freeze: Freeze, tmp_path: Path) -> Callable[..., dict[str, ColumnProfile]]:
    """Freeze a SELECT and profile it; by column name."""

    def run(sql: str, columns: Sequence[Column], *, threads: int = 2) -> dict[str, ColumnProfile]:
        found = freeze(sql, columns)
        made = profile(tmp_path / "audit" / found.path, found.columns, threads=threads, memory="500MB")
        return {entry.column: entry for entry in made}

    return run


def test_numbers_agree_with_numpy(profiled: Callable[..., dict[str, ColumnProfile]], tmp_path: Path) -> None:
    sql = "select range as id, case when range % 10 > 0 then ln(1 + range) * 1e6 end as x from range(5000)"
    found = profiled(sql, [ID, column("x", "number")])["x"]
    x = pq.read_table(next(tmp_path.rglob("*.parquet")))["x"].drop_null().to_numpy()
    assert (found.n, found.missing, found.distinct) == (5000, 500, len(np.unique(x)))
    assert found.mean == pytest.approx(x.mean(), rel=1e-12)
    assert found.sd == pytest.approx(x.std(ddof=1), rel=1e-12)
    for p, value in found.quantiles:
        assert value == pytest.approx(np.quantile(x, p), rel=1e-12)  # both interpolate linearly
    assert [p for p, _ in found.quantiles] == [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]


def test_two_hundred_thousand_rows_profile_equally_on_every_run(
    profiled: Callable[..., dict[str, ColumnProfile]],
) -> None:
    # Values of very different size: in another order their sum has other last bits.
    sql = """select range as id, (hash(range) % 1000000007)::double * pow(10, (hash(range + 1) % 12)::int - 6) as x,
             'c' || hash(range) % 30 as c, 't' || hash(range) % 150000 as t from range(200000)"""
    columns = [ID, column("x", "number"), column("c", "category"), column("t", "category")]
    runs = [
        profiled(f"select * from ({sql}) order by {order}", columns, threads=threads)
        for order, threads in [("id", 1), ("hash(id + 7)", 2), ("x", 4), ("x", 4)]
    ]
    assert all(repr(run) == repr(runs[0]) for run in runs)  # repr shows every bit of a double
    assert runs[0]["t"].distinct == pytest.approx(110_000, rel=0.1)  # approximate above 100,000 rows


def test_infinities_are_present_but_not_averaged(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    sql = "select range as id, case when range < 11 then 2.0 when range = 11 then 'inf'::double end as x from range(13)"
    found = profiled(sql, [ID, column("x", "number")])["x"]
    assert (found.n, found.missing, found.mean, found.sd) == (13, 1, 2.0, 0.0)
    assert {value for _, value in found.quantiles} == {2.0}


def test_ten_values_are_too_few_and_eleven_are_enough(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    sql = """select range as id, case when range < 10 then 1 end as ten, case when range < 11 then 1 end as eleven
             from range(30)"""
    found = profiled(sql, [ID, column("ten", "number"), column("eleven", "integer")])
    ten, eleven = found["ten"], found["eleven"]
    assert (ten.missing, ten.distinct, ten.mean, ten.sd, ten.quantiles) == (20, None, None, None, ())
    assert (eleven.distinct, eleven.mean, eleven.sd, len(eleven.quantiles)) == (1, 1.0, 0.0, 9)


def test_ten_finite_values_among_infinities_are_too_few(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    sql = "select range as id, case when range < 10 then 1 else 'inf'::double end as x from range(30)"
    found = profiled(sql, [ID, column("x", "number")])["x"]
    assert (found.missing, found.mean, found.sd, found.quantiles) == (0, None, None, ())


def test_rare_categories_are_not_named(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    # 'a' 20 times, 'b' 11, 'rare' 10; TRUE 31, FALSE 10
    sql = """select range as id, case when range < 20 then 'a' when range < 31 then 'b' else 'rare' end as c,
             range < 31 as yes from range(41)"""
    found = profiled(sql, [ID, column("c", "category"), column("yes", "boolean")])
    assert found["c"].top == (("a", 20), ("b", 11))
    assert found["c"].distinct == 3
    assert found["yes"].top == (("true", 31),)
    assert (found["yes"].mean, found["yes"].quantiles) == (None, ())


def test_at_most_twenty_categories_are_named_ties_by_name(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    sql = "select range as id, 'c' || lpad((range % 30)::varchar, 2, '0') as c from range(360)"
    found = profiled(sql, [ID, column("c", "category")])["c"]
    assert found.top == tuple((f"c{i:02d}", 12) for i in range(20))


def test_ids_and_identifiers_show_counts_only(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    columns = [
        ID,
        column("person", "integer", "subject_id"),
        column("name", "category", "feature", "direct_identifier"),
    ]
    found = profiled("select range as id, 7 as person, 'Ada' as name from range(50)", columns)
    for entry in found.values():
        shown = asdict(entry)
        assert (shown["mean"], shown["sd"], shown["quantiles"], shown["top"]) == (None, None, (), ())
        assert entry.n == 50


def test_dates_have_counts_and_an_overflowing_sum_is_none(profiled: Callable[..., dict[str, ColumnProfile]]) -> None:
    sql = "select range as id, date '2026-07-01' as d, 1e308 * (1 - 2 * (range % 2)) * (range % 2) as x from range(50)"
    found = profiled(sql, [ID, column("d", "date"), column("x", "number")])
    assert (found["d"].distinct, found["d"].mean, found["d"].quantiles, found["d"].top) == (1, None, (), ())
    assert (found["x"].n, found["x"].mean, found["x"].sd) == (50, None, None)


def test_nothing_is_left_beside_the_snapshot(profiled: Callable[..., dict[str, ColumnProfile]], tmp_path: Path) -> None:
    profiled("select range as id from range(50)", [ID])
    folder = tmp_path / "audit" / "snapshots" / "m" / "2026-07-01"
    assert [file.suffix for file in folder.iterdir()] == [".parquet"]
