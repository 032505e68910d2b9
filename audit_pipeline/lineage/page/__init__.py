"""The lineage graph as one self-contained HTML page: no server, no network, readable without this product.

Layout by the vendored dagre in the browser; the page carries every link with its life span, so that its date
field shows the graph of any night. Template, styles and scripts stand beside this module.
"""

import json
import re
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from audit_pipeline.lineage.page.carried import contents

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STYLES = ("theme", "page", "graph", "panel", "print")
# Joined in this order into one function: what a file declares, all of them see.
SCRIPTS = (
    "state",
    "night",
    "shown",
    "layout",
    "view",
    "draw",
    "columns",
    "focus",
    "panel",
    "facts",
    "path",
    "paper",
    "start",
)


def graph_page(connection: "DuckDBPyConnection", *, project: str, model: str | None, as_of: date | None = None) -> str:
    """Return the page.

    Args:
        connection: the published database, as the current one.
        project: name shown in the title.
        model: only its nodes and their neighbours; None for all models.
        as_of: the date shown first, and the last that the page knows; None is now.

    Raises:
        LineageError: there is no such model in the graph.
    """
    data = {"project": project, **contents(connection, model, as_of)}
    script = "\n".join(_text(f"page/{name}.js") for name in SCRIPTS)
    parts = {
        "{{title}}": _escape(f"Lineage of {project}" + (f" · {model}" if model else "")),
        "/*{{style}}*/": "".join(_text(f"page/{name}.css") for name in STYLES),
        "/*{{dagre}}*/": _text("vendor/dagre.min.js").split("//# sourceMappingURL")[0],
        "/*{{dagre-licence}}*/": "/*! " + _text("vendor/LICENSE") + "*/",
        "/*{{script}}*/": f'"use strict";\n(() => {{\n{script}}})();',
        "{{data}}": _embedded(data),
    }
    marks = re.compile("|".join(re.escape(mark) for mark in parts))
    # One pass: a name that looks like a mark stays a name.
    return marks.sub(lambda mark: parts[mark[0]], _text("page/page.html"))


def _embedded(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _escape(text: str) -> str:
    """Return text for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(name: str) -> str:
    """Return a file that ships with the package."""
    return (resources.files("audit_pipeline.lineage") / name).read_text(encoding="utf-8")
