import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics import measure_drift
from audit_pipeline_tests.metrics.night import drift_of, model, score, write

RNG = np.random.default_rng(7)
SCORES = RNG.random(400)
CONFIG = model({"age": "number", "ward": "category", "urgent": "boolean", "visits": "integer"})


def night(n: int = 400, seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(60, 10, n),
        "ward": rng.choice(["north", "south", "east"], n),
        "urgent": rng.random(n) < 0.3,
        "visits": rng.integers(0, 5, n),
        "score": rng.random(n),
    }


def test_categories_by_hand(tmp_path: Path) -> None:
    # reference 200 a, 200 b; current 300 a, 80 b, 20 new c:
    # 0.25 ln(0.75/0.5) - 0.3 ln(0.2/0.5) + (0.05 - 1e-6) ln(0.05/1e-6)
    # = 0.101366 + 0.274887 + 0.540978 = 0.917231
    config = model({"ward": "category"})
    found = drift_of(
        tmp_path,
        config,
        {"ward": ["a"] * 300 + ["b"] * 80 + ["c"] * 20, "score": SCORES},
        {"ward": ["a"] * 200 + ["b"] * 200, "score": SCORES},
    )
    expected = 0.25 * math.log(1.5) - 0.3 * math.log(0.4) + (0.05 - 1e-6) * math.log(0.05 / 1e-6)
    assert score(found, "ward", "psi").value == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(0.917231, abs=1e-6)
    assert score(found, "ward", "new_category_share").value == 20 / 400
    assert not [s for s in found.scores if (s.column, s.method) == ("ward", "ks")]


def test_missing_share_by_hand(tmp_path: Path) -> None:
    # 100 of 400 missing against 40 of 400: difference 0.15; pooled 140/800 = 0.175;
    # z = 0.15 / sqrt(0.175 * 0.825 * 2/400) = 5.5829, two-sided p = 2.37e-8
    config = model({"age": "number"})
    values = RNG.normal(size=400).tolist()
    found = drift_of(
        tmp_path,
        config,
        {"age": [None] * 100 + values[100:], "score": SCORES},
        {"age": [None] * 40 + values[40:], "score": SCORES},
    )
    one = score(found, "age", "missing_share")
    assert one.value == pytest.approx(0.15)
    assert one.p == pytest.approx(2.37e-8, rel=0.01)
    assert (one.n, one.n_reference, one.missing_share, one.missing_share_reference) == (400, 400, 0.25, 0.1)
    assert (score(found, "age", "psi").n, score(found, "age", "psi").n_reference) == (300, 360)


def test_an_integer_with_few_values_is_compared_value_by_value(tmp_path: Path) -> None:
    # values 0 and 1, 200 each, against 100 and 300: 0.25 ln(0.75/0.5) - 0.25 ln(0.25/0.5) = 0.274653
    config = model({"visits": "integer"})
    found = drift_of(
        tmp_path,
        config,
        {"visits": [0] * 100 + [1] * 300, "score": SCORES},
        {"visits": [0] * 200 + [1] * 200, "score": SCORES},
    )
    assert score(found, "visits", "psi").value == pytest.approx(0.274653, abs=1e-6)
    assert score(found, "visits", "ks").value == pytest.approx(0.25)


def test_what_cannot_be_judged_says_why_and_takes_nothing_else_down(tmp_path: Path) -> None:
    config = model(
        {
            "empty": "number",
            "blank": "category",
            "constant": "number",
            "absent": "number",
            "few": "number",
            "text": "number",
            "age": "number",
        }
    )
    n = 400
    base = {
        "empty": [None] * n,
        "blank": [None] * n,
        "constant": [5.0] * n,
        "few": [None] * 300 + RNG.normal(size=100).tolist(),
        "age": RNG.normal(size=n),
        "score": SCORES,
    }
    now = write(tmp_path / "now.parquet", config, base | {"absent": RNG.normal(size=n)})
    before = write(tmp_path / "before.parquet", config, base)
    for path in (now, before):  # a column whose values are no numbers, against the contract
        table = pq.read_table(path)
        pq.write_table(table.append_column("text", pa.array([f"patient {i}" for i in range(n)])), path)
    found = measure_drift(now, [before], config, threads=2, memory="256MB")
    for column, why in [
        ("empty", "all 400 values of the night are missing"),
        ("blank", "all 400 values of the night are missing"),
        ("absent", "the reference has no column 'absent'"),
        ("few", "100 values, fewer than the 200"),
        ("text", "cannot be read as number"),
    ]:
        one = score(found, column, "psi")
        assert one.value is None and one.p is None
        assert why in str(one.reason)
        assert "patient" not in str(one.reason)
    assert score(found, "empty", "missing_share").value == 0.0
    for column in ("age", "score", "constant"):
        assert score(found, column, "psi").value == 0.0
        assert score(found, column, "ks").value == 0.0
    assert {d.column for d in found.distributions} == {"constant", "few", "age", "score"}


