"""Publish and be killed, step after step; a program of its own, since a fork must find no DuckDB threads."""

import shutil
from pathlib import Path

import pandas  # noqa: F401  (once, for all children: what DuckDB and pyarrow would import in each)
import pyarrow.compute  # noqa: F401

from audit_pipeline.publish import publish
from audit_pipeline_tests.builders import make_store
from audit_pipeline_tests.hardship import dies_at


def main(folder: str) -> None:
    """Keep in `left` what each death left of the published file; `before` holds the state that each begins with."""
    store = make_store(Path(folder))
    before, left = Path(folder, "before"), Path(folder, "left")
    left.mkdir()

    def bring() -> None:
        publish(store.layout, store.log.covered, store.read_record)

    step = 0
    while True:
        shutil.rmtree(store.root / ".build", ignore_errors=True)
        shutil.copytree(before / ".build", store.root / ".build")
        store.layout.database.unlink()
        shutil.copy2(before / "audit.duckdb", store.layout.database)
        if not dies_at(step, store.root / ".build", bring):
            return
        shutil.copy(store.layout.database, left / f"{step:03}.duckdb")
        step += 1
