"""A library that crashes or never returns costs one model's explanation, and nothing else."""

import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper, numpy_helper

from audit_pipeline.config import load_project
from audit_pipeline.errors import ExplainError
from audit_pipeline.evidence import Store
from audit_pipeline.explain import load
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.models import apart
from audit_pipeline.explain.models.apart_child import READERS
from audit_pipeline.explain.models.foreign import Probabilities
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext
from audit_pipeline_tests.explain.kit import outcome, people
from audit_pipeline_tests.explain.test_formats import boosted, light, logistic, numbers, onnx_bytes
from audit_pipeline_tests.small_project import NIGHTS, build

ROWS = np.ones((3, 4))


def loaded(folder: Path, data: bytes, kind: str, *, seconds: int = 60) -> Any:
    (folder / "m").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return load(folder / "m", sha256=sha256, trusted=(), name="models/m", kind=kind, budget=Budget(seconds))


def process() -> int:
    """The process of the model that was loaded last."""
    return next(reversed(apart._kept.values()))._process.pid


def xgboost_tree(**nodes: Any) -> bytes:
    """A booster without names, of whose first tree the given nodes are others."""
    frame, y = numbers(100)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(frame.to_numpy(), y), 2)
    found = json.loads(bytes(model.save_raw("json")))
    tree = found["learner"]["gradient_booster"]["model"]["trees"][0]
    for key, value in nodes.items():
        tree[key][0] = value
    return json.dumps(found).encode()


def lightgbm_trees(**nodes: int) -> bytes:
    """A booster without names, of whose trees the first of the given nodes are others."""
    frame, y = numbers(100)
    model: Any = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(frame.to_numpy(), y), 2)
    text = re.sub(r"tree_sizes=.*\n", "", model.model_to_string())
    for key, value in nodes.items():
        text = re.sub(rf"{key}=-?\d+", f"{key}={value}", text)
    return text.encode()


def onnx_loop() -> bytes:
    """A graph that goes round 2^62 times."""
    scalar, matrix = helper.make_tensor_value_info, [None, 1]
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["co"]), helper.make_node("Identity", ["v"], ["vo"])],
        "body",
        [scalar("i", TensorProto.INT64, []), scalar("c", TensorProto.BOOL, []), scalar("v", 1, matrix)],
        [scalar("co", TensorProto.BOOL, []), scalar("vo", 1, matrix)],
    )
    weights = numpy_helper.from_array(np.ones((4, 1), np.float32), "W")
    most = numpy_helper.from_array(np.array(2**62, np.int64), "M")
    yes = numpy_helper.from_array(np.array(True), "C")
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["h"]),
        helper.make_node("Loop", ["M", "C", "h"], ["y"], body=body),
    ]
    given, gives = helper.make_tensor_value_info("x", 1, [None, 4]), helper.make_tensor_value_info("y", 1, matrix)
    graph = helper.make_graph(nodes, "g", [given], [gives], [weights, most, yes])
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def onnx_of_numbers() -> tuple[bytes, pd.DataFrame]:
    frame, y = numbers(100)
    return onnx_bytes(logistic(frame, y), frame), frame


def with_categories(kind: str) -> tuple[bytes, pd.DataFrame]:
    frame = people(200)
    made: Any = boosted(frame, outcome(frame)) if kind == "xgboost" else light(frame, outcome(frame))
    return bytes(made.save_raw("ubj")) if kind == "xgboost" else made.model_to_string().encode(), frame


@pytest.mark.parametrize("kind", ["onnx", "xgboost", "lightgbm"])
def test_numbers_are_those_of_this_process_and_the_next_night_asks_the_same_one(tmp_path: Path, kind: str) -> None:
    data, frame = onnx_of_numbers() if kind == "onnx" else with_categories(kind)
    here, there = READERS[kind][0](data, "m"), loaded(tmp_path, data, kind)
    first = process()
    assert isinstance(here, Probabilities)
    assert {k: v for k, v in vars(here).items() if k[-1] == "_"} == {
        k: v for k, v in vars(there).items() if k[-1] == "_"
    }
    assert there.predict_proba(frame).tobytes() == here.predict_proba(frame).tobytes()
    if here.trees is None:
        assert there.trees is None
    else:
        assert (there.trees.method, there.trees.unit) == (here.trees.method, here.trees.unit)
        for mine, own in zip(there.trees.parts(frame), here.trees.parts(frame), strict=True):
            assert np.asarray(mine).tobytes() == np.asarray(own).tobytes()
    assert loaded(tmp_path, data, kind).predict(frame).tobytes() == here.predict(frame).tobytes()
    assert process() == first


