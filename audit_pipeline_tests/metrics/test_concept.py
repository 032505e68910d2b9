"""What moved, the inputs or the relation: planted moves are named, and what cannot be asked says why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_pipeline.metrics import measure_concept, measure_domain
from audit_pipeline.metrics.concept_rows import drawn_rows
from audit_pipeline.metrics.domain import ROWS
from audit_pipeline.records import Concept, ConceptNumber
from audit_pipeline_tests.metrics.night import model, write
from audit_pipeline_tests.metrics.relations import World, arrays, conclude
from audit_pipeline_tests.metrics.test_performance import labels

OPTIONS: dict[str, Any] = {"threads": 2, "memory": "256MB"}
COLUMNS = dict.fromkeys("abcdefgh", "number")
CONFIG = model(COLUMNS)


def number(found: Concept, name: str) -> ConceptNumber:
    (one,) = [x for x in found.numbers if x.name == name]
    return one


@pytest.mark.parametrize(
    ("world", "conclusion", "by"),
    [
        (World(), "none", ()),
        (World(moved=1.0), "covariate only", ("inputs",)),
        (World(flipped=0.4), "concept", ("slope",)),
        (World(moved=1.0, flipped=0.5), "both", ("inputs", "slope")),
        (World(prevalence=0.6), "concept", ("calibration",)),
        (World(prevalence=0.6, regression=True), "concept", ("calibration",)),
        (World(flipped=0.4, regression=True), "concept", ("loss", "slope", "structure")),
        (World(moved=1.0, regression=True), "covariate only", ("inputs",)),
    ],
)
def test_planted_moves_are_named(world: World, conclusion: str, by: tuple[str, ...]) -> None:
    found = conclude(world, 1)
    assert found.conclusion == conclusion
    assert {one.name for one in found.numbers if one.found} >= set(by)
    if "inputs" not in by:
        assert not number(found, "inputs").found


def test_the_loss_falls_apart_into_its_parts() -> None:
    found = conclude(World(moved=1.0, flipped=0.5), 2)
    night, before, covariate, moved = (
        number(found, name).value or 0.0 for name in ("loss_night", "loss_reference", "loss_covariate", "loss")
    )
    assert covariate + moved == pytest.approx(night - before)
    assert (found.loss, found.n, found.n_reference) == ("brier", 400, 1200)
    assert 100 < (found.shared or 0) < 600  # 600 without a move


def test_the_mean_residual_is_counted_in_its_standard_errors() -> None:
    # log-odds 0.6 higher at a spread of 1.2 a: about 0.11 more outcomes; the deviation of a mean of 400 about 0.022
    z = number(conclude(World(prevalence=0.6), 1), "residual_z")
    assert z.value is not None
    assert 3 < z.value < 8
    assert (z.hi or 0) - z.value == pytest.approx(1.96, abs=0.001)
    assert z.p is None


def test_a_least_size_silences_what_is_sure_and_small() -> None:
    found = conclude(World(prevalence=0.6), 1)
    strict = conclude(World(prevalence=0.6), 1, policy={"concept": {"effect": 0.5}})
    assert (found.conclusion, strict.conclusion) == ("concept", "none")
    one, other = number(found, "calibration"), number(strict, "calibration")
    assert (one.found, other.found) == (True, False)
    assert (one.value, one.adjusted_p) == (other.value, other.adjusted_p)


def table(x: Any, score: Any) -> dict[str, Any]:
    return {name: x[:, i] for i, name in enumerate("abcdefgh")} | {"score": score}


def concept_of_files(folder: Path, world: World, *, threads: int = 2, **changes: Any) -> Concept:
    """Write the world's files, with columns or labels changed, and conclude."""
    x, night, score, outcome = arrays(world, 1)
    mine, theirs = night == 1, night == 0
    current = table(x[mine], score[mine]) | changes.get("current", {})
    reference = table(x[theirs], score[theirs]) | {"label": outcome[theirs]} | changes.get("reference", {})
    reference = {name: values for name, values in reference.items() if values is not None}
    now, before = write(folder / "now.parquet", CONFIG, current), write(folder / "before.parquet", CONFIG, reference)
    known = changes.get("labels", outcome[mine])
    file = labels(folder / "labels.parquet", known) if known is not None else None
    options = OPTIONS | {"threads": threads}
    told = measure_domain(now, [before], CONFIG, seed=7, **options)
    return measure_concept(told, now, file, [before], CONFIG, **options)


