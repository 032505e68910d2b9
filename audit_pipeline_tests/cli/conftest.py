"""The program as `main()` runs it, and a project with two published model-nights."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_pipeline.cli import main
from audit_pipeline.config import load_project
from audit_pipeline.evidence import Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.records import Outcome
from audit_pipeline_tests import builders
from audit_pipeline_tests.config import small


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that runs one command in this process."""

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["audit-pipeline", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def keys(kind: str) -> str:
    """Return the line of project.yaml that names the file of one key."""
    return f'keys: {{{kind}: "file:audit/keys/{kind}.key"}}\n'


def published(root: Path, *, key: str) -> Path:
    """Write a project whose key of this kind is a file, with one published model-night of `risk`, into `root`."""
    small.write(root, project=small.PROJECT + keys(key))
    (root / "audit" / "keys").mkdir(parents=True)
    (root / "audit" / "keys" / f"{key}.key").write_text("01" * 32)
    builders.commit(Store.of(load_project(root)), model_id="risk")
    publish_store(load_project(root))
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """A copy of the module's `template`."""
    return Path(shutil.copytree(template, tmp_path / "p"))


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model `risk` has two nights, the newer FAIL; read only."""
    root = small.write(tmp_path_factory.mktemp("audited"))
    store = builders.make_store(root)
    for night, verdict in zip(builders.nights(2), (Outcome.PASS, Outcome.FAIL), strict=True):
        builders.commit(store, model_id="risk", night=night, verdict=verdict)
    publish_store(load_project(root))
    return root
