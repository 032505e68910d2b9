"""What stands beside the importances, end to end: with a reference, without one, and where a part of it fails."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from audit_pipeline.cached import Cached
from audit_pipeline.config import ModelConfig
from audit_pipeline.explain import explain
from audit_pipeline.explain.reference import Beside
from audit_pipeline.records import Explanation
from audit_pipeline_tests.explain.kit import Night, night, outcome, people
from audit_pipeline_tests.explain.test_explain import pipeline

PROGRAM = "code of a test"


def written(folder: Path, model: Any, frame: pd.DataFrame, **changes: Any) -> Night:
    """A night whose model file declares a labelled reference, a slice and a monotone feature."""
    made = night(folder, model, frame)
    raw = made.config.model_dump()
    raw["reference"]["label"] = "outcome"
    raw["fairness"] = {"slices": ["site"], "min_group": 30}
    raw["columns"]["age"]["monotone"] = "increasing"
    raw |= changes
    return replace(made, config=ModelConfig.model_validate(raw))


def reference(folder: Path, frame: pd.DataFrame, **columns: Any) -> Path:
    path = folder / "reference.parquet"
    frame.assign(row=[f"b{i}" for i in range(len(frame))], label=outcome(frame), **columns).to_parquet(path)
    return path


def explained(made: Night, beside: Beside, *, rows: int = 2_000) -> Explanation:
    return explain(made.snapshot, made.artefact, made.config, sha256=made.sha256, seed=7, rows=rows, beside=beside)


MODELS = {
    "tree": GradientBoostingClassifier(n_estimators=15, random_state=0),
    "linear": LogisticRegression(),
    "black box": KNeighborsClassifier(15),
}


KINDS = ["tree", "linear", pytest.param("black box", marks=pytest.mark.acceptance)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_night_like_the_reference_has_not_moved_and_another_has(tmp_path: Path, kind: str) -> None:
    train = people(400)
    model = pipeline(MODELS[kind]).fit(train, outcome(train))
    beside = Beside((reference(tmp_path, people(300, seed=11)),))
    for name, shift, moved in (("quiet", 0.0, False), ("older", 40.0, True)):
        (tmp_path / name).mkdir()
        frame = people(300, seed=12)
        frame["age"] += shift
        found = explained(written(tmp_path / name, model, frame), beside)
        assert (found.reason, found.sample) == (None, "all 300 rows")
        drift = found.attribution
        assert drift is not None
        assert drift.reason is None
        by = {m.feature: m for m in drift.features}
        assert ((by["age"].distance or 0.0) > 0.5) is moved
        assert ((by["age"].adjusted_p or 0.0) < 0.01) is moved
        assert (by["smoker"].distance or 0.0) < 0.5
        assert found.permutation is not None
        assert (found.permutation.over, found.permutation.reason) == ("reference", None)
        assert found.permutation.features[0].feature == "age"
        assert found.permutation.features[0].lo > 0
        assert [(g.slice, g.group) for g in found.groups][:2] == [("site", "a"), ("site", "b")]
        assert found.stress is not None
        assert (found.stress.reason, found.stress.over) == (None, "reference")


def test_a_linear_model_is_held_against_the_background_of_the_reference(tmp_path: Path) -> None:
    """All are 10 years older: with the reference's background each has 10 w more, with its own nothing changes."""
    train = people(200)
    model = pipeline(LogisticRegression()).fit(train, outcome(train))
    weight = model[-1].coef_[0][0]
    before, after = train.fillna({"age": 50.0}), train.fillna({"age": 50.0})
    after["age"] += 10
    beside = Beside((reference(tmp_path, before),))
    drift = explained(written(tmp_path, model, after), beside).attribution
    assert drift is not None
    age = next(m for m in drift.features if m.feature == "age")
    assert age.distance == pytest.approx(10 / before["age"].std(ddof=0), rel=1e-6)
    centred = before["age"] - before["age"].mean()
    assert (age.reference, age.value) == pytest.approx(
        (abs(weight) * centred.abs().mean(), abs(weight) * (centred + 10).abs().mean()), rel=1e-9
    )


