"""How long the audits take, on control charts of their own: made at publication, never a part of a result.

A duration differs from run to run, so it stands in a record's `execution` and in no digest. Its charts are rows of the
published database that follow from the log alone: a record is held against the newest records of earlier nights that
stood in the log before it. What is there already is not made again, and `rebuild` makes the same.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from audit_pipeline.evidence.canonical import plain
from audit_pipeline.publish.project import insert
from audit_pipeline.publish.rows import chart_row
from audit_pipeline.records import Baseline

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from audit_pipeline.metrics.phase_one import Point

METRIC = "duration.seconds"
NIGHTS = 28  # of phase I
RECORDS = """
SELECT r.model_id, r.night, r.record, r.model_version, r.seconds, c.record IS NULL AS is_new
FROM record r LEFT JOIN control_chart c ON c.record = r.record AND c.metric = $metric
WHERE r.model_id IN (SELECT model_id FROM record WHERE record NOT IN
                     (SELECT record FROM control_chart WHERE metric = $metric))
ORDER BY r.model_id, r.log_index
"""


def chart_durations(connection: "DuckDBPyConnection") -> None:
    """Add the charts of the records that have none yet."""
    found = connection.execute(RECORDS, {"metric": METRIC}).fetchall()
    by_model: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for model_id, *about in found:
        by_model[model_id].append(tuple(about))
    rows = [row for model_id, records in by_model.items() for row in _rows(model_id, records)]
    if rows:
        insert(connection, {"control_chart": rows})


def _rows(model_id: str, records: list[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Chart the new records of one model; `records` are all of its own, in the order of the log."""
    from audit_pipeline.metrics.charted import Number
    from audit_pipeline.metrics.control_charts import chart_of

    seen: dict[date, tuple[str, float]] = {}
    for night, record, version, seconds, is_new in records:
        number = Number("log", seconds, None, None, None) if seconds > 0 else None
        if is_new:
            points = _points(seen, night, version)
            baseline = _baseline(tuple(points[:NIGHTS])) if len(points) >= NIGHTS else None
            chart = plain(chart_of(METRIC, "log", number, night, points, baseline, needed=NIGHTS))
            yield {"model_id": model_id, "night": night.isoformat(), "record": record} | chart_row(chart)
        if number is not None:
            seen[night] = (version, seconds)


def _points(seen: dict[date, tuple[str, float]], before: date, version: str) -> "list[Point]":
    """Return the earlier nights since the model's version was last changed, oldest first."""
    from audit_pipeline.metrics.phase_one import Point

    points: list[Point] = []
    for night in sorted((night for night in seen if night < before), reverse=True):
        if seen[night][0] != version:
            break
        points.append(Point(night, math.log(seen[night][1]), 0.0))
    return points[::-1]


@cache
def _baseline(points: "tuple[Point, ...]") -> Baseline:
    """Estimate phase I; most nights of a model have the same."""
    from audit_pipeline.metrics.phase_one import estimate_baseline

    return estimate_baseline(points)
