"""Write a page with a script of the test behind its own, open it, and read what it came to."""

import re
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline_tests.browser.chromium import CHROMIUM, Visit, visit
from audit_pipeline_tests.lineage.traces import dataset

BROWSER = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]
SHARED = dataset("census", "labels", "2026")


def script(name: str) -> str:
    """A script that stands beside the tests."""
    return (Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8")


def page_file(folder: Path, text: str, code: str = "") -> Path:
    """Write `text` as a file; `code` runs after the page's own."""
    page = folder / "lineage.html"
    page.write_text(text.replace("</body>", f"<script>{code}</script></body>") if code else text)
    return page


def shown(folder: Path, text: str, fragment: str = "", *, script: str = "") -> Visit:
    """Open a page."""
    return visit(page_file(folder, text, script), fragment=fragment)


def label(found: Visit, alias: str) -> str:
    """The words a screen reader says for a node."""
    match = re.search(rf'aria-label="([^"]*)" data-node="[^"]*{re.escape(alias)}"', found.dom)
    assert match, alias
    return match[1]


def panel(found: Visit) -> str:
    """The words of the panel, one space between them."""
    inside = found.dom.split('<aside id="panel"')[1].split("</aside>")[0].split(">", 1)[1]
    return " ".join(re.sub(r"<[^>]*>", " ", inside).replace("&nbsp;", " ").split())


def lit(found: Visit) -> set[str]:
    """Aliases of the nodes that are not dimmed."""
    groups = re.findall(r'<g class="(node [^"]*)"[^>]*data-node="([^"]*)"', found.dom)
    return {name.split(":", 2)[-1] for classes, name in groups if "dim" not in classes.split()}


def second_lines(found: Visit) -> dict[str, str]:
    """What each node says below its name; whole, as its tooltip has it."""
    groups = re.findall(r'data-node="([^"]*)"><title>[^\n]*\n([^\n]*)\n', found.dom)
    return {name.split(":", 2)[-1]: text for name, text in groups}


def event(job: str, *, inputs: list[Any], outputs: list[Any], at: str, **said: Any) -> dict[str, Any]:
    """One COMPLETE event of another producer.

    Args:
        job: its name, in the namespace `etl`.
        inputs: datasets read.
        outputs: datasets written.
        at: when it ended, RFC 3339.
        said: `run` (UUID), `producer`, `facets` of the job.
    """
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "producer": said.get("producer", "https://github.com/apache/airflow"),
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": said["run"]},
        "job": {"namespace": "etl", "name": job, "facets": said.get("facets", {})},
        "inputs": inputs,
        "outputs": outputs,
    }


def columns_from(source: dict[str, Any], links: list[tuple[str, str, str, str | None, bool]]) -> dict[str, Any]:
    """A column-lineage facet; each link is target, source, type, subtype, masking."""
    fields: dict[str, Any] = {}
    for target, column, kind, subtype, masking in links:
        change = {"type": kind, "masking": masking} | ({"subtype": subtype} if subtype else {})
        read = {"namespace": source["namespace"], "name": source["name"], "field": column, "transformations": [change]}
        fields.setdefault(target, {"inputFields": []})["inputFields"].append(read)
    return {"columnLineage": {"fields": fields}}
