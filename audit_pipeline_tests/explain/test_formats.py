"""One model in four formats: each scores as its library does, adds up, and tells the same ranking."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pandas as pd
import pytest
import shap
import skl2onnx
import xgboost
from numpy.typing import NDArray
from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from audit_pipeline.errors import ExplainError, ModelDigestError
from audit_pipeline.explain import load
from audit_pipeline.explain.models.apart_child import READERS
from audit_pipeline.explain.models.foreign import Numbers
from audit_pipeline.records import Explanation
from audit_pipeline_tests.explain.kit import Night, night, outcome, people

Floats = NDArray[np.float64]
SIX = 1e-6


def numbers(n: int = 400, *, seed: int = 5) -> tuple[pd.DataFrame, Any]:
    """Four features of falling weight, the last of which is noise; exact in float32."""
    frame = pd.DataFrame(
        np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32), columns=["a", "b", "c", "z"]
    )
    frame = frame.astype(np.float64)
    drive = 2.0 * frame["a"] + 1.0 * frame["b"] - 0.5 * frame["c"]
    return frame, (drive + np.random.default_rng(seed + 1).normal(0, 0.3, n) > 0).astype(int)


def categories(n: int = 400) -> tuple[pd.DataFrame, Any]:
    """A number with gaps, and a category that counts."""
    frame = people(n)[["age", "site"]]
    return frame, outcome(people(n))


def everything(n: int = 300) -> tuple[pd.DataFrame, Any]:
    """A number, an integer, a boolean and two categories; some of them missing."""
    return people(n), outcome(people(n))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({c: "category" for c in frame if frame[c].dtype == object})


def boosted(frame: pd.DataFrame, y: Any, **options: Any) -> Any:
    given = {"objective": "binary:logistic", "max_depth": 3, "seed": 0, "nthread": 1} | options
    return xgboost.train(given, xgboost.DMatrix(typed(frame), y, enable_categorical=True), 30)


def light(frame: pd.DataFrame, y: Any, **options: Any) -> Any:
    given = {"objective": "binary", "num_leaves": 7, "seed": 0, "num_threads": 1, "verbose": -1} | options
    return lightgbm.train(given, lightgbm.Dataset(typed(frame), y), 30)


def asked(data: bytes, kind: str) -> Any:
    """What a reader makes of a file, in this process."""
    return READERS[kind][0](data, "models/m")


def xgb_night(folder: Path, frame: pd.DataFrame, y: Any, *, form: str = "json", **options: Any) -> Night:
    model = boosted(frame, y, **options)
    score = model.predict(xgboost.DMatrix(typed(frame), enable_categorical=True))
    task = "binary" if "objective" not in options else "regression"
    return night(folder, None, frame, task=task, score=score, data=bytes(model.save_raw(form)), kind="xgboost")


def lgb_night(folder: Path, frame: pd.DataFrame, y: Any, **options: Any) -> Night:
    model: Any = light(frame, y, **options)
    task = "binary" if "objective" not in options else "regression"
    data = model.model_to_string().encode()
    return night(folder, None, frame, task=task, score=model.predict(typed(frame)), data=data, kind="lightgbm")


def onnx_bytes(model: Any, frame: pd.DataFrame, *, zipmap: bool = False) -> bytes:
    kinds = {"f": FloatTensorType, "i": Int64TensorType, "b": BooleanTensorType, "O": StringTensorType}
    inputs = [(c, kinds[frame[c].dtype.kind]([None, 1])) for c in frame]
    options = {"zipmap": zipmap} if hasattr(model, "predict_proba") else None
    return bytes(skl2onnx.to_onnx(model, initial_types=inputs, options=options).SerializeToString())


def logistic(frame: pd.DataFrame, y: Any, **options: Any) -> Any:
    """A model that takes its columns one by one, so that its ONNX does."""
    columns = ColumnTransformer([("n", "passthrough", list(frame.columns))])
    return make_pipeline(columns, LogisticRegression(**options)).fit(frame, y)


def holds(found: Explanation, *, output: str, agreement: float, rows: int) -> None:
    assert found.reason is None
    assert (found.output, found.n) == (output, rows)
    assert found.agreement is not None
    assert found.agreement <= agreement
    assert found.additivity_error is not None
    assert found.additivity_error < SIX


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_with_categories_and_gaps(tmp_path: Path, form: str) -> None:
    found = xgb_night(tmp_path, *everything(), form=form).explain()
    holds(found, output="log-odds", agreement=0.0, rows=300)
    assert found.method == "TreeSHAP of XGBoost (path-dependent)"


def test_lightgbm_with_categories_and_gaps(tmp_path: Path) -> None:
    found = lgb_night(tmp_path, *everything()).explain()
    holds(found, output="log-odds", agreement=0.0, rows=300)
    assert found.method == "TreeSHAP of LightGBM (path-dependent)"


@pytest.mark.parametrize(
    ("library", "objective", "unit"),
    [
        ("xgboost", "reg:squarederror", "prediction"),
        ("xgboost", "count:poisson", "log of the expected count"),
        ("lightgbm", "regression", "prediction"),
        ("lightgbm", "poisson", "log of the expected count"),
    ],
)
def test_a_regression_of_boosted_trees(tmp_path: Path, library: str, objective: str, unit: str) -> None:
    frame, y = numbers()
    make = xgb_night if library == "xgboost" else lgb_night
    holds(make(tmp_path, frame, y + 1.0, objective=objective).explain(), output=unit, agreement=0.0, rows=400)


@pytest.mark.parametrize("zipmap", [False, True])
def test_onnx_of_a_whole_pipeline(tmp_path: Path, zipmap: bool) -> None:
    frame, y = people(300), outcome(people(300))
    numeric, text = ["age", "visits"], ["site", "site_b"]
    frame = frame.drop(columns="smoker").assign(site=frame["site"].fillna("a"), visits=frame["visits"].astype(float))
    frame["age"] = frame["age"].astype(np.float32).astype(float)
    pre = ColumnTransformer([("n", SimpleImputer(), numeric), ("c", OneHotEncoder(handle_unknown="ignore"), text)])
    model = make_pipeline(pre, GradientBoostingClassifier(n_estimators=15, random_state=0)).fit(frame, y)
    data = onnx_bytes(model, frame, zipmap=zipmap)
    frame.loc[:20, "site"] = "new clinic"  # ignored, as in production
    found = night(tmp_path, model, frame, data=data, kind="onnx").explain(rows=100)
    assert found.reason is None
    assert found.agreement is not None
    assert found.agreement < SIX
    assert found.additivity_error is not None
    assert found.additivity_error < 1e-12  # float32 outputs, added in float64
    assert (found.output, found.n) == ("probability", 100)
    assert found.importances[0].feature == "age"


def test_onnx_knows_a_missing_category_as_scikit_learn_does(tmp_path: Path) -> None:
    frame = people(120)[["site"]]
    encoder = ColumnTransformer([("c", OneHotEncoder(), ["site"])])
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, frame["site"].isna())
    mine = asked(onnx_bytes(model, frame), "onnx")
    np.testing.assert_allclose(mine.predict_proba(frame), model.predict_proba(frame), atol=SIX)


def test_onnx_of_one_matrix_and_of_a_regression(tmp_path: Path) -> None:
    frame, y = numbers(80)
    model = LinearRegression().fit(frame.to_numpy(), y)
    data = skl2onnx.to_onnx(model, initial_types=[("x", FloatTensorType([None, 4]))]).SerializeToString()
    made = night(
        tmp_path, model, frame, task="regression", score=model.predict(frame.to_numpy()), data=data, kind="onnx"
    )
    found = made.explain()
    assert found.agreement is not None
    assert found.agreement < SIX
    assert [i.feature for i in found.importances[:2]] == ["a", "b"]


def test_the_same_data_ranks_alike_in_every_format(tmp_path: Path) -> None:
    frame, y = numbers()
    trees = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(frame, y)
    line = logistic(frame, y)
    nights: dict[str, Callable[[Path], Night]] = {
        "skops": lambda folder: night(folder, trees, frame),
        "onnx": lambda folder: night(folder, line, frame, data=onnx_bytes(line, frame), kind="onnx"),
        "xgboost": lambda folder: xgb_night(folder, frame, y),
        "lightgbm": lambda folder: lgb_night(folder, frame, y),
    }
    for kind, make in nights.items():
        folder = tmp_path / kind
        folder.mkdir()
        ranked = [i.feature for i in make(folder).explain(rows=200).importances]
        assert ranked == ["a", "b", "c", "z"], kind


def test_values_of_xgboost_and_lightgbm_are_those_of_shap(tmp_path: Path) -> None:
    frame, y = numbers(120)
    pairs = [
        (asked(bytes(boosted(frame, y).save_raw("ubj")), "xgboost"), boosted(frame, y)),
        (asked(light(frame, y).model_to_string().encode(), "lightgbm"), light(frame, y)),
    ]
    for mine, theirs in pairs:
        explainer = shap.TreeExplainer(theirs, feature_perturbation="tree_path_dependent")
        values, base, margin = mine.trees.parts(frame)
        np.testing.assert_allclose(values, explainer.shap_values(frame), atol=2e-6)  # float32
        assert base == pytest.approx(float(np.ravel(explainer.expected_value)[-1]), abs=2e-6)
        np.testing.assert_allclose(values.sum(axis=1) + base, margin, atol=SIX)


def test_many_rounds_of_xgboost_still_add_up(tmp_path: Path) -> None:
    # summed by XGBoost itself, in float32, 400 rounds are off by more than 1e-6 of the largest output
    frame, y = numbers(300)
    model = xgboost.train({"objective": "binary:logistic", "nthread": 1, "eta": 0.3}, xgboost.DMatrix(frame, y), 400)
    values, base, margin = asked(bytes(model.save_raw("json")), "xgboost").trees.parts(frame)
    own = model.predict(xgboost.DMatrix(frame), output_margin=True)
    assert np.abs(values.sum(axis=1) + base - margin).max() < 5e-7 * np.abs(margin).max()
    np.testing.assert_allclose(margin, own, rtol=1e-4, atol=1e-4)


def test_xgboost_scores_with_the_best_rounds_of_early_stopping(tmp_path: Path) -> None:
    frame, y = numbers()
    held, truth = numbers(200, seed=9)
    model = xgboost.XGBClassifier(n_estimators=80, early_stopping_rounds=2, max_depth=5, n_jobs=1)
    model.fit(frame, y, eval_set=[(held, truth)], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    mine = asked(bytes(model.get_booster().save_raw("json")), "xgboost")
    assert (mine.predict_proba(held)[:, 1] == model.predict_proba(held)[:, 1]).all()


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_boosters_without_names_take_the_features_in_order(tmp_path: Path, kind: str) -> None:
    frame, y = numbers(100)
    matrix = frame.to_numpy()
    if kind == "xgboost":
        rounds = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(matrix, y), 5)
        data, score = bytes(rounds.save_raw("json")), rounds.predict(xgboost.DMatrix(matrix))
    else:
        model: Any = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(matrix, y), 5)
        data, score = model.model_to_string().encode(), model.predict(matrix)
    assert night(tmp_path, None, frame, score=score, data=data, kind=kind).explain().agreement == 0.0
    short = night(tmp_path, None, frame[["a"]], score=score, data=data, kind=kind).explain()
    assert "4 unnamed features, the model file declares 1" in str(short.reason)


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "onnx"])
def test_another_version_one_byte_and_a_missing_column_are_found(tmp_path: Path, kind: str) -> None:
    frame, y = numbers(200)
    makers: dict[str, Callable[[int], bytes]] = {
        "xgboost": lambda k: bytes(boosted(frame, y, max_depth=k).save_raw("json")),
        "lightgbm": lambda k: light(frame, y, max_depth=k).model_to_string().encode(),
        "onnx": lambda k: onnx_bytes(logistic(frame, y, C=k), frame),
    }
    make = makers[kind]
    logged = asked(make(3), kind).predict_proba(frame)[:, 1]
    other = night(tmp_path, None, frame, score=logged, data=make(2), kind=kind)
    found = other.explain(rows=60)
    assert found.agreement is not None
    assert found.agreement > 1e-4
    lacking = night(tmp_path, None, frame, score=logged, data=make(3), kind=kind, declared=["a", "b", "c"]).explain()
    assert "columns that the log lacks: z." in str(lacking.reason)
    data = bytearray(other.artefact.read_bytes())
    data[len(data) // 2] ^= 1
    other.artefact.write_bytes(data)
    with pytest.raises(ModelDigestError):
        other.explain()


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "onnx"])
def test_bytes_of_another_format_are_refused_without_telling_them(tmp_path: Path, kind: str) -> None:
    data = b"patient 4711"
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ExplainError, match="models/m") as refused:
        load(tmp_path / "m", sha256=hashlib.sha256(data).hexdigest(), trusted=(), name="models/m", kind=kind)
    assert "4711" not in str(refused.value)


def test_three_classes_are_refused(tmp_path: Path) -> None:
    frame, _ = numbers(90)
    y = np.arange(90) % 3
    files = {
        "xgboost": bytes(boosted(frame, y, objective="multi:softprob", num_class=3).save_raw("json")),
        "lightgbm": light(frame, y, objective="multiclass", num_class=3).model_to_string().encode(),
        "onnx": onnx_bytes(logistic(frame, y), frame),
    }
    for kind, data in files.items():
        with pytest.raises(ExplainError, match="3 classes"):
            asked(data, kind)


def test_categories_must_be_declared_as_the_model_has_them(tmp_path: Path) -> None:
    frame, y = categories()
    codes = frame.assign(site=frame["site"].map({"a": 0.0, "b": 1.0, "b_c": 2.0}))
    score = np.full(len(frame), 0.5)
    bare = night(tmp_path, None, frame, score=score, data=bytes(boosted(codes, y).save_raw("json")), kind="xgboost")
    assert "trained on the categories [], the model file declares ['site']" in str(bare.explain().reason)
    coded = light(codes, y).model_to_string().encode()
    bare = night(tmp_path, None, frame, score=score, data=coded, kind="lightgbm")
    assert "trained on 0 columns of categories, the model file declares 1" in str(bare.explain().reason)


def test_categories_that_xgboost_knows_by_number_only_are_refused(tmp_path: Path) -> None:
    frame, y = categories()
    codes = xgboost.DMatrix(
        np.column_stack([frame["age"], frame["site"].map({"a": 0, "b": 1, "b_c": 2})]),
        y,
        feature_names=["age", "site"],
        feature_types=["q", "c"],
        enable_categorical=True,
    )
    data = bytes(xgboost.train({"objective": "binary:logistic"}, codes, 3).save_raw("json"))
    with pytest.raises(ExplainError, match="categories by number only"):
        asked(data, "xgboost")


def test_onnx_that_leans_on_another_file_is_refused(tmp_path: Path) -> None:
    frame, y = numbers(60)
    model = onnx.load_from_string(onnx_bytes(logistic(frame, y), frame))
    weights = onnx.numpy_helper.from_array(np.zeros(400, dtype=np.float32), name="location")
    model.graph.initializer.append(weights)
    asked(model.SerializeToString(), "onnx")  # the control: a tensor of that name is no other file
    onnx.external_data_helper.set_external_data(model.graph.initializer[-1], location="weights.bin")
    model.graph.initializer[-1].ClearField("raw_data")
    with pytest.raises(ExplainError, match="in another file, which its sha256 does not cover"):
        asked(model.SerializeToString(), "onnx")


def test_onnx_integers_have_no_missing_value(tmp_path: Path) -> None:
    frame = pd.DataFrame({"k": np.arange(80) % 5, "m": np.arange(80) % 7})
    data = onnx_bytes(logistic(frame, frame["k"] > 1), frame)
    holes = frame.astype({"k": float})
    holes.loc[:30, "k"] = np.nan
    found = night(tmp_path, None, holes, score=np.full(80, 0.5), data=data, kind="onnx").explain()
    assert "takes 'k' as tensor(int64), which has no missing value" in str(found.reason)


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    # in processes of their own, in which the packages are hidden
    for package in ("onnxruntime", "xgboost", "lightgbm"):
        (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    code = f"""
import hashlib, sys
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain import load
for kind in ("onnx", "xgboost", "lightgbm"):
    try:
        load(Path({str(tmp_path / "m")!r}), sha256=hashlib.sha256(b"x").hexdigest(), trusted=(), name="m", kind=kind)
    except ExplainError as error:
        print(error)
"""
    (tmp_path / "m").write_bytes(b"x")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for line, kind in zip(out.stdout.splitlines(), ("onnx", "xgboost", "lightgbm"), strict=True):
        assert f'pip install "audit-pipeline[{kind}]"' in line


def test_a_file_is_asked_like_an_estimator_of_scikit_learn(tmp_path: Path) -> None:
    frame, y = numbers(60)
    mine: Numbers = asked(light(frame, y).model_to_string().encode(), "lightgbm")
    assert (mine.feature_names_in_, mine.n_features_in_, mine.classes_) == (("a", "b", "c", "z"), 4, (0, 1))
