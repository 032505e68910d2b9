"""The metrics of ours that Evidently's report shows: its own drift with our plot, and numbers computed outside it.

Their values come from `SHOWN`, which a run sets; they are no fields of the metrics, since they would enter their ids.
"""

import math
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from evidently import Dataset
from evidently.core.metric_types import ColumnMetric, SingleValueCalculation, SingleValueMetric
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.renderers.html_widgets import CounterData, WidgetSize, counter, plotly_data
from evidently.metrics import ValueDrift

from audit_pipeline.records import Bin, DriftScore, PerformanceMetric

CURRENT_COLOUR, REFERENCE_COLOUR = "#ed0400", "#4d4d4d"  # Evidently's own


@dataclass(frozen=True)
class Shown:
    """The exact numbers and bars that a run shows, by what its metrics are named after."""

    scores: Mapping[tuple[str, str], DriftScore] = field(default_factory=dict)  # (column, method) ->
    others: Mapping[tuple[str, str], PerformanceMetric] = field(default_factory=dict)  # (name, slice) ->
    bars: Mapping[str, tuple[Bin, ...]] = field(default_factory=dict)  # column ->


# Evidently would pass tables on to its metrics, and looking a row up in a table costs more than the rest of a number.
SHOWN: ContextVar[Shown] = ContextVar("shown")


class SafeValueDrift(ValueDrift):  # type: ignore[misc]
    """Evidently's ValueDrift, with a plot that shows no single row."""

    class Config:
        """Its name in Evidently's registry."""

        type_alias = "audit:metric_v2:SafeValueDrift"


class SafeValueDriftCalculation(SingleValueCalculation[SafeValueDrift]):  # type: ignore[misc]
    """The value is that of Evidently's own stat test; what is drawn is the exact distribution.

    Evidently's own calculation also prepares its plots, row by row: ten times the cost of the score, for nothing here.
    """

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None) -> Any:
        """Compute as Evidently does."""
        name = self.metric.column
        kind = current_data.column(name).type
        sides = [data.as_dataframe()[name] for data in (current_data, reference_data) if data is not None]
        now, before = map(_finite, sides)
        test = get_stattest(before, now, kind, self.metric.method)
        score = test(before, now, kind, self.metric.threshold).drift_score
        result = self.result(score)
        shown = SHOWN.get()
        exact = ", ".join(f"{method} {s.value:.4f}" for (column, method), s in shown.scores.items() if column == name)
        label = f"{name}, by Evidently's own bins; threshold {self.metric.threshold:g}. Exact, over all rows: {exact}"
        result.widget = _column_widgets(f"psi {score:.4f}", label, shown.bars.get(name, ()))
        return result

    def display_name(self) -> str:
        """Say whose number it is."""
        return f"Drift of {self.metric.column} by Evidently"


def _finite(column: pd.Series) -> pd.Series:
    """Return what Evidently tests of a column."""
    return column.replace([-math.inf, math.inf], math.nan).dropna()


class ExactDrift(ColumnMetric, SingleValueMetric):  # type: ignore[misc]
    """A drift score computed outside Evidently over all rows; the score is no field, it would enter the id."""

    class Config:
        """Its name in Evidently's registry."""

        type_alias = "audit:metric_v2:ExactDrift"

    method: str


class ExactDriftCalculation(SingleValueCalculation[ExactDrift]):  # type: ignore[misc]
    """Takes the score from what the run shows."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None) -> Any:
        """Show the score with both n; the plot stands with the PSI."""
        shown, name = SHOWN.get(), self.metric.column
        score = shown.scores[name, self.metric.method]
        result = self.result(score.value)
        label = f"{name}, {score.n:,} against {score.n_reference:,}"
        if score.adjusted_p is not None:
            label += f", adjusted p {score.adjusted_p:.3g}"
        bars = shown.bars.get(name, ()) if score.method == "psi" else ()
        result.widget = _column_widgets(f"{score.method} {score.value:.4f}", label, bars)
        return result

    def display_name(self) -> str:
        """Say where the number comes from."""
        return f"{self.metric.method} of {self.metric.column} (all rows, computed outside Evidently)"


class ExactPerformance(SingleValueMetric):  # type: ignore[misc]
    """A quality metric computed outside Evidently over all labelled rows."""

    class Config:
        """Its name in Evidently's registry."""

        type_alias = "audit:metric_v2:ExactPerformance"

    name: str
    where: str  # the slice


class ExactPerformanceCalculation(SingleValueCalculation[ExactPerformance]):  # type: ignore[misc]
    """Takes the value from what the run shows."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None) -> Any:
        """Show the value with its interval and n."""
        metric = SHOWN.get().others[self.metric.name, self.metric.where]
        result = self.result(metric.value)
        label = self.metric.where
        if metric.lo is not None and metric.hi is not None:
            label += f", 95 % interval {metric.lo:.4f} to {metric.hi:.4f}"
        label += f", {metric.n:,} rows"
        if metric.difference is not None:
            label += f"; {metric.difference:+.4f} to the reference"
        result.widget = _column_widgets(f"{self.metric.name} {metric.value:.4f}", label, ())
        return result

    def display_name(self) -> str:
        """Say where the number comes from."""
        return f"{self.metric.name}, {self.metric.where} (computed outside Evidently)"


def _column_widgets(value: str, label: str, bars: Sequence[Bin]) -> list[BaseWidgetInfo]:
    """A counter, and the column's bars: plain dictionaries, since plotly's figures cost 20 times more."""
    widgets = [counter(counters=[CounterData(label, value)], size=WidgetSize.HALF)]
    if not bars:
        return widgets
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": [bar.label for bar in bars],
            "y": [getattr(bar, side) for bar in bars],
            "marker": {"color": colour},
        }
        for name, side, colour in (
            ("current", "share", CURRENT_COLOUR),
            ("reference", "share_reference", REFERENCE_COLOUR),
        )
    ]
    layout = {
        "barmode": "group",
        "margin": {"t": 40},
        "xaxis": {"type": "category"},
        "yaxis": {"tickformat": ".0%", "title": {"text": "share of rows"}},
    }
    return [*widgets, plotly_data(title="", data=traces, layout=layout, size=WidgetSize.HALF)]
