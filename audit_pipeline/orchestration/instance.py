"""Dagster's instance of a project: made once, with telemetry off, shared by the command line, UI and daemon."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.durable import locked, write_whole

# No path stands in it: storage is below the folder of this file, so that a project can be moved or copied.
SETTINGS = """\
# Written by audit-pipeline; edit freely, it is not written again.
telemetry: {enabled: false}
nux: {enabled: false}
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  max_runtime_seconds: 43200      # a run that hangs would hold up all others
  max_resume_run_attempts: 0
  poll_interval_seconds: 30
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
concurrency:
  runs: {max_concurrent_runs: 1}  # in order of date: a night may look back at those before; models run in parallel
retention:
  schedule: {purge_after_days: 90}
  sensor: {purge_after_days: {skipped: 7, failure: 30, success: -1}}
"""


def prepare_home(project: Project) -> Path:
    """Make DAGSTER_HOME once: several processes that make it at the same time break it for good."""
    home = project.layout.dagster_home
    with locked(project.layout.audit / ".locks" / "dagster"):
        settings = home / "dagster.yaml"
        if not settings.exists():
            write_whole(settings, SETTINGS.encode())
            with dg.DagsterInstance.from_config(str(home)) as instance:
                instance.get_runs_count()  # creates the tables
    return home


@contextmanager
def instance_of(project: Project) -> Iterator[dg.DagsterInstance]:
    """Open the project's Dagster instance."""
    with dg.DagsterInstance.from_config(str(prepare_home(project))) as instance:
        yield instance