def test_files_give_what_arrays_give(tmp_path: Path) -> None:
    found = concept_of_files(tmp_path, World(prevalence=0.6))
    assert found.conclusion == "concept"
    assert number(found, "residual_z").value == pytest.approx(
        number(conclude(World(prevalence=0.6), 1), "residual_z").value
    )
    again = concept_of_files(tmp_path, World(prevalence=0.6), threads=1)
    assert again == found  # to the last bit


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": None}, "no row of the night has a label"),
        (
            {"labels": np.ones(90)},
            "90 of the drawn rows of the night have a label, fewer than the 100 the policy asks for",
        ),
        ({"labels": np.zeros(400)}, "all outcomes of the night are equal"),
        ({"labels": np.arange(400.0)}, "398 labelled rows with a label other than 0 and 1"),
        ({"reference": {"label": None}}, "the reference has no labels"),
        ({"reference": {"label": np.ones(1200)}}, "all outcomes of the reference are equal"),
        ({"current": {"score": np.full(400, 2.0)}}, "400 labelled rows with a score outside 0 to 1"),
        ({"current": {"score": [None] * 400}}, "400 labelled rows without a score"),
        (
            {"current": dict.fromkeys("abcdefgh", [None] * 400)},
            "no feature has values in the night and in the reference",
        ),
        (
            {"current": {"score": np.full(400, 0.4)}},
            "slope: all scores of a side are equal: they have no slope",
        ),
    ],
)
def test_what_cannot_be_asked_says_why(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = concept_of_files(tmp_path, World(), **changes)
    assert (found.conclusion, found.reason) == ("not evaluated", reason)


def test_a_night_of_other_inputs_is_no_ground_to_tell(tmp_path: Path) -> None:
    found = concept_of_files(tmp_path, World(), current={"a": [None] * 400})
    assert found.conclusion == "not evaluated"
    assert (found.reason or "").startswith("night and reference have too few inputs in common: as much as")
    assert (found.shared or 0) < 100  # the 2 % of the reference that lack `a` too
    assert number(found, "inputs").found
    assert all(one.name not in ("loss", "calibration", "slope", "structure") for one in found.numbers)


def test_too_few_rows_to_compare_say_why(tmp_path: Path) -> None:
    found = concept_of_files(tmp_path, World(n=150))
    assert (found.conclusion, found.reason) == ("not evaluated", "fewer than the 200 rows asked for")


def test_labels_meet_the_rows_they_belong_to_in_a_sample_over_several_files(tmp_path: Path) -> None:
    """The score says where a row stood, the outcome is its parity; every third label has not come."""
    n = ROWS + 700
    place = np.arange(n)
    config = model({"a": "number"})
    columns = {"a": np.zeros(n), "score": place / n}
    now = write(tmp_path / "now.parquet", config, columns)
    parts = []
    for i, rows in enumerate((slice(0, 2_000), slice(2_000, n))):
        part = {name: values[rows] for name, values in columns.items()} | {"label": place[rows] % 2}
        parts.append(write(tmp_path / f"{i}.parquet", config, part))
    here = place[place % 3 != 0]
    file = labels(tmp_path / "labels.parquet", here % 2, here)
    told = measure_domain(now, parts, config, seed=7, **OPTIONS)
    drawn = drawn_rows(told, now, file, parts, config, **OPTIONS)
    stood = np.rint(drawn.score * n).astype(int)
    np.testing.assert_array_equal(drawn.outcome, stood % 2)
    night = drawn.night == 1
    assert (stood[night] % 3 != 0).all()
    assert night.sum() == sum(int(p % 3 != 0) for p in told.places[0][0])
    assert (~night).sum() == ROWS
    np.testing.assert_array_equal(drawn.loss, np.square(drawn.score - drawn.outcome))


def test_a_multiclass_model_is_asked_whether_its_prediction_came_true(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    config = model(
        {"a": "number", "guess": "category prediction", "p_x": "number probability", "p_y": "number probability"},
        task="multiclass",
        probabilities={"x": "p_x", "y": "p_y"},
    )

    def side(n: int, right: float) -> tuple[dict[str, Any], list[str]]:
        p = rng.uniform(0.5, 1, n)
        x = rng.random(n) < 0.5
        came = np.where(rng.random(n) < p * right, x, ~x)
        columns = {"a": rng.normal(size=n), "guess": np.where(x, "x", "y"), "p_x": np.where(x, p, 1 - p)}
        return columns | {"p_y": 1 - columns["p_x"]}, ["x" if c else "y" for c in came]

    before, known = side(1_500, 1.0)
    reference = write(tmp_path / "before.parquet", config, before | {"label": known})
    for right, conclusion in ((1.0, "none"), (0.7, "concept")):
        columns, came = side(500, right)
        now = write(tmp_path / "now.parquet", config, columns)
        file = labels(tmp_path / "labels.parquet", came)
        told = measure_domain(now, [reference], config, seed=7, **OPTIONS)
        found = measure_concept(told, now, file, [reference], config, **OPTIONS)
        assert found.conclusion == conclusion
        assert found.loss == "brier"
