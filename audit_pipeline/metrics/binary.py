"""Quality of a binary model's scores and decisions against the labels, each number with its 95 % interval."""

from collections.abc import Callable

import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.auc import average_precision, delong
from audit_pipeline.metrics.calibration import calibration_error, intercept, slope
from audit_pipeline.metrics.interval import around, of_mean, wilson
from audit_pipeline.metrics.quality import Estimate, Metric, Rows, refuse
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import SMALL_CELL
from audit_pipeline.small_cells import in_words

EPS = float(np.finfo(np.float64).eps)  # scores are kept so far from 0 and 1 in the log-loss, like scikit-learn


def _auc(rows: Rows) -> Estimate:
    """Chance that a positive scores above a negative; DeLong's interval.

    Where the score parts the classes without a fault, DeLong's error is 0, which is no certainty: then Wilson's
    interval over the rarer class.
    """
    need_both_classes(rows)
    value, error = delong(_ranked(rows), rows.label)
    if error == 0 and value in (0.0, 1.0):
        positives = float(rows.label.sum())
        return Estimate(value, *wilson(value, min(positives, rows.n - positives)))
    return Estimate(value, *around(value, error, low=0.0, high=1.0))


def _average_precision(rows: Rows) -> Estimate:
    """Step sum of precision over recall; Wilson's interval over the positives (Boyd et al. 2013, binomial)."""
    need_both_classes(rows)
    value = average_precision(_ranked(rows), rows.label)
    return Estimate(value, *wilson(value, float(rows.label.sum())))


def _brier(rows: Rows) -> Estimate:
    """Mean squared distance of score and label."""
    return _mean(np.square(probability(rows) - rows.label))


def _log_loss(rows: Rows) -> Estimate:
    """Mean negative log-likelihood, in nats."""
    p = np.clip(probability(rows), EPS, 1 - EPS)
    return _mean(-np.log(np.where(rows.label == 1, p, 1 - p)))


def _calibration_gap(rows: Rows) -> Estimate:
    """Mean score minus observed rate: above 0 the model promises too much."""
    return _mean(probability(rows) - rows.label)


def _ece(rows: Rows) -> Estimate:
    """Expected calibration error: mean |mean score - observed rate| over quantile bins of the score."""
    value, interval = calibration_error(probability(rows), rows.label)
    return Estimate(value, *interval)


def _calibration_intercept(rows: Rows) -> Estimate:
    """Log-odds by which the scores are too low on the whole (slope held at 1); 0 is right."""
    value, error = intercept(_log_odds(rows), rows.label)
    return Estimate(value, *around(value, error))


def _calibration_slope(rows: Rows) -> Estimate:
    """Slope of the labels' log-odds over the scores'; 1 is right, below it the scores are too extreme."""
    value, error = slope(_log_odds(rows), rows.label)
    return Estimate(value, *around(value, error))


def _accuracy(rows: Rows) -> Estimate:
    """Share of decisions that were right."""
    return _share(_decided(rows) == rows.label, "labelled rows")


def _precision(rows: Rows) -> Estimate:
    """Share of the positive decisions that were right."""
    return _share(rows.label[_decided(rows) == 1] == 1, "positive predictions")


def _recall(rows: Rows) -> Estimate:
    """Share of the positives that were found."""
    return _share(_decided(rows)[rows.label == 1] == 1, "positive labels")


def _specificity(rows: Rows) -> Estimate:
    """Share of the negatives that were left alone."""
    return _share(_decided(rows)[rows.label == 0] == 0, "negative labels")


def _f1(rows: Rows) -> Estimate:
    """Harmonic mean of precision and recall.

    With j the share of hits among all rows that are, or were called, positive, F1 = 2j / (1 + j): it rises with j, so
    that Wilson's interval of j carries over.
    """
    decided = _decided(rows)
    either = (decided == 1) | (rows.label == 1)
    found = _share((decided == rows.label)[either], "rows with a positive label or prediction")
    value, lo, hi = (2 * j / (1 + j) for j in (found.value, found.lo or 0.0, found.hi or 0.0))
    return Estimate(value, lo, hi)


