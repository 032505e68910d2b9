"""What the page carries: nodes, links with their life spans, and what the newest nights said of each node."""

from collections import Counter, defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import LineageError, did_you_mean
from audit_pipeline.lineage.page.described import descriptions, producers
from audit_pipeline.lineage.page.rows import Rows, day, iso, known, rows_of
from audit_pipeline.lineage.page.runs import runs_of
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


def contents(connection: "DuckDBPyConnection", model: str | None, as_of: date | None) -> dict[str, Any]:
    """Return what the scripts draw.

    Args:
        connection: the published database, as the current one.
        model: only its nodes and their neighbours; None for all models.
        as_of: the last moment the page knows of; None is now.

    Raises:
        LineageError: there is no such model in the graph.
    """
    at = instant(as_of)
    nodes = {row["node"]: row for row in rows_of(connection, "select * from lineage.node order by node")}
    edges = rows_of(
        connection,
        "select src, dst, valid_from, valid_to from lineage.edge "
        "where $at is null or valid_from <= $at order by src, dst, valid_from",
        at=at,
    )
    if model is not None:
        nodes, edges = _of_model(nodes, edges, model)
    by = producers(connection, at)
    tables = {
        "runs": runs_of(connection, at, RUNS),
        "versions": _versions(connection, at),
        "described": descriptions(connection, at, RUNS),
    }
    return {
        "model": model,
        "asOf": day(as_of),
        "runsShown": RUNS,
        "nodes": _named([_node(row) | by.get(name, {}) for name, row in nodes.items()]),
        "edges": [{"s": e["src"], "t": e["dst"], **_life(e)} for e in edges],
        "columns": _columns(connection, at, list(nodes)),
        **{key: {node: said for node, said in table.items() if node in nodes} for key, table in tables.items()},
    }


def _of_model(nodes: dict[str, Any], edges: Rows, model: str) -> tuple[dict[str, Any], Rows]:
    """Keep the jobs of one model and what they read and wrote."""
    jobs = {name for name, row in nodes.items() if row["model_id"] == model and row["type"] == "job"}
    if not jobs:
        there = sorted({row["model_id"] for row in nodes.values() if row["model_id"]})
        raise LineageError(
            f"No model '{model}' in the lineage graph.{did_you_mean(model, there)} "
            f"There are: {', '.join(there) or 'none yet'}."
        )
    kept = [edge for edge in edges if edge["src"] in jobs or edge["dst"] in jobs]
    names = jobs | {edge[end] for edge in kept for end in ("src", "dst")}
    return {name: row for name, row in nodes.items() if name in names}, kept


def _node(row: dict[str, Any]) -> dict[str, Any]:
    """Return one node with the name people call it by."""
    word = row["kind"] if row["type"] == "job" else KINDS.get(row["kind"] or "")
    ours = row["model_id"] if word else None
    label = f"{ours} · {word}" if ours and row["type"] == "job" else word or row["alias"]
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


def _life(row: dict[str, Any]) -> dict[str, Any]:
    """Return from when to when a link held."""
    return known({"from": iso(row["valid_from"]), "to": iso(row["valid_to"])})


def _columns(connection: "DuckDBPyConnection", at: datetime | None, nodes: list[str]) -> Rows:
    """Return the column links with their life spans; `s`, `t` and `j` count places among the nodes."""
    place = {node: number for number, node in enumerate(nodes)}
    rows = rows_of(
        connection,
        "select * from lineage.column_link where $at is null or valid_from <= $at "
        "order by src, src_column, dst, dst_column, job, type, subtype, masking, valid_from",
        at=at,
    )
    return [
        known({"s": place[row["src"]], "sc": row["src_column"], "t": place[row["dst"]], "tc": row["dst_column"]})
        | known({"j": place.get(row["job"]), "type": row["type"], "subtype": row["subtype"]})
        | ({"masking": True} if row["masking"] else {})
        | _life(row)
        for row in rows
        if row["src"] in place and row["dst"] in place
    ]


def _versions(connection: "DuckDBPyConnection", at: datetime | None) -> dict[str, Rows]:
    """Return the versions of every dataset over its newest nights, newest first, each with its first night.

    What an audit wrote carries the verdict that it stands for.
    """
    rows = rows_of(
        connection,
        """with seen as (
            select i.node, i.version, max(i.row_count) as row_count, r.effective,
                max(r.outcome) filter (i.direction = 'output' and r.stage = 'audit') as verdict
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
        before = versions[row["node"]]
        if not before or before[0]["version"] != row["version"]:
            said = {"version": row["version"], "rows": row["row_count"], "since": iso(row["effective"])}
            before.insert(0, known(said | {"verdict": row["verdict"]}))
    return versions
