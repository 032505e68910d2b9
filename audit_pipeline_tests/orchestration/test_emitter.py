"""Lineage from Dagster's log: exactly one end for each stage, however a run ended; the same bytes at every pass."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from audit_pipeline import fleet, lineage
from audit_pipeline.config import Project, load_project
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import LineageError
from audit_pipeline.evidence import Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.lineage import problems_of, read_outbox, validate
from audit_pipeline.orchestration.assets import LISTENER
from audit_pipeline.orchestration.assets import key as key_of
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.orchestration.emitter import EMITTED_TAG, emit_ended, events_of_run, reconcile
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.orchestration.run_log import entries
from audit_pipeline.orchestration.sensors import deliver
from audit_pipeline.publish import published
from audit_pipeline.records import RunContext, Stage
from audit_pipeline.retrace import trace_of_record
from audit_pipeline_tests.orchestration.kit import (
    assert_lineage_is_whole,
    bytes_below,
    nights_due,
    run_of,
    states,
)
from audit_pipeline_tests.orchestration.test_executor import job_of
from audit_pipeline_tests.small_project import NIGHTS, PERSON, write_log

N1, N2, N3, N4, N5 = NIGHTS
CHECKOUT = Path(__file__).parents[2]
SIX = [stage.value for stage in Stage]


def ask(project: Project, sql: str) -> list[tuple[Any, ...]]:
    publish_store(project)
    with published(project.layout) as connection:
        return connection.execute(sql).fetchall()


def test_what_ran_is_whole_and_its_parent_has_a_start_and_an_end(audited: Path, tmp_path: Path) -> None:
    shutil.copytree(audited, tmp_path / "project")
    project = load_project(tmp_path / "project")
    with instance_of(project) as instance:
        assert_lineage_is_whole(project, instance)
        newest = instance.get_run_records(limit=1)[0].dagster_run.run_id
        assert set(states(project, newest)) == {(m, s) for m in ("churn", "spend") for s in SIX}
    parents = (
        "SELECT DISTINCT p.job, p.state, p.night FROM lineage.run r JOIN lineage.run p ON p.run_id = r.parent_run_id"
    )
    assert ask(project, parents) == [("small.nightly", "COMPLETE", None)]
    alone = "SELECT count(*) FROM lineage.run WHERE parent_run_id IS NULL AND job <> 'small.nightly'"
    assert ask(project, alone) == [(0,)]


def test_the_graph_goes_from_log_to_report_by_way_of_policy_and_model(audited: Path, tmp_path: Path) -> None:
    shutil.copytree(audited, tmp_path / "project")
    project = load_project(tmp_path / "project")
    sql = """
        SELECT DISTINCT r.stage, i.direction, i.kind FROM lineage.run_io i JOIN lineage.run r USING (run_id)
        WHERE r.model_id = 'churn' AND r.night = '2026-03-02' ORDER BY ALL
    """
    read: dict[str, set[str]] = {}
    written: dict[str, set[str]] = {}
    for stage, direction, kind in ask(project, sql):
        (read if direction == "input" else written).setdefault(stage, set()).add(kind)
    assert read == {
        "snapshot": {"log", "model_config"},
        "validation": {"snapshot", "suite"},
        "drift": {"snapshot", "reference"},
        "performance": {"snapshot", "reference"},
        "explanation": {"snapshot", "model", "reference"},
        "audit": {"snapshot", "validation", "drift", "performance", "explanation", "policy"},
    }
    assert written["audit"] == {"record", "report"}


def test_the_version_of_what_was_read_is_the_sha256_of_its_bytes(two_nights: Project) -> None:
    sql = """
        SELECT DISTINCT kind, version FROM lineage.run_io JOIN lineage.run USING (run_id)
        WHERE kind IN ('log', 'reference', 'model') AND model_id = 'churn' AND night = '2026-03-02'
    """
    files = {"log": "churn/2026-03-02.parquet", "reference": "churn_reference.parquet", "model": "churn.skops"}
    expected = {
        kind: hashlib.sha256((two_nights.root / "input" / file).read_bytes()).hexdigest()
        for kind, file in files.items()
    }
    assert dict(ask(two_nights, sql)) == expected


def test_a_window_reads_each_earlier_snapshot_by_its_own_digest(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("spend", N3)))
        record = instance.get_run_record_by_id(done.run_id)
        assert record is not None
        events = events_of_run(two_nights, instance, record)
    [drift] = [e for e in events if e["job"]["name"] == "spend.drift" and e["eventType"] == "COMPLETE"]
    seen = [d["facets"]["version"]["datasetVersion"] for d in drift["inputs"]]
    heads = Store(two_nights.layout).heads()
    kept = []
    for night in (N3, N2, N1):
        head = heads["spend", str(night)]
        kept.append(
            Store(two_nights.layout).read_record("spend", str(night), head.digest)["result"]["snapshot"]["sha256"]
        )
    assert seen == kept


def test_a_crash_keeps_what_ran_before_it_and_says_our_sentence(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3)
    (two_nights.root / "audit" / "keys" / "pseudonym.key").unlink()
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("churn", N3), ("spend", N3)))
        assert set(done.crashed) == {"churn"}
        assert done.lineage is None
        found = states(two_nights, done.run_id)
        assert [found["churn", s] for s in SIX] == ["FAIL", *["ABORT"] * 5]
        assert {found["spend", s] for s in ("snapshot", "audit")} == {"COMPLETE"}
        assert_lineage_is_whole(two_nights, instance)
    [(error,)] = ask(two_nights, "SELECT error FROM lineage.run WHERE job = 'small.nightly' AND state = 'FAIL'")
    assert error == "No record was made of churn."
    assert PERSON.encode() not in b"".join(bytes_below(two_nights.layout.outbox).values())


def test_a_try_that_is_made_again_ends_twice_and_each_under_its_own_run(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3)
    key = two_nights.root / "audit" / "keys" / "pseudonym.key"
    secret, begun = key.read_bytes(), list[Stage]()
    key.unlink()

    def on_stage(model_id: str, night: date, stage: Stage) -> None:
        begun.append(stage)
        if begun.count(Stage.SNAPSHOT) == 2:
            write_whole(key, secret)  # the fault is mended before the second try

    made = definitions(two_nights)
    policy = dg.RetryPolicy(max_retries=1)
    again = dg.Definitions(assets=made.assets, jobs=[dg.define_asset_job("again", "*", op_retry_policy=policy)])
    token = LISTENER.set(on_stage)
    try:
        with instance_of(two_nights) as instance:
            ran = again.resolve_job_def("again").execute_in_process(
                instance=instance,
                partition_key=str(N3),
                asset_selection=[key_of("churn", stage) for stage in Stage],
                raise_on_error=False,
            )
            assert ran.success
            assert emit_ended(two_nights, instance).runs == 1
            assert_lineage_is_whole(two_nights, instance)
    finally:
        LISTENER.reset(token)
    sql = f"""
        SELECT state, count(*), count(DISTINCT run_id) FROM lineage.run
        WHERE night = '{N3}' AND model_id = 'churn' GROUP BY ALL ORDER BY ALL
    """
    # first try: the snapshot failed, five stages never ran; second: six complete (labels pending)
    assert ask(two_nights, sql) == [("ABORT", 5, 5), ("COMPLETE", 6, 6), ("FAIL", 1, 1)]


def test_a_run_that_was_cancelled_before_it_began_aborts_every_stage(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        job = definitions(two_nights).resolve_job_def(JOB)
        run = instance.create_run_for_job(job, tags={"dagster/partition": str(N3)}, asset_selection=None)
        planned(instance, run, ("churn", "spend"))
        instance.report_run_canceled(run)
        assert emit_ended(two_nights, instance).runs == 1
        assert set(states(two_nights, run.run_id).values()) == {"ABORT"}
        assert len(states(two_nights, run.run_id)) == 12
        assert_lineage_is_whole(two_nights, instance)


def planned(instance: dg.DagsterInstance, run: dg.DagsterRun, models: tuple[str, ...]) -> None:
    """Say what a run sets out to do, as its creation by the daemon does."""
    from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent

    for model in models:
        for stage in SIX:
            data = AssetMaterializationPlannedData(dg.AssetKey([model, stage]), partition=str(N3))
            event = DagsterEvent.build_asset_materialization_planned_event(JOB, f"audit__{model}", data)
            instance.report_dagster_event(event, run.run_id)


def test_nothing_is_written_twice_and_a_lost_mark_costs_nothing(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        before = bytes_below(two_nights.layout.outbox)
        assert emit_ended(two_nights, instance).runs == 0
        for record in instance.get_run_records():
            instance.add_run_tags(record.dagster_run.run_id, {EMITTED_TAG: "another"})
        found = reconcile(two_nights, instance)
        assert (found.ended, found.runs, found.events, found.records) == (2, 0, 0, 0)
        (two_nights.layout.audit / ".state" / "lineage_pass").unlink()  # all runs are looked at, none bears its tag
        assert emit_ended(two_nights, instance).runs == 0
        assert bytes_below(two_nights.layout.outbox) == before


def test_reconcile_writes_again_what_the_outbox_lost(two_nights: Project) -> None:
    before = ask(two_nights, "SELECT event_id FROM lineage.event ORDER BY ALL")
    shutil.rmtree(two_nights.layout.outbox)
    publish_store(two_nights, anew=True)
    assert ask(two_nights, "SELECT count(*) FROM lineage.event") == [(0,)]
    with instance_of(two_nights) as instance:
        found = reconcile(two_nights, instance)
        assert (found.runs, found.events, found.problems) == (2, len(before), ())
    assert ask(two_nights, "SELECT event_id FROM lineage.event ORDER BY ALL") == before


def test_an_outbox_that_cannot_be_written_fails_no_audit_and_is_made_good(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)
    kept = two_nights.root / "kept"
    two_nights.layout.outbox.rename(kept)
    two_nights.layout.outbox.write_text("in the way")
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("spend", N3)))
        assert done.crashed == {}
        assert done.lineage is not None
        assert "could not be written" in done.lineage
        assert run_of(instance, done.run_id).status is dg.DagsterRunStatus.SUCCESS
        two_nights.layout.outbox.unlink()
        kept.rename(two_nights.layout.outbox)
        assert emit_ended(two_nights, instance).runs == 1
        assert_lineage_is_whole(two_nights, instance)


def test_a_success_without_a_trace_is_a_problem_and_no_invented_end(
    two_nights: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_of(two_nights) as instance:
        [record, *_] = instance.get_run_records(limit=1)
        monkeypatch.setattr("audit_pipeline.orchestration.run_log.TRACE", "audit/of-another-version")
        with pytest.raises(LineageError, match="left no trace in Dagster's log"):
            events_of_run(two_nights, instance, record)


def test_what_could_not_be_written_is_told_and_tried_again(
    two_nights: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(two_nights.root, "spend", N3)
    mark = two_nights.layout.audit / ".state" / "lineage_pass"
    before = mark.read_bytes()
    with instance_of(two_nights) as instance:
        with monkeypatch.context() as patch:
            patch.setattr("audit_pipeline.orchestration.run_log.TRACE", "audit/of-another-version")
            [done] = run_due(two_nights, instance, nights_due(two_nights, ("spend", N3)))
            words = deliver(two_nights, instance)
        assert done.lineage is not None and "left no trace" in done.lineage
        assert f"NOT WRITTEN: {done.lineage}" in words
        assert problems_of(two_nights.layout) == [done.lineage]
        assert mark.read_bytes() == before
        assert emit_ended(two_nights, instance).runs == 1
        assert problems_of(two_nights.layout) == []
        assert mark.read_bytes() != before


def test_runs_of_other_jobs_are_passed_over_whatever_their_partitions_are(two_nights: Project) -> None:
    @dg.job
    def another() -> None: ...

    with instance_of(two_nights) as instance:
        for partition in ("2026-07", "2026-03-03"):
            another.execute_in_process(instance=instance, tags={"dagster/partition": partition})
        done = emit_ended(two_nights, instance)
        assert (done.ended, done.runs, done.problems) == (1, 0, ())


def died(project: Project, instance: dg.DagsterInstance) -> str:
    """A run whose process died after the record of `spend` was committed and before the log heard of it."""
    from dagster import DagsterEvent

    write_log(project.root, "spend", N3)
    job = definitions(project).resolve_job_def(JOB)
    chosen = frozenset(key_of("spend", stage) for stage in Stage)
    job = job.get_subset(asset_selection=set(chosen))
    run = instance.create_run_for_job(job, tags={"dagster/partition": str(N3)}, asset_selection=chosen)
    begun = DagsterEvent(event_type_value="STEP_START", job_name=JOB, step_key="audit__spend")
    instance.report_dagster_event(begun, run.run_id)
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    fleet.audit(project, "spend", N3, run=RunContext(run.run_id, record.create_timestamp.astimezone(UTC)))
    instance.report_run_failed(run)
    return run.run_id


def test_a_run_that_died_after_its_record_was_made_ends_as_the_record_says(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        run_id = died(two_nights, instance)
        assert emit_ended(two_nights, instance).runs == 1
        assert states(two_nights, run_id)["spend", "audit"] == "COMPLETE"
        assert_lineage_is_whole(two_nights, instance)
        assert reconcile(two_nights, instance).records == 0
    [(error,)] = ask(two_nights, "SELECT error FROM lineage.run WHERE job = 'small.nightly' AND state = 'FAIL'")
    assert error == "The run ended badly after all its records were made."


def test_reconcile_finds_records_without_lineage_and_tells_them_from_themselves(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)
    made = fleet.audit(two_nights, "spend", N3, run=RunContext("cron", datetime(2026, 3, 4, tzinfo=UTC)))
    with instance_of(two_nights) as instance:
        found = reconcile(two_nights, instance)
        assert (found.records, found.events, found.problems) == (1, 14, ())
        again = reconcile(two_nights, instance)
        assert (again.records, again.events) == (0, 0)
    judged = validate(read_outbox(two_nights.layout.outbox), strict=True)
    assert judged.violations == ()
    sql = (
        f"SELECT outcome FROM lineage.run JOIN lineage.run_io USING (run_id) WHERE version = '{made.committed.record}'"
    )
    assert ask(two_nights, sql) == [(made.result.decision.verdict.value,)]


def test_a_record_whose_configuration_is_gone_is_named(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)
    made = fleet.audit(two_nights, "spend", N3, run=RunContext("cron", datetime(2026, 3, 4, tzinfo=UTC)))
    [settings] = [ref for ref in made.result.inputs if ref.role == "model_config"]
    (two_nights.layout.audit / settings.path).unlink()
    with instance_of(two_nights) as instance:
        [problem] = reconcile(two_nights, instance).problems
    assert problem.startswith(f"Record {made.committed.record[:16]} of spend on {N3}: ")
    assert problems_of(two_nights.layout) == [problem]


def test_a_trace_from_the_record_is_the_one_that_the_audit_left(audited: Path) -> None:
    project = load_project(audited)
    store = Store.of(project)
    stored = {event["run"]["runId"] + event["eventType"]: event for event in written(project)}
    compared = 0
    for entry in store.log.of_kind("record"):
        for event in lineage.events_of(trace_of_record(project, store, entry)):
            kept = stored[event["run"]["runId"] + event["eventType"]]
            unrun = event["run"]["runId"] + "ABORT" in stored
            for one in (event, kept):
                if one["job"]["name"].endswith(".audit") or unrun:
                    del one["eventTime"]  # the record was written before the audit ended
                for side in ("inputs", "outputs"):
                    for dataset in one[side]:
                        if dataset["facets"]["datasetType"]["subType"] in ("LABELS", "REFERENCE"):
                            dataset["facets"].pop("version", None)  # the record has that of the frozen copy
            assert event == kept
            compared += 1
    assert compared == 4 * 12


def written(project: Project) -> list[dict[str, Any]]:
    """Every event of the outbox."""
    return [json.loads(line) for data in bytes_below(project.layout.outbox).values() for line in data.splitlines()]


@pytest.mark.acceptance
@pytest.mark.skipif(sys.platform != "linux", reason="the fork server is used on Linux")
def test_a_step_that_is_killed_aborts_its_stages_alone_and_the_next_run_makes_it_good(forking: Project) -> None:
    store = Store(forking.layout)
    with instance_of(forking) as instance:
        # While this process holds the lock of spend's night, spend's step waits for it.
        with store.session(), store.model_night("spend", N1):
            killer = threading.Thread(target=kill_step, args=(instance, "audit__spend"))
            killer.start()
            with dg.execute_job(
                job_of("audit_pipeline.definitions", JOB), instance, tags={"dagster/partition": str(N1)}
            ) as ran:
                assert not ran.success
                run_id = ran.run_id
            killer.join()
        assert emit_ended(forking, instance).runs == 1
        found = states(forking, run_id)
        assert {found["spend", s] for s in SIX} == {"ABORT"}
        assert {found["churn", s] for s in ("snapshot", "validation", "audit")} == {"COMPLETE"}
        assert_lineage_is_whole(forking, instance)
        [done] = run_due(forking, instance, nights_due(forking, ("spend", N1)))
        assert {states(forking, done.run_id)["spend", s] for s in ("snapshot", "audit")} == {"COMPLETE"}
        assert_lineage_is_whole(forking, instance)
    events = [json.loads(line) for data in bytes_below(forking.layout.outbox).values() for line in data.splitlines()]
    reasons = {
        tag["value"]
        for event in events
        for tag in event["run"]["facets"]["tags"]["tags"]
        if event["eventType"] == "ABORT" and event["job"]["name"].startswith("spend") and tag["key"] == "reason"
    }
    # the killed try; and the second: spend has no artefact to explain
    assert reasons == {
        "did not run: its process was killed",
        "did not run: the model has nothing configured for it",
    }


WORKER = """
import sys, dagster as dg
from pathlib import Path
from audit_pipeline.config import load_project
from audit_pipeline.orchestration.build import JOB
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline_tests.orchestration.test_executor import job_of
with instance_of(load_project(Path(sys.argv[1]))) as instance:
    dg.execute_job(job_of("audit_pipeline.definitions", JOB), instance, tags={"dagster/partition": sys.argv[2]})
