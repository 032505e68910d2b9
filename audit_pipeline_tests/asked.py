"""A store that is asked about single rows: reasons are kept in it, and it is encrypted."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from audit_pipeline.config import load_project
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext
from audit_pipeline_tests.small_project import NIGHTS, PROJECT, build

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
NIGHT = NIGHTS[0]
SIGNING = 'keys: {signing: "file:audit/keys/signing.key"'
REASONS = ", explanation: {reason_codes: {cases: positive, top: 1}}}"


def make(root: Path) -> Path:
    """Audit a night of `churn`, with the first reason of every yes, and one of `spend`, which has no model file."""
    build(root, nights=[NIGHT], labelled=())
    settings = PROJECT.replace(SIGNING, f'{SIGNING}, encryption: "file:audit/keys/encryption.key"')
    (root / "project.yaml").write_text(settings + "retention: {snapshots: 1 days}\n")
    (root / "audit" / "keys" / "encryption.key").write_text("ab" * 32)
    model = root / "models" / "churn.yaml"
    model.write_text(model.read_text().rstrip().removesuffix("}") + REASONS)
    path = root / "input" / "churn" / f"{NIGHT}.parquet"
    log = pd.read_parquet(path)
    swap, features = int(np.flatnonzero(log["score"] >= 0.5)[0]), ["age", "visits", "score"]
    log.loc[[7, swap], features] = log.loc[[swap, 7], features].to_numpy()  # so that person 7 has been told yes
    log.to_parquet(path)
    project = load_project(root)
    for model_id in ("churn", "spend"):
        audit_model_night(project, model_id, NIGHT, run=RUN)
    publish_store(project)
    return root