def test_a_reference_of_one_value_that_changes_is_drift(tmp_path: Path) -> None:
    config = model({"age": "number"})
    found = drift_of(tmp_path, config, {"age": [6.0] * 400, "score": SCORES}, {"age": [5.0] * 400, "score": SCORES})
    assert score(found, "age", "ks").value == 1.0
    assert (score(found, "age", "psi").value or 0) > 10


@pytest.mark.parametrize("n", [0, 1, 199])
def test_too_few_rows_are_not_evaluated(tmp_path: Path, n: int) -> None:
    found = drift_of(tmp_path, CONFIG, night(n), night(400))
    assert len(found.scores) == 3 * 5 + 4 + 6  # three numbers, a boolean, a category
    assert all(s.value is None and s.reason for s in found.scores)
    assert [d for d in found.distributions if n < 11] == []


def test_no_reference_at_all(tmp_path: Path) -> None:
    now = write(tmp_path / "now.parquet", CONFIG, night())
    found = measure_drift(now, [], CONFIG, threads=1, memory="256MB")
    assert {s.reason for s in found.scores} == {"the reference has no data"}
    assert found.distributions == ()


def test_several_reference_files_are_one_reference(tmp_path: Path) -> None:
    a, b = night(300, seed=2), night(300, seed=3)
    both = {name: np.concatenate([a[name], b[name]]) for name in a}
    now = write(tmp_path / "night=2026-01-01" / "now.parquet", CONFIG, night())
    parts = [write(tmp_path / f"night=2025-12-0{i}" / "x.parquet", CONFIG, x) for i, x in ((1, a), (2, b))]
    whole = write(tmp_path / "whole.parquet", CONFIG, both)
    options: dict[str, Any] = {"threads": 2, "memory": "256MB"}
    assert measure_drift(now, parts, CONFIG, **options) == measure_drift(now, [whole], CONFIG, **options)


def test_neither_row_order_nor_threads_change_a_bit(tmp_path: Path) -> None:
    current, reference = night(5000, seed=4), night(5000, seed=5)
    order = list(range(5000))
    random.Random(3).shuffle(order)
    shuffled = {name: values[order] for name, values in current.items()}
    first = drift_of(tmp_path / "a", CONFIG, current, reference)
    assert drift_of(tmp_path / "b", CONFIG, shuffled, reference) == first
    again = measure_drift(
        tmp_path / "a/now.parquet", [tmp_path / "a/before.parquet"], CONFIG, threads=1, memory="256MB"
    )
    assert again == first


def test_infinities_are_values_and_nulls_are_not(tmp_path: Path) -> None:
    config = model({"age": "number"})
    base = np.arange(400.0)
    found = drift_of(
        tmp_path,
        config,
        {"age": [math.inf] * 40 + [None] * 40 + base[80:].tolist(), "score": SCORES},
        {"age": base, "score": SCORES},
    )
    one = score(found, "age", "ks")
    # F at 80-: reference 80/400 below, current none of 360 values: D = 0.2
    assert one.value == pytest.approx(0.2)
    assert one.n == 360
    # current bins of 360: 0, 0, 40 x 7, and the last 40 + 40 infinite
    shares = [1e-6, 1e-6] + [40 / 360] * 7 + [80 / 360]
    expected = sum((c - 0.1) * math.log(c / 0.1) for c in shares)
    assert score(found, "age", "psi").value == pytest.approx(expected)


def test_row_id_subject_time_and_version_are_not_measured(tmp_path: Path) -> None:
    config = model({"who": "category subject_id", "rev": "category model_version", "sex": "category segment"})
    columns = {
        "who": [str(i) for i in range(400)],
        "rev": ["3"] * 400,
        "sex": ["f", "m"] * 200,
        "score": SCORES,
    }
    found = drift_of(tmp_path, config, columns, columns)
    assert {s.column for s in found.scores} == {"sex", "score"}


def test_odd_column_names_and_folders(tmp_path: Path) -> None:
    name = 'O\'Hara "x"; drop'
    config = model({name: "number"})
    columns = {name: SCORES, "score": SCORES}
    found = drift_of(tmp_path / "it's [a] *", config, columns, columns)
    assert score(found, name, "psi").value == 0.0


def test_an_unreadable_file_is_a_metric_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"no parquet")
    with pytest.raises(MetricError, match=r"bad\.parquet"):
        measure_drift(bad, [], CONFIG, threads=1, memory="256MB")
