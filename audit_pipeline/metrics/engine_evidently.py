"""Evidently's report of one night, for people; the only module that imports Evidently.

Up to the row limit Evidently computes over the rows itself: its own PSI per column, with method and threshold given
(its defaults change with the reference's size), and its quality metrics over the labelled rows. Above the limit, and
where the model file says `evidently: exact`, the report shows the exact numbers, through metric types of our own, and
says so. Never `DataDriftPreset` (it computes
drift three times) and never `GroupBy` (it returns the number of all rows for every group).

The plots are drawn from the exact distributions: Evidently's own show single extreme values and rare categories, and
are four fifths of its time. Each group of metrics is its own run; when one raises, its metrics are tried one by one,
so that none takes another one down.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.core.metric_types import (
    ColumnMetric,
    Metric,
    SingleValueCalculation,
    SingleValueMetric,
    render_widgets,
)
from evidently.core.report import Snapshot
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.renderers.html_widgets import (
    CounterData,
    WidgetSize,
    counter,
    group_widget,
    plotly_data,
    text_widget,
)
from evidently.metrics import (
    MAE,
    RMSE,
    Accuracy,
    F1Score,
    LogLoss,
    MissingValueCount,
    Precision,
    R2Score,
    Recall,
    RocAuc,
    RowCount,
    ValueDrift,
)

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics.drift import drift_columns
from audit_pipeline.metrics.frames import frame, labelled_rows
from audit_pipeline.metrics.multiclass import ClassRows
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.metrics.report_text import concept_numbers, harmless, intro, plain, threshold, why_exact
from audit_pipeline.records import Drift, DriftScore, Performance, PerformanceMetric
from audit_pipeline.small_cells import few

READ_THREADS, READ_MEMORY = 1, "1GB"  # it reads at most the row limit
CURRENT_COLOUR, REFERENCE_COLOUR = "#ed0400", "#4d4d4d"  # Evidently's own


# Evidently adds categories in the order of a set of texts, which Python shuffles from process to process: its last
# bits change, and the same inputs must give the same result.
DIGITS = 9


@dataclass(frozen=True, slots=True)
class EvidentlyResult:
    """What Evidently computed, and where its report lies."""

    scores: tuple[DriftScore, ...]  # method "evidently:psi", engine "evidently"; none above the row limit
    metrics: tuple[PerformanceMetric, ...]  # names "evidently:..."; none above the row limit
    html: Path
    json: Path
    native: bool  # whether Evidently computed over the rows itself
    reason: str | None  # why it did not


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
        label = f"{name}, by Evidently's own bins; threshold {self.metric.threshold:g}"
        result.widget = _column_widgets(f"psi {score:.4f}", label, _of_column(context, "distributions", name))
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
    """Takes the score from the run's additional data."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None) -> Any:
        """Show the score with both n; the plot stands with the PSI."""
        found = _of_column(context, "exact", self.metric.column)
        row = found[found["method"] == self.metric.method].iloc[0]
        result = self.result(float(row.value))
        label = f"{row.column}, {row.n:,} against {row.n_reference:,}"
        if not pd.isna(row.adjusted_p):
            label += f", adjusted p {row.adjusted_p:.3g}"
        bars = _of_column(context, "distributions", self.metric.column) if row.method == "psi" else None
        result.widget = _column_widgets(f"{row.method} {row.value:.4f}", label, bars)
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
    """Takes the value from the run's additional data."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None) -> Any:
        """Show the value with its interval and n."""
        found = context.additional_data["performance"].as_dataframe()
        row = found[(found["name"] == self.metric.name) & (found["where"] == self.metric.where)].iloc[0]
        result = self.result(float(row.value))
        label = f"{row.where}, 95 % interval {row.lo:.4f} to {row.hi:.4f}, {row.n:,} labelled rows"
        if math.isfinite(row.difference):
            label += f"; {row.difference:+.4f} to the reference"
        result.widget = _column_widgets(f"{self.metric.name} {row.value:.4f}", label, None)
        return result

    def display_name(self) -> str:
        """Say where the number comes from."""
        return f"{self.metric.name}, {self.metric.where} (computed outside Evidently)"


def evidently_report(
    current: Path,
    reference: Sequence[Path],
    labels: Path | None,
    model: ModelConfig,
    drift: Drift,
    performance: Performance,
    *,
    night: date,
    folder: Path,
    rows: int,
    row_limit: int,
) -> EvidentlyResult:
    """Write evidently.html and evidently.json into `folder` and return what Evidently computed.

    Args:
        current: the night's canonical Parquet file.
        reference: canonical Parquet files, together the reference.
        labels: columns row_id and `label`, or None.
        model: says columns, task, threshold and limits.
        drift: the exact scores; what they could not judge, Evidently is not asked.
        performance: the exact metrics; likewise.
        night: stands in the report; nothing reads the clock.
        folder: made when it is not there.
        rows: of the night.
        row_limit: above it, for night or reference, the report shows the exact numbers; also by `model.evidently`.

    Raises:
        MetricError: a file cannot be read.
    """
    with connect(threads=READ_THREADS, memory=READ_MEMORY) as con:
        before = Table(con, reference)
        reason = why_exact(model, rows, before.rows, row_limit)
        if reason:
            runs = [_exact_run(drift, performance, night)]
        else:
            now, kinds = Table(con, [current]), {n: model.columns[n].type for n in drift_columns(model)}
            data = frame(now, kinds)
            shared = _dataset(data, kinds)
            runs = [_drift_run(data, shared, frame(before, kinds), model, drift, night)]
            runs += [_summary_run(shared, _countable(data), night)]
            runs += _quality_runs(labelled_rows(now, labels, model), model, performance, night)
            runs += [_exact_run(Drift((), ()), performance, night)]
    scores = tuple(score for run in runs for score in run.scores)
    metrics = tuple(metric for run in runs for metric in run.metrics)
    missing = [f"{s.column} ({s.method}): {s.reason}" for s in (*drift.scores, *scores) if s.reason]
    missing += [f"{m.name} ({m.slice}): {m.reason}" for m in (*performance.metrics, *metrics) if m.reason]
    missing += [performance.reason] if performance.reason else []
    missing += [line for run in runs for line in run.failed]
    about = intro(model, night, rows, before.rows, reason)
    folder.mkdir(parents=True, exist_ok=True)
    html = _save_html(folder / "evidently.html", runs, about, missing)
    return EvidentlyResult(
        scores=scores,
        metrics=metrics,
        html=html,
        json=_save_json(folder / "evidently.json", runs, about, missing),
        native=reason is None,
        reason=reason,
    )


@dataclass(frozen=True)
class _Run:
    """One group of metrics that was run: what came out, for the record and for the report."""

    title: str
    snapshots: tuple[Snapshot, ...] = ()
    scores: tuple[DriftScore, ...] = ()
    metrics: tuple[PerformanceMetric, ...] = ()
    failed: tuple[str, ...] = ()  # what is in no score or metric of the record, and did not run


@dataclass(frozen=True)
class _Found:
    """The snapshots of some metrics, the value of each by its id, and why others have none."""

    snapshots: tuple[Snapshot, ...]
    values: dict[str, Any]
    failed: dict[str, str]

    def failures(self, metrics: Sequence[Metric]) -> tuple[str, ...]:
        """Return a sentence per metric that raised."""
        failed = [metric for metric in metrics if metric.metric_id in self.failed]
        return tuple(f"{m.to_calculation().display_name()}: {self.failed[m.metric_id]}" for m in failed)

    def value(self, metric: Metric) -> tuple[float | None, str | None]:
        """Return (value, None) or (None, reason)."""
        if metric.metric_id in self.failed:
            return None, self.failed[metric.metric_id]
        value = self.values[metric.metric_id]
        number = float(f"{value['mean'] if isinstance(value, dict) else value:.{DIGITS}g}")
        return (number, None) if math.isfinite(number) else (None, "Evidently's result is not a finite number")


def _run(
    metrics: Sequence[Metric],
    current: Dataset,
    reference: Dataset | None,
    night: date,
    additional: dict[str, pd.DataFrame] | None = None,
) -> _Found:
    """Run all metrics in one report; if that raises, each in a report of its own."""
    extra = {name: Dataset.from_pandas(data) for name, data in (additional or {}).items() if len(data)}
    stamp = datetime.combine(night, time(), UTC)
    snapshots: list[Snapshot] = []
    failed: dict[str, str] = {}

    def attempt(group: Sequence[Metric]) -> str | None:
        try:
            report = Report(list(group), include_tests=False)
            snapshots.append(report.run(current, reference, timestamp=stamp, additional_data=extra))
        except Exception as error:  # noqa: BLE001 (a foreign engine raises anything; one metric must not cost the rest)
            return f"Evidently raised {type(error).__name__}"
        return None

    if metrics and attempt(metrics):
        failed = {metric.metric_id: reason for metric in metrics if (reason := attempt([metric]))}
    values = {item["id"]: item["value"] for snapshot in snapshots for item in snapshot.dict()["metrics"]}
    return _Found(tuple(snapshots), values, failed)


def _drift_run(
    now: pd.DataFrame, current: Dataset, before: pd.DataFrame, model: ModelConfig, drift: Drift, night: date
) -> _Run:
    """Evidently's own PSI of every column whose exact PSI could be judged; `current` holds the frame `now`."""
    exact = [score for score in drift.scores if score.method == "psi"]
    judged = [score.column for score in exact if score.reason is None]
    sizes = {name: (int(now[name].count()), int(before[name].count())) for name in judged}
    asked = {
        name: SafeValueDrift(column=name, method="psi", threshold=threshold(model, name))
        for name in judged
        if min(sizes[name])
    }
    reference = _dataset(before, {name: model.columns[name].type for name in before.columns})
    found = _run(list(asked.values()), current, reference, night, {"distributions": _bars(drift)})
    scores = []
    for score in exact:
        metric = asked.get(score.column)
        why = score.reason or "no finite value on one side"
        value, reason = found.value(metric) if metric is not None else (None, why)
        n, m = sizes.get(score.column, (score.n, score.n_reference))
        scores.append(_evidently_score(score, value, reason, n, m))
    return _Run("Drift by Evidently, over the rows", found.snapshots, scores=tuple(scores))


