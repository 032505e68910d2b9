"""Opening a night: every form gives the same rows, every damage its own error."""

import gzip
import hashlib
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.config import NightlySource, Source
from audit_pipeline.errors import (
    ColumnMissingError,
    NightEmptyError,
    NightMissingError,
    SourceError,
    UnreadableError,
)
from audit_pipeline.records import Relation
from audit_pipeline.sources import open_night, open_table, require_columns

NIGHT = date(2026, 7, 1)
TEXT = [("a1", "1.5", "red"), ("a2", None, "gr,een"), ("a3", "-2.0", None)]
Deliver = Callable[[str], Path]


def rows(relation: Relation) -> list[tuple[Any, ...]]:
    """Run a relation as its users do: on a fresh connection."""
    with duckdb.connect() as connection:
        for statement in relation.setup:
            connection.execute(statement)
        return connection.execute(f"select * from ({relation.sql}) order by 1").fetchall()


def table(root: Path, sql: str) -> NightlySource:
    with duckdb.connect(root / "w.duckdb") as connection:
        connection.execute(f"create table t as {sql}")
    return NightlySource(database="w.duckdb", table="t", night_column="night")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".jsonl", ".parquet"])
def test_every_form_gives_the_same_rows(deliver: Deliver, tmp_path: Path, suffix: str) -> None:
    file = deliver(f"night=2026-07-01/it's a [log]{suffix}")  # a folder x=y must not become a column
    relation = open_night(NightlySource(path=f"night={{night}}/it's a [log]{suffix}"), tmp_path, NIGHT)
    as_text = [tuple(None if cell is None else str(cell) for cell in row) for row in rows(relation)]
    assert as_text == TEXT
    assert relation.columns == ("row", "x", "colour")
    assert relation.name == f"night=2026-07-01/it's a [log]{suffix}"
    assert relation.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert relation.bytes == len(file.read_bytes())


def test_a_table_gives_the_rows_of_its_night(tmp_path: Path) -> None:
    source = table(tmp_path, "select date '2026-07-01' + (range % 2)::int as night, range as x from range(4)")
    relation = open_night(source, tmp_path, NIGHT)
    assert rows(relation) == [(NIGHT, 0), (NIGHT, 2)]
    assert relation.name == "w.duckdb:t"
    with pytest.raises(NightMissingError, match=r"No labels for night 2026-07-05: 'w\.duckdb:t'"):
        open_night(source, tmp_path, date(2026, 7, 5), what="labels")


def test_a_tables_digest_is_of_its_rows_not_of_their_order(tmp_path: Path) -> None:
    night = "select date '2026-07-01' as night, "
    for folder in "abc":
        (tmp_path / folder).mkdir()
    up = open_night(table(tmp_path / "a", f"{night} range as x from range(99) order by x"), tmp_path / "a", NIGHT)
    down = open_night(table(tmp_path / "b", f"{night} range as x from range(99) order by -x"), tmp_path / "b", NIGHT)
    other = open_night(
        table(tmp_path / "c", f"{night} range + (range = 98)::int as x from range(99)"), tmp_path / "c", NIGHT
    )
    assert up.sha256 == down.sha256 != other.sha256


def test_json_values_stay_as_they_are_written(tmp_path: Path) -> None:
    lines = '{"id": "007", "when": "2026-07-01T02:00:00+02:00", "big": 9007199254740993}\n{"id": "8", "late": true}\n'
    (tmp_path / "2026-07-01.jsonl").write_text(lines)
    relation = open_night(NightlySource(path="{night}.jsonl"), tmp_path, NIGHT)
    assert rows(relation) == [
        ("007", "2026-07-01T02:00:00+02:00", "9007199254740993", None),
        ("8", None, None, "true"),
    ]


def test_many_alike_json_keys_stay_columns(tmp_path: Path) -> None:
    keys = ", ".join(f'"k{i}": {i}' for i in range(300))  # DuckDB would make one MAP of them
    (tmp_path / "2026-07-01.jsonl").write_text(f"{{{keys}}}\n")
    relation = open_night(NightlySource(path="{night}.jsonl"), tmp_path, NIGHT)
    assert relation.columns == tuple(f"k{i}" for i in range(300))


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("\ufeffrow,x\r\n1,\r\n", ("row", "x"), [("1", None)]),  # byte order mark, Windows line ends
        ("row;x\n1;2,5\n", ("row", "x"), [("1", "2,5")]),
        ('"a,b";x\n"1;2";""\n', ("a,b", "x"), [("1;2", None)]),  # delimiters inside quotes do not count
        (",x\n0,2\n", ("column0", "x"), [("0", "2")]),  # an index without a name
        ("row\n1\n", ("row",), [("1",)]),
        ("row,x\n", ("row", "x"), []),
        ('row,x\n1,"two\nlines"\n', ("row", "x"), [("1", "two\nlines")]),
    ],
)
def test_csv_dialects(tmp_path: Path, text: str, columns: tuple[str, ...], values: list[Any]) -> None:
    (tmp_path / "2026-07-01.csv").write_bytes(text.encode())
    relation = open_night(NightlySource(path="{night}.csv"), tmp_path, NIGHT)
    assert (relation.columns, rows(relation)) == (columns, values)


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "2026-07-01.csv").write_bytes(gzip.compress(b"row,x\n1,2\n"))
    assert rows(open_night(NightlySource(path="{night}.csv"), tmp_path, NIGHT)) == [("1", "2")]


