"""What earlier nights came to, for the trend in a report and for warnings that stay: from logged records only."""

from datetime import date
from typing import Any

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.past import Past
from audit_pipeline.records import ChartPoint, EarlierNight, HistoryPoint, Outcome, Stage

NIGHTS = 30  # shown at most
MAIN_METRIC = {"binary": "auc", "regression": "rmse", "multiclass": "accuracy"}
ALARMS = (Outcome.WARN, Outcome.FAIL)


def history_of(past: Past) -> tuple[HistoryPoint, ...]:
    """Return the newest record of each of the last nights, oldest first.

    A damaged record of the past leaves its verdict, which stands in the log, and no numbers: tonight is not held up.
    """
    return tuple(_point(past, entry) for entry in reversed(past.entries[:NIGHTS]))


def earlier_nights(past: Past, *, nights: int) -> tuple[EarlierNight, ...]:
    """Return the newest `nights` nights on which drift was measured, newest first.

    Raises:
        EvidenceError: a record is missing or was changed: a verdict does not stand on what cannot be read.
    """
    found: list[EarlierNight] = []
    for entry in past.entries:
        if len(found) == nights:
            break
        result = past.result(entry)
        if result["drift"] is not None:
            alarms = frozenset(
                (finding["name"], finding["column"])
                for finding in result["decision"]["findings"]
                if finding["stage"] == Stage.DRIFT and finding["outcome"] in ALARMS
            )
            found.append(EarlierNight(date.fromisoformat(entry.night), entry.body["result_digest"], alarms))
    return tuple(found)


def _point(past: Past, entry: LogEntry) -> HistoryPoint:
    night, verdict = date.fromisoformat(entry.night), Outcome(entry.body["verdict"])
    try:
        result = past.result(entry)
    except EvidenceError:
        return HistoryPoint(night, entry.digest, verdict, None, None, None)
    scores = (result["drift"] or {"scores": []})["scores"]
    psi = [(s["value"], s["column"]) for s in scores if s["method"] == "psi" and s["value"] is not None]
    top = max(psi, default=(None, None))
    metrics = (result["performance"] or {"metrics": []})["metrics"]
    main = MAIN_METRIC.get(result["task"])
    value = next((m["value"] for m in metrics if m["name"] == main and m["slice"] == "all"), None)
    return HistoryPoint(night, entry.digest, verdict, top[0], top[1], value, _charted(result.get("charts")))


def _charted(charts: dict[str, Any] | None) -> tuple[ChartPoint, ...]:
    """Return what was charted that night; nothing in records from before there were charts."""
    found = charts["charts"] if charts else ()
    return tuple(
        ChartPoint(c["metric"], c["value"], c["centre"], c["lower"], c["upper"], tuple(c["broken"])) for c in found
    )
