"""The program as `main()` runs it, and a project with two published model-nights."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_pipeline.cli import main
from audit_pipeline.config import load_project
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


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model `risk` has two nights, the newer FAIL; read only."""
    root = small.write(tmp_path_factory.mktemp("audited"))
    store = builders.make_store(root)
    for night, verdict in zip(builders.nights(2), (Outcome.PASS, Outcome.FAIL), strict=True):
        builders.commit(store, model_id="risk", night=night, verdict=verdict)
    publish_store(load_project(root))
    return root