"""


@pytest.mark.acceptance
def test_a_run_that_is_cancelled_at_work_ends_every_stage(fresh: Project) -> None:
    store = Store(fresh.layout)
    with instance_of(fresh) as instance, store.session(), store.model_night("spend", N1):
        command = [sys.executable, "-c", WORKER, str(fresh.root), str(N1)]
        environment = os.environ | {"AUDIT_PROJECT": str(fresh.root)}
        worker = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL)
        at_work(instance, "audit__spend")
        [record] = instance.get_run_records()
        instance.report_run_canceling(record.dagster_run)  # as Dagster's launcher does when the UI cancels a run
        worker.send_signal(signal.SIGINT)
        worker.wait(120)
    with instance_of(fresh) as instance:
        [record] = instance.get_run_records()
        assert record.dagster_run.status is dg.DagsterRunStatus.CANCELED
        assert emit_ended(fresh, instance).runs == 1
        found = states(fresh, record.dagster_run.run_id)
        assert {found["spend", s] for s in SIX} == {"ABORT"}
        assert len(found) == 12
        assert_lineage_is_whole(fresh, instance)


def kill_step(instance: dg.DagsterInstance, step: str) -> None:
    """Kill the process of a step once it is at work."""
    os.kill(at_work(instance, step), signal.SIGKILL)


def at_work(instance: dg.DagsterInstance, step: str) -> int:
    """Wait until a step of the newest run is at work in a process of its own; return the process."""
    deadline, kinds = time.monotonic() + 120, {dg.DagsterEventType.STEP_START}
    while time.monotonic() < deadline:
        for record in instance.get_run_records(limit=1):
            for event, _ in entries(instance, record.dagster_run.run_id, kinds):
                if event.step_key == step and event.pid is not None and event.pid != os.getpid():
                    return event.pid
        time.sleep(0.1)
    raise AssertionError(f"{step} was not at work within two minutes")
