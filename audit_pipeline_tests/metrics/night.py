"""Small models and canonical Parquet files for the tests of this folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics import measure_drift
from audit_pipeline.records import Drift, DriftScore

ARROW = {"number": pa.float64(), "integer": pa.int64(), "category": pa.string(), "boolean": pa.bool_()}


def model(columns: Mapping[str, str], *, task: str = "binary", **extra: Any) -> ModelConfig:
    """A model with a row_id, its output, and `columns`: name -> "type" or "type role"."""
    output = "score" if task == "binary" else "prediction"
    given: dict[str, dict[str, str]] = {"id": {"type": "integer", "privacy": "none", "role": "row_id"}}
    for name, text in columns.items():
        kind, _, role = text.partition(" ")
        given[name] = {"type": kind, "privacy": "none", "role": role or "feature"}
    if not any(column["role"] == output for column in given.values()):
        given[output] = {"type": "number", "privacy": "none", "role": output}
    return ModelConfig.model_validate(
        {
            "schema_version": 1,
            "model_id": "readmission",
            "version": "3",
            "owner": "clinic",
            "domain": "care",
            "task": task,
            "log": {"path": "log/{night}.parquet"},
            "reference": {"path": "reference.parquet"},
            "columns": given,
        }
        | extra
    )


def write(path: Path, config: ModelConfig, columns: Mapping[str, Any]) -> Path:
    """Write columns as a canonical Parquet file; the row_id is added, types are the model file's."""
    n = len(next(iter(columns.values()))) if columns else 0
    arrays = {"id": pa.array(range(n), pa.int64())}
    for name, values in columns.items():
        kind = config.columns[name].type if name in config.columns else None
        listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
        arrays[name] = pa.array(listed, ARROW[kind] if kind else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path)
    return path


def drift_of(
    folder: Path,
    config: ModelConfig,
    current: Mapping[str, Any],
    reference: Mapping[str, Any],
) -> Drift:
    """Measure the drift between two sets of columns."""
    now = write(folder / "now.parquet", config, current)
    before = write(folder / "before.parquet", config, reference)
    return measure_drift(now, [before], config, threads=2, memory="256MB")


def score(drift: Drift, column: str, method: str) -> DriftScore:
    """The one score of a column by a method."""
    (found,) = [s for s in drift.scores if (s.column, s.method) == (column, method)]
    return found
