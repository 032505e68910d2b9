"""Questions to the graph: against a walk written here, and worked by hand."""

import json
from collections import deque
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage import queries
from audit_pipeline.records import Outcome, Stage
from audit_pipeline_tests.lineage.conftest import Load, graph_of
from audit_pipeline_tests.lineage.traces import dataset, trace

SHARED = dataset("census", "labels", "2026")


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graph_of(
        tmp_path_factory.mktemp("graph"),
        trace(night=date(2026, 7, 1)),
        trace(night=date(2026, 7, 2), stopped=True, verdict=Outcome.FAIL),
        trace(night=date(2026, 7, 3), extra=(SHARED,), verdict=Outcome.WARN),
        trace("cost", date(2026, 7, 1), extra=(SHARED,)),
        trace("cost", date(2026, 7, 3), extra=(SHARED,), broken=Stage.DRIFT),
    )


def walk(edges: list[tuple[str, str]], start: str, *, up: bool, depth: int) -> dict[str, int]:
    found, queue = {start: 0}, deque([start])
    while queue:
        at = queue.popleft()
        for src, dst in edges:
            near, far = (dst, src) if up else (src, dst)
            if near == at and far not in found and found[at] < depth:
                found[far] = found[at] + 1
                queue.append(far)
    return found


@pytest.mark.parametrize("as_of", [None, date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3)])
@pytest.mark.parametrize("depth", [2, 20])
def test_answers_equal_a_walk_over_the_edges(graph: duckdb.DuckDBPyConnection, as_of: date | None, depth: int) -> None:
    rows = graph.execute("select src, dst, valid_from::date, valid_to::date from lineage.edge").fetchall()
    edges = [
        (src, dst)
        for src, dst, since, until in rows
        if (until is None if as_of is None else since <= as_of and (until is None or until > as_of))
    ]
    for (node,) in graph.execute("select node from lineage.node where model_id is null or type = 'job'").fetchall():
        for ask, up in ((queries.upstream, True), (queries.downstream, False)):
            answer = ask(graph, node, as_of=as_of, depth=depth)
            assert {n.node: n.depth for n in answer.nodes} == walk(edges, node, up=up, depth=depth)


def test_a_cycle_ends(loaded: Load) -> None:
    # drift looks back at the record of an earlier night: record -> drift -> audit -> record
    connection = loaded(trace(extra=(dataset("high_utilizer", "record", "yesterday"),)))
    answer = queries.upstream(connection, "record/high_utilizer")
    assert "job:clinic:high_utilizer.drift" in {node.node for node in answer.nodes}
    assert "(see above)" in queries.tree(answer)


def test_the_newest_run_as_of_the_night_stands_on_the_job(graph: duckdb.DuckDBPyConnection) -> None:
    found = {}
    for day in (1, 2, 3):
        root = queries.upstream(graph, "high_utilizer", as_of=date(2026, 7, day)).nodes[0]
        found[day] = (root.night, root.outcome)
    assert found == {
        1: (date(2026, 7, 1), "PASS"),
        2: (date(2026, 7, 2), "FAIL"),
        3: (date(2026, 7, 3), "WARN"),
    }


def test_the_tree_of_a_stopped_night(graph: duckdb.DuckDBPyConnection) -> None:
    text = queries.tree(queries.upstream(graph, "high_utilizer.audit", as_of=date(2026, 7, 2)))
    assert text == (
        "high_utilizer.audit  [FAIL, night 2026-07-02]\n"
        "├─ snapshot/high_utilizer  (snapshot)\n"
        "│  └─ high_utilizer.snapshot  [PASS, night 2026-07-02]\n"
        "│     ├─ log/high_utilizer  (log)\n"
        "│     └─ model_config/high_utilizer  (model_config)\n"
        "└─ validation/high_utilizer  (validation)\n"
        "   └─ high_utilizer.validation  [FAIL, night 2026-07-02]\n"
        "      ├─ snapshot/high_utilizer  (snapshot) (see above)\n"
        "      └─ suite/high_utilizer  (suite)"
    )


def test_an_answer_is_json(graph: duckdb.DuckDBPyConnection) -> None:
    said = json.loads(json.dumps(queries.downstream(graph, "labels/census", as_of=date(2026, 7, 3)).as_dict()))
    assert said["root"] == f"dataset:file:{SHARED.name}"
    assert {edge["dst"] for edge in said["edges"] if edge["src"] == said["root"]} == {
        "job:clinic:high_utilizer.drift",
        "job:clinic:cost.drift",
    }


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("cost.audit", "job:clinic:cost.audit"),
        ("cost", "job:clinic:cost.audit"),  # a model stands for its verdict
        ("snapshot/cost", "dataset:file:/clinic/audit/snapshot/cost"),
        ("audit/snapshot/cost", "dataset:file:/clinic/audit/snapshot/cost"),
        ("/clinic/audit/snapshot/cost", "dataset:file:/clinic/audit/snapshot/cost"),
        ("job:clinic:cost.drift", "job:clinic:cost.drift"),
    ],
)
def test_a_node_is_found_by_what_people_type(graph: duckdb.DuckDBPyConnection, text: str, node: str) -> None:
    assert queries.resolve(graph, text) == node


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("high_utilzer", "Did you mean 'high_utilizer'"),
        ("cost.adit", "Did you mean 'cost.audit'"),
        ("audit", r"may be any of 2 nodes: cost\.audit, high_utilizer\.audit"),
        ("", "No node"),
        ("ost", "No node"),  # the end of a name begins after a mark, not in a word
    ],
)
def test_an_unknown_or_ambiguous_name_is_answered_with_names(
    graph: duckdb.DuckDBPyConnection, text: str, match: str
) -> None:
    with pytest.raises(LineageError, match=match):
        queries.resolve(graph, text)


def test_an_empty_graph_says_so(loaded: Load) -> None:
    with pytest.raises(LineageError, match="none yet"):
        queries.upstream(loaded(), "cost")


def ask(connection: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[Any]:
    return connection.execute(sql, list(values)).fetchall()


def test_a_column_path_shows_where_values_were_masked(graph: duckdb.DuckDBPyConnection) -> None:
    sql = "select depth, src_column, masking, masked from lineage.column_path($1, $2)"
    assert ask(graph, sql, "snapshot/cost", "patient_id") == [(1, "patient_id", True, True)]
    # psi <- age, visits of snapshot and reference <- the log's, unchanged
    rows = ask(graph, sql, "drift/cost", "psi")
    assert rows == [
        (1, "age", False, False),
        (1, "visits", False, False),
        (1, "age", False, False),
        (1, "visits", False, False),
        (2, "age", False, False),
        (2, "visits", False, False),
    ]


def test_a_bad_file_leads_to_exactly_the_runs_that_used_it(graph: duckdb.DuckDBPyConnection) -> None:
    bad = dataset("high_utilizer", "log", date(2026, 7, 2)).version
    rows = ask(graph, "select depth, night::varchar, stage from lineage.touched_by($1) order by 1, 3", bad)
    # read by the snapshot; its output by validation and audit; drift and the rest never ran that night
    assert rows == [
        (1, "2026-07-02", "snapshot"),
        (2, "2026-07-02", "audit"),
        (2, "2026-07-02", "validation"),
    ]
    shared = ask(
        graph, "select distinct model_id, night::varchar from lineage.touched_by($1) order by all", SHARED.version
    )
    assert shared == [("cost", "2026-07-01"), ("cost", "2026-07-03"), ("high_utilizer", "2026-07-03")]
