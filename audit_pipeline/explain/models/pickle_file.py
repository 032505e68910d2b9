"""A pickle, or a file of joblib: reviewed by its names, loaded by a process that is cut off from everything.

Unpickling runs what the file says. So the bytes are pinned in the configuration, every name they import is reviewed,
and a process without environment, files, network and other processes does it (`pickle_child.py`). What comes back is
read as lengths, JSON and float64, and never unpickled.
"""

import builtins
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError, UntrustedModelError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.explain.models.foreign import Numbers, Probabilities
from audit_pipeline.explain.models.pickle_names import imported, unfolded
from audit_pipeline.explain.models.pickle_process import DESCRIPTION, Process

LONGEST = 200  # characters of a name
MOST_SHOWN = 100  # names at once
MOST = 1_000_000  # features and classes
NAME = re.compile(rf"[\w.<>]{{1,{LONGEST}}}")
REFUSED_BY_SYSTEM = (
    "This system does not permit a process to be cut off from files, network and other processes (user namespaces), "
    "so the pickle was not loaded. Permit them to the user that audits, or convert the model to skops or ONNX."
)


def read(data: bytes, reviewed: tuple[str, ...], name: str, *, budget: Budget) -> Numbers:
    """Return the model, which lives in a process of its own for as long as it is referred to.

    Raises:
        UntrustedModelError: a name is outside `reviewed`; it was not imported.
        ExplainError: it is no pickle, does not load, or the system cannot cut a process off.
    """
    stream = unfolded(data, name)
    if unknown := imported(stream, budget=budget) - set(reviewed):
        raise UntrustedModelError(name, types=_shown(unknown))
    process = Process(budget)
    process.send(json.dumps({"trusted": reviewed, "seconds": budget.seconds}).encode(), stream)
    told = _described(process, name)
    names = told["names"]
    asked = _Asked(process, named=names is not None)
    return (Probabilities if told["probability"] else Numbers)(
        asked.number,
        names=None if names is None else tuple(names),
        width=told["width"],
        classes=told["classes"],
    )


class _Asked:
    """What the model in the process says of rows."""

    def __init__(self, process: Process, *, named: bool) -> None:
        self._process, self._named = process, named

    def number(self, rows: Any) -> Floats:
        """Return (n,) its number."""
        self._process.send(*request(rows, named=self._named))
        answer = self._process.answer(most=8 * len(rows) + 1)
        if answer[:1] != b"N" or len(answer) != 8 * len(rows) + 1:
            raise ExplainError(f"The pickled model raised {_class_of(answer)} on rows of the sample.")
        return np.frombuffer(answer, dtype="<f8", offset=1).astype(np.float64)


def request(rows: Any, *, named: bool) -> tuple[bytes, bytes]:
    """Return header and bytes of rows: a frame (`named`), whose objects are text, or an array of numbers or objects."""
    columns = (
        {str(c): rows[c].to_numpy() for c in rows.columns}
        if named
        else {str(i): rows[:, i] for i in range(rows.shape[1])}
    )
    packed = [(name, *_packed(values, mixed=not named)) for name, values in columns.items()]
    header = {
        "rows": len(rows),
        "named": named,
        "dtype": "object" if not named and rows.dtype == object else "float64",  # of an array
        "columns": [(name, codes.dtype.str, texts) for name, codes, texts in packed],
    }
    return json.dumps(header).encode(), b"".join(codes.tobytes() for _, codes, _ in packed)


def _packed(values: NDArray[Any], *, mixed: bool) -> tuple[NDArray[Any], list[str] | None]:
    """Return numbers as they are, and text as places in a list of its values; -1 is missing."""
    if values.dtype != object:
        return np.ascontiguousarray(values), None
    if mixed and all(isinstance(value, Real) for value in values):  # a number's column beside columns of text
        return values.astype(np.float64), None
    import pandas as pd

    codes, texts = pd.factorize(values)
    return codes.astype(np.int32), [str(text) for text in texts]


def _described(process: Process, name: str) -> dict[str, Any]:
    """Return what it says of the model, each of it of the type it has to be.

    Raises:
        UntrustedModelError: it met a name that is not trusted.
        ExplainError: it could not cut itself off, or not load, or its features have no names to be shown.
    """
    answer = process.answer(most=DESCRIPTION)
    try:
        told = json.loads(answer)
        if "open" in told:
            raise ExplainError(REFUSED_BY_SYSTEM)
        if "refused" in told:
            raise UntrustedModelError(name, types=_shown([str(told["refused"])]))
        if "error" not in told and (told["number"] or told["probability"]):
            return {
                "names": None if told["names"] is None else _features(told["names"], name),
                "width": _count(told["width"]),
                "classes": _count(told["classes"]),
                "probability": bool(told["probability"]),
            }
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    raise ExplainError(
        f"Loading the model file '{name}' raised {_class_of(answer)}. It must hold one object with `predict` or "
        "`predict_proba`, made by packages that are installed here in the versions it was saved with."
    )


def _shown(names: Iterable[str]) -> list[str]:
    """Return the first of the imported names for an error: letters, digits and dots, since a pickle chooses them."""
    return [n if NAME.fullmatch(n) else "what is no name in Python" for n in sorted(names)[:MOST_SHOWN]]


def _features(names: Iterable[Any], name: str) -> list[str]:
    """Return the names of the features, which errors and reports may show."""
    found = [str(feature) for feature in names]
    if any(len(feature) > LONGEST or not feature.isprintable() for feature in found):
        raise ExplainError(
            f"The model file '{name}' names a feature in unprintable or more than {LONGEST} characters. "
            "Train it on columns with plain names."
        )
    return found


def _count(said: Any) -> int | None:
    """Return how many features or classes it says there are, within what an error may show."""
    return None if said is None else max(0, min(int(said), MOST))


def _class_of(answer: bytes) -> str:
    """Return the class of what was raised: one of Python's own, since the process may say anything, rows too."""
    with suppress(ValueError, AttributeError, RecursionError):
        said = str(json.loads(answer).get("error"))
        if isinstance(getattr(builtins, said, None), type):
            return said
    return "an error"
