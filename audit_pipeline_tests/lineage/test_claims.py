"""The inbox joins the graph, never a verdict: whatever another producer says of us, ours stands, in any order."""

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.lineage.queries import tree, upstream
from audit_pipeline.records import Outcome
from audit_pipeline_tests.lineage.conftest import tables, write
from audit_pipeline_tests.lineage.foreign import dataset, event, run
from audit_pipeline_tests.lineage.traces import trace

NOW = datetime(2026, 7, 10, tzinfo=UTC)
OURS = events_of(trace(verdict=Outcome.FAIL))
STATED, AUDIT = OURS[-2:]  # START and COMPLETE of the audit
FROZEN = OURS[1]["outputs"][0]  # the snapshot
LOG = OURS[1]["inputs"][0]["name"]
Event = dict[str, Any]


def another_run(base: Event, **more: Any) -> Event:
    made = copy.deepcopy(base) | more
    made["run"]["runId"] = str(uuid.UUID(int=1))
    return made


def verdict_of_our_job() -> Event:
    made = another_run(AUDIT, eventTime="2026-07-09T00:00:00Z")
    made["run"]["facets"]["audit_stage"]["outcome"] = "PASS"
    return made


def named_twice(*, ours_first: bool) -> Event:
    there = {"namespace": "a", "name": "b"}
    held, other = (FROZEN, there) if ours_first else (there, FROZEN)
    known = {"identifiers": [{"namespace": other["namespace"], "name": other["name"], "type": "T"}]}
    side = {"namespace": held["namespace"], "name": held["name"], "facets": {"symlinks": known}}
    return event("evil", 1, inputs=[side])


ATTACKS: dict[str, tuple[Callable[[], Event], str]] = {
    "a verdict of our job": (verdict_of_our_job, "only the project speaks for its jobs"),
    "our run under another job": (
        lambda: STATED | {"job": {"namespace": "x", "name": "evil"}, "eventTime": "2020-01-01T00:00:00Z"},
        "only the project speaks for its runs",
    ),
    "our snapshot written by another": (
        lambda: event("evil", 1, outputs=[{"namespace": FROZEN["namespace"], "name": FROZEN["name"]}]),
        "what this project writes",
    ),
    "our snapshot called otherwise": (lambda: named_twice(ours_first=False), "what this project writes"),
    "another name for our snapshot": (lambda: named_twice(ours_first=True), "what this project writes"),
}


def load(connection: duckdb.DuckDBPyConnection, folder: Path, **more: Any) -> int:
    return store.load(connection, folder / "outbox", folder / "inbox", **{"now": NOW, **more})


