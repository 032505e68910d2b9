"""The lineage graph as one self-contained HTML page: no server, no network, readable without this product.

Layout by the vendored dagre in the browser; the page carries every link with its life span, so that its date
field shows the graph of any night. Template, style and script stand beside this module.
"""

import json
import re
from collections import Counter, defaultdict
from datetime import date, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import LineageError, did_you_mean
from audit_pipeline.lineage.queries import instant

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUNS = 120  # newest runs per job and versions per dataset that the page carries; all are in lineage.run and run_io
KINDS = {
    "log": "prediction log",
    "labels": "labels",
    "reference": "reference",
    "model": "model file",
    "model_config": "model settings",
    "suite": "check suite",
    "policy": "policy",
    "snapshot": "snapshot",
    "validation": "check results",
    "drift": "drift scores",
    "performance": "performance results",
    "explanation": "explanation",
    "report": "report",
    "record": "evidence record",
}
Rows = list[dict[str, Any]]


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
    data = {"project": project, "model": model, "asOf": _day(as_of), **_data(connection, model, as_of)}
    parts = {
        "{{title}}": _escape(f"Lineage of {project}" + (f" · {model}" if model else "")),
        "/*{{style}}*/": _text("page.css"),
        "/*{{dagre}}*/": _text("vendor/dagre.min.js").split("//# sourceMappingURL")[0],
        "/*{{dagre-licence}}*/": "/*! " + _text("vendor/LICENSE") + "*/",
        "/*{{script}}*/": _text("page.js"),
        "{{data}}": _embedded(data),
    }
    marks = re.compile("|".join(re.escape(mark) for mark in parts))
    # One pass: a name that looks like a mark stays a name.
    return marks.sub(lambda mark: parts[mark[0]], _text("page.html"))


def _data(connection: "DuckDBPyConnection", model: str | None, as_of: date | None) -> dict[str, Any]:
    """Return what the script draws."""
    at = instant(as_of)
    nodes = {row["node"]: row for row in _rows(connection, "select * from lineage.node order by node")}
    edges = _rows(
        connection,
        "select src, dst, valid_from, valid_to from lineage.edge "
        "where $at is null or valid_from <= $at order by src, dst, valid_from",
        at=at,
    )
    if model is not None:
        nodes, edges = _of_model(nodes, edges, model)
    runs = _runs(connection, at)
    return {
        "nodes": _named([_node(row) for row in nodes.values()]),
        "edges": [
            {"s": e["src"], "t": e["dst"], "from": _iso(e["valid_from"]), "to": _iso(e["valid_to"])} for e in edges
        ],
        "runs": {node: found for node, found in runs.items() if node in nodes},
        "versions": {node: v for node, v in _versions(connection, at).items() if node in nodes},
        "schemas": {node: s for node, s in _schemas(connection, at).items() if node in nodes},
        "columns": [c for c in _columns(connection, at) if c["s"] in nodes and c["t"] in nodes],
        "runsShown": RUNS,
    }


def _of_model(nodes: dict[str, Any], edges: Rows, model: str) -> tuple[dict[str, Any], Rows]:
    """Keep the jobs of one model and what they read and wrote."""
    jobs = {name for name, row in nodes.items() if row["model_id"] == model and row["type"] == "job"}
    if not jobs:
        known = sorted({row["model_id"] for row in nodes.values() if row["model_id"]})
        raise LineageError(
            f"No model '{model}' in the lineage graph.{did_you_mean(model, known)} "
            f"There are: {', '.join(known) or 'none yet'}."
        )
    kept = [edge for edge in edges if edge["src"] in jobs or edge["dst"] in jobs]
    names = jobs | {edge[end] for edge in kept for end in ("src", "dst")}
    return {name: row for name, row in nodes.items() if name in names}, kept


def _node(row: dict[str, Any]) -> dict[str, Any]:
    """Return one node with the name people call it by."""
    known = row["kind"] if row["type"] == "job" else KINDS.get(row["kind"] or "")
    short = str(row["alias"]).rsplit("/", 1)[-1]
    ours = row["model_id"] if known else None
    label = f"{ours} · {known}" if ours and row["type"] == "job" else known or short
    return {
        "id": row["node"],
        "alias": row["alias"],
        "type": row["type"],
        "kind": row["kind"],
        "label": label,
        "model": row["model_id"],
        "name": row["name"],
        "namespace": row["namespace"],
    }


def _named(nodes: Rows) -> Rows:
    """Tell apart what would have one label within a model: two reports get their file names."""
    seen = Counter((node["model"], node["label"]) for node in nodes)
    for node in nodes:
        if seen[node["model"], node["label"]] > 1:
            node["label"] += " · " + str(node["alias"]).rsplit("/", 1)[-1]
    return nodes


