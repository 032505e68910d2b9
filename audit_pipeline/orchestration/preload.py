"""What a forked step finds imported already. Opens no connection and starts no thread."""

import atexit
import gc
import importlib
import os
from contextlib import suppress

from audit_pipeline.errors import AuditError

os.environ.setdefault("OMP_NUM_THREADS", "1")  # an OpenMP pool must not be alive when a step forks
HEAVY = (
    "audit_pipeline.checks.engine_gx",
    "audit_pipeline.explain.engine_shap",
    "audit_pipeline.metrics.engine_evidently",
    "audit_pipeline.evidence.report",
    "audit_pipeline.orchestration.assets",
    "shap",  # its door imports it in the function that explains
    "sqlalchemy",
    "alembic",
    "skops.io",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.runs.sqlite",
)
LOADED = tuple(importlib.import_module(name).__name__ for name in HEAVY)
with suppress(AuditError):  # a project that cannot be read: its run says so, not its fork server
    importlib.import_module("audit_pipeline.definitions").defs.get_repository_def()  # once, not in each step
gc.collect()
gc.freeze()  # children share these pages as long as no collector writes to them
atexit.register(gc.unfreeze)  # the server's own end: what is frozen would be reported as leaked
