"""The same rows are drawn whatever their order in the file."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain import draw


def numbered(n: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"p{i}" for i in range(n)], "x": np.arange(n, dtype=float), 'odd "x"': 1})


def test_equal_to_the_same_draw_in_plain_python(tmp_path: Path) -> None:
    file = tmp_path / "s.parquet"
    numbered(500).to_parquet(file)
    by_hash = sorted((f"p{i}" for i in range(500)), key=lambda i: hashlib.md5(f"{i}:42".encode()).hexdigest())
    drawn = draw(file, ["id", 'odd "x"'], row_id="id", seed=42, rows=30)
    assert list(drawn["id"]) == sorted(by_hash[:30])
    assert list(drawn.columns) == ["id", 'odd "x"']


def test_neither_row_order_nor_row_groups_matter(tmp_path: Path) -> None:
    frame = numbered(5_000)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.sample(frac=1, random_state=1).to_parquet(tmp_path / "b.parquet", row_group_size=123)
    a = draw(tmp_path / "a.parquet", ["id", "x"], row_id="id", seed=1, rows=200)
    b = draw(tmp_path / "b.parquet", ["id", "x"], row_id="id", seed=1, rows=200)
    pd.testing.assert_frame_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 60), rows=st.integers(1, 80), seed=st.integers(-5, 2**40))
def test_at_most_rows_each_once_and_again_the_same(
    tmp_path_factory: pytest.TempPathFactory, n: int, rows: int, seed: int
) -> None:
    file = tmp_path_factory.mktemp("s") / "s.parquet"
    numbered(n).astype({"id": object}).to_parquet(file)
    drawn = draw(file, ["id"], row_id="id", seed=seed, rows=rows)
    assert len(drawn) == min(n, rows)
    assert drawn["id"].is_unique
    assert set(drawn["id"]) <= set(numbered(n)["id"])
    pd.testing.assert_frame_equal(drawn, draw(file, ["id"], row_id="id", seed=seed, rows=rows))


def test_repeated_and_missing_row_ids_still_give_one_answer(tmp_path: Path) -> None:
    file = tmp_path / "s.parquet"
    pd.DataFrame({"id": ["a", "a", None, None, "b"] * 40, "x": np.arange(200.0)}).to_parquet(file)
    first = draw(file, ["x"], row_id="id", seed=9, rows=37)
    assert len(first) == 37
    pd.testing.assert_frame_equal(first, draw(file, ["x"], row_id="id", seed=9, rows=37))


def test_a_snapshot_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    numbered(5).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(ExplainError, match="BinderException"):
        draw(tmp_path / "s.parquet", ["y"], row_id="id", seed=1, rows=3)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "s.parquet").read_bytes()[:100])
    with pytest.raises(ExplainError, match="could not be drawn"):
        draw(tmp_path / "cut.parquet", ["x"], row_id="id", seed=1, rows=3)
