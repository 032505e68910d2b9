"""Are the night's numbers in control? Told of all of them, judged of those that the policy names.

Every rule of every number errs now and then on quiet nights, and there are dozens of numbers: what the owner did not
choose to be warned of is shown and not counted. During phase I there is nothing to be held against, which is neither
an alarm nor a pass. A judged number that is missing counts as not evaluated, unless it needs labels, whose absence is
told and counted where they belong, or the line ended before it.
"""

from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.config.charts import JOINT
from audit_pipeline.decision.findings import not_evaluated, number, passed
from audit_pipeline.decision.measured import Measured
from audit_pipeline.records import ControlChart, ControlCharts, Finding, JointAnomaly, Outcome, Severity, Stage

NAME = "control_chart"
READABLE = {
    "limits": "beyond its limits",
    "nelson_2": "nine nights on one side of the centre",
    "nelson_3": "six nights rising or falling",
    "nelson_4": "fourteen nights up and down in turn",
    "nelson_5": "two of three nights beyond two standard deviations",
    "nelson_6": "four of five nights beyond one standard deviation",
    "nelson_7": "fifteen nights within one standard deviation",
    "nelson_8": "eight nights outside one standard deviation",
    "ewma": "its moving average is beyond its limits",
    "cusum": "its summed shift is beyond its limit",
}
NEEDS_LABELS = ("performance.", "fairness.", "volume.labelled")
STRONG = ("limits", "ewma", "cusum")  # what is told of a number that is not judged; patterns stand in the record


def charts(model: ModelConfig, measured: Measured) -> Iterator[Finding]:
    """One finding per judged number, and one for all others together."""
    found = measured.charts
    if found is None:
        return
    by_name = {chart.metric: chart for chart in found.charts}
    ended = measured.drift is None and measured.performance is None
    for name in model.policy.charts.warn:
        if name == JOINT:
            yield _joint(found)
        else:
            yield _judged(name, by_name.get(name), ended=ended)
    yield from _others(found)


def _judged(name: str, chart: ControlChart | None, *, ended: bool) -> Finding:
    """Hold one number against the rules the owner chose."""
    if chart is None or chart.z is None:
        why = chart.reason if chart else "it has not been measured so far"
        text = f"{name} was not held against its control chart: {why}."
        in_phase_one = chart is not None and chart.baseline is None and chart.value is not None
        counts = not (in_phase_one or ended or name.startswith(NEEDS_LABELS))
        return not_evaluated(Stage.AUDIT, _of(name), text, n=chart.n if chart else None, counts=counts)
    broken = [rule for rule in chart.broken if rule in chart.judged]
    text = f"{name} is {number(chart.value)}, where {number(chart.centre)} is expected ({_limits(chart)})"
    if not broken:
        return passed(Stage.AUDIT, _of(name), f"{text}: in control.", n=chart.n or 0)
    limit = (chart.upper if chart.z > 0 else chart.lower) if "limits" in broken else None
    reason = f"{text}: {', '.join(READABLE[rule] for rule in broken)}."
    return _alarm(_of(name), reason, value=chart.value, limit=limit, n=chart.n)


def _limits(chart: ControlChart) -> str:
    """Say the limits of the night and what they stand on."""
    ends = [number(end) if end is not None else "none" for end in (chart.lower, chart.upper)]
    nights = chart.baseline.nights if chart.baseline else 0
    return f"limits {ends[0]} to {ends[1]}, from {nights} nights"


def _joint(measured: ControlCharts) -> Finding:
    """Judge all numbers together."""
    joint, name = measured.joint, _of(JOINT)
    if joint.distance is None or joint.limit is None:
        text = f"The night's numbers together were not judged: {joint.reason}."
        return not_evaluated(Stage.AUDIT, name, text, n=None, counts=False)
    if not joint.broken:
        return passed(Stage.AUDIT, name, f"{_together(joint)}: like the nights of phase I.", n=len(joint.metrics))
    return _alarm(name, _unlike(measured), value=joint.distance, limit=joint.limit, n=len(joint.metrics))


def _together(joint: JointAnomaly) -> str:
    far = f"{number(joint.distance)} (limit {number(joint.limit)})"
    return f"The squared distance of {len(joint.metrics)} numbers together is {far}"


def _unlike(measured: ControlCharts) -> str:
    """Say that all numbers together are far out, and which of them most."""
    members = [c for c in measured.charts if c.metric in measured.joint.metrics and c.z is not None]
    farthest = max(members, key=lambda c: abs(c.z or 0.0)).metric
    return f"{_together(measured.joint)}: unlike the nights of phase I. {farthest} is farthest from its centre."


def _others(measured: ControlCharts) -> Iterator[Finding]:
    """Say what is out of control and not judged, and how many numbers have no limits yet."""
    charted = [chart for chart in measured.charts if chart.z is not None]
    out = [(c.metric, r) for c in charted if (r := [x for x in c.broken if x in STRONG and x not in c.judged])]
    waiting = [c for c in measured.charts if c.value is not None and c.z is None]
    if measured.joint.broken and not measured.joint.judged:
        yield _alarm(NAME, _unlike(measured), n=len(measured.joint.metrics), judged=False)
    if out:
        told = "; ".join(f"{name} ({', '.join(READABLE[rule] for rule in rules)})" for name, rules in out)
        text = f"{len(out)} of {len(charted)} charted numbers are out of control, shown and not judged: {told}."
        yield _alarm(NAME, text, n=len(charted), judged=False)
    elif charted:
        text = f"{len(charted)} of {len(charted) + len(waiting)} numbers have a control chart; none is out of control."
        yield passed(Stage.AUDIT, NAME, text, n=len(charted), counts=False)
    elif waiting:
        most = max(chart.nights for chart in waiting)
        text = f"Control charts are not evaluated yet: {most} of {measured.nights_needed} nights of phase I."
        yield not_evaluated(Stage.AUDIT, NAME, text, n=most, counts=False, conclusion="phase I")


def _alarm(
    name: str,
    reason: str,
    *,
    value: float | None = None,
    limit: float | None = None,
    n: int | None,
    judged: bool = True,
) -> Finding:
    """Something that is out of control; not counted where nobody asked for it to be judged."""
    return Finding(
        stage=Stage.AUDIT,
        name=name,
        column=None,
        severity=Severity.WARNING if judged else Severity.INFO,
        outcome=Outcome.WARN,
        counts=judged,
        value=value,
        limit=limit,
        n=n,
        reason=reason,
        conclusion="out of control",
    )


def _of(name: str) -> str:
    return f"{NAME}:{name}"
