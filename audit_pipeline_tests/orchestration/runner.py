"""Audits what is due in a process of its own: `python -m audit_pipeline_tests.orchestration.runner PROJECT`.

With `FILE MODEL STAGE` after it, the process touches the file when that stage begins, then waits to be killed.
"""

import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from audit_pipeline.config import load_project
from audit_pipeline.due import due_nights
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.records import Stage


def main(root: Path, signal: Path | None, where: tuple[str, str]) -> None:
    """Audit what is due in `root`."""
    project = load_project(root)

    def on_stage(model_id: str, night: date, stage: Stage) -> None:
        if signal is not None and (model_id, stage.value) == where:
            signal.touch()
            time.sleep(600)

    with instance_of(project) as instance:
        for done in run_due(project, instance, due_nights(project, now=datetime.now(UTC)), on_stage=on_stage):
            assert done.crashed == {}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None, tuple(sys.argv[3:5]))  # type: ignore[arg-type]
