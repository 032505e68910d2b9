"""The path of a column: what is lit, what the panel says of masking, and that it is the path of the page's night."""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser.pages import BROWSER, columns_from, event, lit, panel, script, second_lines, shown

pytestmark = BROWSER
LOG, JOB, SNAPSHOT = "/clinic/input/log/high_utilizer", "high_utilizer.snapshot", "/clinic/audit/snapshot/high_utilizer"
MASKED = "Masked on every recorded path from prediction log.patient_id : the raw identifier cannot be read here."


def test_a_column_is_chosen_by_click_or_key_and_escape_goes_back(
    graph: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), script=script("click_column"))
    assert json.loads(found.body["data-log"]) == [
        ["BUTTON", 0, True],  # Tab reaches it, Enter and space press it
        [f"dataset:file:{SNAPSHOT}", "patient_id", "H2"],  # what is read out next is the column
        "patient_id",
        [f"dataset:file:{LOG}", "patient_id", "H2"],  # its source, from the tree
        [f"dataset:file:{LOG}", "", "g"],  # Escape: from the column to its node
        ["", "", "g"],  # and to all
    ]
    assert found.console == []


def test_the_address_shows_a_masked_column(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    page = graph_page(graph, project="clinic", model=None)
    found = shown(tmp_path, page, "#focus=snapshot/high_utilizer&column=patient_id")
    assert lit(found) == {LOG, JOB, SNAPSHOT}
    said = second_lines(found)
    assert (said[LOG], said[JOB], said[SNAPSHOT]) == ("patient_id", "masks patient_id", "patient_id")
    assert MASKED in panel(found)
    assert "transformation, masked" in panel(found)
    lines = [line for line in found.dom.split("<path ") if line.startswith('class="edge') and "lit" in line[:40]]
    assert sorted("masked" in line[:40] for line in lines) == [False, True, True]  # to the job, from it; and the legend


def test_a_column_that_is_not_masked_says_how_far_its_values_go(
    graph: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), "#focus=snapshot/high_utilizer&column=age")
    assert "Not masked: values of prediction log.age can be read here." in panel(found)
    assert "Not masked, but only aggregates or conditions go into drift scores.psi ." in panel(found)
    drift = {"high_utilizer.drift", "/clinic/audit/drift/high_utilizer"}
    assert lit(found) == {LOG, JOB, SNAPSHOT} | drift


def test_an_unknown_column_in_the_address_is_no_column(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = shown(tmp_path, graph_page(graph, project="clinic", model=None), "#focus=snapshot/cost&column=nothing")
    assert (found.body["data-focus"], found.body["data-column"]) == ("dataset:file:/clinic/audit/snapshot/cost", "")


def table(name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": "pg", "name": name, "facets": facets}


def copies(night: int, *, masking: bool) -> dict[str, Any]:
    """A job that copies `people.email`; as of the second night without a mask."""
    lineage = columns_from(table("people"), [("contact", "email", "DIRECT", "TRANSFORMATION", masking)])
    run = f"0190a0a0-0000-7000-8000-00000000000{night}"
    at = f"2026-07-0{night}T03:00:00Z"
    tags = {"tags": {"tags": [{"key": "privacy", "value": "direct_identifier", "field": "email"}]}}
    known = {"schema": {"fields": [{"name": "email", "type": "text"}]}, **tags}
    return event("copy", inputs=[table("people", **known)], outputs=[table("mailing", **lineage)], at=at, run=run)


def test_column_links_are_those_of_the_night(received: Any, tmp_path: Path) -> None:
    page = graph_page(received(copies(1, masking=True), copies(2, masking=False)), project="clinic", model=None)
    before = panel(shown(tmp_path, page, "#focus=mailing&column=contact&asof=2026-07-01"))
    after = panel(shown(tmp_path, page, "#focus=mailing&column=contact"))
    assert "Masked on every recorded path from people.email : the raw identifier cannot be read here." in before
    assert "Not masked: values of people.email can be read here." in after
    assert "direct identifier" in after


def test_masked_on_every_path_is_what_the_database_says(received: Any, tmp_path: Path) -> None:
    """Random graphs of tables with one column each: what the page calls masked is what the macro calls masked."""
    draw = random.Random(7)
    links = {
        (f"{part}{source}", f"{part}{target}"): draw.random() < 0.4
        for part in "abcd"
        for target in range(2, 7)
        for source in draw.sample(range(target), k=2)
    }
    events = [
        event(
            f"to_{target}_from_{source}",
            inputs=[table(source)],
            outputs=[table(target, **columns_from(table(source), [("c", "c", "DIRECT", "IDENTITY", masking)]))],
            at="2026-07-01T03:00:00Z",
            run=f"0190a0a0-0000-7000-8000-{number:012}",
        )
        for number, ((source, target), masking) in enumerate(links.items())
    ]
    connection: duckdb.DuckDBPyConnection = received(*events)
    targets = {target for _, target in links}
    expected: dict[str, dict[str, list[str]]] = {}
    for name in {name for link in links for name in link}:
        rows = connection.execute(f"from lineage.column_path('dataset:pg:{name}', 'c')").fetchall()
        ways = defaultdict(list)
        for row in rows:
            ways[row[1].split(":")[2]].append(row[-1])
        sources = {source: all(masked) for source, masked in ways.items() if source not in targets}
        expected[name] = {
            "masked": sorted(f"{source}.c" for source, masked in sources.items() if masked),
            "open": sorted(f"{source}.c" for source, masked in sources.items() if not masked),
        }
    found = shown(tmp_path, graph_page(connection, project="clinic", model=None), script=script("every_column"))
    assert json.loads(found.body["data-log"]) == expected
    assert any(said["masked"] for said in expected.values()) and any(said["open"] for said in expected.values())