def test_a_missing_night_is_named(tmp_path: Path) -> None:
    with pytest.raises(NightMissingError, match=r"'logs/2026-07-01\.csv' does not exist") as caught:
        open_night(NightlySource(path="logs/{night}.csv"), tmp_path, NIGHT)
    assert (caught.value.what, caught.value.night) == ("prediction log", "2026-07-01")
    with pytest.raises(NightMissingError):
        open_night(NightlySource(database="w.duckdb", table="t", night_column="n"), tmp_path, NIGHT)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_of_no_bytes_is_an_empty_night(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"2026-07-01{suffix}").touch()
    with pytest.raises(NightEmptyError):
        open_night(NightlySource(path=f"{{night}}{suffix}"), tmp_path, NIGHT)
    with pytest.raises(SourceError, match="no rows"):
        open_table(Source(path=f"2026-07-01{suffix}"), tmp_path)


def test_a_cut_off_parquet_file_and_one_of_no_bytes_are_unreadable(deliver: Deliver, tmp_path: Path) -> None:
    file = deliver("2026-07-01.parquet")
    for size in (0, file.stat().st_size // 2):
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(UnreadableError, match="Parquet"):
            open_night(NightlySource(path="{night}.parquet"), tmp_path, NIGHT)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("csv as parquet", (".parquet", b"row,x\n1,2\n")),
        ("binary as csv", (".csv", bytes(range(256)) * 40)),
        ("last line cut off", (".csv", b"row,x,y\n" + b"1,2,3\n" * 50 + b"1,2")),
        ("a line too long, late", (".csv", b"row,x\n" + b"1,2\n" * 50_000 + b"1,2,3\n")),
        ("quote left open", (".csv", b'row,x\n1,"2\n3,4\n')),
        ("latin-1", (".csv", "row,x\n1,ä\n".encode("latin-1"))),
        ("gzip cut off", (".csv", gzip.compress(b"row,x\n" + b"1,2\n" * 50_000)[:-9])),
        ("garbage as json", (".jsonl", b"not json at all\n")),
        ("json cut off", (".jsonl", b'{"row": 1}\n{"row": 2')),
        ("json array", (".jsonl", b'[{"row": 1}]\n')),
        ("json without objects", (".jsonl", b"1\n2\n")),
        ("one line no object", (".jsonl", b'{"row": 1}\n' * 50 + b"2\n")),
    ],
)
def test_damage_is_found_when_opening(tmp_path: Path, name: str, damage: tuple[str, bytes]) -> None:
    suffix, data = damage
    (tmp_path / f"2026-07-01{suffix}").write_bytes(data)
    with pytest.raises(UnreadableError):
        open_night(NightlySource(path=f"{{night}}{suffix}"), tmp_path, NIGHT)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [(".csv", b"row,x\n1,2\nSECRET-77,3,4\n"), (".jsonl", b'{"row": 1}\n{"row": "SECRET-77"\n')],
)
def test_an_error_and_its_traceback_show_no_row(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / f"2026-07-01{suffix}").write_bytes(data)
    with pytest.raises(UnreadableError) as caught:
        open_night(NightlySource(path=f"{{night}}{suffix}"), tmp_path, NIGHT)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2026-07-01.csv").write_text("row,x,X\n1,2,3\n")
    with pytest.raises(SourceError, match="two columns named 'x'"):
        open_night(NightlySource(path="{night}.csv"), tmp_path, NIGHT)


def test_missing_columns_are_named_all_at_once(deliver: Deliver, tmp_path: Path) -> None:
    deliver("2026-07-01.csv")
    relation = open_night(NightlySource(path="{night}.csv"), tmp_path, NIGHT)
    require_columns(relation, ["row", "x"])
    with pytest.raises(ColumnMissingError, match=r"'color'.*Did you mean 'colour'.*Also missing: y") as caught:
        require_columns(relation, ["row", "color", "y"])
    assert (caught.value.column, caught.value.others) == ("color", ("y",))


def test_a_plain_file_or_table_that_is_missing_is_no_missing_night(tmp_path: Path) -> None:
    for source in (Source(path="reference.parquet"), Source(database="w.duckdb", table="t")):
        with pytest.raises(SourceError, match="does not exist") as caught:
            open_table(source, tmp_path)
        assert not isinstance(caught.value, NightMissingError)


def test_a_plain_table_is_all_of_its_rows(deliver: Deliver, tmp_path: Path) -> None:
    table(tmp_path, "select 1 as x union all select 2")
    assert rows(open_table(Source(database="w.duckdb", table="main.t"), tmp_path)) == [(1,), (2,)]
    deliver("reference.parquet")
    assert len(rows(open_table(Source(path="reference.parquet"), tmp_path))) == 3


def test_a_database_locked_by_another_process_says_what_to_do(tmp_path: Path) -> None:
    source = table(tmp_path, "select date '2026-07-01' as night")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "w.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(SourceError, match="Close it, or wait"):
            open_night(source, tmp_path, NIGHT)
        writer.communicate()
    assert len(rows(open_night(source, tmp_path, NIGHT))) == 1


def test_a_file_that_is_no_database_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_bytes(b"no database" * 999)
    source = NightlySource(database="w.duckdb", table="t", night_column="night")
    with pytest.raises(UnreadableError, match="DuckDB"):
        open_night(source, tmp_path, NIGHT)
