"""A night of a small model: its log as a snapshot, its artefact as a skops file, its configuration."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io

from audit_pipeline.config import ModelConfig
from audit_pipeline.explain import explain
from audit_pipeline.records import Explanation

KINDS = {"i": "integer", "u": "integer", "b": "boolean", "f": "number"}


@dataclass(frozen=True)
class Night:
    """Everything `explain` takes."""

    snapshot: Path
    artefact: Path
    config: ModelConfig
    sha256: str

    def explain(self, *, seed: int = 7, rows: int = 2_000) -> Explanation:
        return explain(self.snapshot, self.artefact, self.config, sha256=self.sha256, seed=seed, rows=rows)


def people(n: int, *, seed: int = 3) -> pd.DataFrame:
    """Raw features of every type, some missing; `site` and `site_b` make one-hot names ambiguous."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 12, n),
            "visits": rng.integers(0, 9, n),
            "smoker": rng.random(n) < 0.3,
            "site": pd.Series(rng.choice(["a", "b", "b_c"], n), dtype=object),
            "site_b": pd.Series(rng.choice(["c", "d"], n), dtype=object),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "site"] = np.nan
    return frame


def outcome(frame: pd.DataFrame, *, seed: int = 4) -> Any:
    """A 0/1 outcome that age, smoking and site bring about."""
    noise = np.random.default_rng(seed).normal(0, 1, len(frame))
    drive = (frame["age"].fillna(50) - 50) / 12 + 1.5 * frame["smoker"] - 1.0 * (frame["site"] == "a")
    return (drive + noise > 0).to_numpy(dtype=int)


def night(
    folder: Path,
    model: Any,
    log: pd.DataFrame,
    *,
    task: str = "binary",
    score: Any = None,
    trusted: list[str] | None = None,
    declared: list[str] | None = None,
    data: bytes | None = None,
    kind: str = "skops",
    **options: Any,
) -> Night:
    """Write a night: `log` holds the features; the logged score is the model's own unless given.

    `data` are the bytes of the artefact where it is not skops's, `kind` is its format, `options` more of its keys.
    """
    if score is None:
        score = model.predict_proba(log)[:, 1] if task == "binary" else model.predict(log)
    data = skops.io.dumps(model) if data is None else data
    artefact = folder / "model.skops"
    artefact.write_bytes(data)
    frame = log.assign(row=[f"r{i:05d}" for i in range(len(log))], out=score)
    snapshot = folder / "snapshot.parquet"
    frame.to_parquet(snapshot)
    columns: dict[str, dict[str, str]] = {
        name: {"type": KINDS.get(log[name].dtype.kind, "category"), "privacy": "none"}
        for name in (declared or list(log.columns))
    }
    columns["row"] = {"type": "category", "privacy": "none", "role": "row_id"}
    role = "score" if task == "binary" else "prediction"
    columns["out"] = {"type": "number", "privacy": "none", "role": role}
    if trusted is None:
        trusted = skops.io.get_untrusted_types(data=data) if kind == "skops" else []
    sha256 = hashlib.sha256(data).hexdigest()
    config = ModelConfig.model_validate(
        {
            "schema_version": 1,
            "model_id": "m",
            "version": "1",
            "owner": "team",
            "domain": "care",
            "task": task,
            "log": {"path": "log/{night}.parquet"},
            "reference": {"path": "reference.parquet"},
            "artefact": {"path": "model.skops", "sha256": sha256, "trusted": trusted, "format": kind, **options},
            "columns": columns,
        }
    )
    return Night(snapshot, artefact, config, sha256)
