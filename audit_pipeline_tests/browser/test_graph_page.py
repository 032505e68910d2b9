"""The lineage page in a real browser: drawn, silent, offline, usable by keyboard, true as of a night."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage import queries
from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser.pages import BROWSER, label, panel, shown
from audit_pipeline_tests.lineage.conftest import Load
from audit_pipeline_tests.lineage.traces import dataset, trace

pytestmark = BROWSER


def test_the_page_is_drawn_without_a_word_or_a_request(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None))
    assert found.console == []
    assert found.requests == []
    edges = graph.execute("select count(*) from lineage.edge where valid_to is null").fetchall()
    nodes = graph.execute("select count(*) from lineage.node").fetchall()
    assert (found.body["data-nodes"], found.body["data-edges"]) == (str(nodes[0][0]), str(edges[0][0]))
    assert len(re.findall(r'class="node ', found.dom)) == nodes[0][0]
    assert len(re.findall(r'class="edge(?! lit masked)', found.dom)) == edges[0][0]
    assert label(found, "high_utilizer.audit") == "stage high_utilizer · audit, WARN"


def test_a_page_that_asks_or_complains_would_be_seen(tmp_path: Path) -> None:
    found = shown(tmp_path, "<body><img src='http://127.0.0.1:9/x.png'></body>", script="console.error('seen')")
    assert found.requests == ["http://127.0.0.1:9/x.png"]
    assert any("seen" in line for line in found.console)


@pytest.mark.parametrize(("day", "word", "census"), [(1, "PASS", False), (2, "FAIL", False), (3, "WARN", True)])
def test_the_address_sets_the_night(
    graph: duckdb.DuckDBPyConnection, tmp_path: Path, day: int, word: str, census: bool
) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), f"#asof=2026-07-0{day}")
    links = graph.execute(f"from lineage.edges_at(as_of := date '2026-07-0{day}')").fetchall()
    assert found.body["data-edges"] == str(len(links))
    assert label(found, "high_utilizer.audit") == f"stage high_utilizer · audit, {word}"
    assert ('data-node="dataset:file:/clinic/input/labels/census"' in found.dom) is census
    if day == 2:
        assert label(found, "high_utilizer.validation").endswith("FAIL · 1 check failed")
        assert label(found, "high_utilizer.drift").endswith("did not run")


def test_focus_dims_all_that_is_neither_up_nor_downstream(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), "#focus=snapshot/high_utilizer")
    lit = {
        node.node
        for ask in (queries.upstream, queries.downstream)
        for node in ask(graph, "snapshot/high_utilizer").nodes
    }
    assert int(found.body["data-nodes"]) - int(found.body["data-dimmed"]) == len(lit)
    assert panel(found).count("pseudonym ") == 2  # row_id and patient_id


KEYS = """
const log = [];
const say = () => log.push([document.activeElement.dataset.node || "", document.body.dataset.focus]);
const press = (key) => {
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  say();
};
document.querySelector('[data-node="job:clinic:cost.snapshot"]').focus();
for (const key of ["Enter", "ArrowRight", "ArrowLeft", "Escape"]) press(key);
const search = document.getElementById("search");
press("/");
search.value = "patient"; search.dispatchEvent(new Event("input")); log.push(["found", document.body.dataset.found]);
document.getElementById("model").value = "cost"; document.getElementById("model").dispatchEvent(new Event("change"));
log.push(["nodes", document.body.dataset.nodes]);
document.getElementById("earlier").click(); log.push(["night", document.body.dataset.asof]);
document.getElementById("theme").click(); log.push(["theme", document.documentElement.dataset.theme]);
document.body.dataset.log = JSON.stringify(log);
"""


def test_keys_search_filter_and_night_work(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), script=KEYS)
    said: list[Any] = json.loads(found.body["data-log"])
    job, snapshot = "job:clinic:cost.snapshot", "dataset:file:/clinic/audit/snapshot/cost"
    assert said == [
        [job, job],  # Enter selects
        [snapshot, job],  # to what it wrote
        [job, job],  # and back
        [job, ""],  # Escape shows all
        ["", ""],  # "/" goes to the search field
        ["found", "6"],  # patient_id is a column of log, snapshot and reference of both models
        ["nodes", "18"],
        ["night", "2026-07-02"],
        ["theme", "dark"],
    ]
    assert found.console == []


def test_names_cannot_become_markup(loaded: Load, tmp_path: Path) -> None:
    evil = "</script><script>document.body.dataset.evil=1</script><img src=x onerror=alert(1)>{{data}}"
    made = dataset(evil, "labels", "v1")
    page = graph_page(loaded(trace(extra=(made,))), project=evil, model=None)
    found = shown(tmp_path, page, "#focus=job:clinic:high_utilizer.drift")
    assert "data-evil" not in found.body
    assert found.body["data-nodes"] == "19"
    assert found.console == found.requests == []


def test_an_empty_graph_is_a_page_too(loaded: Load, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(loaded(), project="clinic", model=None))
    assert found.body["data-ready"] == "1"
    assert "Nothing has been recorded yet." in found.dom
    assert found.console == []


def test_one_model_and_an_earlier_night(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    page = graph_page(graph, project="clinic", model="high_utilizer", as_of=date(2026, 7, 1))
    assert "/cost" not in page and "2026-07-02" not in page.split('id="data">')[1].split("</script>")[0].replace(
        '"to":"2026-07-02', ""
    ).replace('"started":"2026-07-02', "")
    found = shown(tmp_path, page)
    assert label(found, "high_utilizer.audit").endswith("PASS")


def test_two_files_of_one_kind_are_told_apart(loaded: Load) -> None:
    made = [replace(dataset("high_utilizer", "report", "n"), name=f"/a/high_utilizer/{n}.html") for n in ("one", "two")]
    page = graph_page(loaded(trace(extra=tuple(made))), project="clinic", model=None)
    assert '"report · one.html"' in page and '"report · two.html"' in page


def test_an_unknown_model_is_answered_with_those_there_are(graph: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(LineageError, match="Did you mean 'high_utilizer'"):
        graph_page(graph, project="clinic", model="high_utilzer")
