"""The daemon left running: what arrives is audited, told and published with nobody there; a backfill goes in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from audit_pipeline.config import Project, load_project
from audit_pipeline.due import due_nights
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.orchestration.build import definitions
from audit_pipeline.orchestration.emitter import emit_ended
from audit_pipeline.orchestration.instance import instance_of, prepare_home
from audit_pipeline.orchestration.sensors import heartbeat
from audit_pipeline.publish import published
from audit_pipeline_tests.orchestration.kit import assert_lineage_is_whole, digests, records
from audit_pipeline_tests.receiver import receiver
from audit_pipeline_tests.small_project import MODELS, NIGHTS, build

pytestmark = pytest.mark.acceptance
CHECKOUT = Path(__file__).parents[2]
FEW = NIGHTS[:3]


@contextmanager
def daemon(project: Project) -> Iterator[None]:
    """Keep Dagster's daemon at work on the project."""
    said = project.root / "daemon.log"
    environment = os.environ | {"DAGSTER_HOME": str(prepare_home(project)), "AUDIT_PROJECT": str(project.root)}
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "audit_pipeline.definitions"]
    with said.open("w") as out:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_until(reached: Callable[[], bool], *, project: Project, seconds: int = 400) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, (project.root / "daemon.log").read_text()[-4000:]
        time.sleep(1)


def runs(instance: dg.DagsterInstance, tag: str) -> list[tuple[str, dg.DagsterRunStatus]]:
    """The nights of the runs that bear a tag, in the order in which they were started."""
    found = [r for r in instance.get_run_records() if tag in r.dagster_run.tags]
    found.sort(key=lambda r: r.start_time or float("inf"))
    return [(r.dagster_run.tags["dagster/partition"], r.dagster_run.status) for r in found]


def test_what_arrives_is_audited_with_nobody_there_and_a_backfill_goes_in_order(tmp_path: Path) -> None:
    project = load_project(build(tmp_path / "project", nights=FEW, labelled=()))
    with receiver() as chat, instance_of(project) as instance:
        (project.root / "audit" / "keys" / "chat.url").write_text(chat.url)
        with daemon(project):
            wait_until(lambda: due_nights(project, over=True, now=datetime.now(UTC)) == [], project=project)
            wait_until(lambda: len(chat.received) > 0 and heartbeat(project).exists(), project=project)
            before = digests(project)
            backfill = again(project, instance)
            wait_until(lambda: status(instance, backfill) in DONE, project=project)
        arrived, filled = runs(instance, "dagster/sensor_name"), runs(instance, "dagster/backfill")
        emit_ended(project, instance)  # what ended since the daemon's last tick
        assert_lineage_is_whole(project, instance)
    success = dg.DagsterRunStatus.SUCCESS
    nights = [str(night) for night in FEW]
    assert arrived == [(night, success) for night in nights]
    assert filled == [(night, success) for night in nights]
    assert {(model, night) for model, night in digests(project)} == {(m, n) for m in MODELS for n in nights}
    assert digests(project) == before  # audited again by the backfill: the same results, no new record
    assert len(records(project)) == 6
    store = Store.of(project)
    last = store.heads()["spend", nights[2]]
    look_back = store.read_record("spend", nights[2], last.digest)["result"]["look_back"]
    assert [night for night, _ in look_back] == [nights[1], nights[0]]
    assert verify(store).problems == ()
    with published(project.layout) as connection:
        assert connection.execute("SELECT count(*) FROM audit.model_night").fetchall() == [(6,)]


DONE = (BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.COMPLETED_FAILED, BulkActionStatus.FAILED)


def status(instance: dg.DagsterInstance, backfill: str) -> BulkActionStatus | None:
    found = instance.get_backfill(backfill)
    return found.status if found else None


def again(project: Project, instance: dg.DagsterInstance) -> str:
    """Ask for all assets on all nights, as the UI does."""
    graph = definitions(project).resolve_asset_graph()
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="again",
        asset_graph=graph,
        partition_names=[str(night) for night in FEW],
        asset_selection=list(graph.get_all_asset_keys()),
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id
