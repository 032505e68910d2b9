"""Exact drift, or one scan of the same columns: `python -m benchmarks.drift exact|scan MADE MODULES`.

The reference's columns are kept in MADE by the first run, as they are in a store: later ones read only the night.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.imports import remember
from benchmarks.process import say

THREADS = 2
MEMORY = "1GB"


def main(way: str, made: str, modules: str) -> None:
    """Read the columns one way or the other."""
    folder = Path(made)
    found = (exact if way == "exact" else scan)(folder)
    remember(Path(modules))
    say(numbers=found)


def exact(folder: Path) -> int:
    """PSI, KS distance and missing share of every column against the reference; return how many were evaluated."""
    from audit_pipeline.cached import Cached
    from audit_pipeline.metrics import measure_drift

    drift = measure_drift(
        folder / "current.parquet",
        [folder / "reference.parquet"],
        _model(),
        threads=THREADS,
        memory=MEMORY,
        kept=Cached(folder / "kept" / "reference"),
    )
    return sum(score.value is not None for score in drift.scores)


def scan(folder: Path) -> int:
    """Five aggregates of every column of the night alone; return how many numbers came out."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as connection:
        wanted = ", ".join(f"min({x}), max({x}), avg({x}), stddev({x}), count({x})" for x in _names())
        row: Any = connection.execute(f"select {wanted} from '{folder / 'current.parquet'}'").fetchone()
    return len(row)


def _names() -> list[str]:
    return [f"x{i:02d}" for i in range(20)]


def _model() -> Any:
    """Return a model file that declares the columns."""
    from audit_pipeline.config import ModelConfig

    columns: dict[str, dict[str, str]] = {name: {"type": "number", "privacy": "none"} for name in _names()}
    columns["row"] = {"type": "category", "privacy": "none", "role": "row_id"}
    columns["score"] = {"type": "number", "privacy": "none", "role": "score"}
    return ModelConfig.model_validate(
        {
            "schema_version": 1,
            "model_id": "made",
            "version": "1",
            "owner": "team",
            "domain": "made",
            "task": "binary",
            "log": {"path": "{night}.parquet"},
            "reference": {"path": "reference.parquet"},
            "columns": columns,
        }
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