def _evidently_score(exact: DriftScore, value: float | None, reason: str | None, n: int, m: int) -> DriftScore:
    """Evidently's number for the column of an exact score."""
    return DriftScore(
        column=exact.column,
        method=f"evidently:{exact.method}",
        value=value,
        p=None,
        n=n,
        n_reference=m,
        missing_share=exact.missing_share,
        missing_share_reference=exact.missing_share_reference,
        engine="evidently",
        reason=reason,
    )


def _countable(data: pd.DataFrame) -> list[str]:
    """Return the columns whose missing values may be counted on a page: none, or no small cell of them."""
    missing = {name: int(data[name].isna().sum()) for name in data.columns}
    return [name for name, count in missing.items() if not few(count) and not few(len(data) - count)]


def _summary_run(current: Dataset, columns: Sequence[str], night: date) -> _Run:
    """Rows, and missing values of the columns that may tell them."""
    metrics = [RowCount(), *(MissingValueCount(column=name) for name in columns)]
    found = _run(metrics, current, None, night)
    return _Run("Rows and missing values of the night", found.snapshots, failed=found.failures(metrics))


def _class_run(rows: ClassRows, exact: Performance, night: date) -> _Run:
    """Evidently's quality metrics of a multiclass model: those of the classes, by name."""
    names = np.array([*rows.classes, None], dtype=object)  # -1 is a missing prediction
    data = pd.DataFrame({"label": names[rows.label], "decision": names[rows.prediction]})
    task = MulticlassClassification(target="label", prediction_labels="decision")
    metrics = {"accuracy": Accuracy(), "macro_f1": F1Score(conf_matrix=False)}
    if np.unique([rows.label, rows.prediction]).size <= 2:
        reason = "two classes occur, which Evidently takes for a binary model with classes 0 and 1"
        none = (PerformanceMetric(f"evidently:{m}", "all", None, None, None, rows.n, None, reason) for m in metrics)
        return _Run("Quality by Evidently, over the labelled rows", metrics=tuple(none))
    return _quality_run(metrics, data, (), DataDefinition(classification=[task]), exact, night)


