from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_pipeline.records import Distribution, Drift
from audit_pipeline_tests.metrics.night import drift_of, model

CONFIG = model({"x": "number", "c": "category", "k": "integer"}, policy={"drift": {"min_rows": 11, "bins": 10}})


def bars(found: Drift, column: str) -> Distribution:
    (one,) = [d for d in found.distributions if d.column == column]
    return one


def columns(x: Any, c: Any, k: Any, n: int) -> Any:
    return {"x": x, "c": c, "k": k, "score": np.linspace(0, 1, n)}


def test_labels_and_shares_by_hand(tmp_path: Path) -> None:
    # reference 0..99: edges at 9, 19, ..., 89; current: everything in the last bin, 50 of 100 missing
    now = columns([95.0] * 50 + [None] * 50, ["a"] * 60 + ["b"] * 40, [0] * 50 + [2] * 50, 100)
    before = columns(np.arange(100.0), ["a"] * 80 + ["b"] * 20, [0] * 40 + [1] * 60, 100)
    found = drift_of(tmp_path, CONFIG, now, before)
    x = bars(found, "x").bins
    # ten reference rows a bar are fewer than 11: bars are joined in pairs
    assert [b.label for b in x] == ["up to 19", "19 to 39", "39 to 59", "59 to 79", "above 79", "missing"]
    assert [b.share for b in x] == [0, 0, 0, 0, 0.5, 0.5]
    assert [b.share_reference for b in x] == [0.2] * 5 + [0.0]
    assert [(b.label, b.share) for b in bars(found, "c").bins] == [("a", 0.6), ("b", 0.4)]
    assert [(b.label, b.share) for b in bars(found, "k").bins] == [("up to 0", 0.5), ("above 0", 0.5)]


def test_rare_categories_are_neither_named_nor_left_as_a_difference(tmp_path: Path) -> None:
    config = model({"c": "category"})
    now = {"c": ["a"] * 200 + ["b"] * 197 + ["rare disease"] * 3, "score": np.linspace(0, 1, 400)}
    before = {"c": ["a"] * 200 + ["b"] * 200, "score": np.linspace(0, 1, 400)}
    found = bars(drift_of(tmp_path, config, now, before), "c")
    # 3 rows alone in "other" would be 1 - 0.5 - 0.4925: b joins them
    assert [(b.label, b.share) for b in found.bins] == [("a", 0.5), ("other", 0.5)]


def test_many_categories_and_a_constant(tmp_path: Path) -> None:
    config = model({"c": "category", "x": "number"})
    values = [f"ward {i:02}" for i in range(40) for _ in range(20)]
    score = np.linspace(0, 1, 800)
    found = drift_of(
        tmp_path,
        config,
        {"c": values, "x": [5.5] * 400 + [7.0] * 400, "score": score},
        {"c": values, "x": [5.5] * 800, "score": score},
    )
    assert len(bars(found, "c").bins) == 11
    assert sum(b.share for b in bars(found, "c").bins) == pytest.approx(1.0)
    assert [(b.label, b.share) for b in bars(found, "x").bins] == [
        ("up to 5.5", 0.0),
        ("5.5", 0.5),
        ("above 5.5", 0.5),
    ]


NUMBERS = st.lists(st.one_of(st.none(), st.integers(-4, 4)), min_size=11, max_size=80)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NUMBERS, NUMBERS)
def test_no_bar_shows_one_to_ten_rows(tmp_path: Path, now: Any, before: Any) -> Any:
    def table(values: Any) -> Any:
        return columns(
            [None if v is None else v / 3 for v in values],
            [None if v is None else f"name {v}" for v in values],
            values,
            len(values),
        )

    found = drift_of(tmp_path, CONFIG, table(now), table(before))
    for one in found.distributions:
        assert 0 < len(one.bins) <= 12
        assert sum(b.share for b in one.bins) == pytest.approx(1.0)
        assert sum(b.share_reference for b in one.bins) == pytest.approx(1.0)
        for b in one.bins:
            for share, n in ((b.share, len(now)), (b.share_reference, len(before))):
                assert round(share * n) == 0 or round(share * n) >= 11
        named = [b.label for b in one.bins if b.label.startswith("name")]
        for label in named:
            assert max(now.count(int(label[5:])), before.count(int(label[5:]))) >= 11


def test_bounds_in_thousands_are_written_as_people_write_them(tmp_path: Path) -> None:
    # ranks 100, 200, ... of 1,000, 1,020, ... 20,980: the edges are 2,980, 4,980, ... 18,980; three digits of them
    # (2980, 4980, 6980, 8980, 11000, ...) are enough to tell them apart
    data = columns(np.arange(1000.0, 21000.0, 20.0), ["a"] * 1000, [0] * 1000, 1000)
    labels = [b.label for b in bars(drift_of(tmp_path, CONFIG, data, data), "x").bins]
    assert labels[0] == "up to 2,980"
    assert labels[-1] == "above 19,000"
    assert not any("e+" in label for label in labels)
