"""A model in ONNX. The only door to onnxruntime.

Inputs are one matrix in the order of the model file's features, or one tensor per column, by name. A binary model
gives probabilities of two classes (as a tensor, or as maps of scikit-learn's `zipmap`) or one of the second class; a
regression one number.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.explain.models.foreign import Numbers, Probabilities, extra, one_class_too_many

NUMBERS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
MISSING_TEXT = "nan"  # ONNX itself has none
FLOATS = ("tensor(float)", "tensor(double)")
# TensorProto.external_data: field 13, whose first key is "location"; the pin does not cover such another file
EXTERNAL = re.compile(rb"\x6a[\x00-\xff]{1,2}\x0a\x08location")


def read(data: bytes, name: str) -> Numbers:
    """Return the model; the probability of the second class where it gives out two.

    Raises:
        ExplainError: it leans on another file, tells more than two classes apart, or has no output that is understood.
    """
    with extra("onnx"):
        import onnxruntime

    if EXTERNAL.search(data):
        raise ExplainError(
            f"The model file '{name}' keeps its weights in another file, which its sha256 does not cover. "
            "Save it as one file."
        )
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its warnings may quote values
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    inputs, output = session.get_inputs(), _output(session.get_outputs(), name)
    matrix = len(inputs) == 1

    def number(rows: Any) -> Floats:
        fed = {inputs[0].name: _matrix(rows, inputs[0])} if matrix else _columns(rows, inputs)
        return _second(session.run([output.name], fed)[0])

    width = inputs[0].shape[-1] if matrix else len(inputs)
    return (Probabilities if _two(output) else Numbers)(
        number,
        names=None if matrix else tuple(i.name for i in inputs),
        width=width if isinstance(width, int) else None,
    )


def _output(outputs: Any, name: str) -> Any:
    """Return the output that is the model's number: probabilities before anything else, never the label."""
    maps = [o for o in outputs if o.type.startswith("seq(map(")]
    floats = [o for o in outputs if o.type in FLOATS]
    wide = [o for o in floats if len(o.shape) == 2 and isinstance(o.shape[1], int) and o.shape[1] > 1]
    for found in (*maps, *wide, *floats):
        if found in wide and found.shape[1] > 2:
            raise one_class_too_many(found.shape[1])
        return found
    raise ExplainError(
        f"The model file '{name}' gives out no number: there are {', '.join(o.type for o in outputs)}. "
        "Export it with its probabilities."
    )


def _two(output: Any) -> bool:
    """Whether probabilities of both classes come out, so far as the file tells."""
    return bool(output.type.startswith("seq(") or output.name.lower().startswith("prob") or output.shape[1:] == [2])


def _second(found: Any) -> Floats:
    """Return (n,) the number of the last class, or the only one."""
    if isinstance(found, list):  # maps of class -> probability
        if found and len(found[0]) != 2:
            raise one_class_too_many(len(found[0]))
        second = max(found[0]) if found else None
        return np.array([row[second] for row in found], dtype=np.float64)
    numbers = np.asarray(found, dtype=np.float64)
    if numbers.ndim == 2 and numbers.shape[1] > 2:
        raise one_class_too_many(numbers.shape[1])
    return np.asarray(numbers.reshape(len(numbers), -1)[:, -1], dtype=np.float64)


def _matrix(rows: Any, given: Any) -> NDArray[Any]:
    """Return all features as the one tensor that the model takes."""
    return _cast(rows.to_numpy() if hasattr(rows, "columns") else rows, given)


def _columns(rows: Any, inputs: Any) -> dict[str, NDArray[Any]]:
    """Return each feature as a tensor: (n, 1), or (n,) where the model has it so."""
    return {
        given.name: _cast(rows[given.name].to_numpy(), given).reshape(-1, *(1,) * (len(given.shape) - 1))
        for given in inputs
    }


def _cast(values: NDArray[Any], given: Any) -> NDArray[Any]:
    """Return values in the type the model declares; missing text is "nan", as skl2onnx writes a missing category."""
    if given.type == "tensor(string)":
        text = [MISSING_TEXT if value is None or isinstance(value, float) else str(value) for value in values.ravel()]
        return np.array(text, dtype=object).reshape(values.shape)
    kind = NUMBERS.get(given.type)
    if kind is None or values.dtype.kind not in "iufb":
        raise ExplainError(
            f"The model takes '{given.name}' as {given.type}, which the model file's type of it cannot be turned into. "
            "Correct its `type`, or export the model with another one."
        )
    if kind not in (np.float32, np.float64) and values.dtype.kind == "f" and np.isnan(values).any():
        raise ExplainError(
            f"The model takes '{given.name}' as {given.type}, which has no missing value, and the night has rows "
            "without one. Export it with a float input."
        )
    return values.astype(kind)
