"""Which nights are found, and what keeps a file from being one."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.config import NightlySource
from audit_pipeline.errors import ColumnMissingError, SourceError
from audit_pipeline.sources import list_nights


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


def test_nights_are_the_dates_in_file_names_sorted(tmp_path: Path) -> None:
    for name in (
        "log-2026-07-02.csv",
        "log-2026-07-01.csv",
        "log-2026-02-30.csv",
        "log-today.csv",
        "log-2026-07-03.csv.tmp",
    ):
        _touch(tmp_path / name)
    (tmp_path / "log-2026-07-04.csv").mkdir()  # a folder is no log
    found = list_nights(NightlySource(path="log-{night}.csv"), tmp_path)
    assert found == [date(2026, 7, 1), date(2026, 7, 2)]  # 30 February is no date


def test_a_night_that_stands_twice_in_the_path_must_agree_with_itself(tmp_path: Path) -> None:
    _touch(tmp_path / "night=2026-07-01" / "m-2026-07-01.csv")
    _touch(tmp_path / "night=2026-07-02" / "m-2026-07-03.csv")
    source = NightlySource(path="night={night}/m-{night}.csv")
    assert list_nights(source, tmp_path) == [date(2026, 7, 1)]


def test_characters_of_patterns_in_a_path_mean_themselves(tmp_path: Path) -> None:
    _touch(tmp_path / "a[1]*" / "2026-07-01.csv")
    _touch(tmp_path / "a1b" / "2026-07-02.csv")  # what the path would match as a pattern
    assert list_nights(NightlySource(path="a[1]*/{night}.csv"), tmp_path) == [date(2026, 7, 1)]


def test_an_absolute_path_needs_no_root(tmp_path: Path) -> None:
    _touch(tmp_path / "2026-07-01.csv")
    source = NightlySource(path=f"{tmp_path}/{{night}}.csv")
    assert list_nights(source, Path("/nowhere")) == [date(2026, 7, 1)]


def test_a_table_tells_its_nights_and_a_missing_one_has_none(tmp_path: Path) -> None:
    source = NightlySource(database="w.duckdb", table="logs.scores", night_column="night")
    assert list_nights(source, tmp_path) == []
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute("create schema logs")
    assert list_nights(source, tmp_path) == []
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute("create table logs.scores as select '2026-07-0' || (3 - range % 3) as night from range(9)")
        connection.execute("insert into logs.scores values (null), ('soon')")
    assert list_nights(source, tmp_path) == [date(2026, 7, day) for day in (1, 2, 3)]


def test_a_night_column_the_table_lacks_is_named_with_its_neighbour(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute("create table t as select date '2026-07-01' as nights")
    with pytest.raises(ColumnMissingError, match="Did you mean 'nights'"):
        list_nights(NightlySource(database="w.duckdb", table="t", night_column="night"), tmp_path)


def test_a_database_that_is_being_written_says_so(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as writer:
        writer.execute("create table t as select date '2026-07-01' as night")
        source = NightlySource(database="w.duckdb", table="t", night_column="night")
        with pytest.raises(SourceError, match="open for writing"):
            list_nights(source, tmp_path)
