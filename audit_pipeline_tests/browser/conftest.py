"""Pages of small graphs, opened in a real browser."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.lineage import store
from audit_pipeline.records import Outcome
from audit_pipeline_tests.browser.pages import SHARED
from audit_pipeline_tests.lineage.conftest import connection, graph, graph_of, loaded, write  # noqa: F401 (fixtures)
from audit_pipeline_tests.lineage.traces import trace


@pytest.fixture
def received(connection: duckdb.DuckDBPyConnection, tmp_path: Any) -> Any:  # noqa: F811
    """Load events as another producer would have sent them, after those that are there."""

    def load(*events: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        write(tmp_path / "outbox", f"other-{len(list(tmp_path.glob('outbox/*')))}.jsonl", list(events))
        store.load(connection, tmp_path / "outbox")
        return connection

    return load


@pytest.fixture(scope="session")
def graph_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models; three nights of one of them: PASS, stopped with FAIL, WARN with one input more."""
    return graph_of(
        tmp_path_factory.mktemp("graph"),
        trace(night=date(2026, 7, 1)),
        trace(night=date(2026, 7, 2), stopped=True, verdict=Outcome.FAIL),
        trace(night=date(2026, 7, 3), extra=(SHARED,), verdict=Outcome.WARN),
        trace("cost", date(2026, 7, 1)),
    )
