"""Values are made coarser before they are written: by hand, as laws, and in files that are searched byte by byte."""

import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.records import Column, Generalised, Relation
from audit_pipeline.snapshot import take
from audit_pipeline.snapshot.generalise import generalised
from audit_pipeline.vault import Vault

KINDS = {"number": "DOUBLE", "integer": "BIGINT", "category": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMP"}
CONNECTION = duckdb.connect()


def told(values: list[Any], kind: str, rule: Generalised) -> list[Any]:
    """Return what is written of `values`."""
    sql = f"select {generalised('v', rule, declared=kind)} as x from (select unnest($1::{KINDS[kind]}[]) as v)"
    cursor = CONNECTION.execute(sql, [values])
    assert str(cursor.description[0][1]) == KINDS[kind]  # the type stays
    return [x for (x,) in cursor.fetchall()]


BY_HAND = [
    ("number", Generalised(bands=(0, 18, 65, 90)), [-1, 0, 17.9, 18, 64, 65, 89.5, 90, 104, math.inf, None],
     [0, 0, 0, 18, 18, 65, 65, 90, 90, 90, None]),
    ("integer", Generalised(bands=(0, 18, 65)), [-5, 17, 18, 200, None], [0, 0, 18, 65, None]),
    ("number", Generalised(floor=10), [0, 9.99, 10, -0.5, -10, 123.4, None], [0, 0, 10, -10, -10, 120, None]),
    ("number", Generalised(floor=0.1), [0.3, 0.29, 0.7], [0.3, 0.2, 0.7]),
    ("number", Generalised(round=10), [4.9, 5, 14.9, 15, -5, -5.1, 250], [0, 10, 10, 20, 0, -10, 250]),
    ("integer", Generalised(round=10), [4, 5, 14, 15, -5, -6], [0, 10, 10, 20, 0, -10]),
    ("integer", Generalised(floor=7), [-1, 0, 6, 7, 2**62 + 1], [-7, 0, 0, 7, (2**62 + 1) // 7 * 7]),
    ("integer", Generalised(floor=5, top=90), [42, 89, 90, 97, None], [40, 85, 90, 90, None]),
    ("number", Generalised(top=90), [89.5, 90, 104, math.inf, None], [89.5, 90, 90, 90, None]),
    ("date", Generalised(to="year"), [date(1984, 2, 29), None], [date(1984, 1, 1), None]),
    ("date", Generalised(to="month"), [date(1984, 2, 29)], [date(1984, 2, 1)]),
    ("timestamp", Generalised(to="month"), [datetime(1984, 2, 29, 3, 4, 5)], [datetime(1984, 2, 1)]),
    ("category", Generalised(prefix=3), ["10115", "99", "ÄÖÜß", None], ["101", "99", "ÄÖÜ", None]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rule", "values", "coarse"), BY_HAND)
def test_by_hand(kind: str, rule: Generalised, values: list[Any], coarse: list[Any]) -> None:
    assert [pytest.approx(x) if isinstance(x, float) else x for x in told(values, kind, rule)] == coarse


STEP = st.sampled_from([0.1, 0.25, 0.5, 1.0, 5.0, 7.0, 10.0, 1000.0])
RULES = st.one_of(
    st.builds(lambda s: Generalised(floor=s), STEP),
    st.builds(lambda s: Generalised(round=s), STEP),
    st.builds(lambda s, t: Generalised(floor=s, top=t), STEP, st.floats(-100, 1000)),
    st.lists(st.integers(-100, 100), min_size=1, unique=True).map(lambda e: Generalised(bands=tuple(sorted(e)))),
)
NUMBERS = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=20)


@given(NUMBERS, RULES)
def test_what_is_coarse_already_stays_and_order_is_kept(values: list[float], rule: Generalised) -> None:
    once = told(sorted(values), "number", rule)
    assert told(once, "number", rule) == once
    assert once == sorted(once)


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=20), st.integers(1, 1000))
def test_whole_numbers_are_floored_as_python_floors_them(values: list[int], step: int) -> None:
    assert told(values, "integer", Generalised(floor=step)) == [value // step * step for value in values]


def test_a_rule_is_said_in_words() -> None:
    assert str(Generalised(floor=5, top=90)) == "floor 5, top 90"
    assert str(Generalised(bands=(0, 18.5))) == "bands from 0, 18.5"
    assert (str(Generalised(to="year")), str(Generalised(prefix=3))) == ("to the year", "first 3 characters")


def test_the_exact_value_is_in_no_byte_that_is_written(tmp_path: Path) -> None:
    """What the file holds, its statistics too: DuckDB's staging file is gone, and the snapshot never knew."""
    ids = [f"r{i}" for i in range(40)]
    frame = pd.DataFrame({"id": ids, "zip": "90210-7777", "born": date(1931, 5, 17), "pay": 51234.5})
    frame.to_parquet(tmp_path / "log.parquet")
    columns = (
        Column("id", "category", "row_id", "none"),
        Column("zip", "category", "feature", "quasi_identifier", generalised=Generalised(prefix=3)),
        Column("born", "date", "feature", "quasi_identifier", generalised=Generalised(to="year")),
        Column("pay", "number", "feature", "sensitive", generalised=Generalised(round=1000)),
    )
    relation = Relation(
        "log.parquet", "parquet", (), f"select * from '{tmp_path}/log.parquet'", tuple(frame.columns), "0" * 64, 1
    )
    (tmp_path / "audit").mkdir()
    taken = take(
        relation, columns, vault=Vault(tmp_path / "audit"), place="snapshots/m/2026-07-01", suffix=".parquet", key=None,
        threads=1, memory="256MB",
    )  # fmt: skip
    file = tmp_path / "audit" / taken.path
    assert pq.read_table(file).to_pylist()[0] == {"id": "r0", "zip": "902", "born": date(1931, 1, 1), "pay": 51000.0}
    assert taken.columns[1].generalised == Generalised(prefix=3)
    assert b"90210" not in file.read_bytes()
    groups = [pq.read_metadata(file).row_group(0).column(i).statistics for i in range(4)]
    assert [group.max for group in groups[1:]] == ["902", date(1931, 1, 1), 51000.0]
    assert [path for path in (tmp_path / "audit").rglob("*") if path.is_file()] == [file]
