"""What the events say a node is, night by night: columns, the model in a file, the producer of a foreign job."""

import json
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_pipeline.lineage.page.rows import Rows, iso, known, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TAGS = ("role", "privacy", "masked")
MODEL = ("name", "version", "framework", "sha256")


def descriptions(connection: "DuckDBPyConnection", at: datetime | None, limit: int) -> dict[str, Rows]:
    """Return columns and model facts of every dataset, newest first, one entry per change.

    Of the runs of one night, one that wrote the dataset knows it best, then the one that started last.
    """
    rows = rows_of(
        connection,
        """with night as (
            select i.node, i.namespace, i.name, i.direction, i.run_id, r.effective, r.origin
            from lineage.run_io i join lineage.run r using (run_id)
            where r.state = 'COMPLETE' and ($at is null or r.effective <= $at)
            qualify row_number() over (
                partition by i.node, r.effective order by i.direction = 'output' desc, r.started desc, run_id) = 1),
        newest as (
            select * from night
            qualify row_number() over (partition by node order by effective desc) <= $limit),
        said as (
            select n.node, n.effective, n.origin, list_filter(
                    case n.direction when 'output' then e.event->'$.outputs[*]' else e.event->'$.inputs[*]' end,
                    lambda d: d->>'$.namespace' = n.namespace and d->>'$.name' = n.name)[1]->'$.facets' as facets
            from newest n join lineage.event e on e.run_id = n.run_id and e.event_type = 'COMPLETE'),
        facts as (
            select node, effective, (facets->'$.schema.fields')::varchar as fields,
                (facets->'$.tags.tags')::varchar as tags,
                case origin when 'outbox' then (facets->'$.audit_model')::varchar end as model
            from said)
        select * from facts
        qualify lag((fields, tags, model)) over (partition by node order by effective)
            is distinct from (fields, tags, model)
        order by node, effective""",
        at=at,
        limit=limit,
    )
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        said = {"columns": _columns(row["fields"], row["tags"]) or None, "model": _model(row["model"])}
        before = found[row["node"]]
        if not before or _other(before[0], said):
            before.insert(0, known({"since": iso(row["effective"]), **said}))
    return {node: entries for node, entries in found.items() if any(len(entry) > 1 for entry in entries)}


def _other(before: dict[str, Any], said: dict[str, Any]) -> bool:
    """Whether two descriptions differ by more than the order of columns, which explanations sort by weight."""
    columns = [sorted(entry.get("columns") or [], key=lambda c: str(c["name"])) for entry in (before, said)]
    return columns[0] != columns[1] or before.get("model") != said["model"]


def producers(connection: "DuckDBPyConnection", at: datetime | None) -> dict[str, dict[str, Any]]:
    """Return of every job that is no stage of ours who made it (`by`: Airflow, Spark, dbt) and as what (`as`)."""
    rows = rows_of(
        connection,
        """select r.node,
            arg_max(e.event->>'$.job.facets.jobType.integration', e.event_time) as integration,
            arg_max(e.event->>'$.job.facets.jobType.jobType', e.event_time) as type,
            arg_max(e.event->>'$.producer', e.event_time) as producer
        from lineage.run r join lineage.event e using (run_id)
        where r.stage is null and ($at is null or r.effective <= $at) group by r.node""",
        at=at,
    )
    return {
        row["node"]: known({"by": row["integration"], "as": row["type"], "producer": row["producer"]}) for row in rows
    }


def _columns(fields: str | None, tags: str | None) -> Rows:
    """Return name, type and tags of each column; other producers may have written anything."""
    try:
        columns = {
            f["name"]: {"name": str(f["name"]), "type": str(f.get("type", ""))} for f in json.loads(fields or "[]")
        }
        for tag in json.loads(tags or "[]"):
            if tag.get("field") in columns and tag["key"] in TAGS:
                columns[tag["field"]][tag["key"]] = str(tag["value"])
    except (KeyError, TypeError, AttributeError):
        return []
    return list(columns.values())


def _model(facet: str | None) -> dict[str, str] | None:
    """Return what the facet of a model file says, as text."""
    said = json.loads(facet) if facet else None
    if not isinstance(said, dict):
        return None
    return {key: said[key] for key in MODEL if isinstance(said.get(key), str)} or None
