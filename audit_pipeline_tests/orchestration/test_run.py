"""What is due, run night by night in this process; and two processes that do it at once."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from audit_pipeline.config import Project, load_project
from audit_pipeline.due import due_nights
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.fleet import publish_store
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.publish import published
from audit_pipeline.records import Stage
from audit_pipeline_tests.orchestration.kit import records, run_of
from audit_pipeline_tests.small_project import NIGHTS, build

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def spend(tmp_path: Path) -> Project:
    """Five nights of the model that looks back on the three nights before."""
    return load_project(build(tmp_path / "project", labelled=(), models=["spend"]))


@pytest.fixture
def short(tmp_path: Path) -> Project:
    """Its first three nights."""
    return load_project(build(tmp_path / "project", nights=NIGHTS[:3], labelled=(), models=["spend"]))


def look_back(project: Project) -> dict[str, list[str]]:
    """The nights each record was compared with, newest first."""
    store = Store(project.layout)
    found = [store.read_record(e.model_id, e.night, e.digest)["result"] for e in records(project)]
    return {result["night"]: [night for night, _ in result["look_back"]] for result in found}


IN_ORDER = {
    "2026-03-01": [],
    "2026-03-02": ["2026-03-01"],
    "2026-03-03": ["2026-03-02", "2026-03-01"],
    "2026-03-04": ["2026-03-03", "2026-03-02", "2026-03-01"],
    "2026-03-05": ["2026-03-04", "2026-03-03", "2026-03-02"],
}


@pytest.mark.acceptance
def test_a_backfill_goes_in_order_of_date_and_tells_its_stages(spend: Project) -> None:
    heard: list[tuple[str, date, Stage]] = []
    with instance_of(spend) as instance:
        due = due_nights(spend, now=datetime.now(UTC))
        told = run_due(spend, instance, due, on_stage=lambda *stage: heard.append(stage))
        done = [(night.night, night.models, night.crashed) for night in told]
        runs = instance.get_run_records(ascending=True)
        kept = [(r.dagster_run.tags["dagster/partition"], run_of(instance, r.dagster_run.run_id).status) for r in runs]
    assert done == [(night, ("spend",), {}) for night in NIGHTS]
    assert kept == [(str(night), dg.DagsterRunStatus.SUCCESS) for night in NIGHTS]
    assert look_back(spend) == IN_ORDER
    assert [night for _, night, stage in heard if stage is Stage.SNAPSHOT] == list(NIGHTS)


@pytest.mark.acceptance
def test_two_processes_at_once_leave_one_record_per_model_night(short: Project) -> None:
    command = [sys.executable, "-m", "audit_pipeline_tests.orchestration.runner", str(short.root)]
    started = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate()[1].decode()[-2000:] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sorted(e.night for e in records(short)) == [str(night) for night in NIGHTS[:3]]
    assert look_back(short) == dict(list(IN_ORDER.items())[:3])
    assert verify(Store.of(short)).problems == ()
    assert due_nights(short, now=datetime.now(UTC)) == []
    publish_store(short)
    with published(short.layout) as connection:
        assert connection.execute("SELECT count(*) FROM audit.model_night").fetchall() == [(3,)]
        assert connection.execute("SELECT count(*) FROM lineage.run WHERE state = 'RUNNING'").fetchall() == [(0,)]