def _quality_runs(rows: Rows | ClassRows | None, model: ModelConfig, exact: Performance, night: date) -> list[_Run]:
    """Evidently's quality metrics; decisions and scores apart, so that a missing one costs only its own."""
    if rows is None or not rows.n:
        return []
    if isinstance(rows, ClassRows):
        return [_class_run(rows, exact, night)]
    data = pd.DataFrame({"label": rows.label, "score": rows.score, "decision": rows.prediction})
    if model.task == "regression":
        definition = DataDefinition(regression=[Regression(target="label", prediction="decision")])
        metrics = {"mae": MAE(error_distr=False), "rmse": RMSE(error_distr=False), "r2": R2Score()}
        return [_quality_run(metrics, data[["label", "decision"]], (), definition, exact, night)]
    decided = BinaryClassification(target="label", prediction_labels="decision")
    scored = BinaryClassification(target="label", prediction_probas="score")
    decision_metrics = {
        "accuracy": Accuracy(),
        "precision": Precision(conf_matrix=False),
        "recall": Recall(conf_matrix=False),
    }
    score_metrics = {"auc": RocAuc(roc_curve=False), "log_loss": LogLoss()}
    return [
        _quality_run(metrics, data[columns], whole, DataDefinition(classification=[task]), exact, night)
        for metrics, columns, whole, task in (
            (decision_metrics, ["label", "decision"], ("label", "decision"), decided),
            (score_metrics, ["label", "score"], ("label",), scored),
        )
    ]


