"""The page on paper: the whole graph, lane by lane, and the facts."""

import re
import zlib
from datetime import date
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.lineage.page import graph_page
from audit_pipeline_tests.browser.chromium import printed
from audit_pipeline_tests.browser.pages import BROWSER, page_file, shown
from audit_pipeline_tests.lineage.conftest import Load
from audit_pipeline_tests.lineage.traces import trace

pytestmark = [*BROWSER, pytest.mark.acceptance]  # each prints, which takes several seconds


def pages_and_curves(pdf: bytes) -> tuple[int, int]:
    """Pages, and Bezier curves drawn on them: lines and round corners."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    drawings = []
    for stream in streams:
        try:
            drawings.append(zlib.decompress(stream))
        except zlib.error:  # a font or picture in another encoding
            continue
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    return pages, sum(len(re.findall(rb" c\s", drawing)) for drawing in drawings)


COUNT = """
const ways = [...document.querySelectorAll("#edges .edge")].map((line) => line.getAttribute("d"));
document.body.dataset.curves = ways.join("").split("C").length - 1;
"""
HIDE = (
    "document.head.append(Object.assign(document.createElement('style'), {textContent: '#edges { display: none }'}));"
)


def test_every_line_is_on_paper_once(graph: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = graph_page(graph, project="clinic", model=None)
    drawn = int(shown(tmp_path, text, script=COUNT).body["data-curves"])
    pages, curves = pages_and_curves(printed(page_file(tmp_path, text)))
    _, without = pages_and_curves(printed(page_file(tmp_path, text, HIDE)))
    assert pages <= 4
    assert curves - without == drawn > 0


def test_a_fleet_takes_several_sheets(loaded: Load, tmp_path: Path) -> None:
    fleet = loaded(*(trace(f"model_{i}", night=date(2026, 7, 1)) for i in range(8)))
    pages, _ = pages_and_curves(printed(page_file(tmp_path, graph_page(fleet, project="clinic", model=None))))
    assert 4 <= pages <= 6  # two lanes to a sheet, then the facts
