"""A complete model-night by this product: `python -m benchmarks.night first|encrypted|next MADE WORK MODULES`.

The first night of a store, encrypted or not, also freezes the reference; `next` needs the store that it left in WORK.
"""

import gc
import shutil
import sys
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

from audit_pipeline import COLLECTED, lineage
from audit_pipeline.config import load_project
from audit_pipeline.keys import make_keys
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import Outcome, RunContext
from benchmarks.imports import remember
from benchmarks.process import say

NIGHTS = {"first": date(2026, 1, 5), "encrypted": date(2026, 1, 5), "next": date(2026, 1, 6)}
MODEL = "made"
ENCRYPTED = "keys: {encryption: 'file:audit/keys/encryption.key'}\n"
PROJECT = "schema_version: 1\nname: bench\nnights: {first: 2026-01-05}\nowners: {team: {name: Team}}\n"


def project_in(work: Path, made: Path, *, encrypted: bool = False) -> Path:
    """Write a project with an empty store over the files in `made`."""
    for folder, name in (("models", "model.yaml"), ("expectations", "suite.yaml")):
        (work / folder).mkdir(parents=True)
        shutil.copyfile(made / name, work / folder / f"{MODEL}.yaml")
    (work / "project.yaml").write_text(PROJECT + ENCRYPTED * encrypted)
    make_keys(work)
    return work


def main(which: str, made: str, work: str, modules: str) -> None:
    """Audit the night; refuse to be measured when something was left out."""
    gc.set_threshold(*COLLECTED)  # as the program does
    if which != "next":
        project_in(Path(work), Path(made), encrypted=which == "encrypted")
    project = load_project(Path(work))
    run = RunContext(run_id=str(uuid.uuid4()), created=datetime.now(UTC))
    audited = audit_model_night(project, MODEL, NIGHTS[which], run=run)
    lineage.append(project.layout.outbox, lineage.events_of(audited.trace))
    result = audited.result
    skipped = [f.reason for f in result.decision.findings if f.counts and f.outcome is Outcome.NOT_EVALUATED]
    parts = (result.validation, result.drift, result.performance, result.explanation)
    if skipped or None in parts:
        raise SystemExit(f"the night was not audited in full: {skipped}")
    remember(Path(modules))
    say(
        verdict=result.decision.verdict,
        checks=len(result.validation.results) if result.validation else 0,
        scores=len(result.drift.scores) if result.drift else 0,
        explained=result.explanation.n if result.explanation else 0,
        stages={r.stage: round((r.ended - r.started).total_seconds(), 2) for r in audited.trace.stages},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
