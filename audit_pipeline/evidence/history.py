"""What earlier nights came to, for the trend in a report: from logged records only."""

from datetime import date

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.log import LogEntry
from audit_pipeline.evidence.store import Store
from audit_pipeline.records import HistoryPoint, Outcome

NIGHTS = 30  # shown at most
MAIN_METRIC = {"binary": "auc", "regression": "rmse", "multiclass": "accuracy"}


def history_of(store: Store, model_id: str, *, before: date) -> tuple[HistoryPoint, ...]:
    """Return the newest record of each of the last nights before `before`, oldest first.

    A damaged record of the past leaves its verdict, which stands in the log, and no numbers: tonight is not held up.
    """
    heads = [e for (model, night), e in store.heads().items() if model == model_id and night < before.isoformat()]
    newest = sorted(heads, key=lambda e: e.night)[-NIGHTS:]
    return tuple(_point(store, entry) for entry in newest)


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
