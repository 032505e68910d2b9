"""A small project with two models and five nights, for tests of what stands around a model-night.

`churn` is binary: Parquet logs, a reference file with outcomes, labels two nights late, a skops artefact, a person.
`spend` is a regression: CSV logs, the nights before as reference, no labels, no artefact. All numbers are made up.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FIRST = date(2026, 3, 1)
NIGHTS = tuple(FIRST + timedelta(days=i) for i in range(5))
ROWS = 600
MODELS = ("churn", "spend")
PERSON = "jane.doe.planted@example.org"  # the stem of every person's identifier: must be nowhere in what is written

PROJECT = """\
schema_version: 1
name: small
time_zone: Europe/Berlin
nights: {first: 2026-03-01, last: 2026-03-05, complete_at: "02:30"}
owners:
  team: {name: The team, channels: [chat]}
channels:
  chat: {url: "file:audit/keys/chat.url"}
keys: {signing: "file:audit/keys/signing.key"}
limits: {explain_rows: 100, threads: 1, memory: 256MB}
"""
CHURN = """\
schema_version: 1
model_id: churn
version: "1"
owner: team
domain: retention
task: binary
log: {path: "input/churn/{night}.parquet"}
labels: {path: "input/churn_labels/{night}.csv", column: outcome, privacy: sensitive, delay_nights: 2}
reference: {path: input/churn_reference.parquet, label: outcome}
artefact: {path: input/churn.skops, sha256: "file:input/churn.skops.sha256"}
columns:
  request: {type: category, privacy: none, role: row_id}
  person: {type: category, privacy: direct_identifier, role: subject_id}
  age: {type: number, privacy: quasi_identifier}
  visits: {type: number, privacy: none}
  score: {type: number, privacy: sensitive, role: score}
policy: {performance: {metrics: {auc: {fail_below: 0.55}}}}
"""
SPEND = """\
schema_version: 1
model_id: spend
version: "1"
owner: team
domain: billing
task: regression
log: {path: "input/spend/{night}.csv"}
reference: {window: {nights: 3}}
columns:
  claim: {type: category, privacy: none, role: row_id}
  amount: {type: number, privacy: none}
  forecast: {type: number, privacy: none, role: prediction}
"""
SUITES = {
    "churn": """\
schema_version: 1
model_id: churn
expectations:
  - {type: expect_column_values_to_not_be_null, severity: critical, kwargs: {column: score}}
  - {type: expect_column_values_to_be_between, severity: warning, kwargs: {column: age, min_value: 0, max_value: 120}}
  - {type: expect_column_values_to_not_be_null, severity: info, kwargs: {column: visits, mostly: 0.9}}
""",
    "spend": """\
schema_version: 1
model_id: spend
expectations:
  - {type: expect_column_values_to_not_be_null, severity: critical, kwargs: {column: forecast}}
""",
}


def build(
    root: Path,
    *,
    nights: Sequence[date] = NIGHTS,
    labelled: Sequence[date] = NIGHTS[:-2],
    models: Sequence[str] = MODELS,
) -> Path:
    """Write the project and its inputs; nothing of it is audited yet."""
    for folder in ("models", "expectations", "audit/keys"):
        (root / folder).mkdir(parents=True)
    (root / "project.yaml").write_text(PROJECT)
    for model, text in (("churn", CHURN), ("spend", SPEND)):
        if model in models:
            (root / "models" / f"{model}.yaml").write_text(text)
            (root / "expectations" / f"{model}.yaml").write_text(SUITES[model])
    (root / "audit" / "keys" / "pseudonym.key").write_text("5a" * 32)
    (root / "audit" / "keys" / "signing.key").write_text("c3" * 32)
    (root / "audit" / "keys" / "chat.url").write_text("json://127.0.0.1:9/")  # nobody listens there
    write_model(root)
    for night in nights:
        for model in models:
            write_log(root, model, night)
    for night in labelled:
        write_labels(root, night)
    return root


def write_model(root: Path) -> None:
    """Train and write the artefact of `churn`, its sha256 and the reference."""
    import skops.io

    (root / "input").mkdir(exist_ok=True)
    reference = _people("reference")
    data = skops.io.dumps(_classifier())
    (root / "input" / "churn.skops").write_bytes(data)
    (root / "input" / "churn.skops.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  churn.skops\n")
    reference.to_parquet(root / "input" / "churn_reference.parquet")


def write_log(root: Path, model: str, night: date, **columns: Any) -> Path:
    """Write one night's log; `columns` replace what it would hold."""
    if model == "churn":
        path = root / "input" / "churn" / f"{night}.parquet"
        path.parent.mkdir(exist_ok=True)
        _people(str(night)).drop(columns="outcome").assign(**columns).to_parquet(path)
    else:
        path = root / "input" / "spend" / f"{night}.csv"
        path.parent.mkdir(exist_ok=True)
        rng = np.random.default_rng(night.toordinal())
        amount = rng.gamma(2.0, 50.0, ROWS).round(2)
        claims = [f"{night:%d}-{i:04d}" for i in range(ROWS)]
        frame = pd.DataFrame({"claim": claims, "amount": amount, "forecast": (amount * 0.9 + 10).round(2)})
        frame.assign(**columns).to_csv(path, index=False)
    return path


def write_labels(root: Path, night: date) -> Path:
    """Write the outcomes of one night of `churn`."""
    path = root / "input" / "churn_labels" / f"{night}.csv"
    path.parent.mkdir(exist_ok=True)
    _people(str(night))[["request", "outcome"]].to_csv(path, index=False)
    return path


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    people = _people("training")
    return LogisticRegression().fit(people[["age", "visits"]], people["outcome"])


def _people(batch: str) -> pd.DataFrame:
    """Rows of `churn`, with outcomes; the score is the artefact's own."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(batch.encode()).digest()[:4]))
    age, visits = rng.normal(50, 12, ROWS).clip(18, 95), rng.poisson(3, ROWS).astype(float)
    noise = rng.logistic(0, 1, ROWS)
    frame = pd.DataFrame(
        {
            "request": [f"{batch}-{i:04d}" for i in range(ROWS)],
            "person": [f"{i}.{PERSON}" for i in range(ROWS)],
            "age": age,
            "visits": visits,
            "outcome": ((age - 50) / 12 + visits - 3 + noise > 0).astype(int),
        }
    )
    if batch == "training":
        return frame
    return frame.assign(score=_classifier().predict_proba(frame[["age", "visits"]])[:, 1])
