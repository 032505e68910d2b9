"""Provisional labels: is the labelled part like the rest?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from audit_pipeline.records import LabelledPart
from audit_pipeline_tests.metrics.night import model
from audit_pipeline_tests.metrics.test_performance import measure

CONFIG = model({"age": "number", "ward": "category", "empty": "number", "gone": "category"})
N = 1000


def night(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    names: Any = ["north", "south", "west", None]
    wards = rng.choice(names, N, p=[0.5, 0.3, 0.15, 0.05])
    return {"age": rng.normal(60, 10, N), "ward": wards, "empty": [None] * N, "score": rng.random(N)}


def compared(folder: Path, columns: dict[str, Any], ids: Any) -> LabelledPart:
    ids = np.asarray(ids)
    found = measure(folder, columns, np.tile([0, 1], ids.size)[: ids.size], ids=ids, config=CONFIG).labelled_part
    assert found is not None
    return found


def test_a_part_drawn_at_random_is_like_the_rest(tmp_path: Path) -> None:
    flagged = 0
    for seed in range(10):
        ids = np.random.default_rng(seed).permutation(N)[:400]
        part = compared(tmp_path, night(seed), ids)
        assert (part.columns, part.n, part.n_rest, part.reason) == (3, 400, 600, None)
        flagged += part.differs
    assert flagged <= 1


def test_labels_of_the_young_only_are_found_with_the_column(tmp_path: Path) -> None:
    columns = night(3)
    ids = np.argsort(columns["age"])[:400]
    part = compared(tmp_path, columns, ids)
    rest = np.setdiff1d(np.arange(N), ids)
    expected = ks_2samp(columns["age"][ids], columns["age"][rest], method="asymp")
    assert (part.differs, part.column) == (True, "age")
    assert part.effect == pytest.approx(expected.statistic)
    assert part.p is not None and part.p < 1e-10


def test_labels_of_one_ward_are_found_by_cramers_v(tmp_path: Path) -> None:
    columns = night(4)
    has = np.array([ward == "north" for ward in columns["ward"]])
    has[np.flatnonzero(has)[:100]] = False
    part = compared(tmp_path, columns, np.flatnonzero(has))
    assert (part.differs, part.column) == (True, "ward")
    wards = np.array([str(ward) for ward in columns["ward"]])  # those of 50 and fewer rows are compared together
    names, counts = np.unique(wards, return_counts=True)
    common = set(names[counts >= 55].tolist())
    merged = np.array([ward if ward in common else "rest" for ward in wards])
    table = [[int(((merged == w) & (has == side)).sum()) for side in (True, False)] for w in sorted(set(merged))]
    assert part.effect == pytest.approx(np.sqrt(chi2_contingency(table, correction=False).statistic / N))


def test_a_tiny_difference_over_many_rows_is_no_warning(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    n = 40_000
    has = rng.random(n) < 0.5
    columns = {"age": rng.normal(60, 10, n) + has * 0.5, "score": rng.random(n)}
    config = model({"age": "number"})
    ids = np.flatnonzero(has)
    found = measure(tmp_path, columns, np.tile([0, 1], n)[: ids.size], ids=ids, config=config).labelled_part
    assert found is not None and found.p is not None and found.effect is not None
    assert found.p < 1e-3  # by p alone it would alarm
    assert found.effect < 0.1
    assert not found.differs


def test_adjustment_is_over_all_columns(tmp_path: Path) -> None:
    columns = night(6)
    ids = np.random.default_rng(6).permutation(N)[:400]
    rest = np.setdiff1d(np.arange(N), ids)
    alone = [ks_2samp(columns[c][ids], columns[c][rest], method="asymp").pvalue for c in ("age", "score")]
    part = compared(tmp_path, columns, ids)
    assert part.p is not None
    assert part.p >= min(*alone, 1.0) or part.column == "ward"


@pytest.mark.parametrize(("ids", "why"), [(range(99), "99 rows have a label"), (range(901), "99 rows have none")])
def test_too_few_on_either_side_is_not_tested(tmp_path: Path, ids: Any, why: str) -> None:
    part = compared(tmp_path, night(7), ids)
    assert (part.columns, part.differs, part.p) == (0, False, None)
    assert why in str(part.reason)


def test_all_or_no_labels_leave_nothing_to_compare(tmp_path: Path) -> None:
    columns = night(8)
    assert measure(tmp_path, columns, np.tile([0, 1], N // 2), config=CONFIG).labelled_part is None
    assert measure(tmp_path, columns, None, config=CONFIG).labelled_part is None
