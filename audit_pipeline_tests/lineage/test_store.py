"""The store: once each, whatever the order; edges that live as long as they should; nothing crashes it."""

import json
import random
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of, nightly_events
from audit_pipeline.lineage.own_facets import PRODUCER
from audit_pipeline.records import Outcome, Stage
from audit_pipeline_tests.lineage.conftest import Load, tables, write
from audit_pipeline_tests.lineage.traces import dataset, trace

NIGHTS = [date(2026, 7, day) for day in range(1, 6)]


def events() -> list[dict[str, Any]]:
    made = [
        trace(night=NIGHTS[0]),
        trace(night=NIGHTS[1], stopped=True, verdict=Outcome.FAIL),
        trace(night=NIGHTS[2], broken=Stage.EXPLANATION),
        trace(night=NIGHTS[3], extra=(dataset("shared", "labels", "v1"),)),
        trace(night=NIGHTS[3], attempt=2, verdict=Outcome.WARN),
        trace("cost", NIGHTS[0], extra=(dataset("shared", "labels", "v1"),)),
    ]
    return [event for one in made for event in events_of(one)]


def run_event(number: int, state: str, night: int, inputs: list[str], **more: Any) -> dict[str, Any]:
    """A small event of another producer."""
    return {
        "eventTime": f"2026-08-{night:02d}T0{1 if state == 'START' else 2}:00:00Z",
        "eventType": state,
        "run": {"runId": str(uuid.UUID(int=number)), "facets": {}},
        "job": {"namespace": "spark", "name": "job"},
        "inputs": [{"namespace": "s3://lake", "name": name} for name in inputs],
        "outputs": [],
        **more,
    }


def test_loading_in_any_order_and_any_parts_gives_equal_tables(tmp_path: Path) -> None:
    chance = random.Random(3)
    one = tmp_path / "one"
    write(one, "a.jsonl", events())
    with duckdb.connect() as connection:
        assert store.load(connection, one) == len(events())
        expected = tables(connection)
    assert len(expected["edge"]) > 20 and len(expected["column_edge"]) > 20
    for turn in range(2):
        shuffled = events()
        chance.shuffle(shuffled)
        cuts = sorted(chance.sample(range(1, len(shuffled)), 4))
        with duckdb.connect() as connection:
            for i, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(shuffled)], strict=True)):
                write(tmp_path / str(turn), f"{i}.jsonl", shuffled[start:end])
                store.load(connection, tmp_path / str(turn))
            found = tables(connection)
        del found["loaded"]  # other files
        assert found == {name: rows for name, rows in expected.items() if name != "loaded"}


