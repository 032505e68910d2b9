"""A graph at the limit of what can be read at once, and beyond it."""

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser import pages
from audit_pipeline_tests.browser.pages import BROWSER, script, shown
from audit_pipeline_tests.lineage.conftest import Load, write
from audit_pipeline_tests.lineage.traces import trace

pytestmark = BROWSER
NIGHT = date(2026, 7, 1)


def test_three_hundred_nodes_can_be_read_and_searched(loaded: Load, tmp_path: Path) -> None:
    page = graph_page(loaded(*(trace(f"model_{i}", NIGHT) for i in range(16))), project="clinic", model=None)
    found = shown(tmp_path, page, script=script("large"))
    assert found.body["data-nodes"] == "288"  # 16 models x 18 nodes
    said = json.loads(found.body["data-log"])
    assert said.pop("scale") >= 0.7  # the smallest words are then 8 px high
    # A snapshot is fed by log and settings through one stage, and feeds all stages after it but not what these read
    # besides: of 18 nodes, suite, reference, labels and model are dimmed, with the 17 x 16 - 18 + ... of the others.
    assert said == {"apart": True, "chosen": str(15 * 18 + 4), "moved": True, "inside": True}
    assert found.console == []


def test_too_many_nodes_are_said_and_folded_by_model(loaded: Load, tmp_path: Path) -> None:
    models = [trace(f"model_{i}", NIGHT) for i in range(17)]  # 17 models x 18 nodes
    found = shown(tmp_path, graph_page(loaded(*models), project="clinic", model=None))
    assert found.body["data-nodes"] == "17"
    assert "306 nodes: more than 300 cannot be read in one picture" in found.dom


def foreign_events(jobs: int, *, spaces: int) -> list[dict[str, Any]]:
    """Chains of ten jobs each, `spaces` namespaces in turn; the first reads the log of model_0 as well."""
    log = events_of(trace("model_0", NIGHT))[1]["inputs"][0]["name"]
    return [
        pages.event(
            f"dag{n // 10}.t{n}",
            run=str(uuid.UUID(int=n + 1)),
            at="2026-07-01T00:02:00Z",
            inputs=[{"namespace": "file", "name": f"/x/{n}"}] + ([{"namespace": "file", "name": log}] if not n else []),
            outputs=[{"namespace": "file", "name": f"/y/{n}" if n % 10 == 9 else f"/x/{n + 1}"}],
        )
        | {"job": {"namespace": f"etl{n // 10 % spaces}", "name": f"dag{n // 10}.t{n}"}}
        for n in range(jobs)
    ]


@pytest.mark.parametrize(
    ("jobs", "spaces", "boxes", "says"),
    [
        # 170 jobs and 170 + 17 datasets of theirs, 5 x 18 nodes of ours: 5 models and 2 producers
        (170, 2, 7, "each model and each other producer is one box."),
        # 310 producers of ten jobs and eleven datasets each, of which one touches a model
        (3100, 310, 6, "6,489 nodes that touch no model are left out."),
    ],
)
def test_nodes_of_other_producers_are_folded_and_then_left_out(
    jobs: int, spaces: int, boxes: int, says: str, loaded: Load, tmp_path: Path
) -> None:
    connection = loaded(*(trace(f"model_{i}", NIGHT) for i in range(5)))
    write(tmp_path / "inbox", "1.jsonl", foreign_events(jobs, spaces=spaces))
    store.load(connection, tmp_path / "outbox", tmp_path / "inbox")
    page = graph_page(connection, project="clinic", model=None)
    found = shown(tmp_path, page)
    assert says in found.dom
    assert found.body["data-nodes"] == str(boxes)
    assert found.console == []
    around = shown(tmp_path, page, fragment="#focus=dag1.t15")
    assert around.body["data-nodes"] == "21"  # ten jobs in a row with eleven datasets
    assert "only what is up- and downstream of dag1.t15 is shown" in around.dom


@pytest.mark.parametrize("nights", [1, 4])
def test_a_night_that_changes_nothing_adds_little(loaded: Load, nights: int) -> None:
    """A page grows by what happened, runs and versions: columns and links are carried once."""
    page = graph_page(loaded(*(trace(night=date(2026, 7, 1 + i)) for i in range(nights))), project="clinic", model=None)
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert len(data["columns"]) == 10  # six columns of the log, and two of each of two sources of the drift scores
    assert {len(said) for said in data["described"].values()} == {1}
    assert {len(said) for said in data["runs"].values()} == {nights}
