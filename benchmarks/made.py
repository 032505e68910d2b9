"""Makes the data a benchmark reads: `python -m benchmarks.made columns|log|night FOLDER ROWS [csv|parquet]`.

Everything is synthetic and seeded. `columns` are two tables of 20 numbers, `log` is a night's log of 30 columns, and
`night` all that two model-nights stand on: their logs, as long a reference with outcomes, their labels, a
boosted-trees model whose scores the log holds, and a suite of about 40 expectations.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.process import say

NIGHTS = ("2026-01-05", "2026-01-06")
NIGHT = NIGHTS[0]
MODEL = "made"
NUMBERS = [f"n{i:02d}" for i in range(22)]
COUNTS = [f"i{i}" for i in range(3)]
CATEGORIES = {"c0": 6, "c1": 20}  # column -> levels
FEATURES = [*NUMBERS, *COUNTS, *CATEGORIES]
TRAINED_ON = 4_000  # rows
TREES = 100


def main(kind: str, folder: str, rows: str, form: str = "parquet") -> None:
    """Make the data and say how many bytes the night's log has."""
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    if kind == "columns":
        columns(where, int(rows))
    elif kind == "log":
        log(where, int(rows))
    else:
        night(where, int(rows), form)
    say(bytes=sum(f.stat().st_size for f in where.iterdir() if f.is_file()))


def columns(folder: Path, rows: int) -> None:
    """Write two canonical Parquet files of 20 numeric columns, the second slightly moved."""
    for seed, name in enumerate(("reference", "current")):
        rng = np.random.default_rng(seed)
        drawn = {f"x{i:02d}": _number(rng, i, rows, moved=0.02 * seed) for i in range(20)}
        pq.write_table(pa.table(drawn), folder / f"{name}.parquet", compression="zstd", row_group_size=40_960)


def log(folder: Path, rows: int) -> None:
    """Write a night's log alone, with a made-up score, and its model file."""
    frame, _ = _rows(rows, seed=2, moved=0.0)
    _write(frame.assign(score=np.random.default_rng(3).random(rows)), folder / f"{NIGHT}.parquet")
    (folder / "model.yaml").write_text(yaml.safe_dump(configuration(folder, "parquet")))


def night(folder: Path, rows: int, form: str) -> None:
    """Write a project folder whose two nights are ready to be audited."""
    reference, outcome = _rows(rows, seed=1, moved=0.0)
    model = _model(reference, outcome)
    reference["score"] = model.predict_proba(reference[FEATURES])[:, 1]
    _write(reference.assign(label=outcome), folder / f"reference.{form}")
    for seed, name in enumerate(NIGHTS, start=2):
        now, labels = _rows(rows, seed=seed, moved=0.02)
        now["score"] = model.predict_proba(now[FEATURES])[:, 1]
        _write(now, folder / f"{name}.{form}")
        _write(pd.DataFrame({"row": now["row"], "label": labels}), folder / f"labels-{name}.{form}")
    trusted = _dump(model, folder / "model.skops")
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite(rows)))
    artefact = folder / "model.skops"
    pinned = {"path": str(artefact), "sha256": hashlib.sha256(artefact.read_bytes()).hexdigest(), "trusted": trusted}
    model_file = configuration(folder, form) | {"artefact": pinned}
    (folder / "model.yaml").write_text(yaml.safe_dump(model_file))


def _number(rng: np.random.Generator, i: int, rows: int, *, moved: float) -> Any:
    """Draw one numeric column: normal, long-tailed or with few distinct values."""
    if i % 3 == 0:
        return rng.normal(50 + moved, 12, rows)
    return rng.lognormal(1 + moved, 0.6, rows) if i % 3 == 1 else rng.normal(moved, 1, rows).round(2)


