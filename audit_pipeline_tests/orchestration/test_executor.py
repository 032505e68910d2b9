"""The executor of schedule and UI: steps forked from a warm server give the results of the command line."""

import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from audit_pipeline.config import Project, load_project
from audit_pipeline.orchestration.build import JOB
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline_tests.orchestration.kit import digests, shown
from audit_pipeline_tests.orchestration.warm import HEAVY
from audit_pipeline_tests.small_project import NIGHTS

CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server is used on Linux")


def job_of(module: str, name: str) -> ReconstructableJob:
    repository = ReconstructableRepository.for_module(module, "defs", working_directory=str(CHECKOUT))
    return repository.get_reconstructable_job(name)


@pytest.mark.acceptance
def test_forked_steps_are_warm_and_give_the_results_of_the_command_line(forking: Project, audited: Path) -> None:
    with instance_of(forking) as instance:
        with dg.execute_job(job_of("audit_pipeline_tests.orchestration.warm", "look"), instance) as looked:
            assert looked.success
        # A preload that fails does so in silence; each step would then import for seconds on its own.
        there = shown(instance, looked.run_id)["imported",].metadata["there"].value
        assert there == list(HEAVY)

        tags = {"dagster/partition": str(NIGHTS[0])}
        began = time.monotonic()
        with dg.execute_job(job_of("audit_pipeline.definitions", JOB), instance, tags=tags) as ran:
            assert ran.success
            steps = {e.step_key for e in ran.all_events if e.is_step_success}
        seconds = time.monotonic() - began
        processes = {e.pid for e in ran.all_events if e.event_type is dg.DagsterEventType.STEP_WORKER_STARTED}
    assert steps == {"audit__churn", "audit__spend"}
    assert len(processes) == 2  # a process each
    assert seconds < 60  # threads of DuckDB, OpenMP or BLAS do not hang after the fork
    expected = {key: value for key, value in digests(load_project(audited)).items() if key[1] == str(NIGHTS[0])}
    assert digests(forking) == expected
