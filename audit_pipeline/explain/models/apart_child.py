"""A process that holds one model of another library and answers for it: a crash of the library ends it alone.

Messages are those of `pickle_child`. In: format and name (JSON), the file, then requests: what is asked (JSON), header
(JSON), the columns' bytes. Out: JSON, or float64.
"""

import json
import os
import resource
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.models import lightgbm_file, onnx_file, xgboost_file
from audit_pipeline.explain.models.foreign import Numbers
from audit_pipeline.explain.models.pickle_child import MEMORY, heard, say, table

READERS: dict[str, tuple[Callable[[bytes, str], Numbers], str]] = {  # by format, and how to write them
    "onnx": (onnx_file.read, "Export the model again to ONNX, without external data, and pin the new sha256."),
    "xgboost": (xgboost_file.read, "Save it again with `Booster.save_model` as .json or .ubj, and pin the new sha256."),
    "lightgbm": (lightgbm_file.read, "Save it again with `Booster.save_model` as text, and pin the new sha256."),
}
ADVICE = "Run the model on a night's log by hand to see why; the reason is not shown, it may hold values."


def main() -> None:
    """Load, say what the model is, answer until the input ends."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # what a library prints is no answer
    threading.Thread(target=_end_with_owner, daemon=True).start()
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)  # it would hold rows
    # what XGBoost and LightGBM import to be wrapped in its classes, which are not asked here, takes most of their start
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    settings, data = json.loads(heard(source)), heard(source)
    name = settings["name"]
    try:
        read, advice = READERS[settings["kind"]]
        with guarded(f"Reading the model file '{name}'", advice=advice):
            model = read(data, name)
    except ExplainError as error:
        say(sink, {"refused": str(error)})
        return
    say(sink, _described(model))
    while asked := heard(source):
        header, body = heard(source), heard(source)
        try:
            with guarded(f"Asking the model file '{name}'", advice=ADVICE):
                say(sink, _answer(model, json.loads(asked), table(json.loads(header), body)))
        except ExplainError as error:
            say(sink, {"refused": str(error)})


def _end_with_owner() -> None:
    """Wait until nobody holds the other end of the input; a library that loops would not read that it is closed."""
    ended = select.poll()
    ended.register(0, 0)  # closed, nothing else
    ended.poll()
    os._exit(0)


def _limit(kind: int, most: int) -> None:
    """Bound one resource."""
    hard = resource.getrlimit(kind)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _described(model: Numbers) -> dict[str, Any]:
    """Say what the model is asked with, and what it answers."""
    return {
        "names": getattr(model, "feature_names_in_", None),
        "width": getattr(model, "n_features_in_", None),
        "probability": hasattr(model, "predict_proba"),
        "trees": model.trees and (model.trees.method, model.trees.unit),
    }


def _answer(model: Numbers, asked: dict[str, bool], rows: Any) -> bytes:
    """Return the model's number of each row; or SHAP values, their base and the margins, one after the other."""
    if asked["mixed"]:  # an array of objects, sent as columns
        rows = rows.to_numpy(dtype=object)
    found = model.trees.parts(rows) if asked["parts"] and model.trees else (model.predict(rows),)
    return b"".join(np.asarray(part, dtype="<f8").tobytes() for part in found)
