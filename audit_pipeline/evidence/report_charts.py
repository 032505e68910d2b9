"""The report's control charts: which numbers are drawn, and one line per number for the table.

Nothing is judged here: limits, broken rules and outcomes are the record's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_pipeline.evidence.plot_control import ChartNight, control_plot
from audit_pipeline.evidence.report_numbers import MAIN_METRIC
from audit_pipeline.evidence.report_text import name_of, quantity
from audit_pipeline.records import AuditResult, ChartPoint, ControlChart, HistoryPoint, JointAnomaly

DRAWN = 8  # charts: those out of control, then the first of these
FIRST = ("volume.rows", "quality.completeness", "drift.largest_psi", "drift.mean_prediction", "drift.domain_auc")
STRONG = {"limits", "ewma", "cusum"}


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """One small chart."""

    name: str
    chart: ControlChart
    drawing: str


@dataclass(frozen=True, slots=True)
class ChartsSection:
    """What the template shows of the control charts."""

    drawn: tuple[DrawnChart, ...]
    rows: tuple[ControlChart, ...]  # all, those out of control first
    out: tuple[ControlChart, ...]
    charted: int  # numbers with limits
    most: int  # nights of phase I of the number that has most
    needed: int
    joint: JointAnomaly


def charts_section(result: AuditResult, history: Sequence[HistoryPoint]) -> ChartsSection | None:
    """Return the section; None for a record from before there were charts.

    Args:
        result: of tonight.
        history: earlier nights, oldest first.
    """
    if result.charts is None:
        return None
    charts = result.charts.charts
    out = tuple(c for c in charts if STRONG & set(c.broken))
    chosen = [c for c in _in_order(result, charts, out) if c.value is not None][:DRAWN]
    return ChartsSection(
        drawn=tuple(DrawnChart(chart_name(c.metric), c, _drawing(c, result, history)) for c in chosen),
        rows=(*out, *(c for c in charts if c not in out)),
        out=out,
        charted=sum(c.z is not None for c in charts),
        most=max((c.nights for c in charts if c.baseline is None and c.value is not None), default=0),
        needed=result.charts.nights_needed,
        joint=result.charts.joint,
    )


def _in_order(result: AuditResult, charts: Sequence[ControlChart], out: Sequence[ControlChart]) -> list[ControlChart]:
    """Return the charts that are worth a drawing, most telling first."""
    by_name = {c.metric: c for c in charts}
    main = f"performance.{MAIN_METRIC.get(result.task)}"
    first = [by_name[name] for name in (FIRST[0], main, *FIRST[1:]) if name in by_name]
    return list(dict.fromkeys([*out, *first]))


def _drawing(chart: ControlChart, result: AuditResult, history: Sequence[HistoryPoint]) -> str:
    """Draw one number over the nights."""
    nights = [ChartNight(h.night, next((p for p in h.charts if p.metric == chart.metric), None)) for h in history]
    now = ChartPoint(chart.metric, chart.value, chart.centre, chart.lower, chart.upper, chart.broken)
    nights.append(ChartNight(result.night, now))
    return control_plot(nights, name=chart_name(chart.metric), write=lambda value: chart_value(chart.metric, value))


def chart_name(metric: str) -> str:
    """Return how a charted number is called: "AUC", "rows"; of a group "impact ratio of sex"."""
    kind, _, name = metric.partition(".")
    name, _, group = name.partition(".")
    return f"{name_of(name)} of {group}" if kind == "fairness" and group else name_of(name)


def chart_value(metric: str, value: float) -> str:
    """Write a charted number in its unit."""
    return quantity(metric.split(".")[1] if "." in metric else metric, value)