def kept(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    found = tables(connection)
    del found["loaded"]
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of ours alone."""
    folder = tmp_path_factory.mktemp("alone")
    write(folder / "outbox", "1.jsonl", OURS)
    with duckdb.connect() as connection:
        load(connection, folder)
        return kept(connection)


ALL = tuple(ATTACKS)


@pytest.mark.parametrize(
    ("order", "attacks"), [("outbox inbox", ALL), ("at once", ALL), *(("inbox outbox", (one,)) for one in ALL)]
)
def test_a_claim_is_refused_and_leaves_ours_as_it_was_whichever_came_first(
    order: str, attacks: tuple[str, ...], alone: dict[str, Any], tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    made = {"inbox": [ATTACKS[one][0]() for one in attacks], "outbox": OURS}
    for side in order.split() if order != "at once" else ():
        write(tmp_path / side, "1.jsonl", made[side])
        load(connection, tmp_path)
    for side, events in made.items():
        write(tmp_path / side, "1.jsonl", events)
    load(connection, tmp_path)
    found = kept(connection)
    assert "[FAIL, night 2026-07-01]" in tree(upstream(connection, "high_utilizer.audit", depth=1))
    why = {(row[0], row[1]): row[4] for row in found.pop("quarantine")}
    sizes = [len(canonical(event)) + 1 for event in made["inbox"]]
    places = [("inbox/1.jsonl", sum(sizes[:number])) for number in range(len(sizes))]
    assert list(why) == places
    assert all(ATTACKS[one][1] in why[place] for one, place in zip(attacks, places, strict=True))
    assert found == {name: rows for name, rows in alone.items() if name != "quarantine"}


def test_our_facets_said_by_another_give_no_verdict_model_or_record(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    said = {"model": "high_utilizer", "night": "2026-07-01", "stage": "audit", "outcome": "PASS"}
    made = event("dag", 1, inputs=[{"namespace": FROZEN["namespace"], "name": FROZEN["name"]}], stage=said)
    made["outputs"] = [dataset("/evil/record", version="r", kind="record")]
    write(tmp_path / "outbox", "1.jsonl", OURS)
    write(tmp_path / "inbox", "1.jsonl", [made])
    load(connection, tmp_path)
    rows = connection.execute(
        "select model_id, night, stage, outcome, origin from lineage.run where run_id = $1", [run(1)]
    ).fetchall()
    assert rows == [(None, None, None, None, "inbox")]
    records = connection.execute("select distinct name from lineage.run_io where kind = 'record'").fetchall()
    assert records == [(AUDIT["outputs"][0]["name"],)]


def test_another_s_name_for_our_log_joins_it_and_ours_stays(tmp_path: Path) -> None:
    there = [{"namespace": "aaa", "name": "first/of/text", "facets": {"symlinks": {"identifiers": [
        {"namespace": "file", "name": LOG}]}}}]  # fmt: skip
    found = []
    for order in ("outbox inbox", "inbox outbox"):
        folder = tmp_path / order
        with duckdb.connect() as connection:
            for side in order.split():
                write(folder / side, "1.jsonl", OURS if side == "outbox" else [event("dag", 1, outputs=there)])
                load(connection, folder)
            assert connection.execute("select node from lineage.run_io where run_id = $1", [run(1)]).fetchall() == [
                (f"dataset:file:{LOG}",)
            ]
            assert "dag" in tree(upstream(connection, "high_utilizer.audit"))
            found.append(kept(connection))
    assert found[0] == found[1] and found[0]["quarantine"] == []


def test_the_project_s_name_is_ours_before_its_first_event(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write(tmp_path / "inbox", "1.jsonl", [verdict_of_our_job()])
    assert load(connection, tmp_path, project="clinic") == 0
    assert len(connection.execute("from lineage.quarantine").fetchall()) == 1


def test_a_copy_of_our_own_events_is_no_claim(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    write(tmp_path / "outbox", "1.jsonl", OURS)
    write(tmp_path / "inbox", "copy.jsonl", OURS)
    assert load(connection, tmp_path) == len(OURS)
    assert connection.execute("from lineage.quarantine").fetchall() == []
    assert connection.execute("select distinct origin from lineage.event").fetchall() == [("outbox",)]


@pytest.mark.parametrize("at", ["eventTime", "nominalStartTime"])
def test_the_future_is_refused_so_that_now_is_now(
    at: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    honest = event("dag", 1, inputs=[dataset("/x")])
    without = event("dag", 2)  # a COMPLETE without the input ends the link
    if at == "eventTime":
        without["eventTime"] = "3026-01-01T00:00:00Z"
    else:
        without["run"]["facets"]["nominalTime"] = {at: "2026-07-11T00:00:01Z"}  # a day and a second ahead
    write(tmp_path / "inbox", "1.jsonl", [honest, without])
    assert load(connection, tmp_path) == 1
    assert len(connection.execute("from lineage.edges_at()").fetchall()) == 1
    [(reason,)] = connection.execute("select reason from lineage.quarantine").fetchall()
    assert reason.startswith("from the future")
    with duckdb.connect() as later:  # taken in anew when the day has come, it is no longer ahead
        assert load(later, tmp_path, now=datetime.combine(date(3026, 1, 1), NOW.timetz())) == 2


def test_tables_that_do_not_say_where_an_event_came_in_are_made_anew(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, alone: dict[str, Any]
) -> None:
    write(tmp_path / "outbox", "1.jsonl", OURS)
    load(connection, tmp_path)
    connection.execute("alter table lineage.event drop column origin")
    connection.execute("alter table lineage.run drop column origin")
    load(connection, tmp_path)
    assert kept(connection) == alone


def test_a_name_that_reads_like_ours_when_cut_elsewhere_renames_nothing(tmp_path: Path) -> None:
    """A node is `dataset:<namespace>:<name>`, and a colon may stand in either."""
    ours = copy.deepcopy(OURS)
    for stated in ours:
        for held in (*stated["inputs"], *stated["outputs"]):
            if held["name"] == FROZEN["name"]:
                held.update(namespace="audit://clinic", name="snapshots/high_utilizer")
    cut = {"namespace": "audit", "name": "//clinic:snapshots/high_utilizer"}
    write(tmp_path / "outbox", "1.jsonl", ours)
    write(tmp_path / "inbox", "1.jsonl", [event("evil", 1, inputs=[cut])])
    with duckdb.connect() as connection:
        load(connection, tmp_path)
        named = "select namespace, name from lineage.node where node = 'dataset:audit://clinic:snapshots/high_utilizer'"
        assert connection.execute(named).fetchall() == [("audit://clinic", "snapshots/high_utilizer")]
