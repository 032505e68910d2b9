"""A whole explanation: from the pinned file and the frozen night to the ranking, or to the reason why not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from audit_pipeline.config import ModelConfig
from audit_pipeline.errors import ModelDigestError, UntrustedModelError
from audit_pipeline_tests.explain.kit import Night, night, outcome, people

NUMBERS, TEXTS = ["age", "visits", "smoker"], ["site", "site_b"]


def pipeline(model: Any, *, unknown: str = "ignore") -> Pipeline:
    pre = ColumnTransformer([("n", SimpleImputer(), NUMBERS), ("c", OneHotEncoder(handle_unknown=unknown), TEXTS)])
    return make_pipeline(pre, model)


def boosted() -> Any:
    frame = people(300)
    return pipeline(GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(frame, outcome(frame))


def test_a_binary_model_is_explained_and_agrees_with_its_log(tmp_path: Path) -> None:
    found = night(tmp_path, boosted(), people(250, seed=8)).explain()
    assert found.reason is None
    assert found.method == "shap.TreeExplainer (path-dependent), sum of one-hot attributions"
    assert found.output == "log-odds"
    assert (found.n, found.seed, found.agreement) == (250, 7, 0.0)
    assert found.additivity_error is not None
    assert found.additivity_error < 1e-9
    assert [i.feature for i in found.importances][-1] == "site_b"  # drives nothing
    by = {i.feature: i for i in found.importances}
    assert set(by) == {*NUMBERS, *TEXTS}
    assert by["age"].direction is not None
    assert by["age"].direction > 0.8
    assert by["smoker"].direction is not None
    assert by["site"].direction is None


def test_a_regression_is_explained_and_agrees_with_its_log(tmp_path: Path) -> None:
    frame = people(200)
    model = pipeline(PoissonRegressor()).fit(frame, outcome(frame) + frame["visits"])
    found = night(tmp_path, model, frame, task="regression").explain(rows=100)
    assert (found.output, found.n, found.reason) == ("log of the expected count", 100, None)
    assert found.agreement is not None
    assert found.agreement < 1e-12


def test_another_model_version_is_found_by_disagreement(tmp_path: Path) -> None:
    frame = people(300)
    logged = boosted().predict_proba(frame)[:, 1]
    other = pipeline(GradientBoostingClassifier(n_estimators=21, random_state=0)).fit(frame, outcome(frame))
    found = night(tmp_path, other, frame, score=logged).explain()
    assert found.agreement is not None
    assert found.agreement > 1e-4
    assert found.importances


def test_changed_bytes_and_unreviewed_types_reach_the_caller(tmp_path: Path) -> None:
    made = night(tmp_path, boosted(), people(100), trusted=["numpy.dtype"])
    with pytest.raises(UntrustedModelError, match=r"sklearn\.tree"):
        made.explain()
    made.artefact.write_bytes(made.artefact.read_bytes() + b" ")
    with pytest.raises(ModelDigestError, match=r"model\.skops"):
        made.explain()


def test_a_constant_feature_moves_nothing(tmp_path: Path) -> None:
    frame = people(100).assign(visits=3)
    model = pipeline(LogisticRegression()).fit(frame, outcome(frame))
    by = {i.feature: i for i in night(tmp_path, model, frame).explain().importances}
    assert (by["visits"].value, by["visits"].share, by["visits"].direction) == (0.0, 0.0, None)


def test_a_model_that_always_says_the_same_has_importances_of_zero(tmp_path: Path) -> None:
    frame = people(60)
    model = pipeline(LogisticRegression()).fit(frame, outcome(frame))
    model[-1].coef_[:] = 0.0
    found = night(tmp_path, model, frame).explain()
    assert {(i.value, i.share) for i in found.importances} == {(0.0, 0.0)}


def test_fewer_than_fifty_rows_are_not_explained(tmp_path: Path) -> None:
    model = boosted()
    assert night(tmp_path, model, people(50)).explain().importances
    found = night(tmp_path, model, people(49)).explain()
    assert found.importances == ()
    assert found.reason is not None
    assert "49 of 49 sampled rows" in found.reason


def test_broken_rows_are_set_aside_and_counted(tmp_path: Path) -> None:
    model, frame = boosted(), people(70)
    score = model.predict_proba(frame)[:, 1]
    frame.loc[:9, "age"] = np.inf
    score[10:20] = np.nan
    assert night(tmp_path, model, frame, score=score).explain().n == 50
    score[20] = np.nan
    found = night(tmp_path, model, frame, score=score).explain()
    assert found.reason is not None
    assert "49 of 70 sampled rows" in found.reason


def test_unseen_categories_reach_the_model_as_in_production(tmp_path: Path) -> None:
    frame = people(100)
    frame.loc[:20, "site"] = "new clinic"
    assert night(tmp_path, boosted(), frame).explain().agreement == 0.0


def test_a_model_that_refuses_a_row_gives_a_reason_without_its_value(tmp_path: Path) -> None:
    frame = people(100)
    model = pipeline(LogisticRegression(), unknown="error").fit(frame, outcome(frame))
    frame.loc[5, "site"] = "patient 4711"
    found = night(tmp_path, model, frame, score=np.full(100, 0.5)).explain()
    assert found.importances == ()
    assert found.reason is not None
    assert found.reason.startswith("Scoring the sample raised ValueError.")
    assert "4711" not in repr(found)


def test_a_column_the_log_lacks_is_named(tmp_path: Path) -> None:
    made = night(tmp_path, boosted(), people(100), declared=["age", "visits", "site", "site_b"])
    found = made.explain()
    assert found.reason is not None
    assert "columns that the log lacks: smoker." in found.reason
    assert (found.importances, found.n, found.agreement) == ((), 0, None)


def test_columns_are_handed_over_in_the_order_of_training(tmp_path: Path) -> None:
    model = boosted()
    frame = people(100)
    made = night(tmp_path, model, frame[["site_b", "smoker", "site", "visits", "age"]])
    assert made.explain().agreement == 0.0


def test_a_model_without_names_takes_the_features_of_the_model_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["u", "v"])
    model = LogisticRegression().fit(frame.to_numpy(), (frame["u"] > 0).astype(int))
    score = model.predict_proba(frame.to_numpy())[:, 1]
    found = night(tmp_path, model, frame, score=score).explain()
    assert (found.agreement, found.importances[0].feature) == (0.0, "u")
    short = night(tmp_path, model, frame[["u"]], score=score).explain()
    assert short.reason is not None
    assert "2 unnamed features, the model file declares 1" in short.reason


def test_three_classes_are_no_binary_model(tmp_path: Path) -> None:
    frame = people(90)
    model = pipeline(LogisticRegression()).fit(frame, np.arange(90) % 3)
    found = night(tmp_path, model, frame, score=np.full(90, 0.5)).explain()
    assert found.reason is not None
    assert "3 classes" in found.reason


def test_missing_integers_and_booleans_are_passed_as_numbers(tmp_path: Path) -> None:
    frame = people(120)
    holes = frame.astype({"visits": float, "smoker": float})
    holes.loc[:30, ["visits", "smoker"]] = np.nan
    model = pipeline(LogisticRegression()).fit(holes, outcome(frame))
    made = night(tmp_path, model, holes)
    nullable = holes.astype({"visits": "Int64", "smoker": "boolean"})
    pd.read_parquet(made.snapshot).assign(visits=nullable["visits"], smoker=nullable["smoker"]).to_parquet(
        made.snapshot
    )
    raw = made.config.model_dump()
    raw["columns"]["visits"]["type"], raw["columns"]["smoker"]["type"] = "integer", "boolean"
    typed = Night(made.snapshot, made.artefact, ModelConfig.model_validate(raw), made.sha256)
    assert typed.explain().agreement == 0.0


def test_values_that_do_not_add_up_are_no_explanation(tmp_path: Path) -> None:
    # 0.1 u - 0.1 v with u and v near 1e12: products near 1e11 are rounded to 1e-5, the output is of size 0.1,
    # so the sum cannot meet 1e-6 of it. The agreement with the log is still told.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"u": 1e12 + rng.random(60), "v": 1e12 + rng.random(60)})
    model = LinearRegression().fit(frame, frame["u"])
    model.coef_, model.intercept_ = np.array([0.1, -0.1]), 0.0
    found = night(tmp_path, model, frame, task="regression").explain()
    assert found.importances == ()
    assert found.reason is not None
    assert "do not add up to the model's prediction" in found.reason
    assert found.additivity_error is not None
    assert found.additivity_error > 1e-7
    assert found.agreement is not None


def test_a_classifier_without_probabilities_has_no_agreement(tmp_path: Path) -> None:
    from sklearn.linear_model import RidgeClassifier

    frame = people(60)
    model = pipeline(RidgeClassifier()).fit(frame, outcome(frame))
    found = night(tmp_path, model, frame, score=np.full(60, 0.5)).explain()
    assert (found.agreement, found.output) == (None, "prediction")
    assert found.importances


SCRIPT = """
import json, sys
from pathlib import Path
from audit_pipeline.config import ModelConfig
from audit_pipeline.explain import explain
for snapshot, artefact, config, sha256 in json.loads(sys.argv[1]):
    model = ModelConfig.model_validate(config)
    print(repr(explain(Path(snapshot), Path(artefact), model, sha256=sha256, seed=11, rows=60)))
"""


def told(nights: list[Night], *, hash_seed: str, threads: str) -> str:
    """The explanations as another process prints them, every float in full."""
    given = [[str(n.snapshot), str(n.artefact), n.config.model_dump(mode="json"), n.sha256] for n in nights]
    environment = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(given)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    return out.stdout


@pytest.mark.acceptance
def test_two_processes_tell_the_same_bits(tmp_path: Path) -> None:
    frame = people(120)
    models = {
        "tree": RandomForestClassifier(20, random_state=0, n_jobs=2),
        "linear": LogisticRegression(),
        "black box": KNeighborsClassifier(5, n_jobs=2),
    }
    nights = []
    for name, model in models.items():
        (tmp_path / name).mkdir()
        nights.append(night(tmp_path / name, pipeline(model).fit(frame, outcome(frame)), frame))
    one = told(nights, hash_seed="1", threads="1")
    assert one.count("importances=(Importance(") == one.count("dependence=(Dependence(") == 3
    assert one == told(nights, hash_seed="2", threads="2")
