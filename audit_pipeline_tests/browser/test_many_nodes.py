"""A graph at the limit of what can be read at once, and beyond it."""

import json
from datetime import date
from pathlib import Path

import pytest

from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser.pages import BROWSER, script, shown
from audit_pipeline_tests.lineage.conftest import Load
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


@pytest.mark.parametrize("nights", [1, 4])
def test_a_night_that_changes_nothing_adds_little(loaded: Load, nights: int) -> None:
    """A page grows by what happened, runs and versions: columns and links are carried once."""
    page = graph_page(loaded(*(trace(night=date(2026, 7, 1 + i)) for i in range(nights))), project="clinic", model=None)
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert len(data["columns"]) == 10  # six columns of the log, and two of each of two sources of the drift scores
    assert {len(said) for said in data["described"].values()} == {1}
    assert {len(said) for said in data["runs"].values()} == {nights}
