"""A database with lineage loaded from traces, by way of a real outbox."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.records import Trace

Load = Callable[..., duckdb.DuckDBPyConnection]


def write(folder: Path, name: str, events: list[dict[str, Any]]) -> None:
    """Write events as another process would have left them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(canonical(event) + b"\n" for event in events))


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        yield database


@pytest.fixture
def loaded(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Load:
    def load(*traces: Trace) -> duckdb.DuckDBPyConnection:
        tell(connection, tmp_path / "outbox", *traces)
        return connection

    return load


def tell(connection: duckdb.DuckDBPyConnection, outbox: Path, *traces: Trace) -> None:
    """Load one more file of the outbox, with the events of `traces`."""
    events = [event for trace in traces for event in events_of(trace)]
    write(outbox, f"{len(list(outbox.glob('*')))}.jsonl", events)
    store.load(connection, outbox)


def graph_of(folder: Path, *traces: Trace) -> Path:
    """Make a database of `traces` for tests that only read it; return its file."""
    with duckdb.connect(str(folder / "graph.duckdb")) as database:
        tell(database, folder / "outbox", *traces)
    return folder / "graph.duckdb"


@pytest.fixture
def graph(graph_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database that the tests around made with `graph_of`; it can only be read."""
    with duckdb.connect(str(graph_file), read_only=True) as database:
        yield database


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """All rows of all lineage tables, in an order of their own."""
    names = connection.execute("select table_name from duckdb_tables() where schema_name = 'lineage'").fetchall()
    return {name: sorted(connection.execute(f"select * from lineage.{name}").fetchall(), key=repr) for (name,) in names}
