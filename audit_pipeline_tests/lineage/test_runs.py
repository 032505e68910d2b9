"""What a run read and wrote: versions, places, other names; and which runs stand behind it."""

import itertools
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.lineage import store
from audit_pipeline.lineage.queries import resolve
from audit_pipeline_tests.lineage.conftest import tables, write
from audit_pipeline_tests.lineage.foreign import dataset, event, pair, run

LOG, NIGHT_1, NIGHT_2 = "/in/{night}.parquet", "/in/2026-07-01.parquet", "/in/2026-07-02.parquet"
Rows = list[tuple[Any, ...]]


def loaded(connection: duckdb.DuckDBPyConnection, folder: Path, *events: dict[str, Any]) -> int:
    write(folder, f"{len(list(folder.glob('*')))}.jsonl", list(events))
    return store.load(connection, folder)


def ask(connection: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Rows:
    return connection.execute(sql, list(values)).fetchall()


IO = "select node, version, location from lineage.run_io order by all"


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_file_that_another_producer_wrote_joins_our_dataset_in_any_order(
    first: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    theirs = event("airflow", 1, hour=1, outputs=[dataset(NIGHT_1, columns={"age": [("/raw", "years")]})])
    ours = event("snapshot", 2, hour=2, inputs=[dataset(LOG, version="v1", at=NIGHT_1)])
    for one in (ours, theirs) if first == "ours" else (theirs, ours):
        loaded(connection, tmp_path, one)
    node = f"dataset:file:{LOG}"
    concrete = f"dataset:file:{NIGHT_1}"
    assert ask(connection, IO) == [(node, "v1", concrete), (node, None, concrete)]
    assert ask(connection, "select dst from lineage.column_edge") == [(node,)]
    assert ask(connection, "select dst from lineage.column_link") == [(node,)]
    assert ask(connection, "from lineage.symlink") == [(concrete, node)]
    assert ask(connection, "select src, dst from lineage.edge order by all") == [
        (node, "job:n:snapshot"),
        ("job:n:airflow", node),
    ]
    assert ask(connection, "select node, name, alias from lineage.node where type = 'dataset'") == [
        (node, LOG, "in/{night}.parquet")
    ]
    assert ask(connection, "select run_id, job, matched from lineage.runs_behind($1)", run(2)) == [
        (run(1), "job:n:airflow", "location")
    ]
    assert {resolve(connection, name) for name in (concrete, NIGHT_1, "2026-07-01.parquet")} == {node}


def test_a_name_given_to_two_datasets_and_names_given_in_a_circle_settle_on_the_first(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    claims = [
        event("a", 1, outputs=[dataset("/b", at="/x")]),
        event("b", 2, outputs=[dataset("/a", at="/x")]),
        event("c", 3, outputs=[dataset("/p", at="/q")]),
        event("d", 4, outputs=[dataset("/q", at="/p")]),
        event("e", 5, outputs=[dataset("/x"), dataset("/q"), dataset("/self", at="/self")]),
    ]
    for number, order in enumerate(itertools.permutations(claims)):
        if number % 40:  # three of the 120 orders
            continue
        with duckdb.connect() as database:
            for one in order:
                loaded(database, tmp_path / str(number), one)
            assert ask(database, "select node from lineage.run_io where run_id = $1 order by 1", run(5)) == [
                ("dataset:file:/a",),
                ("dataset:file:/p",),
                ("dataset:file:/self",),
            ]
            assert ask(database, "select node from lineage.run_io where run_id = $1", run(4)) == [("dataset:file:/p",)]


def test_a_run_may_read_several_versions_of_one_dataset(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    start = event("drift", 1, state="START", inputs=[dataset("/snapshots")])
    end = event("drift", 1, inputs=[dataset("/snapshots", version=v) for v in ("v1", "v2", "v3")])
    loaded(connection, tmp_path, start)
    node = "dataset:file:/snapshots"
    assert ask(connection, IO) == [(node, None, node)]
    loaded(connection, tmp_path, end)
    assert ask(connection, IO) == [(node, v, node) for v in ("v1", "v2", "v3")]
    assert ask(
        connection,
        "select version from lineage.run_io join lineage.touched_by('v2') using (run_id) where version = 'v2'",
    ) == [("v2",)]


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        # (version, place) as said by events in turn -> what stands in run_io
        ([(None, None), ("v1", NIGHT_1)], [("v1", NIGHT_1)]),
        ([(None, NIGHT_1), ("v1", NIGHT_1)], [("v1", NIGHT_1)]),
        ([("v1", None), ("v1", NIGHT_1)], [("v1", NIGHT_1)]),
        ([(None, NIGHT_1), ("v1", None)], [("v1", NIGHT_1)]),  # one of each: they belong together
        ([(None, NIGHT_1), ("v1", NIGHT_2)], [("v1", NIGHT_2), (None, NIGHT_1)]),
        ([(None, NIGHT_1), (None, NIGHT_2)], [(None, NIGHT_1), (None, NIGHT_2)]),
        ([("v1", NIGHT_1), ("v1", NIGHT_2)], [("v1", NIGHT_1), ("v1", NIGHT_2)]),  # equal bytes in two files
        ([("v1", None), ("v2", None), (None, NIGHT_1)], [("v1", LOG), ("v2", LOG), (None, NIGHT_1)]),
        ([(None, None), (None, None)], [(None, LOG)]),
    ],
)  # fmt: skip
def test_what_says_no_more_than_another_is_no_row(
    said: list[tuple[Any, Any]], rows: Rows, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    states = ["START", *["RUNNING"] * (len(said) - 2), "COMPLETE"]
    for number, ((version, at), state) in enumerate(zip(said, states, strict=True)):
        read = [dataset(LOG, version=version, at=at)]
        loaded(connection, tmp_path, event("j", 1, hour=number, state=state, inputs=read))
    found = ask(connection, "select version, location from lineage.run_io order by version nulls last, location")
    assert found == [(version, f"dataset:file:{place}") for version, place in rows]


def test_runs_behind_by_version_take_the_last_writer_before_the_reader_else_the_first(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    table, made = dataset("/t", version="same"), dataset("/u", version="u")
    loaded(
        connection,
        tmp_path,
        *pair("w", 1, hour=1, outputs=[table]),
        *pair("w", 2, hour=3, outputs=[table]),
        *pair("w", 3, hour=9, outputs=[table]),
        *pair("early", 4, hour=0, inputs=[table]),
        *pair("middle", 5, hour=5, inputs=[table], outputs=[made]),
        *pair("late", 6, hour=11, inputs=[table, made]),
        *pair("other", 7, hour=11, inputs=[dataset("/t", version="another")]),
    )  # fmt: skip

    def behind(number: int, depth: int = 20) -> Rows:
        sql = "select depth, run_id, matched from lineage.runs_behind($1, depth := $2) order by all"
        return ask(connection, sql, run(number), depth)

    assert behind(4) == [(1, run(1), "version")]  # none had ended before: the first
    assert behind(5) == [(1, run(2), "version")]
    assert behind(6) == [(1, run(3), "version"), (1, run(5), "version"), (2, run(2), "version")]
    assert behind(6, 1) == [(1, run(3), "version"), (1, run(5), "version")]
    assert behind(7) == []


def test_runs_behind_by_place_take_the_last_that_had_ended_and_gave_no_other_version(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    loaded(
        connection,
        tmp_path,
        *pair("airflow", 1, hour=1, outputs=[dataset(NIGHT_1)]),
        *pair("airflow", 2, hour=2, outputs=[dataset(NIGHT_1)]),
        *pair("airflow", 3, hour=9, outputs=[dataset(NIGHT_1)]),  # after the reader
        *pair("exact", 4, hour=3, outputs=[dataset(NIGHT_1, version="v0")]),
        *pair("airflow", 5, hour=2, outputs=[dataset(NIGHT_2)]),
        *pair("ours", 6, hour=5, inputs=[dataset(LOG, version="v1", at=NIGHT_1)]),
        *pair("spark", 7, hour=5, inputs=[dataset(NIGHT_1)]),
    )  # fmt: skip
    sql = "select run_id, matched from lineage.runs_behind($1)"
    assert ask(connection, sql, run(6)) == [(run(2), "location")]  # run 4 wrote other bytes than were read
    assert ask(connection, sql, run(7)) == [(run(4), "location")]  # read without a version: whatever lay there


def test_a_circle_of_runs_ends(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    a, b = dataset("/a", version="a"), dataset("/b", version="b")
    loaded(connection, tmp_path, *pair("x", 1, inputs=[a], outputs=[b]), *pair("y", 2, inputs=[b], outputs=[a]))
    assert ask(connection, "select run_id from lineage.runs_behind($1)", run(1)) == [(run(2),)]


def test_what_stage_and_verdict_a_run_behind_came_to(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    stage = {"model": "m", "night": "2026-07-01", "stage": "snapshot", "outcome": "PASS"}
    made = dataset("/s", version="s")
    loaded(
        connection, tmp_path, event("m.snapshot", 1, outputs=[made], stage=stage), event("x", 2, hour=2, inputs=[made])
    )
    columns = "depth, job, model_id, night::varchar, stage, state, outcome"
    assert ask(connection, f"select {columns} from lineage.runs_behind($1)", run(2)) == [
        (1, "job:n:m.snapshot", "m", "2026-07-01", "snapshot", "COMPLETE", "PASS")
    ]


NAMES = st.sampled_from(["/a", "/b", "/c"])
DATASETS = st.builds(
    dataset,
    NAMES,
    version=st.sampled_from([None, "v1", "v2"]),
    at=st.one_of(st.none(), NAMES),
    columns=st.dictionaries(
        st.sampled_from("xy"), st.lists(st.tuples(NAMES, st.sampled_from("xy")), max_size=2), max_size=2
    ),
)
EVENTS = st.builds(
    event,
    st.sampled_from(["j", "k"]),
    st.integers(1, 5),
    hour=st.integers(0, 5),
    state=st.sampled_from(["START", "RUNNING", "COMPLETE", "COMPLETE", "FAIL"]),
    inputs=st.lists(DATASETS, max_size=2),
    outputs=st.lists(DATASETS, max_size=2),
)  # fmt: skip


@pytest.mark.dear
@settings(max_examples=settings().max_examples // 5)
@given(st.lists(EVENTS, min_size=1, max_size=12), st.data())
def test_the_tables_follow_from_the_set_of_events(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]], data: st.DataObject
) -> None:
    # runs that change their job, names given in circles, late events of old runs, equal times: in any order, in any
    # parts, every table comes out as from one load
    folder = tmp_path_factory.mktemp("law")
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    with duckdb.connect() as connection:
        loaded(connection, folder / "one", *events)
        expected = tables(connection)
    with duckdb.connect() as connection:
        for start, end in itertools.pairwise([0, *cuts, len(events)]):
            loaded(connection, folder / "parts", *shuffled[start:end])
        found = tables(connection)
    for name in set(expected) - {"loaded"}:
        assert found[name] == expected[name], name
