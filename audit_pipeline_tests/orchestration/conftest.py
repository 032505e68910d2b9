"""What several tests of Dagster's side start from."""

from collections.abc import Iterator
from multiprocessing import forkserver
from typing import Any

import pytest

from audit_pipeline.config import Project


@pytest.fixture
def forking(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project as the fork server's; the server ends with the test."""
    server: Any = forkserver._forkserver
    server._stop()
    monkeypatch.setenv("AUDIT_PROJECT", str(fresh.root))
    yield fresh
    server._stop()
