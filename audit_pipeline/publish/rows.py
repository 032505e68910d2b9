"""One evidence record as rows of the published tables: pure projection, nothing is computed that the record lacks.

The one exception is `adjusted_p` of records before it was in them, which follows from their p-values.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from audit_pipeline.records import Generalised
from audit_pipeline.small_cells import few

Row = dict[str, Any]


def rows_of(record: Row, *, digest: str, log_index: int) -> Iterator[tuple[str, Row]]:
    """Yield (table, row) for one record."""
    result, execution = record["result"], record["execution"]
    key = {"model_id": result["model_id"], "night": result["night"], "record": digest}
    yield "record", _record(key, record, log_index)
    snapshot = result["snapshot"]
    if snapshot:
        hidden = {"duplicate_row_ids": _told(snapshot["duplicate_row_ids"])}
        yield "snapshot", key | snapshot | hidden | {"row_groups": len(snapshot["row_groups"]), "columns": None}
        yield "artifact", key | _artifact(snapshot | {"role": "snapshot", "media_type": PARQUET})
    rules = {c["name"]: _rule(c.get("generalised")) for c in snapshot["columns"]} if snapshot else {}
    for profile in result["profile"]:
        yield "column_profile", key | _profile(profile) | {"generalised": rules.get(profile["column"])}
    reasons = (result["explanation"] or {}).get("reason_codes") or {}
    for file in (*result["inputs"], *execution["artifacts"]):
        yield "artifact", key | _artifact(file)
    if kept := reasons.get("file"):  # its length would tell of how few rows it holds reasons
        yield "artifact", key | _artifact(kept) | {"bytes": None}
    for finding in result["decision"]["findings"]:
        yield "finding", key | finding
    yield from _look_back(key, result)
    yield from _checks(key, result["validation"])
    yield from _drift(key, result)
    yield from _domain(key, result["drift"])
    yield from _performance(key, result["performance"])
    yield from _importance(key, result["explanation"])
    yield from _dependence(key, result["explanation"])
    yield from _fairness(key, result)
    yield from _charts(key, result.get("charts"))


def _told(count: int | None) -> int | None:
    """Leave out what stands for 1 to 10 rows."""
    return None if few(count) else count


PARQUET = "application/vnd.apache.parquet"


def _record(key: Row, record: Row, log_index: int) -> Row:
    result, execution = record["result"], record["execution"]
    performance = result["performance"] or {}
    started, ended = (datetime.fromisoformat(execution[name]) for name in ("started", "ended"))
    same = ("model_version", "description", "owner", "domain", "tier", "task", "schema_version")
    return (
        key
        | {name: result[name] for name in same}
        | {name: execution[name] for name in ("run_id", "attempt", "host", "supersedes")}
        | {
            "result_digest": record["result_digest"],
            "verdict": result["decision"]["verdict"],
            "conclusion": result["decision"]["conclusion"],
            "rows": result["snapshot"]["rows"] if result["snapshot"] else None,
            "maturity": performance.get("maturity") if performance.get("due") else None,
            "labels_due": performance.get("due"),
            "labelled": _told(performance.get("labelled")),
            "started": naive(execution["started"]),
            "ended": naive(execution["ended"]),
            "seconds": (ended - started).total_seconds(),
            "log_index": log_index,
        }
    )


def _artifact(file: Row) -> Row:
    return {name: file[name] for name in ("role", "path", "sha256", "bytes", "media_type")}


def _rule(said: Row | None) -> str | None:
    """Return how the values of a column were made coarser, in words; records from before there was any lack it."""
    return str(Generalised(**said)) if said else None


def _profile(profile: Row) -> Row:
    quantiles = {round(float(p), 4): value for p, value in profile["quantiles"]}
    names = {0.01: "p01", 0.25: "p25", 0.5: "p50", 0.75: "p75", 0.99: "p99"}
    same = ("column", "type", "role", "privacy", "n", "missing", "mean", "sd")
    return (
        {name: profile[name] for name in same}
        | {"distinct_values": profile["distinct"], "missing": _told(profile["missing"])}
        | {name: quantiles.get(p) for p, name in names.items()}
    )


def _checks(key: Row, validation: Row | None) -> Iterator[tuple[str, Row]]:
    if validation is None:
        return
    for check in validation["results"]:
        yield "check_result", key | check | {"engine": validation["engine"], "unexpected": _told(check["unexpected"])}
    for score in validation["scores"]:
        yield "quality", key | score


def _drift(key: Row, result: Row) -> Iterator[tuple[str, Row]]:
    if result["drift"] is None:
        return
    scores = result["drift"]["scores"]
    before = adjusted_p(scores) if not any("adjusted_p" in score for score in scores) else {}
    findings = {(f["name"], f["column"]): f["outcome"] for f in result["decision"]["findings"] if f["stage"] == "drift"}
    limits = {(x["name"], x["column"]): x for x in result["decision"]["limits"] if x["stage"] == "drift"}
    for number, score in enumerate(scores):
        place = (score["method"], score["column"])
        own = limits.get(place) or limits.get((score["method"], None)) or {}
        value, warn, threshold = score["value"], own.get("warn"), own.get("fail")
        judged = value is not None and (warn is not None or threshold is not None)
        outcome = findings.get(place, "PASS" if judged else None)
        reached = judged and threshold is not None and value >= threshold
        yield (
            "drift",
            key
            | score
            | {
                "score": value,
                "warn": warn,
                "threshold": threshold,
                "adjusted_p": score.get("adjusted_p", before.get(number)),
                "outcome": outcome,
                "drifted": reached and outcome != "PASS" if judged and threshold is not None else None,
            },
        )


def _domain(key: Row, drift: Row | None) -> Iterator[tuple[str, Row]]:
    found = drift.get("domain") if drift else None
    if found:
        yield "domain_classifier", key | found | {"auc": found["value"]}


def adjusted_p(scores: list[Row]) -> dict[int, float]:
    """Return Benjamini-Hochberg adjusted p-values by position in `scores`, adjusted within each method.

    Source: Benjamini and Hochberg (1995), *Controlling the false discovery rate*.
    """
    by_method: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for number, score in enumerate(scores):
        if score["p"] is not None:
            by_method[score["method"]].append((score["p"], number))
    adjusted: dict[int, float] = {}
    for tested in by_method.values():
        running = 1.0
        for place, (p, number) in reversed(list(enumerate(sorted(tested), start=1))):
            running = min(running, p * len(tested) / place)
            adjusted[number] = running
    return adjusted


def _performance(key: Row, performance: Row | None) -> Iterator[tuple[str, Row]]:
    if performance is None:
        return
    for metric in performance["metrics"]:
        unit = performance.get("cost_unit") if metric["name"] == "cost" else None
        about = {"metric": metric["name"], "maturity": performance["maturity"], "unit": unit}
        yield "performance", key | metric | about
    for metric in performance.get("estimates", ()):
        yield "performance", key | metric | {"metric": metric["name"], "maturity": "estimated"}
    yield from _concept(key, performance)
    for place, point in enumerate(performance.get("reliability", ()), start=1):
        yield "reliability", key | point | {"bin": place}
    for cell in performance.get("confusion", ()):
        yield "confusion", key | cell


def _concept(key: Row, performance: Row) -> Iterator[tuple[str, Row]]:
    """The conclusion on concept drift and its numbers; records from before there was any lack the part."""
    found = performance.get("concept")
    if found:
        yield "concept", key | found | {"maturity": performance["maturity"]}
        for number in found["numbers"]:
            yield "concept_number", key | number


def _importance(key: Row, explanation: Row | None) -> Iterator[tuple[str, Row]]:
    if explanation is None:
        return
    same = {name: explanation[name] for name in ("n", "output", "method")}
    fidelity = explanation.get("fidelity")  # a record from before surrogates explains the model
    same |= {"explains": explanation.get("explains", "model"), "fidelity": fidelity and fidelity["value"]}
    for importance in explanation["importances"]:
        yield "importance", key | importance | same
    yield from _beside(key, explanation)


def _beside(key: Row, explanation: Row) -> Iterator[tuple[str, Row]]:
    """What stands beside the importances; records from before there was any lack the parts."""
    for group in explanation.get("groups", ()):
        about = key | {name: group[name] for name in ("slice", "group", "n", "reason")}
        for importance in group["importances"]:
            yield "importance_by_group", importance | about | {"output": explanation["output"]}
        if group["reason"]:
            yield "importance_by_group", about
    for part, table, rows in (
        ("permutation", "permutation_importance", "features"),
        ("attribution", "attribution", "features"),
        ("stress", "stress", "tests"),
    ):
        if found := explanation.get(part):
            numbers: list[Row] = found[rows] or [{}]
            for row in numbers:
                yield table, key | found | row | {"reason": row.get("reason") or found["reason"]}


def _dependence(key: Row, explanation: Row | None) -> Iterator[tuple[str, Row]]:
    """Rows of the points; records from before there were any lack the part."""
    for along in explanation.get("dependence", ()) if explanation else ():
        about = {name: along[name] for name in ("feature", "lines", "output", "reason")} | {"n_rows": along["n"]}
        for place, point in enumerate(along["points"], start=1):
            yield "dependence", key | point | about | {"point": place}
        if not along["points"]:
            yield "dependence", key | about


MET = {"outcome": "PASS", "conclusion": "met"}
HIDDEN = "groups of fewer than 11 rows are neither named nor measured"


def _fairness(key: Row, result: Row) -> Iterator[tuple[str, Row]]:
    """Rows of the groups; records from before there were any lack the part."""
    decision = result["decision"]
    found = {(f["name"], f["column"]): f for f in decision["findings"] if f["stage"] == "performance"}
    limited = {limit["name"] for limit in decision["limits"] if limit["stage"] == "performance"}
    for grouping in (result.get("fairness") or {}).get("groupings", ()):
        about = key | {name: grouping[name] for name in ("kind", "attribute", "compared_with")}
        for metric in grouping["metrics"]:
            said: Row = {}
            if metric["group"] is None and grouping["kind"] == "protected" and metric["metric"] in limited:
                # A limit without a finding was met: a record holds findings on what is not PASS.
                finding = found.get((metric["metric"], grouping["attribute"]), MET)
                said = {name: finding[name] for name in MET}
            yield "fairness", about | metric | said
        if grouping["hidden"] or grouping["reason"]:
            hidden = {"value": grouping["hidden"], "reason": HIDDEN} if grouping["hidden"] else {}
            yield "fairness", about | {"metric": "hidden_groups", "reason": grouping["reason"]} | hidden


def _look_back(key: Row, result: Row) -> Iterator[tuple[str, Row]]:
    charts = result.get("charts") or {"look_back": ()}
    for purpose, nights in (("comparison", result["look_back"]), ("control chart", charts["look_back"])):
        for earlier, found in nights:
            yield "look_back", key | {"earlier_night": earlier, "result_digest": found, "purpose": purpose}


def _charts(key: Row, charts: Row | None) -> Iterator[tuple[str, Row]]:
    """Rows of the control charts; records from before there were any lack the part."""
    for chart in charts["charts"] if charts else ():
        yield "control_chart", key | chart_row(chart)
    if charts:
        joint = charts["joint"]
        rules = {"broken": ["limits"] if joint["broken"] else [], "judged": ["limits"] if joint["judged"] else []}
        baseline = joint["baseline"]
        about = {"metric": "joint", "value": joint["distance"], "upper": joint["limit"], "reason": joint["reason"]}
        about |= {"phase": 2 if baseline else 1, "nights": baseline["nights"] if baseline else None}
        yield "control_chart", key | about | rules | {"outcome": _judgement(joint["distance"], **rules)}


def chart_row(chart: Row) -> Row:
    """Return one number's chart as the table has it."""
    baseline = chart["baseline"] or {}
    return chart | {
        "phase": 2 if baseline else 1,
        "phase_first": baseline.get("first"),
        "phase_last": baseline.get("last"),
        "autocorrelation": baseline.get("autocorrelation"),
        "weekly": bool(baseline["weekdays"]) if baseline else None,
        "outcome": _judgement(chart["z"], broken=chart["broken"], judged=chart["judged"]),
    }


def _judgement(evaluated: float | None, *, broken: list[str], judged: list[str]) -> str | None:
    """Return what the policy says of a chart; None when nothing of it is judged."""
    if not judged:
        return None
    if evaluated is None:
        return "NOT_EVALUATED"
    return "WARN" if set(judged) & set(broken) else "PASS"


def naive(time: str) -> str:
    """Return an aware time in UTC and without its zone: the tables hold UTC TIMESTAMP."""
    return datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