def _cost(rows: Rows) -> Estimate:
    """Mean cost of a decision, in the unit of the model file; below 0 it is a gain."""
    costs = rows.costs
    if costs is None:
        raise MetricError("the model file names no costs")
    decided = _decided(rows)
    positive = np.where(decided == 1, costs.tp, costs.fn)
    return _mean(np.where(rows.label == 1, positive, np.where(decided == 1, costs.fp, costs.tn)))


def _prevalence(rows: Rows) -> Estimate:
    """Share of positive labels."""
    return _share(rows.label == 1, "labelled rows")


def _checked(measure: Callable[[Rows], Estimate]) -> Callable[[Rows], Estimate]:
    """Refuse labels other than 0 and 1 before measuring."""

    def checked(rows: Rows) -> Estimate:
        labels_of(rows)
        return measure(rows)

    return checked


BINARY: tuple[Metric, ...] = (
    Metric("auc", _checked(_auc), sliced=True),
    Metric("average_precision", _checked(_average_precision)),
    Metric("brier", _checked(_brier), sliced=True),
    Metric("log_loss", _checked(_log_loss)),
    Metric("calibration_gap", _checked(_calibration_gap), sliced=True),
    Metric("calibration_intercept", _checked(_calibration_intercept)),
    Metric("calibration_slope", _checked(_calibration_slope)),
    Metric("ece", _checked(_ece)),
    Metric("accuracy", _checked(_accuracy), sliced=True),
    Metric("precision", _checked(_precision)),
    Metric("recall", _checked(_recall)),
    Metric("f1", _checked(_f1)),
    Metric("specificity", _checked(_specificity)),
    Metric("prevalence", _checked(_prevalence)),
    Metric("cost", _checked(_cost), sliced=True, fits=lambda model: model.costs is not None),
)


def _mean(values: Floats) -> Estimate:
    return Estimate(float(values.mean()), *of_mean(values))


def _share(hits: np.ndarray, what: str) -> Estimate:
    """Share of True with Wilson's interval; never over fewer than 11 rows."""
    if hits.size < SMALL_CELL:
        raise MetricError(f"{in_words(hits.size)} {what}: a share needs at least {SMALL_CELL}")
    share = int(hits.sum()) / hits.size
    return Estimate(share, *wilson(share, hits.size))


def need_both_classes(rows: Rows) -> None:
    """Ranking needs at least two labels of each class."""
    positives = int(rows.label.sum())
    if min(positives, rows.n - positives) < 2:
        raise MetricError(
            f"{in_words(positives)} positive and {in_words(rows.n - positives)} negative labels: "
            "at least two of each are needed"
        )


def _ranked(rows: Rows) -> Floats:
    """Scores that can be ordered (infinities can)."""
    refuse(int(np.isnan(rows.score).sum()), "without a score")
    return rows.score


def labels_of(rows: Rows) -> Floats:
    """Labels of 0 or 1."""
    refuse(int((~np.isin(rows.label, (0, 1))).sum()), "with a label other than 0 and 1")
    return rows.label


def probability(rows: Rows) -> Floats:
    """Scores that are probabilities."""
    score = _ranked(rows)
    refuse(int(((score < 0) | (score > 1)).sum()), "with a score outside 0 to 1")
    return score


def _log_odds(rows: Rows) -> Floats:
    """Probabilities whose log-odds are finite, of rows of both classes."""
    need_both_classes(rows)
    score = probability(rows)
    refuse(int(((score == 0) | (score == 1)).sum()), "with a score of exactly 0 or 1, whose log-odds are infinite")
    return score


def _decided(rows: Rows) -> Floats:
    """Decisions of 0 or 1."""
    refuse(int(np.isnan(rows.prediction).sum()), "without a prediction")
    refuse(int((~np.isin(rows.prediction, (0, 1))).sum()), "with a prediction other than 0 and 1")
    return rows.prediction