def test_an_array_of_texts_arrives_as_it_was_sent() -> None:
    rows = np.array([["a", 3, True, 1.5], [np.nan, 4, False, np.nan]], dtype=object)
    for column in rows.T[1:]:
        assert apart._narrowed(column).tolist() == pytest.approx(column.tolist(), nan_ok=True)
    assert [apart._narrowed(column).dtype.kind for column in rows.T] == ["O", "i", "b", "f"]


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("xgboost", lambda: xgboost_tree(left_children=100_000_000)),
        ("lightgbm", lambda: lightgbm_trees(split_feature=1_000_000_000)),
        ("lightgbm", lambda: lightgbm_trees(left_child=100_000_000, right_child=100_000_000)),
    ],
)
def test_a_tree_that_leads_out_of_range_ends_its_own_process(
    tmp_path: Path, kind: str, make: Callable[[], bytes]
) -> None:
    made = loaded(tmp_path, make(), kind)
    for ask in (made.predict, made.predict, made.trees.parts):  # what has ended says so again
        with pytest.raises(ExplainError, match=r"'models/m' ended by signal (6|11)\."):
            ask(ROWS)


@pytest.mark.parametrize(
    ("kind", "make"), [("onnx", onnx_loop), ("lightgbm", lambda: lightgbm_trees(left_child=0, right_child=0))]
)
def test_a_loop_without_end_is_ended_with_its_nights_time(tmp_path: Path, kind: str, make: Callable[[], bytes]) -> None:
    data = make()
    loaded(tmp_path, data, kind)
    first = process()
    made = loaded(tmp_path, data, kind, seconds=1)
    assert process() == first
    with pytest.raises(ExplainError, match="slower than its budget of 1 s"):
        made.predict(ROWS)
    loaded(tmp_path, data, kind)  # another night
    assert process() != first


def test_the_process_ends_with_its_owner(tmp_path: Path) -> None:
    data = lightgbm_trees(left_child=0, right_child=0)
    (tmp_path / "m").write_bytes(data)
    code = f"""
import sys
import numpy as np
from pathlib import Path
from audit_pipeline.explain import load
from audit_pipeline.explain.models import apart
sha256 = {hashlib.sha256(data).hexdigest()!r}
made = load(Path({str(tmp_path / "m")!r}), sha256=sha256, trusted=(), name="m", kind="lightgbm")
print(next(iter(apart._kept.values()))._process.pid, flush=True)
made.predict(np.ones((3, 4)))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        child = os.pidfd_open(int(owner.stdout.readline()))
        try:
            assert select.select([child], [], [], 0.5)[0] == []  # the control: it loops
            owner.send_signal(signal.SIGKILL)
            assert select.select([child], [], [], 30)[0] == [child]
        finally:
            os.close(child)
            owner.kill()


@pytest.mark.acceptance
def test_the_other_model_of_the_project_gets_its_record(tmp_path: Path) -> None:
    root = build(tmp_path / "p", nights=NIGHTS[:1], labelled=())
    data = xgboost_two_features()
    (root / "input" / "churn.json").write_bytes(data)
    file = root / "models" / "churn.yaml"
    pinned = f'artefact: {{path: input/churn.json, format: xgboost, sha256: "{hashlib.sha256(data).hexdigest()}"}}'
    file.write_text(re.sub(r"artefact: \{.*\}", pinned, file.read_text()))
    project, run = load_project(root), RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
    churn = audit_model_night(project, "churn", NIGHTS[0], run=run)
    spend = audit_model_night(project, "spend", NIGHTS[0], run=run)
    assert churn.result.explanation
    assert "'input/churn.json' ended by signal" in str(churn.result.explanation.reason)
    assert spend.result.model_id == "spend"
    assert {(e.model_id, e.night) for e in Store.of(project).heads().values()} == {
        ("churn", NIGHTS[0].isoformat()),
        ("spend", NIGHTS[0].isoformat()),
    }


def xgboost_two_features() -> bytes:
    """A booster of `churn`'s features that crashes."""
    frame, y = numbers(100)
    named = frame[["a", "b"]].set_axis(["age", "visits"], axis=1)
    found = json.loads(bytes(boosted(named, y).save_raw("json")))
    found["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"][0] = 100_000_000
    return json.dumps(found).encode()
