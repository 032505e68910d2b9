"""One instance per project: where it stands, what it is set to, and that a bare `dagster` finds it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from audit_pipeline.config import Project, load_project
from audit_pipeline.orchestration.instance import SETTINGS, instance_of, prepare_home
from audit_pipeline_tests.hardship import ended, in_child

CHECKOUT = Path(__file__).parents[2]
STORAGE = {"storage", "local_artifact_storage", "compute_logs"}


def bare() -> dict[str, str]:
    """An environment in which nothing says where the project is."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


@pytest.fixture
def checkout(built: Path, tmp_path: Path) -> Path:
    """A copy of what a checkout holds, with the small project as its default project."""
    for name in ("workspace.yaml", "dagster.yaml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    shutil.copytree(CHECKOUT / "audit_pipeline", tmp_path / "audit_pipeline")
    shutil.copytree(built, tmp_path / "data")
    return tmp_path


def dagster(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(command, cwd=folder, env=bare(), capture_output=True, text=True, check=False)


def test_the_settings_of_a_checkout_are_those_of_every_project_and_send_nothing() -> None:
    here = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
    everywhere = yaml.safe_load(SETTINGS)
    assert {k: v for k, v in here.items() if k not in STORAGE} == everywhere
    assert everywhere["telemetry"] == {"enabled": False}
    assert everywhere["nux"] == {"enabled": False}


def test_a_bare_instance_in_a_checkout_sees_the_runs_of_the_command_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_of(load_project(checkout / "data")) as instance:
        run_id = instance.create_run_for_job(dg.Definitions(jobs=[nothing]).resolve_job_def("nothing")).run_id
    monkeypatch.chdir(checkout)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dg.DagsterInstance.from_config(str(checkout)) as instance:
        assert instance.get_run_by_id(run_id) is not None
        assert not instance.telemetry_enabled


def test_a_project_that_was_moved_takes_its_history_with_it(audited: Path, two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        assert instance.get_runs_count() == 2
        instance.create_run_for_job(dg.Definitions(jobs=[nothing]).resolve_job_def("nothing"))
    with instance_of(load_project(audited)) as original:
        assert original.get_runs_count() == 2


def test_settings_that_were_edited_stay(fresh: Project) -> None:
    settings = prepare_home(fresh) / "dagster.yaml"
    settings.write_text(settings.read_text().replace("max_concurrent_runs: 1", "max_concurrent_runs: 3"))
    with instance_of(fresh) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 3


def test_several_processes_make_the_home_at_once(fresh: Project, capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with instance_of(fresh) as instance:
            instance.get_runs_count()

    started = [in_child(work) for _ in range(4)]  # forked, since imports would set them seconds apart
    assert [ended(pid) for pid in started] == [0] * 4
    assert capfd.readouterr().err == ""


def test_definitions_are_valid_in_a_bare_environment_and_a_fault_is_told_in_our_words(checkout: Path) -> None:
    validated = dagster(checkout, "definitions", "validate", "-w", "workspace.yaml")
    assert validated.returncode == 0, validated.stderr[-2000:]
    project = checkout / "data" / "project.yaml"
    project.write_text(project.read_text().replace("time_zone: Europe/Berlin", "time_zone: Europe/Berln\nnigths: {}"))
    faulty = dagster(checkout, "definitions", "validate", "-w", "workspace.yaml")
    assert faulty.returncode != 0
    said = faulty.stdout + faulty.stderr
    assert "2 faults in the configuration:" in said
    assert "project.yaml: time_zone:" in said
    assert "project.yaml: nigths: is no known key. Did you mean 'nights'?" in said


@dg.job
def nothing() -> None:
    """A job without steps."""
