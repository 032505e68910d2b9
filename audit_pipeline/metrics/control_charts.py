"""Is a number of tonight out of control: against the limits of phase I, by its pattern, by the sum of small shifts?

Three charts of every number: Shewhart's for single nights with Nelson's rules, EWMA and CUSUM for small shifts that
stay. Phase I is estimated from the model's first nights (phase_one.py) and frozen; after it every night is judged.

- A night's limits are never narrower than the sampling error of its own number: what few labels explain is no signal.
- EWMA and CUSUM take a night for at most three standard deviations: one outlier breaks the limits, once, and does not
  stay in the sums (winsorised, as in robust CUSUM: Lucas and Crosier 1982).
- Where a night resembles the one before it, sums of nights vary more: EWMA and CUSUM are held against the wider spread
  of the mean of such a series, and the rules about patterns are not applied.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from audit_pipeline.config.charts import JOINT, ChartsPolicy
from audit_pipeline.metrics.chart_history import WINDOW, EarlierNumbers, PastRecord, look_back, series
from audit_pipeline.metrics.charted import Number, numbers
from audit_pipeline.metrics.ewma_cusum import cusum, cusum_limit, ewma
from audit_pipeline.metrics.joint_anomaly import joint_anomaly
from audit_pipeline.metrics.nelson import LIMIT, broken_rules
from audit_pipeline.metrics.phase_one import Point, estimate_baseline, inflation, middle, spread, standardised
from audit_pipeline.metrics.scales import SCALES
from audit_pipeline.records import Baseline, ControlChart, ControlCharts

CAP = 3.0  # standard deviations a night may count for in a sum
ABSENT = "it was not measured tonight"
CONSTANT = "it did not vary in phase I, and its sampling error is not known"


def measure_charts(
    tonight: Mapping[str, Any], night: date, past: Iterable[PastRecord], *, version: str, policy: ChartsPolicy
) -> ControlCharts:
    """Chart every number of a night.

    Args:
        tonight: the `result` part of the record to be, as plain JSON, as far as it is measured.
        night: the night.
        past: earlier nights, newest first: their newest logged records.
        version: of the model.
        policy: nights of phase I, restart, what is judged.
    """
    now = numbers(dict(tonight))
    earlier = look_back(past, now, version=version, policy=policy)
    charts = tuple(_charts(now, night, earlier, policy))
    return ControlCharts(
        charts=charts,
        joint=joint_anomaly(charts, earlier, policy.nights, judged=JOINT in policy.warn),
        nights_needed=policy.nights,
        look_back=tuple((e.night, e.result_digest) for e in earlier),
    )


def _charts(
    now: Mapping[str, Number], night: date, earlier: Sequence[EarlierNumbers], policy: ChartsPolicy
) -> Iterable[ControlChart]:
    """Chart what tonight has, and carry on what earlier nights had."""
    scales = {metric: number.scale for metric, number in now.items()}
    for before in earlier:
        for metric, scale in [*((m, n.scale) for m, n in before.numbers.items()), *before.baselines]:
            scales.setdefault(metric, scale)
    for metric, scale in scales.items():
        baseline = next((e.baselines[metric, scale] for e in earlier if (metric, scale) in e.baselines), None)
        points, number = series(earlier, metric, scale), now.get(metric)
        judged = tuple(policy.warn.get(metric, ()))
        yield chart_of(metric, scale, number, night, points, baseline, needed=policy.nights, judged=judged)


def chart_of(
    metric: str,
    scale: str,
    number: Number | None,
    night: date,
    points: Sequence[Point],
    baseline: Baseline | None,
    *,
    needed: int,
    judged: tuple[str, ...] = (),
) -> ControlChart:
    """Chart one number.

    Args:
        metric: its name.
        scale: on which it is charted.
        number: of tonight; None: it was not measured.
        night: tonight.
        points: earlier nights that have the number, oldest first.
        baseline: of phase I, when an earlier night has frozen it.
        needed: nights of phase I.
        judged: rules that warn.
    """
    value, n = (number.value, number.n) if number else (None, None)
    if baseline is None and len(points) >= needed:
        baseline = estimate_baseline(points[-needed:])
    if baseline is None:
        why = f"{len(points)} of the {needed} nights of phase I have it"
        return ControlChart(metric, scale, value, n, len(points), judged=judged, reason=why)
    since = [p for p in points if p.night > baseline.last][-(WINDOW - 1) :]
    about: dict[str, Any] = {"nights": len(since), "baseline": baseline, "judged": judged}
    if number is None:
        return ControlChart(metric, scale, value, n, reason=ABSENT, **about)
    here = Point(night, *number.on_scale())
    if spread(here, baseline) == 0:
        return ControlChart(metric, scale, value, n, reason=CONSTANT, **about)
    return ControlChart(metric, scale, value, n, **about, **_evaluated(scale, here, since, baseline))


def _evaluated(scale: str, here: Point, since: Sequence[Point], baseline: Baseline) -> dict[str, Any]:
    """Compute the three charts at the last point of phase II."""
    points = [*(p for p in since if spread(p, baseline) > 0), here]
    z = [standardised(p, baseline) for p in points]
    inflated = inflation(baseline.autocorrelation)
    capped = [min(max(x, -CAP), CAP) / inflated for x in z]
    average, width = ewma(capped, nights=baseline.nights)
    low, high = cusum(capped)
    limit = cusum_limit(baseline.nights)
    back, centre, sd = SCALES[scale], middle(here.night, baseline), spread(here, baseline)
    return {
        "centre": back.centre(centre),
        "lower": back.limit(centre - LIMIT * sd),
        "upper": back.limit(centre + LIMIT * sd),
        "z": z[-1],
        "ewma": back.centre(centre + average * inflated * sd),
        "ewma_lower": back.limit(centre - width * inflated * sd),
        "ewma_upper": back.limit(centre + width * inflated * sd),
        "cusum_low": low,
        "cusum_high": high,
        "cusum_limit": limit,
        "broken": (
            *_shewhart(z, points, baseline),
            *(("ewma",) if abs(average) > width else ()),
            *(("cusum",) if max(low, high) > limit else ()),
        ),
    }


def _shewhart(z: Sequence[float], points: Sequence[Point], baseline: Baseline) -> tuple[str, ...]:
    """Return the broken rules that mean something here."""
    rules = broken_rules(z)
    if baseline.autocorrelation > 2 / math.sqrt(baseline.nights):  # beyond chance
        return tuple(rule for rule in rules if rule == "limits")
    if any(p.error > baseline.sigma for p in points[-15:]):
        return tuple(rule for rule in rules if rule != "nelson_7")  # near the centre because the limits were widened
    return rules
