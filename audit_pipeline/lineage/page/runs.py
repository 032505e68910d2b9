"""What the newest runs of every job came to, and what they named: findings, failed checks, the largest drift."""

import json
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_pipeline.lineage.page.rows import Rows, day, iso, known, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def runs_of(connection: "DuckDBPyConnection", at: datetime | None, limit: int) -> dict[str, Rows]:
    """Return the newest `limit` runs of every job as of `at`, newest first."""
    rows = rows_of(
        connection,
        """with newest as (
            select *, row_number() over (partition by node order by effective desc, started desc, run_id desc) as place
            from lineage.run where $at is null or effective <= $at)
        select n.*, e.event->>'$.run.facets.audit_decision.conclusion' as conclusion,
            e.event->'$.run.facets.audit_decision.findings' as findings,
            e.event->'$.run.facets.audit_drift.largest' as largest,
            to_json(e.event->'$.inputs[*].inputFacets.dataQualityAssertions.assertions[*]') as checks
        from newest n left join lineage.event e
            on e.run_id = n.run_id and e.event_type = 'COMPLETE' and n.stage in ('audit', 'drift', 'validation')
        where place <= $limit order by n.node, place""",
        at=at,
        limit=limit,
    )
    runs: dict[str, Rows] = defaultdict(list)
    for row in rows:
        runs[row["node"]].append(_run(row))
    return runs


def _run(row: dict[str, Any]) -> dict[str, Any]:
    """Return one run for the page."""
    findings = [_words(found, "stage", "name", "column", "outcome") for found in _objects(row["findings"])]
    checks = [_check(check) for check in _objects(row["checks"]) if check.get("success") is False]
    return known(
        {
            "at": iso(row["effective"]),
            "night": day(row["night"]),
            "started": iso(row["started"]),
            "state": row["state"],
            "outcome": row["outcome"],
            "failed": row["failed"],
            "error": row["error"],
            "conclusion": row["conclusion"],
            "largest": _scores(row["largest"]),
            "findings": [finding for finding in findings if "name" in finding] or None,
            "checks": [check for check in checks if "name" in check] or None,
        }
    )


def _check(check: dict[str, Any]) -> dict[str, str]:
    """Return one check that did not pass; ours say in `params` whether it failed or could not be evaluated."""
    params = check.get("params")
    said = {"outcome": params.get("outcome") if isinstance(params, dict) else None}
    return _words({**check, **said}, "name", "column", "severity", "outcome")


def _objects(text: str | None) -> Rows:
    """Return the objects of a list in a facet, as far as it is one: another producer may have written it."""
    found = json.loads(text) if text else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _words(said: dict[str, Any], *keys: str) -> dict[str, str]:
    """Return those of `keys` that hold text."""
    return {key: said[key] for key in keys if isinstance(said.get(key), str)}


def _scores(text: str | None) -> Rows | None:
    """Return the drift scores of a facet that are complete; None when there is no facet."""
    if not text:
        return None
    words, numbers = ("method", "column"), ("value", "n")
    return [
        score
        for score in _objects(text)
        if all(isinstance(score.get(key), str) for key in words)
        and all(isinstance(score.get(key), int | float) for key in numbers)
    ]
