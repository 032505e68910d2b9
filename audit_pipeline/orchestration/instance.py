"""Dagster's instance of a project: made once, with telemetry off, shared by the command line, UI and daemon."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.evidence.files import locked, write_whole

SETTINGS = """\
# Written by audit-pipeline; edit freely, it is not written again.
telemetry: {{enabled: false}}
nux: {{enabled: false}}
storage:
  sqlite: {{base_dir: {home}}}
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config: {{base_dir: {home}}}
compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config: {{base_dir: {home}/storage}}
run_monitoring: {{enabled: true, start_timeout_seconds: 180, max_resume_run_attempts: 0, poll_interval_seconds: 30}}
run_retries: {{enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}}
concurrency:
  runs: {{max_concurrent_runs: 2}}
retention:
  schedule: {{purge_after_days: 90}}
  sensor: {{purge_after_days: {{skipped: 7, failure: 30, success: -1}}}}
"""


def prepare_home(project: Project) -> Path:
    """Make DAGSTER_HOME once: several processes that make it at the same time break it for good."""
    home = project.layout.dagster_home
    with locked(project.layout.audit / ".locks" / "dagster"):
        settings = home / "dagster.yaml"
        if not settings.exists():
            write_whole(settings, SETTINGS.format(home=home).encode())
            with dg.DagsterInstance.from_config(str(home)) as instance:
                instance.get_runs_count()  # creates the tables
    return home


@contextmanager
def instance_of(project: Project) -> Iterator[dg.DagsterInstance]:
    """Open the project's Dagster instance."""
    home = prepare_home(project)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
