"""Are a night's numbers together unlike those of phase I, though each may be within its own limits?

The squared Mahalanobis distance of a few numbers, as standard deviations from their centres, from how they vary
together in phase I. A night of phase I on which one of them is far out is left out, and the covariance is drawn a
little towards its diagonal, so that numbers that say the same are no division by zero. The limit is the exact one of
Hotelling's T-squared for a new night, by F. (A minimum covariance determinant with its chi-square limit was measured:
from 28 nights of four quiet numbers it alarms every fifth night.)

Source: Montgomery, *Introduction to Statistical Quality Control*, chapter 11; Tracy, Young and Mason (1992),
*Multivariate control charts for individual observations*.
"""

from collections.abc import Sequence

import numpy as np

from audit_pipeline.metrics.chart_history import EarlierNumbers
from audit_pipeline.metrics.nelson import ONE_SIDE
from audit_pipeline.metrics.phase_one import Point, standardised, widening
from audit_pipeline.metrics.season import DAYS
from audit_pipeline.records import Baseline, ControlChart, JointAnomaly, JointBaseline

MEMBERS = (  # in this order, as many as the nights of phase I allow; all are there the same night
    "volume.rows",
    "drift.mean_prediction",
    "drift.largest_psi",
    "quality.completeness",
    "drift.domain_auc",
)
NIGHTS_PER_MEMBER = 5  # of phase I, at least
FAR = 4.0  # standard deviations from which a night of phase I is left out
SHRINK = 0.05  # towards the diagonal
LEVEL = 2 * ONE_SIDE  # chance of a false alarm, as of three standard deviations


def joint_anomaly(
    charts: Sequence[ControlChart], earlier: Sequence[EarlierNumbers], needed: int, *, judged: bool
) -> JointAnomaly:
    """Return the distance of the night, or why there is none.

    Args:
        charts: of tonight's numbers.
        earlier: the nights looked at, newest first.
        needed: nights of phase I.
        judged: whether an anomaly warns.
    """
    by_name = {chart.metric: chart for chart in charts}
    baseline = next((e.joint for e in earlier if e.joint is not None), None)
    if baseline is None:
        baseline, why = _estimate(by_name, earlier, needed)
        if baseline is None:
            return JointAnomaly((), None, None, judged=judged, reason=why)
    there = [m for m in baseline.metrics if m in by_name and by_name[m].z is not None]
    if len(there) < 2:
        why = "fewer than two of its numbers were measured tonight"
        return JointAnomaly(tuple(there), None, None, judged=judged, baseline=baseline, reason=why)
    distance = _distance(baseline, there, [by_name[m].z or 0.0 for m in there])
    limit = limit_of(len(there), baseline.nights, baseline.spent)
    return JointAnomaly(tuple(there), distance, limit, distance > limit, judged, baseline)


def _estimate(
    charts: dict[str, ControlChart], earlier: Sequence[EarlierNumbers], needed: int
) -> tuple[JointBaseline | None, str]:
    """Estimate how the numbers vary together once all of tonight's have a baseline; else say what is missing."""
    there = [charts[m] for m in MEMBERS if m in charts and charts[m].value is not None]
    if any(chart.baseline is None for chart in there):
        return None, f"its numbers do not have the {needed} nights of phase I yet"
    varying = {c.metric: c.baseline for c in there if c.baseline is not None and c.baseline.sigma > 0}
    names = tuple(varying)[: needed // NIGHTS_PER_MEMBER]
    if len(names) < 2:
        return None, "fewer than two of its numbers vary"
    complete = [e for e in earlier if all(name in e.numbers for name in names)][:needed]
    if len(complete) < needed:
        return None, f"{len(complete)} of the {needed} nights of phase I have all of its numbers"
    rows = [_row(before, {n: varying[n] for n in names}) for before in complete]
    rows = [row for row in rows if max(map(abs, row)) <= FAR] or rows
    spent = DAYS if any(varying[name].weekdays for name in names) else 1
    return JointBaseline(names, complete[-1].night, len(rows), spent, _covariance(rows, spent)), ""


def _row(before: EarlierNumbers, baselines: dict[str, Baseline]) -> list[float]:
    """Return the numbers of one night as standard deviations."""
    return [standardised(Point(before.night, *before.numbers[m].on_scale()), b) for m, b in baselines.items()]


def _covariance(rows: Sequence[Sequence[float]], spent: int) -> tuple[tuple[float, ...], ...]:
    """Return the covariance about the centres, which are 0 here.

    A number whose limits follow from its sampling error varied less than that in phase I; it may vary as much.
    """
    z = np.array(rows)
    found = z.T @ z / (len(rows) - spent)
    sd = np.sqrt(np.diag(found))
    sd[sd == 0] = 1.0  # did not move on the nights that have all numbers
    alike = (1 - SHRINK) * found / np.outer(sd, sd)
    np.fill_diagonal(alike, 1.0)
    sd = np.maximum(sd, 1 / widening(len(rows), spent, 0.0))
    found = alike * np.outer(sd, sd)
    return tuple(tuple(float(x) for x in line) for line in found)


def _distance(baseline: JointBaseline, there: Sequence[str], z: Sequence[float]) -> float:
    """Return the squared distance over the numbers that are there."""
    places = [baseline.metrics.index(name) for name in there]
    covariance = np.array(baseline.covariance)[np.ix_(places, places)]
    return float(np.array(z) @ np.linalg.solve(covariance, np.array(z)))


def limit_of(members: int, nights: int, spent: int) -> float:
    """Return the distance that a quiet night exceeds with the chance of three standard deviations."""
    from scipy.special import fdtri

    free = nights - spent
    rest = free - members + 1
    return float(members * free / rest * fdtri(members, rest, 1 - LEVEL) * (1 + spent / nights))
