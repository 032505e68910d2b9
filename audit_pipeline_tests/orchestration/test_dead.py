"""Runs whose process was killed are closed, end in lineage as well, and are made good by the next run."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from audit_pipeline.config import Project
from audit_pipeline.due import due_nights
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.fleet import publish_store
from audit_pipeline.orchestration.assets import HOST_TAG
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.orchestration.dead import close_dead_runs
from audit_pipeline.orchestration.emitter import emit_ended
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.publish import published
from audit_pipeline.records import Stage
from audit_pipeline_tests.orchestration.kit import assert_lineage_is_whole, bytes_below, records, run_of, states
from audit_pipeline_tests.small_project import NIGHTS, write_log

N1, N2, N3, N4, N5 = NIGHTS
CHECKOUT = Path(__file__).parents[2]


def killed_in(project: Project, model_id: str, stage: str) -> None:
    """Start what is due in a process of its own, and kill it as a stage begins."""
    ready = project.root / "ready"
    command = [sys.executable, "-m", "audit_pipeline_tests.orchestration.runner"]
    process = subprocess.Popen([*command, str(project.root), str(ready), model_id, stage], cwd=CHECKOUT)
    try:
        for _ in range(1200):
            if ready.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert ready.exists()
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def running(project: Project) -> int:
    with published(project.layout) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM lineage.run WHERE state = 'RUNNING'").fetchall()
    return int(count)


@pytest.mark.acceptance
def test_a_killed_run_is_closed_and_the_next_run_makes_it_good(two_nights: Project) -> None:
    for model in ("churn", "spend"):
        write_log(two_nights.root, model, N3, **({"score": None} if model == "churn" else {}))
    before = len(records(two_nights))
    killed_in(two_nights, "spend", "drift")  # churn's third night is committed by then, spend's is half done
    assert len(records(two_nights)) == before + 1 + 1  # and churn's first night was restated: labels overdue
    with instance_of(two_nights) as instance:
        open_runs = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        [dead] = [r.dagster_run.run_id for r in open_runs]
        assert close_dead_runs(instance) == [dead]
        assert run_of(instance, dead).status is dg.DagsterRunStatus.FAILURE
        assert emit_ended(two_nights, instance).runs == 1
        found = states(two_nights, dead)
        assert {found["churn", s.value] for s in (Stage.SNAPSHOT, Stage.AUDIT)} == {"COMPLETE"}
        assert {found["spend", s.value] for s in Stage} == {"ABORT"}
        assert set(found) == {(m, s.value) for m in ("churn", "spend") for s in Stage}
        assert running(two_nights) == 0

        outbox = bytes_below(two_nights.layout.outbox)
        assert close_dead_runs(instance) == []
        assert_lineage_is_whole(two_nights, instance)
        assert emit_ended(two_nights, instance).events == 0
        assert bytes_below(two_nights.layout.outbox) == outbox

        assert Store(two_nights.layout).sweep_if_alone() > 0
        due = due_nights(two_nights, now=datetime.now(UTC))
        assert [(d.model_id, d.night) for d in due] == [("spend", N3)]
        assert [done.crashed for done in run_due(two_nights, instance, due)] == [{}]
        close_dead_runs(instance)
    assert len(records(two_nights)) == before + 3
    assert verify(Store.of(two_nights)).problems == ()
    publish_store(two_nights)
    assert running(two_nights) == 0


def test_the_run_of_a_living_process_is_left_alone(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        pretend(two_nights, instance, pid=os.getpid())
        assert close_dead_runs(instance) == []


def test_a_run_whose_worker_died_lives_on_in_its_step(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        run_id = pretend(two_nights, instance, pid=dead_process())
        say(instance, run_id, dg.DagsterEventType.STEP_WORKER_STARTED, os.getpid())
        assert close_dead_runs(instance) == []


def test_a_number_that_another_process_bears_by_now_is_no_sign_of_life(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        run_id = pretend(two_nights, instance, pid=os.getpid(), seen=time.time() - 86400)
        assert close_dead_runs(instance) == [run_id]


def test_the_run_of_another_machine_is_left_alone(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        run_id = pretend(two_nights, instance, pid=dead_process())
        instance.add_run_tags(run_id, {HOST_TAG: f"not-{socket.gethostname()}"})
        assert close_dead_runs(instance) == []


def test_a_run_that_has_just_been_created_is_left_alone(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        job = definitions(two_nights).resolve_job_def(JOB)
        instance.create_run_for_job(job, tags={"dagster/partition": str(N3)})
        assert close_dead_runs(instance) == []


def pretend(project: Project, instance: dg.DagsterInstance, *, pid: int, seen: float | None = None) -> str:
    """Leave a run that a process began and never ended."""
    job = definitions(project).resolve_job_def(JOB)
    run = instance.create_run_for_job(job, tags={"dagster/partition": str(N3)})
    say(instance, run.run_id, dg.DagsterEventType.RUN_START, pid, seen)
    assert run_of(instance, run.run_id).status is dg.DagsterRunStatus.STARTED
    return run.run_id


def say(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType, pid: int, seen: float | None = None
) -> None:
    """Write an event as process `pid` would."""
    detail = EngineEventData() if kind is dg.DagsterEventType.STEP_WORKER_STARTED else None
    event = dg.DagsterEvent(kind.value, JOB, event_specific_data=detail, pid=pid)
    entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, user_message="", level=10, run_id=run_id, timestamp=seen or time.time(), dagster_event=event
    )
    instance.handle_new_event(entry)


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
