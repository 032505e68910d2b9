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
from audit_pipeline.explain.sample import stratified


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


# --- in proportion to the tenths of the output --------------------------------------------------------------------


def scored(n: int, *, seed: int = 0) -> pd.DataFrame:
    """Scores with ties, a few of them missing or not a number."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.gamma(1.0, 0.1, n), 2)
    score[: n // 20] = np.nan
    return pd.DataFrame({"id": [f"p{i}" for i in range(n)], "score": score})


def strata(frame: pd.DataFrame, cuts: np.ndarray) -> pd.Series:
    """How many rows lie between the cuts, those without a number apart."""
    place = np.searchsorted(cuts, frame["score"], side="left")
    return pd.Series(np.where(frame["score"].isna(), -1, place)).value_counts().sort_index()


def test_every_tenth_of_the_output_is_there_in_proportion(tmp_path: Path) -> None:
    frame = scored(7_000)
    frame.to_parquet(tmp_path / "s.parquet")
    drawn, said = stratified(tmp_path / "s.parquet", ["id", "score"], row_id="id", output="score", seed=3, rows=900)
    assert said == "900 of 7,000 rows, in proportion to the tenths of score"
    assert len(drawn) == 900
    assert drawn["id"].is_unique
    known = frame["score"].dropna()
    cuts = np.quantile(known, np.arange(0.1, 1.0, 0.1), method="inverted_cdf")
    ideal = strata(frame, cuts) * 900 / 7_000
    assert ((strata(drawn, cuts) - ideal).abs() < 1).all()
    assert drawn["id"].is_monotonic_increasing


def test_a_stratum_is_drawn_by_the_same_rule_in_plain_python(tmp_path: Path) -> None:
    """Two scores, 600 and 400 rows: 60 and 40 of them, each the first by md5."""
    frame = numbered(1_000).assign(score=[0.1] * 600 + [0.9] * 400)
    frame.to_parquet(tmp_path / "s.parquet")
    drawn, _ = stratified(tmp_path / "s.parquet", ["id"], row_id="id", output="score", seed=42, rows=100)
    expected: list[str] = []
    for first, end, quota in ((0, 600, 60), (600, 1_000, 40)):
        by_hash = sorted(
            (f"p{i}" for i in range(first, end)), key=lambda i: hashlib.md5(f"{i}:42".encode()).hexdigest()
        )
        expected += by_hash[:quota]
    assert list(drawn["id"]) == sorted(expected)


def test_the_strata_do_not_depend_on_order_or_row_groups(tmp_path: Path) -> None:
    frame = scored(3_000)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.sample(frac=1, random_state=1).to_parquet(tmp_path / "b.parquet", row_group_size=123)
    one, other = (
        stratified(tmp_path / name, ["id", "score"], row_id="id", output="score", seed=1, rows=200)[0]
        for name in ("a.parquet", "b.parquet")
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_small_night_is_taken_whole_and_a_few_left_out_are_not_counted(tmp_path: Path) -> None:
    scored(100).to_parquet(tmp_path / "s.parquet")
    drawn, said = stratified(tmp_path / "s.parquet", ["id"], row_id="id", output="score", seed=1, rows=100)
    assert (len(drawn), said) == (100, "all 100 rows")
    drawn, said = stratified(tmp_path / "s.parquet", ["id"], row_id="id", output="score", seed=1, rows=95)
    assert len(drawn) == 95
    assert said == "all but fewer than 11 of 100 rows, in proportion to the tenths of score"


def test_scores_that_are_all_missing_or_all_equal_are_one_stratum(tmp_path: Path) -> None:
    for number, score in enumerate((np.nan, 0.5)):
        numbered(300).assign(score=score).to_parquet(tmp_path / f"{number}.parquet")
        drawn, _ = stratified(tmp_path / f"{number}.parquet", ["id"], row_id="id", output="score", seed=1, rows=60)
        pd.testing.assert_frame_equal(drawn, draw(tmp_path / f"{number}.parquet", ["id"], row_id="id", seed=1, rows=60))


def test_several_files_are_drawn_from_as_one(tmp_path: Path) -> None:
    frame = numbered(400)
    frame[:150].to_parquet(tmp_path / "a.parquet")
    frame[150:].to_parquet(tmp_path / "b.parquet")
    frame.to_parquet(tmp_path / "all.parquet")
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    pd.testing.assert_frame_equal(
        draw(parts, ["id"], row_id="id", seed=4, rows=50),
        draw(tmp_path / "all.parquet", ["id"], row_id="id", seed=4, rows=50),
    )
    assert len(draw(parts, ["x"], row_id=None, seed=4, rows=50)) == 50