def _runs(connection: "DuckDBPyConnection", at: datetime | None) -> dict[str, Rows]:
    """Return the newest runs of every job, newest first, with what decision and drift said."""
    rows = _rows(
        connection,
        """with newest as (
            select *, row_number() over (partition by node order by effective desc, started desc, run_id desc) as place
            from lineage.run where $at is null or effective <= $at)
        select n.*, e.event->>'$.run.facets.audit_decision.conclusion' as conclusion,
            e.event->'$.run.facets.audit_drift.largest' as largest
        from newest n left join lineage.event e
            on e.run_id = n.run_id and e.event_type = 'COMPLETE' and n.stage in ('audit', 'drift')
        where place <= $limit order by n.node, place""",
        at=at,
        limit=RUNS,
    )
    runs: dict[str, Rows] = defaultdict(list)
    for row in rows:
        said = {
            "at": _iso(row["effective"]),
            "night": _day(row["night"]),
            "started": _iso(row["started"]),
            "state": row["state"],
            "outcome": row["outcome"],
            "failed": row["failed"],
            "error": row["error"],
            "conclusion": row["conclusion"],
            "largest": _scores(row["largest"]),
        }
        runs[row["node"]].append({key: value for key, value in said.items() if value is not None})
    return runs


def _scores(text: str | None) -> Rows | None:
    """Return the drift scores of a facet, as far as they are any: another producer may have written it."""
    found = json.loads(text) if text else None
    if not isinstance(found, list):
        return None
    words, numbers = ("method", "column"), ("value", "n")
    return [
        score
        for score in found
        if isinstance(score, dict)
        and all(isinstance(score.get(key), str) for key in words)
        and all(isinstance(score.get(key), int | float) for key in numbers)
    ]


def _versions(connection: "DuckDBPyConnection", at: datetime | None) -> dict[str, Rows]:
    """Return the versions of every dataset over its newest nights, newest first, each with its first night."""
    rows = _rows(
        connection,
        """with seen as (
            select i.node, i.version, max(i.row_count) as row_count, r.effective
            from lineage.run_io i join lineage.run r using (run_id)
            where i.version is not null and ($at is null or r.effective <= $at)
            group by i.node, r.effective, i.version)
        select * from seen qualify row_number() over (partition by node order by effective desc, version) <= $limit
        order by node, effective, version""",
        at=at,
        limit=RUNS,
    )
    versions: dict[str, Rows] = defaultdict(list)
    for row in rows:
        known = versions[row["node"]]
        if not known or known[0]["version"] != row["version"]:
            known.insert(0, {"version": row["version"], "rows": row["row_count"], "since": _iso(row["effective"])})
    return versions


def _schemas(connection: "DuckDBPyConnection", at: datetime | None) -> dict[str, Rows]:
    """Return the columns of every dataset as its newest run saw them; the run that wrote it knows best."""
    rows = _rows(
        connection,
        """with newest as (
            select i.node, i.run_id, i.direction from lineage.run_io i join lineage.run r using (run_id)
            where r.state = 'COMPLETE' and ($at is null or r.effective <= $at)
            qualify row_number() over (
                partition by i.node order by i.direction = 'output' desc, r.effective desc, r.started desc, run_id) = 1)
        select n.run_id, any_value(e.event) as event, list(n.node) as nodes, list(n.direction) as directions
        from newest n join lineage.event e on e.run_id = n.run_id and e.event_type = 'COMPLETE' group by n.run_id""",
        at=at,
    )
    schemas: dict[str, Rows] = {}
    for row in rows:
        event = json.loads(row["event"])
        wanted = set(zip(row["nodes"], row["directions"], strict=True))
        for side in ("input", "output"):
            for dataset in event.get(f"{side}s", []):
                node = f"dataset:{dataset['namespace']}:{dataset['name']}"
                if (node, side) in wanted:
                    schemas[node] = _schema(dataset.get("facets"))
    return {node: columns for node, columns in schemas.items() if columns}


def _schema(facets: Any) -> Rows:
    """Return name, type and tags of each column; other producers may have written anything."""
    try:
        columns = {
            f["name"]: {"name": str(f["name"]), "type": str(f.get("type", ""))} for f in facets["schema"]["fields"]
        }
        for tag in facets.get("tags", {}).get("tags", []):
            if tag.get("field") in columns and tag["key"] in ("role", "privacy", "masked"):
                columns[tag["field"]][tag["key"]] = str(tag["value"])
    except (KeyError, TypeError, AttributeError):
        return []
    return list(columns.values())


def _columns(connection: "DuckDBPyConnection", at: datetime | None) -> Rows:
    """Return the column links of every job's newest complete run."""
    rows = _rows(
        connection,
        "select distinct src, src_column, dst, dst_column, type, subtype, masking "
        "from lineage.column_edges_at(as_of := $at::timestamp) order by all",
        at=at,
    )
    keys = {"src": "s", "src_column": "sc", "dst": "t", "dst_column": "tc"}
    return [{keys.get(key, key): value for key, value in row.items()} for row in rows]


def _rows(connection: "DuckDBPyConnection", sql: str, **values: Any) -> Rows:
    """Return the rows of a query by name."""
    result = connection.execute(sql, values or None)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _embedded(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _escape(text: str) -> str:
    """Return text for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _iso(at: datetime | None) -> str | None:
    """Return a moment as text that sorts."""
    return at.isoformat(timespec="seconds") if at else None


def _day(at: date | None) -> str | None:
    """Return the date of a moment."""
    return at.isoformat()[:10] if at else None


def _text(name: str) -> str:
    """Return a file that ships with the package."""
    return (resources.files("audit_pipeline.lineage") / name).read_text(encoding="utf-8")
