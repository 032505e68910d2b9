"""Bins of one column beside its reference: rare categories together, NaN is missing."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.metrics.pair import Pair, TableSide
from audit_pipeline.metrics.read import Table, connect


def side(tmp_path: Path, name: str, values: Sequence[object], kind: str) -> TableSide:
    file = tmp_path / f"{name}.parquet"
    pq.write_table(pa.table({"x": list(values)}), file)
    return TableSide(Table(connect(threads=1, memory="256MB"), [file]), "x", kind)


def pair(tmp_path: Path, reference: Sequence[object], current: Sequence[object], kind: str) -> Pair:
    return Pair("x", kind, 10, 11, side(tmp_path, "now", current, kind), side(tmp_path, "before", reference, kind))


def test_rare_and_unseen_categories_share_the_last_bin(tmp_path: Path) -> None:
    # 1 % of 1,000 is 10: "c" (10 rows) stands alone, "d" (9 rows) does not; "e" was never seen.
    reference: Sequence[object] = ["a"] * 600 + ["b"] * 381 + ["c"] * 10 + ["d"] * 9
    current: Sequence[object] = ["a"] * 50 + ["b"] * 40 + ["d"] * 3 + ["e"] * 7
    before, now = pair(tmp_path, reference, current, "category").histogram
    assert before.tolist() == [600, 381, 10, 9]
    assert now.tolist() == [50, 40, 0, 10]


def test_integers_with_few_values_have_quantile_bins(tmp_path: Path) -> None:
    # Deciles of 1 1 1 1 1 2 2 2 2 9 are 1 and 2: the single 9 has its own bin, as every value above 2 would.
    before, now = pair(tmp_path, [1] * 5 + [2] * 4 + [9], [1, 3, 8, 9], "integer").histogram
    assert before.tolist() == [5, 4, 1]
    assert now.tolist() == [1, 0, 3]


@pytest.mark.parametrize("share", [1, 5])
def test_nan_is_missing_though_the_files_statistics_pass_over_it(tmp_path: Path, share: int) -> None:
    # DuckDB 2.0 folds nullif(x, NaN) away over a Parquet file whose minimum and maximum skip NaN.
    values: Sequence[object] = [float("nan")] * share + [1.0] * 15
    assert side(tmp_path, "now", values, "number").present == 15
    assert side(tmp_path, "again", values, "number").values.size == 15
