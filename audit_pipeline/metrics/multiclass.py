"""Quality of a multiclass model's classes and probabilities against the labels, each number with its 95 % interval.

What concerns one class is the binary metric of that class against the rest. Means over classes that are no simple
shares have an interval by resampling the table of labels and predictions with a fixed seed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.auc import components
from audit_pipeline.metrics.binary import BINARY, EPS
from audit_pipeline.metrics.interval import around, of_mean, wilson
from audit_pipeline.metrics.quality import SEED, Estimate, Metric, Rows, refuse
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import SMALL_CELL, ConfusionCell
from audit_pipeline.small_cells import in_words

Codes = npt.NDArray[np.int64]
DRAWS = 1000  # resampled tables behind an interval
ABOUT_ONE = 0.01  # probabilities of a row are logged rounded: their sum may miss 1 by this
ONE_AGAINST_REST = ("precision", "recall", "f1", "prevalence")
RANKED_AGAINST_REST = ("auc",)


@dataclass(frozen=True)
class ClassRows:
    """The labelled rows of a multiclass model, in an order that depends on their values only."""

    classes: tuple[str, ...]  # the declared ones in their order, then others seen, by name
    declared: int  # how many of them the model file names
    label: Codes  # (n,) place in `classes`
    prediction: Codes  # (n,) place in `classes`; -1 is missing
    probability: Floats  # (n, declared) NaN is missing

    @property
    def n(self) -> int:
        """Labelled rows."""
        return int(self.label.size)

    @property
    def shown(self) -> tuple[str, ...]:
        """Classes whose name may be shown: declared, or seen as a label at least 11 times."""
        seen = np.bincount(self.label, minlength=len(self.classes))
        return tuple(c for i, c in enumerate(self.classes) if i < self.declared or seen[i] >= SMALL_CELL)

    def against_rest(self, name: str) -> Rows:
        """Return the rows as those of a binary model that tells `name` from all other classes."""
        i = self.classes.index(name) if name in self.classes else len(self.classes)
        decided = np.where(self.prediction < 0, np.nan, (self.prediction == i).astype(np.float64))
        score = self.probability[:, i] if i < self.declared else np.full(self.n, np.nan)
        return Rows((self.label == i).astype(np.float64), score, decided)


def class_metrics(*, ranked: bool) -> tuple[Metric, ...]:
    """Return the binary metrics that are measured per class; `ranked`: there are probabilities."""
    wanted = ONE_AGAINST_REST + (RANKED_AGAINST_REST if ranked else ())
    return tuple(metric for metric in BINARY if metric.name in wanted)


def confusion(rows: ClassRows) -> tuple[ConfusionCell, ...]:
    """Return the cells of labels against predictions that hold at least 11 rows, by label and prediction."""
    if (rows.prediction < 0).any():
        return ()
    table = _table(rows)
    places = np.argwhere(table >= SMALL_CELL)
    return tuple(ConfusionCell(rows.classes[i], rows.classes[j], int(table[i, j])) for i, j in places)


def _table(rows: ClassRows) -> Codes:
    """Return (k, k) rows per label and prediction."""
    refuse(int((rows.prediction < 0).sum()), "without a prediction")
    k = len(rows.classes)
    return np.bincount(rows.label * k + rows.prediction, minlength=k * k).reshape(k, k).astype(np.int64)


def _accuracy(rows: ClassRows) -> Estimate:
    """Share of predictions that were right."""
    share = int(np.trace(_table(rows))) / rows.n
    return Estimate(share, *wilson(share, rows.n))


def _macro_f1(rows: ClassRows) -> Estimate:
    """Mean F1 over the classes seen as a label or a prediction."""
    return _resampled(_table(rows), weighted=False)


def _weighted_f1(rows: ClassRows) -> Estimate:
    """Mean F1 over the classes, weighted by their labels."""
    return _resampled(_table(rows), weighted=True)


def _resampled(table: Codes, *, weighted: bool) -> Estimate:
    """Return a mean of F1 with the 2.5 and 97.5 % quantiles over tables resampled by a fixed seed."""
    seen = (table.sum(axis=0) + table.sum(axis=1)) > 0
    table = table[np.ix_(seen, seen)]
    n, k = int(table.sum()), table.shape[0]
    drawn = np.random.default_rng(SEED).multinomial(n, table.ravel() / n, size=DRAWS).reshape(DRAWS, k, k)
    value = float(_mean_f1(table[None], weighted=weighted)[0])
    lo, hi = np.quantile(_mean_f1(drawn, weighted=weighted), (0.025, 0.975))
    return Estimate(value, min(float(lo), value), max(float(hi), value))


def _mean_f1(tables: Codes, *, weighted: bool) -> Floats:
    """Return (d,) the mean F1 of (d, k, k) tables; a class that occurs nowhere has an F1 of 0."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    labels, predictions = tables.sum(axis=2), tables.sum(axis=1)
    f1 = 2 * hits / np.maximum(labels + predictions, 1)
    weight = labels / labels.sum(axis=1, keepdims=True) if weighted else 1 / labels.shape[1]
    return np.asarray((f1 * weight).sum(axis=1), dtype=np.float64)