def test_labels_of_the_night_come_before_those_of_the_reference(tmp_path: Path) -> None:
    frame = people(120)
    model = pipeline(LogisticRegression()).fit(frame, outcome(frame))
    made = written(tmp_path, model, frame)
    beside = Beside((reference(tmp_path, people(100, seed=9)),))
    ids = [f"r{i:05d}" for i in range(120)]
    for known, over in ((49, "reference"), (60, "night")):
        labels = tmp_path / "labels.parquet"
        pd.DataFrame({"row": ids[:known], "label": outcome(frame)[:known].astype(float)}).to_parquet(labels)
        found = explained(made, replace(beside, labels=labels)).permutation
        assert found is not None
        assert (found.over, found.n) == (over, 60 if over == "night" else 100)
    score = model.predict_proba(frame)[:60, 1]
    assert found is not None
    assert found.before == pytest.approx(((score - outcome(frame)[:60]) ** 2).mean())


@pytest.mark.parametrize("kind", ["tree", pytest.param("black box", marks=pytest.mark.acceptance)])
def test_what_is_kept_of_the_reference_changes_no_bit(tmp_path: Path, kind: str) -> None:
    frame = people(80)
    made = written(tmp_path, pipeline(MODELS[kind]).fit(frame, outcome(frame)), frame)
    path = reference(tmp_path, people(90, seed=5))
    plain = explained(made, Beside((path,)))
    kept = tmp_path / "kept" / hashlib.sha256(path.read_bytes()).hexdigest()
    beside = Beside((path,), None, Cached(kept), PROGRAM)
    first = explained(made, beside)
    files = {file.name: file.read_bytes() for file in kept.iterdir()}
    assert len(files) == 2  # attributions, losses
    assert plain == first == explained(made, beside)
    for file in kept.iterdir():  # what was changed is not believed
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert explained(made, beside) == plain
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == files
    explained(made, replace(beside, program="other code"))
    assert len(list(kept.iterdir())) == 4
    if kind != "black box":  # whose background is drawn again
        reference(tmp_path, people(90, seed=6))
        assert explained(made, beside).attribution == plain.attribution


def test_without_a_reference_each_part_says_why_and_the_rest_stands(tmp_path: Path) -> None:
    frame = people(100)
    made = written(tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame)
    found = explained(made, Beside())
    assert found.importances
    assert found.attribution is not None
    assert found.attribution.reason == "There is no reference to hold the explanation against."
    assert found.permutation is not None
    assert found.permutation.reason == "There is no reference to hold the explanation against."
    assert found.stress is not None
    assert (found.stress.over, found.stress.reason) == ("night", None)
    lacking = people(100).drop(columns="visits")
    found = explained(made, Beside((reference(tmp_path, lacking, out=0.5),)))
    assert found.attribution is not None
    assert found.attribution.reason is not None
    assert found.attribution.reason.startswith("The reference lacks columns of the model: visits.")
    assert explained(made, Beside((reference(tmp_path, people(30)),))).attribution.reason is not None  # type: ignore[union-attr]


def test_a_reference_without_outcomes_is_no_permutation(tmp_path: Path) -> None:
    frame = people(100)
    made = written(
        tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame, reference={"path": "r.parquet"}
    )
    found = explained(made, Beside((reference(tmp_path, people(60)),)))
    assert found.permutation is not None
    assert found.permutation.reason == "Neither the night nor the reference has enough outcomes yet."
    assert found.attribution is not None
    assert found.attribution.reason is None


def test_a_model_that_takes_no_missing_value_says_so(tmp_path: Path) -> None:
    frame = people(100).dropna()
    model = pipeline(LogisticRegression(), unknown="error")
    model[0].transformers[0] = ("n", "passthrough", ["age", "visits", "smoker"])
    found = explained(written(tmp_path, model.fit(frame, outcome(frame)), frame), Beside())
    assert found.stress is not None
    by = {t.feature: t for t in found.stress.tests if t.test == "missing"}
    assert {t.reason for t in by.values()} == {"Without a value the model raises ValueError."}
    assert found.importances
    assert [t.share for t in found.stress.tests if t.test == "increasing"] == [0.0]


def test_infinite_and_missing_values_of_the_reference_are_set_aside(tmp_path: Path) -> None:
    frame = people(100)
    made = written(tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame)
    before = people(90, seed=5)
    before.loc[:9, "age"] = np.inf
    drift = explained(made, Beside((reference(tmp_path, before),))).attribution
    assert drift is not None
    assert (drift.reason, drift.n_reference) == (None, 80)
