"""Which numbers of a record are charted: the registry, one line each.

A line says what the number is called, on which scale it is charted, and how it is taken from the `result` part of a
record as plain JSON. Records of all ages are read: what a record lacks is a number it does not have.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audit_pipeline.metrics.interval import Z
from audit_pipeline.metrics.scales import SCALES, holds

Row = dict[str, Any]
SHARES = {  # performance metrics from 0 to 1
    "auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "specificity",
    "prevalence",
    "coverage",
    "macro_f1",
    "weighted_f1",
}
AMOUNTS = {"rmse", "mae", "log_loss", "brier", "ece", "interval_width"}  # from 0 on, skewed
GROUPS = {"impact_ratio": "amount", "proxy_auc": "share", "mae_difference": "amount", "bias_difference": "amount"}


@dataclass(frozen=True, slots=True)
class Number:
    """One number of one night."""

    scale: str
    value: float
    n: int | None
    lo: float | None  # 95 % interval of its sampling error, where known
    hi: float | None

    def on_scale(self) -> tuple[float, float]:
        """Return (value, standard error) on the scale; 0.0 where the error is not known."""
        scale = SCALES[self.scale]
        y = scale.to(self.value)
        if self.lo is not None and self.hi is not None and holds(self.scale, self.lo) and holds(self.scale, self.hi):
            return y, max(0.0, (scale.to(self.hi) - scale.to(self.lo)) / (2 * Z))
        return y, scale.error(self.n) if self.n else 0.0


def numbers(result: Row) -> dict[str, Number]:
    """Return every charted number that the result has, by name."""
    found: dict[str, Number] = {}
    for kind, scale, take in CHARTED:
        for name, value, about in take(result):
            how = scale if isinstance(scale, str) else scale(name)
            if isinstance(value, int | float) and math.isfinite(value) and holds(how, float(value)):
                n = int(value) if how == "count" else about.get("n")
                lo, hi = about.get("lo"), about.get("hi")
                found[f"{kind}.{name}"] = Number(how, float(value), n, lo, hi)
    return found


Taken = Iterator[tuple[str, Any, Row]]  # name, value, what stands beside it: n, lo, hi


def _at(result: Row, *path: str) -> Any:
    """Walk down the record; None where a part is not there."""
    here: Any = result
    for key in path:
        here = here.get(key) if here else None
    return here


def one(name: str, *path: str) -> Callable[[Row], Taken]:
    """Take a number, or an object with value, n, lo and hi, that stands at `path`."""

    def take(result: Row) -> Taken:
        here = _at(result, *path)
        about = here if isinstance(here, dict) else {}
        yield name, about.get("value") if about else here, about

    return take


def each(*path: str) -> Callable[[Row], Taken]:
    """Take every object of the list at `path`, under its own name; of all rows, and none of Evidently's."""

    def take(result: Row) -> Taken:
        for item in _at(result, *path) or ():
            if item.get("slice", "all") == "all" and ":" not in item["name"]:
                yield item["name"], item["value"], item

    return take


def _labelled(result: Row) -> Taken:
    yield "labelled", _at(result, "performance", "labelled") or None, {}


def _missing(result: Row) -> Taken:
    """The column that misses most, as a share of the rows."""
    shares = [(p["missing"] / p["n"], p["n"]) for p in result.get("profile") or () if p["n"]]
    if shares:
        share, n = max(shares)
        yield "largest_missing_share", share, {"n": n}


def _largest_psi(result: Row) -> Taken:
    scores = [s for s in _at(result, "drift", "scores") or () if s["method"] == "psi" and s["value"] is not None]
    if scores:
        top = max(scores, key=lambda score: float(score["value"]))
        yield "largest_psi", top["value"], {"n": top["n"]}


def _output(result: Row) -> Taken:
    """The mean of the score, or of the predicted number, with the error of a mean."""
    by_role = {p["role"]: p for p in result.get("profile") or ()}
    output = by_role.get("score") or by_role.get("prediction")
    if output and output["mean"] is not None and output["sd"] is not None:
        mean, n = output["mean"], output["n"] - output["missing"]
        half = Z * output["sd"] / math.sqrt(n)
        yield "mean_prediction", mean, {"n": n, "lo": mean - half, "hi": mean + half}


def _residual(result: Row) -> Taken:
    """The night's mean standardised residual: the labels against what the reference made of the score."""
    for number in _at(result, "performance", "concept", "numbers") or ():
        if number["name"] == "residual_z":
            yield "residual_z", number["value"], {}


def _attribution(result: Row) -> Taken:
    """How far what drives the model is from the reference: in order, and by the feature that moved most."""
    found = _at(result, "explanation", "attribution") or {}
    yield "ndcg", found.get("ndcg"), {"n": found.get("n")}
    distances = [f["distance"] for f in found.get("features", ()) if f["distance"] is not None]
    yield "wasserstein_max", max(distances, default=None), {"n": found.get("n")}


def _groups(result: Row) -> Taken:
    """The numbers that compare protected groups."""
    for grouping in _at(result, "fairness", "groupings") or ():
        for metric in grouping["metrics"] if grouping["kind"] == "protected" else ():
            if metric["group"] is None:
                yield f"{metric['metric']}.{grouping['attribute']}", metric["value"], metric


def _metric_scale(name: str) -> str:
    return "share" if name in SHARES else "amount" if name in AMOUNTS else "identity"


def _group_scale(name: str) -> str:
    return GROUPS.get(name.partition(".")[0], "share")


CHARTED: Sequence[tuple[str, str | Callable[[str], str], Callable[[Row], Taken]]] = (
    ("volume", "count", one("rows", "snapshot", "rows")),
    ("volume", "count", _labelled),
    ("quality", "share", each("validation", "scores")),
    ("quality", "share", _missing),
    ("drift", "amount", _largest_psi),
    ("drift", "share", one("domain_auc", "drift", "domain")),
    ("drift", "identity", _output),
    ("performance", _metric_scale, each("performance", "metrics")),
    ("concept", "identity", _residual),
    ("attribution", lambda name: "identity" if name == "ndcg" else "amount", _attribution),
    ("fairness", _group_scale, _groups),
)
