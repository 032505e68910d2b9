"""One file per set of rows: same rows, same bytes, in whatever order, format and number of threads."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_pipeline.config import NightlySource
from audit_pipeline.durable import file_sha256
from audit_pipeline.errors import (
    ColumnMissingError,
    NightEmptyError,
    NightMissingError,
    SourceError,
    UnreadableError,
)
from audit_pipeline.records import Column, Relation, Snapshot
from audit_pipeline.row_groups import row_groups
from audit_pipeline.snapshot import take
from audit_pipeline.snapshot.write import ROWS
from audit_pipeline.sources import open_night
from audit_pipeline.vault import Vault
from audit_pipeline_tests.snapshot.conftest import column, relation

Freeze = Callable[..., Snapshot]
COLUMNS = [
    column("id", "category", "row_id"),
    column("x", "number"),
    column("k", "integer"),
    column("c", "category"),
    column("b", "boolean"),
    column("t", "timestamp", "time"),
]
BIG = """select 'r' || lpad(i::varchar, 7, '0') as id, (hash(i) % 100000) / 7.0 as x, (hash(i + 1) % 9)::int as k,
         nullif('c' || (i % 5), 'c3') as c, i % 2 = 0 as b, timestamp '2026-07-01' + to_seconds(i) as t
         from (select range as i from range(100000))"""


def test_shuffled_rows_and_other_thread_counts_give_the_same_file(freeze: Freeze) -> None:
    found = [
        freeze(f"select * from ({BIG}) order by {order}", COLUMNS, threads=threads).sha256
        for order, threads in [("id", 1), ("hash(id)", 1), ("hash(id)", 2), ("x desc", 4)]
    ]
    assert len(set(found)) == 1


def test_rows_are_sorted_by_row_id_across_row_groups(freeze: Freeze, tmp_path: Path) -> None:
    found = freeze(f"select * from ({BIG}) order by hash(id)", COLUMNS, threads=4)
    assert pq.read_table(tmp_path / "audit" / found.path)["id"].to_pylist() == [f"r{i:07d}" for i in range(100_000)]
    # 100,000 = 40,960 + 40,960 + 18,080
    assert [group.rows for group in found.row_groups] == [ROWS, ROWS, 18_080]


def test_repeated_row_ids_are_counted_and_settled_by_the_other_columns(freeze: Freeze, tmp_path: Path) -> None:
    # ids 0, 1, 2 three times each, and two missing: 6 + 1 rows beyond the first of their row_id
    rows = "select (range % 3)::varchar as id, (9 - range)::double as x from range(9) union all "
    rows += "select null, 1.0 union all select null, null"
    columns = [column("id", "category", "row_id"), column("x", "number")]
    shuffles = [freeze(f"select * from ({rows}) order by {order}", columns) for order in ("x", "-x", "id desc, x")]
    assert [found.duplicate_row_ids for found in shuffles] == [7, 7, 7]
    assert len({found.sha256 for found in shuffles}) == 1
    table = pq.read_table(tmp_path / "audit" / shuffles[0].path)
    assert table["id"].to_pylist() == ["0"] * 3 + ["1"] * 3 + ["2"] * 3 + [None] * 2
    assert table["x"].to_pylist() == [3, 6, 9, 2, 5, 8, 1, 4, 7, 1, None]


def test_a_reference_without_row_id_is_sorted_by_all_columns(freeze: Freeze) -> None:
    columns = [column("x", "number"), column("c", "category")]
    up, down = (
        freeze(
            f"select range % 7 as x, range % 3 as c from range(50) order by {order}", columns, place="inputs", suffix=""
        )
        for order in ("range", "-range")
    )
    assert up == down.__class__(**{name: getattr(up, name) for name in up.__slots__})
    assert (up.sha256, up.duplicate_row_ids, up.path) == (down.sha256, 0, f"inputs/{up.sha256}")


def test_the_snapshot_says_what_the_file_is(freeze: Freeze, tmp_path: Path) -> None:
    found = freeze(BIG, COLUMNS)
    path = tmp_path / "audit" / found.path
    data = path.read_bytes()
    assert found.path == f"snapshots/m/2026-07-01/{file_sha256(path)}.parquet"
    assert (found.bytes, found.rows, found.duplicate_row_ids) == (len(data), 100_000, 0)
    assert found.columns == tuple(COLUMNS)
    assert found.row_groups == row_groups(path)
    # Row groups cover the file without gap or overlap, from behind the magic bytes to the footer.
    ends = [group.offset + group.length for group in found.row_groups]
    assert [group.offset for group in found.row_groups] == [4, *ends[:-1]]
    footer = int.from_bytes(data[-8:-4], "little")
    assert ends[-1] == len(data) - 8 - footer


def test_a_value_set_to_null_changes_its_row_group_only(freeze: Freeze) -> None:
    before = freeze(BIG, COLUMNS)
    # Row 50,000 lies in the second row group.
    erased = f"select * replace (case when id <> 'r0050000' then x end as x) from ({BIG})"
    after = freeze(erased, COLUMNS)
    same = [a.sha256 == b.sha256 for a, b in zip(before.row_groups, after.row_groups, strict=True)]
    assert same == [True, False, True]


def test_a_second_take_leaves_the_file_alone_and_nothing_behind(freeze: Freeze, tmp_path: Path) -> None:
    path = tmp_path / "audit" / freeze(BIG, COLUMNS).path
    first = path.stat()
    assert freeze(BIG, COLUMNS).path in str(path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert [file for file in (tmp_path / "audit").rglob("*") if file.is_file()] == [path]
    assert not list((tmp_path / "audit" / ".work").iterdir())


def test_too_little_memory_says_what_to_raise(freeze: Freeze, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"limits\.memory"):
        freeze(BIG, COLUMNS, memory="1MB")
    assert not list((tmp_path / "audit" / ".work").iterdir())


def test_an_empty_night_is_named_and_an_empty_input_is_not_a_night(freeze: Freeze) -> None:
    with pytest.raises(NightEmptyError, match="2026-07-01"):
        freeze(f"select * from ({BIG}) limit 0", COLUMNS)
    with pytest.raises(SourceError, match="has no rows") as caught:
        freeze(f"select * from ({BIG}) limit 0", COLUMNS, place="inputs", suffix="")
    assert not isinstance(caught.value, NightEmptyError)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ColumnMissingError, match="'k'"):
        take(
            relation("select 1 as id", ["id"]),
            [COLUMNS[0], COLUMNS[2]],
            vault=Vault(tmp_path),
            place="inputs",
            suffix="",
            key=None,
            threads=1,
            memory="500MB",
        )


def test_a_damaged_page_is_found_when_it_is_read(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.sql(BIG).write_parquet(str(tmp_path / "2026-07-01.parquet"), compression="zstd")
    data = bytearray((tmp_path / "2026-07-01.parquet").read_bytes())
    data[2000:3000] = bytes(byte ^ 0x5A for byte in data[2000:3000])
    (tmp_path / "2026-07-01.parquet").write_bytes(data)
    opened = open_night(NightlySource(path="{night}.parquet"), tmp_path, date(2026, 7, 1))  # the footer is whole
    with pytest.raises(UnreadableError):
        _take(opened, COLUMNS, tmp_path / "audit")


def _take(opened: Relation, columns: list[Column], store: Path) -> Snapshot:
    return take(
        opened,
        columns,
        vault=Vault(store),
        place="snapshots/m/n",
        suffix=".parquet",
        key=None,
        threads=2,
        memory="500MB",
    )


def test_a_night_that_vanished_before_it_was_opened(tmp_path: Path) -> None:
    with pytest.raises(NightMissingError):
        open_night(NightlySource(path="{night}.parquet"), tmp_path, date(2026, 7, 1))


def test_the_same_data_in_every_format_is_the_same_snapshot(tmp_path: Path) -> None:
    night = date(2026, 7, 1)
    small = f"select * from ({BIG}) order by hash(id) limit 5000"
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute(f"create table t as select *, date '2026-07-01' as night from ({small})")
        rows = connection.table("t")
        rows.write_parquet(str(tmp_path / "2026-07-01.parquet"))
        rows.write_csv(str(tmp_path / "2026-07-01.csv"))
        rows.write_csv(str(tmp_path / "2026-07-01.csv.gz"), compression="gzip")
        names = rows.columns
        lines = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    (tmp_path / "2026-07-01.jsonl").write_text("".join(json.dumps(line, default=str) + "\n" for line in lines))
    sources = [NightlySource(path=f"{{night}}{suffix}") for suffix in (".parquet", ".csv", ".csv.gz", ".jsonl")]
    sources.append(NightlySource(database="w.duckdb", table="t", night_column="night"))
    found = [_take(open_night(source, tmp_path, night), COLUMNS, tmp_path / "audit") for source in sources]
    assert len({snapshot.sha256 for snapshot in found}) == 1
    assert len({snapshot.source_sha256 for snapshot in found}) == 5


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROW = st.tuples(
    st.one_of(st.none(), TEXT),
    st.one_of(st.none(), st.floats(width=64)),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.datetimes()),
)


SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("c", pa.string()),
        ("x", pa.float64()),
        ("k", pa.int64()),
        ("b", pa.bool_()),
        ("t", pa.timestamp("us")),
    ]
)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=30), random=st.randoms())
def test_what_went_in_comes_out_whatever_the_order(
    freeze: Freeze, tmp_path: Path, rows: list[tuple[Any, ...]], random: Any
) -> None:
    kinds = {"c": "category", "x": "number", "k": "integer", "b": "boolean", "t": "timestamp"}
    columns = [column("id", "integer", "row_id"), *(column(name, kind) for name, kind in kinds.items())]
    numbered = [(i, *row) for i, row in enumerate(rows)]
    found = []
    for _ in range(2):
        random.shuffle(numbered)
        pq.write_table(
            pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in numbered], SCHEMA),
            tmp_path / "log.parquet",
        )
        found.append(freeze(f"select * from read_parquet('{tmp_path / 'log.parquet'}')", columns, key=None))
    table = pq.read_table(tmp_path / "audit" / found[0].path)
    # Missing has one spelling: "" and NaN come back as None; every other value as it was.
    expected = [[i, *(None if v == "" or v != v else v for v in row)] for i, row in enumerate(rows)]
    assert [list(row.values()) for row in table.to_pylist()] == expected
    assert found[0].sha256 == found[1].sha256
