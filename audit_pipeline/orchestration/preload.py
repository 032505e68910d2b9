"""What a forked step finds imported already. Opens no connection and starts no thread."""

import gc
import importlib
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # an OpenMP pool must not be alive when a step forks
HEAVY = (
    "audit_pipeline.checks.engine_gx",
    "audit_pipeline.explain.engine_shap",
    "audit_pipeline.metrics.engine_evidently",
    "audit_pipeline.lineage.events",
    "audit_pipeline.evidence.report",
    "audit_pipeline.orchestration.assets",
    "sqlalchemy",
    "alembic",
    "skops.io",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.runs.sqlite",
)
LOADED = tuple(importlib.import_module(name).__name__ for name in HEAVY)
gc.collect()
gc.freeze()
