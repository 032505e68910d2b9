"""Columns behind a column, with the life span of each link."""

import json
from datetime import date, datetime

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.column_sources import column_path, column_tree
from audit_pipeline.records import Outcome
from audit_pipeline_tests.lineage.conftest import Load
from audit_pipeline_tests.lineage.traces import trace

NIGHTS = [date(2026, 7, day) for day in (1, 2, 3)]


@pytest.fixture
def graph(loaded: Load) -> duckdb.DuckDBPyConnection:
    # on the second night the line stopped before drift; on the third all ran
    return loaded(
        trace(night=NIGHTS[0]), trace(night=NIGHTS[1], stopped=True, verdict=Outcome.FAIL), trace(night=NIGHTS[2])
    )


def test_the_tree_shows_masking(graph: duckdb.DuckDBPyConnection) -> None:
    assert column_tree(column_path(graph, "snapshot/high_utilizer", "patient_id")) == (
        "snapshot/high_utilizer  patient_id\n└─ log/high_utilizer  patient_id  (TRANSFORMATION, MASKED)"
    )
    assert column_tree(column_path(graph, "drift/high_utilizer", "psi")) == (
        "drift/high_utilizer  psi\n"
        "├─ reference/high_utilizer  age  (AGGREGATION)\n"
        "├─ reference/high_utilizer  visits  (AGGREGATION)\n"
        "├─ snapshot/high_utilizer  age  (AGGREGATION)\n"
        "│  └─ log/high_utilizer  age  (IDENTITY)\n"
        "└─ snapshot/high_utilizer  visits  (AGGREGATION)\n"
        "   └─ log/high_utilizer  visits  (IDENTITY)"
    )


def test_a_line_that_stopped_ends_no_link(graph: duckdb.DuckDBPyConnection) -> None:
    spans = graph.execute("select distinct valid_from, valid_to from lineage.column_link").fetchall()
    assert spans == [(datetime(2026, 7, 1), None)]
    assert len(column_path(graph, "drift/high_utilizer", "psi", as_of=NIGHTS[1]).steps) == 6
    assert column_path(graph, "drift/high_utilizer", "psi", as_of=date(2026, 6, 30)).steps == ()


def test_depth_and_json(graph: duckdb.DuckDBPyConnection) -> None:
    found = column_path(graph, "drift/high_utilizer", "psi", depth=1)
    assert {step.depth for step in found.steps} == {1}
    said = json.loads(json.dumps(found.as_dict()))
    assert (said["column"], len(said["steps"]), said["steps"][0]["masked"]) == ("psi", 4, False)


def test_a_column_that_comes_from_nowhere_stands_alone(graph: duckdb.DuckDBPyConnection) -> None:
    assert column_tree(column_path(graph, "log/high_utilizer", "age")) == "log/high_utilizer  age"


@pytest.mark.parametrize(
    ("node", "column", "match"),
    [
        ("snapshot/high_utilizer", "agee", "Did you mean 'age'"),
        ("labels/high_utilizer", "label", "No run said"),
        ("snapshot/high", "age", "Did you mean"),
    ],
)
def test_an_unknown_column_or_node_is_answered_with_names(
    node: str, column: str, match: str, graph: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(LineageError, match=match):
        column_path(graph, node, column)