def test_emitting_again_adds_no_row(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    write(tmp_path, "1.jsonl", events())
    store.load(connection, tmp_path)
    before = tables(connection)
    assert store.load(connection, tmp_path) == 0
    write(tmp_path, "2.jsonl", events() + events())
    assert store.load(connection, tmp_path) == 0
    after = tables(connection)
    assert len(after.pop("loaded")) == 2
    assert after == {name: rows for name, rows in before.items() if name != "loaded"}


def test_an_input_added_in_mid_history_is_all_that_differs(loaded: Load) -> None:
    extra = dataset("census", "labels", "2026")
    connection = loaded(*(trace(night=night, extra=(extra,) if night >= NIGHTS[2] else ()) for night in NIGHTS))

    def graph(as_of: str) -> set[tuple[Any, ...]]:
        rows = connection.execute("select src, dst from lineage.edges_at(as_of := $1::timestamp)", [as_of]).fetchall()
        return set(rows)

    before, after = graph("2026-07-02"), graph("2026-07-03")
    added = (f"dataset:file:{extra.name}", "job:clinic:high_utilizer.drift")
    assert after - before == {added} and before - after == set()
    [(span,)] = connection.execute(
        "select (valid_from, valid_to) from lineage.edge where src = $1", [added[0]]
    ).fetchall()
    assert span == (datetime(2026, 7, 3), None)


def test_a_failed_or_aborted_run_closes_no_edge(loaded: Load) -> None:
    connection = loaded(trace(night=NIGHTS[0]), trace(night=NIGHTS[1], broken=Stage.SNAPSHOT))
    states = connection.execute("select state, count(*) from lineage.run group by state order by state").fetchall()
    assert states == [("ABORT", 5), ("COMPLETE", 6), ("FAIL", 1)]
    assert connection.execute("select count(*) from lineage.edge where valid_to is not null").fetchall() == [(0,)]


def test_a_night_audited_again_without_an_input_no_longer_has_it(loaded: Load) -> None:
    extra = dataset("census", "labels", "2026")
    again = trace(night=NIGHTS[0], attempt=2)
    connection = loaded(trace(night=NIGHTS[0], extra=(extra,)), again)
    node = f"dataset:file:{extra.name}"
    assert connection.execute("select count(*) from lineage.edge where src = $1", [node]).fetchall() == [(0,)]
    assert connection.execute("select count(*) from lineage.run_io where node = $1", [node]).fetchall() == [(1,)]


RUNS = st.lists(
    st.tuples(st.sampled_from(["COMPLETE", "COMPLETE", "FAIL", "ABORT"]), st.sets(st.sampled_from("abc"))),
    min_size=1,
    max_size=12,
)


@pytest.mark.dear
@settings(max_examples=settings().max_examples * 3 // 10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RUNS)
def test_life_spans_equal_a_walk_through_the_nights(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, runs: list[tuple[str, set[str]]]
) -> None:
    # the same rule, told as a loop: a showing opens, a COMPLETE run without it closes
    expected: set[tuple[str, int, int | None]] = set()
    open_since: dict[str, int] = {}
    for night, (state, inputs) in enumerate(runs, 1):
        for read in inputs:
            open_since.setdefault(read, night)
        if state == "COMPLETE":
            for gone in set(open_since) - inputs:
                expected.add((gone, open_since.pop(gone), night))
    expected |= {(held, since, None) for held, since in open_since.items()}
    name = uuid.uuid4().hex  # a job of its own in a database that all examples share
    made = []
    for night, (state, inputs) in enumerate(runs, 1):
        number = uuid.uuid5(uuid.NAMESPACE_OID, f"{name}{night}").int
        for event in (run_event(number, "START", night, []), run_event(number, state, night, sorted(inputs))):
            made.append({**event, "job": {"namespace": "spark", "name": name}})
    write(tmp_path, f"{name}.jsonl", made)
    store.load(connection, tmp_path)
    rows = connection.execute(
        "select right(src, 1), day(valid_from), day(valid_to) from lineage.edge where dst = $1", [f"job:spark:{name}"]
    ).fetchall()
    assert len(rows) == len(expected) and set(rows) == expected


GOOD = run_event(1, "START", 1, ["x"])
BAD = {
    "not JSON": b"{oops",
    "not UTF-8": b'{"a": "\xff"}',
    "no object": b"[1, 2]",
    "NUL in text": json.dumps({**GOOD, "note": "a\x00b"}).encode(),
    "NUL byte": b'{"a": "\x00"}',
    "5 MB": json.dumps({**GOOD, "pad": "x" * 5_000_000}).encode(),
    "deep": b'{"a":' * 200 + b"1" + b"}" * 200,
    "very deep": b"[" * 500_000,
    "NaN": b'{"a": NaN}',
    "beyond a double": b'{"a": 1e999}',
    "digits without end": b'{"a": ' + b"9" * 5_000 + b"}",
    "half a surrogate": json.dumps({**GOOD, "note": "\ud800"}).encode(),
    "time without zone": json.dumps({**GOOD, "eventTime": "2026-07-01T00:00:00"}).encode(),
    "time beyond time": json.dumps({**GOOD, "eventTime": "9999-12-31T23:59:59-23:00"}).encode(),
    "time is a number": json.dumps({**GOOD, "eventTime": 7}).encode(),
    "unknown type": json.dumps({**GOOD, "eventType": "DONE"}).encode(),
    "type is a list": json.dumps({**GOOD, "eventType": ["START"]}).encode(),
    "no run": json.dumps({k: v for k, v in GOOD.items() if k != "run"}).encode(),
    "run id is no UUID": json.dumps({**GOOD, "run": {"runId": "1"}}).encode(),
    "job is text": json.dumps({**GOOD, "job": "x"}).encode(),
    "inputs are an object": json.dumps({**GOOD, "inputs": {}}).encode(),
    "input is null": json.dumps({**GOOD, "inputs": [None]}).encode(),
    "input without name": json.dumps({**GOOD, "inputs": [{"namespace": "x"}]}).encode(),
    "endless name": json.dumps({**GOOD, "job": {"namespace": "n", "name": "/" * 2_000}}).encode(),
    "empty line": b"",
}


def test_unusable_lines_are_quarantined_with_a_reason_and_the_rest_is_taken(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    good = json.dumps(GOOD).encode()
    (tmp_path / "1.jsonl").write_bytes(b"\n".join([*BAD.values(), good, b""]))
    assert store.load(connection, tmp_path) == 1
    rows = connection.execute("select byte_offset, bytes, reason from lineage.quarantine order by 1").fetchall()
    assert [size for _, size, _ in rows] == [len(line) for line in BAD.values()]
    assert all(reason for _, _, reason in rows)
    shown = "".join(reason for _, _, reason in rows)
    assert "oops" not in shown and "DONE" not in shown and "half" not in shown  # no content in a reason


@pytest.mark.parametrize(
    "wrong", [None, 7, "text", [1], {"fields": [3]}, {"fields": {"a": 1}}, [[]], {"inputFields": 2}]
)
def test_facets_of_unexpected_shape_are_passed_over(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, wrong: Any
) -> None:
    facets = dict.fromkeys(("schema", "columnLineage", "version", "datasetType", "tags", "dataSource"), wrong)
    held = {"namespace": "s3://lake", "name": "table", "facets": facets}
    run = {"runId": str(uuid.UUID(int=9)), "facets": dict.fromkeys(("parent", "nominalTime", "audit_stage"), wrong)}
    column = {"columnLineage": {"fields": {"a": wrong, "b": {"inputFields": [wrong, {"namespace": 1}]}}}}
    sides = {"inputs": [{**held, "inputFacets": wrong}], "outputs": [held, {**held, "facets": column}]}
    write(tmp_path, "1.jsonl", [{**run_event(9, "COMPLETE", 1, []), **sides, "run": run}])
    assert store.load(connection, tmp_path) == 1
    assert connection.execute("select count(*) from lineage.run_io").fetchall() == [(2,)]
    assert connection.execute("select count(*) from lineage.column_edge").fetchall() == [(0,)]


def test_a_job_that_only_stands_above_others_is_no_node(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    made = trace()
    begun, ended = made.stages[0].started, made.stages[-1].ended
    nightly = nightly_events(
        made.run, made.project, made.night, started=begun, ended=ended, state="COMPLETE", error=None
    )
    write(tmp_path, "1.jsonl", [nightly[0], *events_of(made), nightly[1]])
    store.load(connection, tmp_path)
    assert connection.execute("select state from lineage.run where job = 'clinic.nightly'").fetchall() == [
        ("COMPLETE",)
    ]
    jobs = connection.execute("select name from lineage.node where type = 'job' order by name").fetchall()
    assert jobs == [(f"high_utilizer.{stage}",) for stage in sorted(Stage)]


def test_messages_of_other_producers_are_not_repeated(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    told = {"errorMessage": {"message": "patient 4711", "programmingLanguage": "JAVA", "_producer": PRODUCER}}
    event = run_event(4, "FAIL", 1, [], run={"runId": str(uuid.UUID(int=4)), "facets": told})
    write(tmp_path / "inbox", "1.jsonl", [event])
    store.load(connection, tmp_path / "outbox", tmp_path / "inbox")
    assert connection.execute("select state, error from lineage.run").fetchall() == [("FAIL", None)]


def test_a_failed_load_leaves_the_database_as_it_was(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    write(tmp_path, "1.jsonl", events())
    store.create(connection)
    connection.execute("drop table lineage.node")  # the last thing a load writes
    with pytest.raises(duckdb.Error):
        store.load(connection, tmp_path)
    assert connection.execute("select count(*) from lineage.event").fetchall() == [(0,)]
    assert connection.execute("select count(*) from lineage.loaded").fetchall() == [(0,)]


def test_macros_answer_when_the_file_is_attached_under_another_name(tmp_path: Path) -> None:
    write(tmp_path / "outbox", "1.jsonl", events())
    file = tmp_path / "published.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as build (storage_version 'v1.2.0')")
        connection.execute("use build")
        store.load(connection, tmp_path / "outbox")
        expected = connection.execute("from lineage.upstream('cost.audit')").fetchall()
        connection.execute("use memory")
        connection.execute("detach build")
    assert len(expected) == 18  # its whole line, and the shared labels
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as elsewhere (read_only)")
        connection.execute("use elsewhere")
        assert connection.execute("from lineage.upstream('cost.audit')").fetchall() == expected
        assert connection.execute("from lineage.column_path('drift/cost', 'psi')").fetchall()
        assert connection.execute("from lineage.touched_by('log/cost')").fetchall()


def test_every_table_column_and_macro_says_what_it_is(connection: duckdb.DuckDBPyConnection) -> None:
    store.create(connection)
    for query in (
        "select table_name from duckdb_tables() where schema_name = 'lineage' and comment is null",
        "select table_name, column_name from duckdb_columns() where schema_name = 'lineage' and comment is null",
        "select function_name from duckdb_functions() where schema_name = 'lineage' and comment is null",
    ):
        assert connection.execute(query).fetchall() == []
