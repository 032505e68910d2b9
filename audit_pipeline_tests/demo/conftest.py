"""One build of the demo's inputs, shared by the tests that only read it."""

from pathlib import Path

import pytest

from audit_pipeline.demo.build import build_inputs
from audit_pipeline.demo.cohort import Cohorts, prepare, split
from audit_pipeline.demo.source import read

SEED = 20260101


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with inputs of the default seed; read only."""
    folder = tmp_path_factory.mktemp("demo")
    build_inputs(folder, seed=SEED)
    return folder


@pytest.fixture(scope="session")
def cohorts() -> Cohorts:
    """The rows behind `root`, with person and study year."""
    return split(prepare(read()), seed=SEED)
