"""Importance by group: that of the group's rows alone, named as in the fairness tables, small groups left out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_pipeline.config.fairness import Fairness
from audit_pipeline.explain.by_group import by_group, group_names
from audit_pipeline.explain.importance import importances


def rows(n: int = 200) -> tuple[Any, pd.DataFrame]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)) * [1.0, 3.0], pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])


def test_a_group_has_the_importances_of_its_rows() -> None:
    values, frame = rows()
    site = np.where(np.arange(200) < 80, "north", "south")
    found = by_group(values, frame, pd.DataFrame({"site": site}), Fairness(slices=("site",)))
    assert [(g.slice, g.group, g.n) for g in found] == [("site", "north", 80), ("site", "south", 120)]
    alone = importances(values[:80], frame[:80])
    assert [(i.feature, i.value, i.lo, i.share) for i in found[0].importances] == [
        (i.feature, i.value, i.lo, i.share) for i in alone
    ]
    assert {i.direction for i in found[0].importances} == {None}


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ({"a": 120, "b": 50, "c": 30}, ["a", "b", "c"]),
        ({"a": 120, "b": 51, "c": 29}, ["a", "b"]),  # a rest of 29
        ({"a": 120, "b": 72, "c": 8}, ["a"]),  # a rest of 8 would be c: b goes too
        ({"a": 192, "b": 8}, []),
    ],
)
def test_no_small_group_is_told_nor_can_be_worked_out(sizes: dict[str, int], shown: list[str]) -> None:
    values, frame = rows()
    site = np.repeat(list(sizes), list(sizes.values()))
    found = by_group(values, frame, pd.DataFrame({"site": site}), Fairness(slices=("site",)))
    assert [g.group for g in found] == shown


def test_groups_are_named_as_the_model_file_says() -> None:
    config = Fairness(
        slices=("sex", "age", ("sex", "age")),
        bands={"age": (18.0, 65.0)},
        names={"sex": {"0": "male"}, "age": {"65 and over": "old"}},
        min_group=11,
    )
    assert group_names(pd.Series([0.0, 1.0, None]), "sex", config) == ["male", "1", "missing"]
    assert group_names(pd.Series([True, False]), "flag", config) == ["true", "false"]
    ages = pd.Series([17.9, 18.0, 64.0, 65.0, None])  # an edge belongs to the band above it
    assert group_names(ages, "age", config) == ["under 18", "18 to under 65", "18 to under 65", "old", "missing"]
    values, frame = rows(40)
    columns = pd.DataFrame({"sex": [0, 1] * 20, "age": [20.0] * 40})
    found = by_group(values, frame, columns, config)
    assert [(g.slice, g.group) for g in found][-2:] == [
        ("sex & age", "1 & 18 to under 65"),
        ("sex & age", "male & 18 to under 65"),
    ]