def _rows(rows: int, *, seed: int, moved: float) -> tuple[pd.DataFrame, Any]:
    """Draw the log's rows and their outcomes."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        "row": [f"{seed}-{i:08d}" for i in range(rows)],
        "person": [f"p{i:07d}" for i in rng.integers(0, rows, rows)],
    }
    drawn |= {name: _number(rng, i, rows, moved=moved) for i, name in enumerate(NUMBERS)}
    drawn |= {name: rng.poisson(3 + i, rows) for i, name in enumerate(COUNTS)}
    drawn |= {name: [f"v{i:02d}" for i in rng.integers(0, n, rows)] for name, n in CATEGORIES.items()}
    frame = pd.DataFrame(drawn)
    for name in NUMBERS[:4]:
        frame.loc[rng.random(rows) < 0.03, name] = np.nan
    drive = (drawn["n00"] - 50) / 12 + drawn["n02"] + 0.3 * (drawn["i0"] - 3) - 1
    return frame, (rng.logistic(0, 1, rows) < drive).astype("int64")


def _model(frame: pd.DataFrame, outcome: Any) -> Any:
    """Train a pipeline over the raw columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    steps = [
        ("numbers", SimpleImputer(strategy="median"), [*NUMBERS, *COUNTS]),
        ("names", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(CATEGORIES)),
    ]
    trees = GradientBoostingClassifier(n_estimators=TREES, max_depth=3, subsample=0.5, random_state=0)
    pipeline = Pipeline([("columns", ColumnTransformer(steps)), ("trees", trees)])
    few = min(TRAINED_ON, len(frame))
    return pipeline.fit(frame[FEATURES][:few], outcome[:few])


def _dump(model: Any, path: Path) -> list[str]:
    """Write the model as skops; return the type names it holds beyond those that are trusted by themselves."""
    import skops.io

    data = skops.io.dumps(model)
    path.write_bytes(data)
    return sorted(skops.io.get_untrusted_types(data=data))


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame in the form its suffix says."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)


def suite(rows: int) -> dict[str, Any]:
    """Return about 40 expectations that a night of this data meets."""

    def one(kind: str, severity: str = "warning", /, **kwargs: Any) -> dict[str, Any]:
        return {"type": f"expect_{kind}", "severity": severity, "kwargs": kwargs}

    bounds = [
        {"min_value": -150, "max_value": 250},
        {"min_value": 0, "max_value": 250},
        {"min_value": -9, "max_value": 9},
    ]
    expectations = [
        one("table_row_count_to_be_between", min_value=rows // 2, max_value=rows * 2),
        one("column_values_to_not_be_null", "critical", column="row"),
        one("column_values_to_be_unique", "critical", column="row"),
        one("column_values_to_be_between", "critical", column="score", min_value=0, max_value=1),
        *(
            one("column_values_to_be_between", column=name, mostly=0.99, **bounds[i % 3])
            for i, name in enumerate(NUMBERS)
        ),
        *(one("column_values_to_not_be_null", column=name, mostly=0.9) for name in NUMBERS[:6]),
        *(one("column_values_to_not_be_null", column=name) for name in COUNTS),
        *(one("column_mean_to_be_between", column=name, min_value=2, max_value=6) for name in COUNTS),
        *(
            one("column_values_to_be_in_set", column=name, value_set=[f"v{i:02d}" for i in range(levels)])
            for name, levels in CATEGORIES.items()
        ),
    ]
    return {"schema_version": 1, "model_id": MODEL, "expectations": expectations}


def configuration(folder: Path, form: str) -> dict[str, Any]:
    """Return the model file, without the model."""
    columns: dict[str, dict[str, str]] = {
        "row": {"type": "category", "privacy": "none", "role": "row_id"},
        "person": {"type": "category", "privacy": "direct_identifier", "role": "subject_id"},
        "score": {"type": "number", "privacy": "none", "role": "score"},
    }
    columns |= {name: {"type": "number", "privacy": "none"} for name in NUMBERS}
    columns |= {name: {"type": "integer", "privacy": "none"} for name in COUNTS}
    columns |= {name: {"type": "category", "privacy": "none"} for name in CATEGORIES}
    labels = {"path": f"{folder}/labels-{{night}}.{form}", "column": "label", "privacy": "none", "delay_nights": 0}
    return {
        "schema_version": 1,
        "model_id": MODEL,
        "version": "1",
        "owner": "team",
        "domain": "made",
        "task": "binary",
        "log": {"path": f"{folder}/{{night}}.{form}"},
        "labels": labels,
        "reference": {"path": f"{folder}/reference.{form}", "label": "label"},
        "columns": columns,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
