"""A model in ONNX, of XGBoost or of LightGBM, as its owner sees it: the library runs in a process of its own.

These files hold data only, but their libraries trust them: a child out of range ends the process that asks, a loop
never returns. So that costs this model's explanation and nothing else, `apart_child.py` loads the file and answers in
plain numbers, as a pickle's process does, without being cut off from the system.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.inputs import Floats, table
from audit_pipeline.explain.models.foreign import Numbers, Probabilities, Trees
from audit_pipeline.explain.models.pickle_file import request
from audit_pipeline.explain.models.pickle_process import ENVIRONMENT, Process

FORMATS = ("onnx", "xgboost", "lightgbm")
KEPT = 4  # processes, from one night to the next
START = "import sys; sys.path[:] = sys.argv[1:]; from audit_pipeline.explain.models.apart_child import main; main()"
SAID = 50_000_000  # bytes; the names of a wide model
SECONDS_TO_END = 5  # after its last word

_kept: dict[tuple[str, str, str], "_Library"] = {}  # format, name, sha256


def read(data: bytes, name: str, kind: str, *, sha256: str, budget: Budget) -> Numbers:
    """Return the model; the nights of a run share its process, as long as it is well.

    Raises:
        ExplainError: it cannot be loaded, its process ended, or the budget of time is over.
    """
    key = (kind, name, sha256.lower())
    library = _kept.pop(key, None)
    if library is None or not library.well:
        library = _Library(name, budget)
        library.load(data, kind)
    _kept[key] = library
    while len(_kept) > KEPT:
        _kept.pop(next(iter(_kept)), None)
    return library.model(budget)


class _Library(Process):
    """The process of one file, and what it said of the model."""

    def __init__(self, name: str, budget: Budget) -> None:
        path = [str(Path(place).absolute()) for place in sys.path]  # the same packages, from any folder
        found = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
        super().__init__(budget, command=(sys.executable, "-I", "-c", START, *path), environment=ENVIRONMENT | found)
        self._name, self._turn, self._in_step = name, threading.Lock(), True
        self._told: dict[str, Any] = {}

    @property
    def well(self) -> bool:
        """Whether it lives, and has answered all that it was asked."""
        return self._in_step and self._process.poll() is None

    def load(self, data: bytes, kind: str) -> None:
        """Have it load the file.

        Raises:
            ExplainError: it does not.
        """
        settings = json.dumps({"kind": kind, "name": self._name}).encode()
        answer = self._exchange(self._budget, settings, data, most=SAID)
        told = _json(answer)
        if "probability" not in told:
            raise self._fault(told)
        self._told = told

    def model(self, budget: Budget) -> Numbers:
        """Return the model as one of scikit-learn is asked, within `budget`."""
        told, asked = self._told, _Asked(self, budget)
        method, unit = told["trees"] or ("", "")
        return (Probabilities if told["probability"] else Numbers)(
            asked.number,
            names=None if told["names"] is None else tuple(told["names"]),
            width=told["width"],
            trees=Trees(method, unit, asked.parts) if method else None,
        )

    def numbers(self, rows: Any, budget: Budget, *, size: int, parts: bool) -> Floats:
        """Return the (size,) numbers that it gives for rows.

        Raises:
            ExplainError: it gives none, it ended, or the budget is over.
        """
        mixed = not hasattr(rows, "columns") and rows.dtype == object
        sent = table({str(i): _narrowed(rows[:, i]) for i in range(rows.shape[1])}) if mixed else rows
        asked = json.dumps({"mixed": mixed, "parts": parts}).encode()
        answer = self._exchange(budget, asked, *request(sent, named=hasattr(sent, "columns")), most=8 * size + 1)
        if answer[:1] != b"N" or len(answer) != 8 * size + 1:
            raise self._fault(_json(answer))
        return np.frombuffer(answer, dtype="<f8", offset=1).astype(np.float64)

    def _exchange(self, budget: Budget, *messages: bytes, most: int) -> bytes:
        """Return its answer to messages; nothing when it has ended."""
        with self._turn:
            if not self._in_step:  # what it would say now answers something else
                self._process.kill()
            self._budget, self._in_step = budget, False
            self.send(*messages)
            answer = self.answer(most=most)
            self._in_step = bool(answer)
            return answer

    def _fault(self, told: dict[str, Any]) -> ExplainError:
        """Return why there is no answer: what it refused, or how it ended."""
        if "refused" in told:
            return ExplainError(str(told["refused"])[:2_000])
        if self._budget.left < 0:
            return self._budget.over()
        try:
            code = self._process.wait(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return ExplainError(
            f"The process of the model file '{self._name}' ended {'with status' if code >= 0 else 'by signal'} "
            f"{abs(code)}. The file is damaged, or its library cannot read it: save the model again, and pin the new "
            "sha256."
        )


class _Asked:
    """What the model says of rows, within one night's budget."""

    def __init__(self, library: _Library, budget: Budget) -> None:
        self._library, self._budget = library, budget

    def number(self, rows: Any) -> Floats:
        """Return (n,) its number."""
        return self._library.numbers(rows, self._budget, size=len(rows), parts=False)

    def parts(self, rows: Any) -> tuple[Floats, float, Floats]:
        """Return (n, features) SHAP values, their base and (n,) margins."""
        n, features = rows.shape
        found = self._library.numbers(rows, self._budget, size=n * features + 1 + n, parts=True)
        values, base, margin = np.split(found, [n * features, n * features + 1])
        return values.reshape(n, features), float(base[0]), margin


def _narrowed(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column of objects in the type that its values have; text stays."""
    found = np.array(column.tolist())
    return found if found.dtype.kind in "iufb" else column


def _json(answer: bytes) -> dict[str, Any]:
    """Return what the process says in words; nothing when it is none."""
    with suppress(ValueError):
        told = json.loads(answer)
        return told if isinstance(told, dict) else {}
    return {}
