"""What earlier nights came to, for the trend in a report and for warnings that stay: from logged records only."""

from datetime import date

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.store import Store
from audit_pipeline.records import EarlierNight, HistoryPoint, Outcome, Stage

NIGHTS = 30  # shown at most
MAIN_METRIC = {"binary": "auc", "regression": "rmse", "multiclass": "accuracy"}
ALARMS = (Outcome.WARN, Outcome.FAIL)


def history_of(store: Store, model_id: str, *, before: date) -> tuple[HistoryPoint, ...]:
    """Return the newest record of each of the last nights before `before`, oldest first.

    A damaged record of the past leaves its verdict, which stands in the log, and no numbers: tonight is not held up.
    """
    heads = [e for (model, night), e in store.heads().items() if model == model_id and night < before.isoformat()]
    newest = sorted(heads, key=lambda e: e.night)[-NIGHTS:]
    return tuple(_point(store, entry) for entry in newest)


def earlier_nights(store: Store, model_id: str, *, before: date, nights: int) -> tuple[EarlierNight, ...]:
    """Return the newest `nights` nights before `before` on which drift was measured, newest first.

    Raises:
        EvidenceError: a record is missing or was changed: a verdict does not stand on what cannot be read.
    """
    heads = [e for (model, night), e in store.heads().items() if model == model_id and night < before.isoformat()]
    found: list[EarlierNight] = []
    for entry in sorted(heads, key=lambda e: e.night, reverse=True):
        if len(found) == nights:
            break
        result = store.read_record(entry.model_id, entry.night, entry.digest)["result"]
        if result["drift"] is not None:
            alarms = frozenset(
                (finding["name"], finding["column"])
                for finding in result["decision"]["findings"]
                if finding["stage"] == Stage.DRIFT and finding["outcome"] in ALARMS
            )
            found.append(EarlierNight(date.fromisoformat(entry.night), entry.body["result_digest"], alarms))
    return tuple(found)


def _point(store: Store, entry: LogEntry) -> HistoryPoint:
    night, verdict = date.fromisoformat(entry.night), Outcome(entry.body["verdict"])
    try:
        result = store.read_record(entry.model_id, entry.night, entry.digest)["result"]
    except EvidenceError:
        return HistoryPoint(night, entry.digest, verdict, None, None, None)
    scores = (result["drift"] or {"scores": []})["scores"]
    psi = [(s["value"], s["column"]) for s in scores if s["method"] == "psi" and s["value"] is not None]
    top = max(psi, default=(None, None))
    metrics = (result["performance"] or {"metrics": []})["metrics"]
    main = MAIN_METRIC.get(result["task"])
    value = next((m["value"] for m in metrics if m["name"] == main and m["slice"] == "all"), None)
    return HistoryPoint(night, entry.digest, verdict, top[0], top[1], value)
