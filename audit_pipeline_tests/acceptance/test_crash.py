"""kill -9 in the middle of a run, and two runs at once: complete afterwards, provable, one record per model-night."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.demo.build import build_inputs
from audit_pipeline_tests.acceptance.conftest import copy_project, environment, program, read_meanwhile

pytestmark = pytest.mark.acceptance
NIGHTS = ("--from", "2026-01-01", "--to", "2026-01-02")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = copy_project(tmp_path / "data")
    build_inputs(folder)
    return folder


def start(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "audit_pipeline", "--project", str(root), "run", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
    )


def records(root: Path) -> list[dict[str, object]]:
    file = root / "audit/log/entries.jsonl"
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [entry for entry in entries if entry["kind"] == "record"]


def kill_in_the_middle(root: Path, *, wait_s: float, after_a_record: bool) -> None:
    """Start a run and kill its whole process group: while it loads, or soon after a further record."""
    process = start(root, *NIGHTS)
    before, deadline = len(records(root)), time.monotonic() + 120
    while after_a_record and len(records(root)) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(wait_s)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run was over before it could be killed"


def assert_complete(root: Path) -> None:
    """A last run completes what is left, and nothing of the dead ones shows."""
    done = program(root, "run", *NIGHTS)
    assert done.code == 0, done.err[-2000:]
    pairs = [(e["model_id"], e["night"]) for e in records(root)]
    assert len(pairs) == len(set(pairs)) == 6
    verified = program(root, "verify")
    assert verified.code == 0, verified.err[-2000:]
    with duckdb.connect(str(root / "audit/audit.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from lineage.run where state = 'RUNNING'").fetchall() == [(0,)]
        assert con.execute("select count(*) from audit.model_night").fetchall() == [(6,)]


def test_killed_five_times_under_two_readers_then_complete(root: Path) -> None:
    with read_meanwhile(root / "audit/audit.duckdb", readers=2) as said:
        kill_in_the_middle(root, wait_s=4.0, after_a_record=False)
        for kill in range(1, 5):
            kill_in_the_middle(root, wait_s=0.25 * kill, after_a_record=True)
        assert_complete(root)
    for opened, failed, *kinds in (line.split() for line in said):
        assert (int(opened) > 0, failed) == (True, "0"), kinds
    assert list((root / "audit/.work").iterdir()) == []
    assert {path.name for path in (root / "audit/.build").iterdir()} == {"build.duckdb", "seal.json"}


@pytest.mark.soak
def test_killed_two_hundred_times_while_it_loads_and_works(root: Path) -> None:
    for kill in range(200):
        kill_in_the_middle(root, wait_s=2.0 + 0.2 * (kill % 60), after_a_record=False)
        if len(records(root)) >= 5:  # nearly done: begin anew, so that there is something to kill
            assert_complete(root)
            shutil.rmtree(root / "audit")
            build_inputs(root)
    assert_complete(root)


@pytest.mark.soak
def test_two_runs_at_once_leave_one_record_each(root: Path) -> None:
    first, second = start(root, *NIGHTS), start(root, *NIGHTS)
    assert first.wait(timeout=600) == 0
    assert second.wait(timeout=600) == 0
    pairs = [(e["model_id"], e["night"]) for e in records(root)]
    assert len(pairs) == len(set(pairs)) == 6
    assert program(root, "verify").code == 0