def _quality_run(
    metrics: dict[str, Metric],
    data: pd.DataFrame,
    whole: Sequence[str],
    definition: DataDefinition,
    exact: Performance,
    night: date,
) -> _Run:
    """Ask Evidently for the metrics whose exact value exists; it wants the columns `whole` as integers."""
    reasons = {m.name: m.reason for m in exact.metrics if m.slice == "all"}
    asked = {name: metric for name, metric in metrics.items() if name in reasons and reasons[name] is None}
    found = _Found((), {}, {})
    if asked:
        data = data.astype(dict.fromkeys(whole, "int64"))
        found = _run(list(asked.values()), Dataset.from_pandas(data, data_definition=definition), None, night)
    measured = []
    for name in metrics:
        value, reason = found.value(asked[name]) if name in asked else (None, reasons.get(name, "no labels"))
        measured.append(PerformanceMetric(f"evidently:{name}", "all", value, None, None, len(data), None, reason))
    return _Run("Quality by Evidently, over the labelled rows", found.snapshots, metrics=tuple(measured))


def _exact_run(drift: Drift, performance: Performance, night: date) -> _Run:
    """The exact numbers, shown by Evidently."""
    scores = [s for s in drift.scores if s.value is not None]
    quality = [m for m in (*performance.metrics, *concept_numbers(performance)) if m.value is not None]
    metrics = [ExactDrift(column=s.column, method=s.method) for s in scores]
    metrics += [ExactPerformance(name=m.name, where=m.slice) for m in quality]
    stub = Dataset.from_pandas(
        pd.DataFrame({"rows": [0.0]}), data_definition=DataDefinition(numerical_columns=["rows"])
    )
    tables = {
        "exact": pd.DataFrame([asdict(score) for score in scores]),
        "performance": _numbers(quality),
        "distributions": _bars(drift),
    }
    found = _run(metrics, stub, None, night, tables)
    title = "Exact numbers over all rows, computed outside Evidently"
    return _Run(title, found.snapshots, failed=found.failures(metrics))


def _numbers(metrics: Sequence[PerformanceMetric]) -> pd.DataFrame:
    """What the report shows of quality metrics; a number that is not there is NaN."""
    shown = pd.DataFrame([{"name": m.name, "where": m.slice, "n": m.n} for m in metrics])
    for name in ("value", "lo", "hi", "difference"):
        shown[name] = pd.Series([getattr(m, name) for m in metrics], dtype=np.float64)
    return shown


def _dataset(data: pd.DataFrame, kinds: Mapping[str, str]) -> Dataset:
    """A Dataset whose columns have the types of the model file, never guessed ones."""
    numeric = [name for name in data.columns if kinds[name] in NUMERIC]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in data.columns if name not in numeric]
    )
    return Dataset.from_pandas(data, data_definition=definition)


def _bars(drift: Drift) -> pd.DataFrame:
    """All bars of all columns: column, label, share, share_reference."""
    return pd.DataFrame([{"column": d.column, **asdict(bar)} for d in drift.distributions for bar in d.bins])


def _of_column(context: Any, name: str, column: str) -> pd.DataFrame:
    """The rows of one column in a table of the run's additional data; none when there is no such table."""
    data = context.additional_data.get(name)
    table: pd.DataFrame = data.as_dataframe() if data is not None else pd.DataFrame({"column": []})
    return table[table["column"] == column]


def _column_widgets(value: str, label: str, bars: pd.DataFrame | None) -> list[BaseWidgetInfo]:
    """A counter, and the column's bars: plain dictionaries, since plotly's figures cost 20 times more."""
    widgets = [counter(counters=[CounterData(label, value)], size=WidgetSize.HALF)]
    if bars is None or bars.empty:
        return widgets
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": list(bars["label"]),
            "y": [float(share) for share in bars[field]],
            "marker": {"color": colour},
        }
        for name, field, colour in (
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


def _save_html(path: Path, runs: Sequence[_Run], about: str, missing: Sequence[str]) -> Path:
    """Write one page with the widgets of all runs; it needs no network."""
    widgets = [text_widget(text=about)]
    if missing:
        widgets.append(text_widget(text="\n".join(f"- {line}" for line in missing), title="Not evaluated"))
    for run in runs:
        shown = [w for s in run.snapshots for result in s.metric_results.values() for w in result.get_widgets()]
        if shown:
            widgets += [text_widget(text=f"## {run.title}"), *shown]
    for widget in widgets:
        widget.title, widget.params = harmless(widget.title), harmless(widget.params)
    path.write_text(render_widgets([group_widget(title="", widgets=widgets)]), encoding="utf-8")
    return path


def _save_json(path: Path, runs: Sequence[_Run], about: str, missing: Sequence[str]) -> Path:
    """Write what `Snapshot.dict()` holds, in one order and without clock or random ids."""
    found = [snapshot.dict() for run in runs for snapshot in run.snapshots]
    content = {
        "about": about,
        "metrics": [item for each in found for item in each["metrics"]],
        "not_evaluated": list(missing),
    }
    text = json.dumps(plain(content), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path
