"""Can a classifier tell the night from the reference: quiet nights say no, joint moves say yes, bits never change."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics import measure_domain
from audit_pipeline.metrics.domain import ROWS
from audit_pipeline.records import DomainScore
from audit_pipeline_tests.metrics.night import model, write

CONFIG = model({"a": "number", "b": "number", "ward": "category", "urgent": "boolean", "visits": "integer"})


def table(n: int, seed: int, *, together: float = 0.0) -> dict[str, Any]:
    """Rows whose columns always have the same margins; `together` is the correlation of a and b."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return {
        "a": a,
        "b": together * a + math.sqrt(1 - together**2) * rng.normal(size=n),
        "ward": rng.choice(["north", "south", "east"], n),
        "urgent": rng.random(n) < 0.3,
        "visits": rng.integers(0, 5, n),
        "score": rng.random(n),
    }


def domain_of(
    folder: Path, current: dict[str, Any], reference: dict[str, Any], *, config: ModelConfig = CONFIG, **options: Any
) -> DomainScore:
    now, before = write(folder / "now.parquet", config, current), write(folder / "before.parquet", config, reference)
    given: dict[str, Any] = {"seed": 7, "threads": 2, "memory": "256MB"} | options
    return measure_domain(now, [before], config, **given).score


def test_columns_that_move_against_each_other_are_seen_though_none_of_them_moves(tmp_path: Path) -> None:
    found = domain_of(tmp_path, table(2_000, 1, together=0.9), table(2_000, 2))
    assert (found.n, found.n_reference, found.features, found.seed, found.reason) == (2_000, 2_000, 5, 7, None)
    assert found.lo is not None
    assert found.lo > 0.65


@pytest.mark.parametrize("seed", range(2))
def test_a_quiet_night_cannot_be_told_apart(tmp_path: Path, seed: int) -> None:
    found = domain_of(tmp_path, table(600, 2 * seed), table(900, 2 * seed + 1))
    assert found.value is not None
    assert found.lo is not None
    assert found.hi is not None
    # the standard error of independent folds is about 0.0153, and these go together: three times the root of 2
    assert abs(found.value - 0.5) < 0.065
    assert 0 <= found.lo < found.value < found.hi <= 1
    assert found.hi - found.lo == pytest.approx(2 * 1.96 * 0.0153 * math.sqrt(2), rel=0.2)


def test_a_vanished_category_and_a_missing_column_are_seen(tmp_path: Path) -> None:
    current, reference = table(1_000, 1), table(1_000, 2)
    assert (domain_of(tmp_path, current | {"ward": ["west"] * 1_000}, reference).lo or 0) > 0.99
    gone = [None if missing else x for x, missing in zip(current["a"], current["b"] > 0.5, strict=True)]
    assert (domain_of(tmp_path, current | {"a": gone}, reference).lo or 0) > 0.6


def test_neither_threads_nor_a_second_run_change_a_bit(tmp_path: Path) -> None:
    current, reference = table(ROWS + 700, 1, together=0.3), table(ROWS + 900, 2)
    first = domain_of(tmp_path, current, reference)
    assert (first.n, first.n_reference) == (ROWS, ROWS)
    assert domain_of(tmp_path, current, reference, threads=1) == first
    assert domain_of(tmp_path, current, reference, seed=8).value != first.value


def test_several_reference_files_are_one_reference(tmp_path: Path) -> None:
    reference = table(600, 2)
    whole = domain_of(tmp_path, table(500, 1), reference)
    parts = [
        write(tmp_path / f"{i}.parquet", CONFIG, {name: values[rows] for name, values in reference.items()})
        for i, rows in enumerate((slice(0, 250), slice(250, 600)))
    ]
    options: dict[str, Any] = {"seed": 7, "threads": 1, "memory": "256MB"}
    assert measure_domain(tmp_path / "now.parquet", parts, CONFIG, **options).score == whole


def test_what_cannot_be_asked_says_why(tmp_path: Path) -> None:
    few = domain_of(tmp_path, table(199, 1), table(900, 2))
    assert (few.value, few.reason) == (None, "fewer than the 200 rows asked for")
    only_score = model({"age": "number segment"})
    columns = {"age": np.arange(300.0), "score": np.arange(300.0)}
    assert domain_of(tmp_path, columns, columns, config=only_score).reason == "night and reference share no feature"


@pytest.mark.parametrize("a", [[None] * 300, [math.inf, -math.inf] * 150, [5.0] * 300, [1e308, -1e308, None] * 100])
def test_odd_columns_are_taken(tmp_path: Path, a: Any) -> None:
    found = domain_of(tmp_path, table(300, 1) | {"a": a}, table(300, 2))
    assert found.value is not None
    assert math.isfinite(found.value)