def _auc(rows: ClassRows) -> Estimate:
    """Mean over the classes of the AUC of a class against the rest; interval by DeLong's components per row."""
    probability = _checked(rows)
    values, influence = [], np.zeros(rows.n)
    for i in range(rows.declared):
        label = rows.label == i
        if min(int(label.sum()), rows.n - int(label.sum())) < 2:
            raise MetricError(
                f"a declared class has {in_words(int(label.sum()))} of {rows.n:,} labels: ranking needs two"
            )
        above, below = components(probability[label, i], probability[~label, i])
        values.append(float(above.mean()))
        influence[label] += (above - above.mean()) / above.size
        influence[~label] += (below - below.mean()) / below.size
    value, error = float(np.mean(values)), float(np.sqrt(np.square(influence).sum())) / rows.declared
    return Estimate(value, *around(value, error, low=0.0, high=1.0))


def _log_loss(rows: ClassRows) -> Estimate:
    """Mean negative log-likelihood of the class that came true, in nats."""
    p = np.clip(_checked(rows)[np.arange(rows.n), rows.label], EPS, 1 - EPS)
    losses = -np.log(p)
    return Estimate(float(losses.mean()), *of_mean(losses))


def _brier(rows: ClassRows) -> Estimate:
    """Mean over rows of the squared distances of all probabilities, summed over classes: 0 to 2."""
    losses = class_losses(rows)
    return Estimate(float(losses.mean()), *of_mean(losses))


def class_losses(rows: ClassRows) -> Floats:
    """Return (n,) the Brier score of each row."""
    truth = rows.label[:, None] == np.arange(rows.declared)
    return np.asarray(np.square(_checked(rows) - truth).sum(axis=1))


def _checked(rows: ClassRows) -> Floats:
    """Probabilities of every class, of rows whose label is a declared class."""
    p = rows.probability
    refuse(int((rows.label >= rows.declared).sum()), "with a label that `probabilities` does not name")
    refuse(int(np.isnan(p).any(axis=1).sum()), "without a probability of each class")
    refuse(int(((p < 0) | (p > 1)).any(axis=1).sum()), "with a probability outside 0 to 1")
    refuse(int((np.abs(p.sum(axis=1) - 1) > ABOUT_ONE).sum()), "whose probabilities do not add up to 1")
    return p


MULTICLASS: tuple[Metric, ...] = (
    Metric("accuracy", _accuracy, sliced=True),
    Metric("macro_f1", _macro_f1, sliced=True),
    Metric("weighted_f1", _weighted_f1),
    Metric("auc", _auc, fits=lambda model: bool(model.probabilities)),
    Metric("log_loss", _log_loss, sliced=True, fits=lambda model: bool(model.probabilities)),
    Metric("brier", _brier, fits=lambda model: bool(model.probabilities)),
)
