"""The demo's three models: what each predicts from what, how it is trained, and its artefact as bytes."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from audit_pipeline.demo.cohort import CATEGORIES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

VERSION = "2026.1"
HIGH_VISITS = 4  # outpatient visits in a year, from which a person counts as a high utilizer
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can carry


@dataclass(frozen=True)
class DemoModel:
    """One model of the demo."""

    model_id: str
    prefix: str  # of its request ids
    task: Literal["binary", "regression"]
    features: tuple[str, ...]

    @property
    def output(self) -> str:
        """Column of the log that holds what the model said."""
        return "score" if self.task == "binary" else "prediction"


EVERYTHING = (
    *("income", "xage", "female", "educdec", "black", "num", "child", "mhi", "disea", "physlm", "ghindx"),
    *("health", "plan", "coins", "mdeoff", "idp", "tookphys"),
)
WITHOUT_MEANS = tuple(name for name in EVERYTHING if name not in ("income", "educdec", "tookphys"))
MODELS = (
    DemoModel("high_utilizer", "hu", "binary", EVERYTHING),
    DemoModel("inpatient_admission", "ia", "binary", WITHOUT_MEANS),
    DemoModel("outpatient_visits", "ov", "regression", EVERYTHING),
)


def outcome(model: DemoModel, rows: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return (n,) int64: 0 or 1 of a binary model, visits of the regression."""
    if model.model_id == "inpatient_admission":
        values = rows["admissions"] >= 1
    elif model.model_id == "high_utilizer":
        values = rows["visits"] >= HIGH_VISITS
    else:
        values = rows["visits"]
    counts: np.ndarray[Any, np.dtype[np.int64]] = values.to_numpy().astype("int64")
    return counts


def train(model: DemoModel, rows: "pd.DataFrame", *, seed: int) -> Any:
    """Return a fitted sklearn Pipeline over the raw features; the same for the same rows and seed."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    names = [name for name in model.features if name in CATEGORIES]
    numbers = [name for name in model.features if name not in CATEGORIES]
    columns = ColumnTransformer(
        [
            ("n", Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())]), numbers),
            ("c", OneHotEncoder(handle_unknown="ignore", sparse_output=False), names),
        ]
    )
    pipeline = Pipeline([("columns", columns), ("model", _estimator(model, seed=seed))])
    return pipeline.fit(rows[list(model.features)], outcome(model, rows))


def _estimator(model: DemoModel, *, seed: int) -> Any:
    """The last step: boosted trees, logistic regression for the rare outcome, Poisson regression for counts."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression, PoissonRegressor

    if model.model_id == "high_utilizer":
        # Shallow trees and large leaves: 2,800 training rows carry no more.
        return GradientBoostingClassifier(
            n_estimators=80, learning_rate=0.04, max_depth=2, min_samples_leaf=60, subsample=0.6, random_state=seed
        )
    if model.model_id == "inpatient_admission":
        return LogisticRegression(C=0.05, max_iter=1_000)
    return PoissonRegressor(alpha=0.1, max_iter=1_000)


def predict(model: DemoModel, pipeline: Any, rows: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return (n,) float: the probability of yes, or the expected number of visits."""
    inputs = rows[list(model.features)]
    values: np.ndarray[Any, np.dtype[np.float64]] = (
        pipeline.predict_proba(inputs)[:, 1] if model.task == "binary" else pipeline.predict(inputs)
    )
    return values


def artefact(pipeline: Any) -> bytes:
    """Return the skops file of a pipeline, the same bytes for the same pipeline.

    skops names its parts by memory address and stamps them with the clock. Both are replaced: parts are numbered
    in the order of the schema, and every entry carries one fixed time. What is loaded from it is the same.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline))) as source:
        schema = json.loads(source.read("schema.json"))
        files: dict[str, str] = {}
        _renumber(schema, {}, files)
        parts = {new: source.read(old) for old, new in files.items()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in {**parts, "schema.json": json.dumps(schema, indent=1).encode()}.items():
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            archive.writestr(entry, data, compress_type=zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _renumber(node: Any, ids: dict[int, int], files: dict[str, str]) -> None:
    """Replace addresses by their order of appearance, in place; collect old and new file names."""
    if isinstance(node, list):
        for part in node:
            _renumber(part, ids, files)
    elif isinstance(node, dict):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if isinstance(node.get("file"), str):
            suffix = node["file"].rpartition(".")[2]
            node["file"] = files.setdefault(node["file"], f"{len(files) + 1}.{suffix}")
        for part in node.values():
            _renumber(part, ids, files)


def checksum_line(data: bytes, name: str) -> bytes:
    """Return one line as `sha256sum` writes it."""
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()
