"""The page in both themes: text and signs stand out from their ground, as WCAG 2.2 asks (1.4.3, 1.4.11)."""

import json
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser.pages import BROWSER, script, shown

pytestmark = BROWSER


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("where", ["", "asof=2026-07-02", "focus=snapshot/high_utilizer&column=patient_id"])
def test_text_and_signs_stand_out(graph: duckdb.DuckDBPyConnection, tmp_path: Path, theme: str, where: str) -> None:
    page = graph_page(graph, project="clinic", model=None)
    seen = json.loads(shown(tmp_path, page, f"#theme={theme}&{where}", script=script("contrast")).body["data-seen"])
    assert len(seen["text"]) > 20 and len(seen["sign"]) > 4
    assert [found for found in seen["text"] if found[0] < 4.5] == []
    assert [found for found in seen["sign"] if found[0] < 3.0] == []


def test_a_pale_word_would_be_seen(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    pale = "document.getElementById('summary').style.color = '#999';"
    page = graph_page(graph, project="clinic", model=None)
    seen = json.loads(shown(tmp_path, page, "#theme=light", script=pale + script("contrast")).body["data-seen"])
    # #999 has the luminance ((153/255 + 0.055) / 1.055)^2.4 = 0.3185; on white (1.05 / 0.3685) = 2.85
    assert seen["text"][0][0] == pytest.approx(2.85, abs=0.01)


def test_colour_is_never_the_only_sign(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Each outcome has a word and a shape of its own."""
    dom = shown(tmp_path, graph_page(graph, project="clinic", model=None), "#asof=2026-07-02").dom
    shapes = {
        name: dom.split(f'<symbol id="m-{name}"')[1].split("</symbol>")[0]
        for name in ("pass", "warn", "fail", "unknown", "none")
    }
    assert len(set(shapes.values())) == 5
    for classes, sign in (("job fail verdict", "#m-fail"), ("job none", "#m-none"), ("job pass", "#m-pass")):
        node = dom.split(f'class="node {classes}"')[1].split("</g>")[0]
        assert f'href="{sign}"' in node
    for word in ("PASS", "WARN", "FAIL", "NOT_EVALUATED", "did not run"):
        assert f"</svg>{word}</li>" in dom
