"""How far a chart looks back: the newest earlier nights of the same model version, and what they left of phase I."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from audit_pipeline.config.charts import ChartsPolicy
from audit_pipeline.metrics.charted import Number, numbers
from audit_pipeline.metrics.phase_one import Point
from audit_pipeline.records import Baseline, JointBaseline
from audit_pipeline.revive import revived

WINDOW = 30  # nights a chart remembers: what EWMA has forgotten, and a CUSUM need not know
REACH = 2  # times the nights of phase I: so far a number that is missing now and then is looked for

PastRecord = tuple[date, str, Mapping[str, Any]]  # night, result_digest, the `result` part as plain JSON


@dataclass(frozen=True, slots=True)
class EarlierNumbers:
    """What the newest record of one earlier night holds for the charts."""

    night: date
    result_digest: str
    numbers: dict[str, Number]
    baselines: dict[tuple[str, str], Baseline]  # by metric and scale
    joint: JointBaseline | None


def look_back(
    past: Iterable[PastRecord], wanted: Iterable[str], *, version: str, policy: ChartsPolicy
) -> list[EarlierNumbers]:
    """Return the nights the charts stand on, newest first; `past` is read only as far as that needs.

    A change of the model's version begins phase I anew, and so does the policy's `restart`.

    Args:
        past: earlier nights, newest first.
        wanted: the numbers of tonight; while one has no baseline, nights are looked for further back.
        version: of the model tonight.
        policy: says how many nights, and from which on.
    """
    found: list[EarlierNumbers] = []
    bare = set(wanted)
    for night, digest, result in past:
        if result["model_version"] != version or (policy.restart and night < policy.restart):
            break
        found.append(_read(night, digest, dict(result), policy.restart or date.min))
        bare -= {metric for metric, _ in found[-1].baselines}
        if len(found) >= WINDOW and (not bare or len(found) >= REACH * policy.nights):
            break
    return found


def _read(night: date, digest: str, result: dict[str, Any], since: date) -> EarlierNumbers:
    """Take out of a record its numbers, and what it carries of a phase I that began on `since` or later.

    A record from before there were charts has numbers only.
    """
    charts = result.get("charts") or {"charts": (), "joint": {"baseline": None}}
    frozen = ((c["metric"], c["scale"], revived(Baseline, c["baseline"])) for c in charts["charts"] if c["baseline"])
    baselines = {(metric, scale): baseline for metric, scale, baseline in frozen if baseline.first >= since}
    joint: JointBaseline | None = revived(JointBaseline | None, charts["joint"]["baseline"])
    return EarlierNumbers(night, digest, numbers(result), baselines, joint if joint and joint.first >= since else None)


def series(earlier: Iterable[EarlierNumbers], metric: str, scale: str) -> list[Point]:
    """Return the nights that have a number, oldest first, on its scale."""
    have = [(e.night, e.numbers[metric]) for e in earlier if metric in e.numbers and e.numbers[metric].scale == scale]
    return [Point(night, *number.on_scale()) for night, number in reversed(have)]
