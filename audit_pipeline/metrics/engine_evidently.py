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
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.core.metric_types import (
    Metric,
    render_widgets,
)
from evidently.core.report import Snapshot
from evidently.legacy.renderers.html_widgets import (
    group_widget,
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
)

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics.drift import drift_columns
from audit_pipeline.metrics.evidently_metrics import SHOWN, ExactDrift, ExactPerformance, SafeValueDrift, Shown
from audit_pipeline.metrics.frames import frame, labelled_rows
from audit_pipeline.metrics.multiclass import ClassRows
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.metrics.report_text import (
    concept_numbers,
    domain_number,
    group_numbers,
    harmless,
    intro,
    plain,
    threshold,
    why_exact,
)
from audit_pipeline.records import Drift, DriftScore, Fairness, Performance, PerformanceMetric
from audit_pipeline.small_cells import few

READ_THREADS, READ_MEMORY = 1, "1GB"  # it reads at most the row limit


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
    fairness: Fairness | None = None,
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
        fairness: the exact numbers of the groups; those that compare groups are shown.

    Raises:
        MetricError: a file cannot be read.
    """
    with connect(threads=READ_THREADS, memory=READ_MEMORY) as con:
        before = Table(con, reference)
        reason = why_exact(model, rows, before.rows, row_limit)
        others = (*performance.metrics, *domain_number(drift), *concept_numbers(performance), *group_numbers(fairness))
        if reason:
            runs = [_exact_run(drift, others, night)]
        else:
            now, kinds = Table(con, [current]), {n: model.columns[n].type for n in drift_columns(model)}
            data = frame(now, kinds)
            shared = _dataset(data, kinds)
            runs = [_drift_run(data, shared, frame(before, kinds), model, drift, night)]
            runs += [_summary_run(shared, _countable(data), night)]
            runs += _quality_runs(labelled_rows(now, labels, model), model, performance, night)
            runs += [_exact_run(Drift((), ()), others, night)]
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
    shown: Shown | None = None,
) -> _Found:
    """Run all metrics in one report; if that raises, each in a report of its own."""
    stamp = datetime.combine(night, time(), UTC)
    snapshots: list[Snapshot] = []
    failed: dict[str, str] = {}

    def attempt(group: Sequence[Metric]) -> str | None:
        try:
            report = Report(list(group), include_tests=False)
            snapshots.append(report.run(current, reference, timestamp=stamp))
        except Exception as error:  # noqa: BLE001 (a foreign engine raises anything; one metric must not cost the rest)
            return f"Evidently raised {type(error).__name__}"
        return None

    token = SHOWN.set(shown or Shown())
    try:
        if metrics and attempt(metrics):
            failed = {metric.metric_id: reason for metric in metrics if (reason := attempt([metric]))}
    finally:
        SHOWN.reset(token)
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
    found = _run(list(asked.values()), current, reference, night, _shown(drift))
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


def _exact_run(drift: Drift, others: Sequence[PerformanceMetric], night: date) -> _Run:
    """The exact numbers, shown by Evidently."""
    shown = _shown(drift, others)
    metrics = [ExactDrift(column=column, method=method) for column, method in shown.scores]
    metrics += [ExactPerformance(name=name, where=where) for name, where in shown.others]
    stub = Dataset.from_pandas(
        pd.DataFrame({"rows": [0.0]}), data_definition=DataDefinition(numerical_columns=["rows"])
    )
    found = _run(metrics, stub, None, night, shown)
    title = "Exact numbers over all rows, computed outside Evidently"
    return _Run(title, found.snapshots, failed=found.failures(metrics))


def _shown(drift: Drift, others: Sequence[PerformanceMetric] = ()) -> Shown:
    """What there is of these numbers."""
    return Shown(
        {(score.column, score.method): score for score in drift.scores if score.value is not None},
        {(metric.name, metric.slice): metric for metric in others if metric.value is not None},
        {found.column: found.bins for found in drift.distributions},
    )


def _dataset(data: pd.DataFrame, kinds: Mapping[str, str]) -> Dataset:
    """A Dataset whose columns have the types of the model file, never guessed ones."""
    numeric = [name for name in data.columns if kinds[name] in NUMERIC]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in data.columns if name not in numeric]
    )
    return Dataset.from_pandas(data, data_definition=definition)


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
