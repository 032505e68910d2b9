"""Rows out of a Parquet file: everything else stays, byte for byte where no row went; footers survive as they are."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.row_groups import row_groups
from audit_pipeline.snapshot import pseudonym
from audit_pipeline.snapshot.cut import cut
from audit_pipeline.snapshot.footer import ending, footer_bytes, read_footer
from audit_pipeline.snapshot.person import frozen_value

KEY = bytes(range(32))


def table(rows: int) -> Any:
    """Return one column of every canonical type, with missing values."""
    return pa.table(
        {
            "number": pa.array([None if i % 7 == 0 else i / 3 for i in range(rows)], pa.float64()),
            "integer": pa.array(range(rows), pa.int64()),
            "category": pa.array([f"c{i % 5}" for i in range(rows)], pa.string()),
            "boolean": pa.array([i % 2 == 0 for i in range(rows)], pa.bool_()),
            "date": pa.array(range(rows), pa.date32()),
            "timestamp": pa.array(range(rows), pa.timestamp("us")),
            "nothing": pa.array([None] * rows, pa.string()),
        }
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data(), rows=st.integers(1, 60), size=st.integers(1, 20), options=st.sampled_from(["ours", "theirs"]))
def test_what_is_left_is_the_rest_and_untouched_groups_keep_their_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, rows: int, size: int, options: str
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path, target, whole = folder / "a", folder / "b", table(rows)
    other: dict[str, Any] = {
        "write_page_index": True,
        "compression": "snappy",
        "use_dictionary": False,
        "version": "1.0",
    }
    pq.write_table(whole, path, row_group_size=size, **({} if options == "ours" else other))
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    before = row_groups(path)
    starts = np.cumsum([0, *(group.rows for group in before)])
    masks = {g.index: gone[starts[g.index] : starts[g.index + 1]] for g in before}
    drop = {index: mask for index, mask in masks.items() if mask.any()}
    groups = cut(path, drop, target)
    assert pq.read_table(target).equals(pq.read_table(path).filter(pa.array(~gone)))
    [(count,)] = duckdb.execute(f"select count(*) from read_parquet('{target}')").fetchall()
    assert count == int((~gone).sum())
    written = target.read_bytes()
    for group, was in zip(groups, before, strict=True):
        assert hashlib.sha256(written[group.offset : group.offset + group.length]).hexdigest() == group.sha256
        assert (group.sha256 == was.sha256) is (group.index not in drop)
        assert (group.rows_before, group.rows) == (was.rows, was.rows - int(masks[group.index].sum()))


def test_values_that_went_stand_in_no_minimum_of_the_footer(tmp_path: Path) -> None:
    path, target = tmp_path / "a", tmp_path / "b"
    pq.write_table(pa.table({"who": ["zz-planted", *"abc"], "x": [1.0, 2.0, 3.0, 4.0]}), path, compression="none")
    assert b"zz-planted" in path.read_bytes()
    cut(path, {0: np.array([True, False, False, False])}, target)
    assert b"zz-planted" not in target.read_bytes()


def test_the_same_rows_cut_twice_are_the_same_bytes(tmp_path: Path) -> None:
    pq.write_table(table(50), tmp_path / "a", row_group_size=10)
    mask = np.array([True] + [False] * 9)
    for name in ("b", "c"):
        cut(tmp_path / "a", {2: mask}, tmp_path / name)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_a_footer_is_written_again_as_it_was_read(tmp_path: Path) -> None:
    many = pa.table({f"c{i}": [i] for i in range(40)}).replace_schema_metadata({"k": "v" * 300})  # long lists and texts
    pq.write_table(many, tmp_path / "a", write_page_index=True)
    data = (tmp_path / "a").read_bytes()
    footer = read_footer(BytesIO(data))
    assert data.endswith(ending(footer))
    assert len(footer_bytes(footer)) == int.from_bytes(data[-8:-4], "little")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"x" * 100, b"PAR1" + b"\0" * 4 + b"\xff\xff\xff\x7fPAR1"])
def test_what_is_no_parquet_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Parquet|footer"):
        read_footer(BytesIO(data))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_footer_is_refused_or_read_as_what_it_says(data: st.DataObject) -> None:
    buffer = BytesIO()
    pq.write_table(table(3), buffer)
    whole = bytearray(buffer.getvalue())
    length = int.from_bytes(whole[-8:-4], "little")
    at = data.draw(st.integers(len(whole) - 8 - length, len(whole) - 9))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        footer = read_footer(BytesIO(bytes(whole)))
    except ValueError:
        return
    assert bytes(whole).endswith(ending(footer))


@pytest.mark.parametrize(
    ("given_id", "declared", "stored"),
    [
        ("042", "category", "042"),
        ("042", "integer", "42"),
        ("42", "number", "42.0"),
        ("jane@example.org", "category", "jane@example.org"),
        (" 42 ", "integer", "42"),
    ],
)
def test_an_id_in_clear_is_read_as_its_column_is(given_id: str, declared: str, stored: str) -> None:
    assert frozen_value(given_id, declared=declared, key=KEY) == pseudonym(stored, KEY)
    assert str(frozen_value(given_id, declared=declared, key=None)) == stored


def test_an_id_that_is_no_value_of_its_column_is_nobody(tmp_path: Path) -> None:
    assert frozen_value("jane", declared="integer", key=KEY) is None
    assert frozen_value("", declared="category", key=KEY) is None
