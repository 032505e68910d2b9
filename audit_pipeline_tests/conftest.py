"""The small project for tests of what stands around a model-night: built once, audited once, copied per test."""

import fcntl
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from audit_pipeline.config import Project, load_project
from audit_pipeline_tests import asked
from audit_pipeline_tests.small_project import NIGHTS, build

MadeOnce = Callable[[str, Callable[[Path], object]], Path]

# No test is timed, and a machine with other work is slow; a law that needs more examples asks for them. One whose
# examples cost much is marked `dear` and asks for a share: a fifth is ten in CI, a hundred in `make soak`.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=500)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Return a function that has a folder made by the first worker that asks for it; the others wait, and share it."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once"
    place.mkdir(exist_ok=True)

    def made(name: str, make: Callable[[Path], object]) -> Path:
        root, done = place / name / "project", place / f"{name}.done"
        with (place / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(root.parent, ignore_errors=True)  # of a worker that failed
                root.parent.mkdir()
                make(root)
                done.touch()
        return root

    return made


@pytest.fixture(scope="session")
def built(made_once: MadeOnce) -> Path:
    """The project with the logs of its first two nights, and no labels yet; nothing is audited. Read only."""
    return made_once("built", lambda root: build(root, nights=NIGHTS[:2], labelled=()))


@pytest.fixture(scope="session")
def audited(built: Path, made_once: MadeOnce) -> Path:
    """The same project after both nights were audited through Dagster, in process. Read only."""
    from audit_pipeline.due import due_nights
    from audit_pipeline.orchestration.instance import instance_of
    from audit_pipeline.orchestration.run import run_due

    def audit(root: Path) -> None:
        shutil.copytree(built, root)
        project = load_project(root)
        with instance_of(project) as instance:
            due = due_nights(project, now=datetime.now(UTC))
            assert [done.crashed for done in run_due(project, instance, due)] == [{}, {}]

    return made_once("audited", audit)


@pytest.fixture(scope="session")
def asked_store(made_once: MadeOnce) -> Path:
    """A store that is asked about single rows, as `asked.make` says. Read only."""
    return made_once("asked", asked.make)


@pytest.fixture
def fresh(built: Path, tmp_path: Path) -> Project:
    """A copy of the project in which nothing is audited."""
    shutil.copytree(built, tmp_path / "project")
    return load_project(tmp_path / "project")


@pytest.fixture
def two_nights(audited: Path, tmp_path: Path) -> Project:
    """A copy of the project whose first two nights are audited."""
    shutil.copytree(audited, tmp_path / "project")
    return load_project(tmp_path / "project")
