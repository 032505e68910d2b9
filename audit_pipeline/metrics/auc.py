"""Area under the ROC curve with DeLong's standard error, and average precision; ties of the score count half.

Sources: DeLong, DeLong and Clarke-Pearson (1988), by mid-ranks as in Sun and Xu (2014); average precision as the
step sum over distinct scores, like `sklearn.metrics.average_precision_score`.
"""

import math

import numpy as np

from audit_pipeline.metrics.read import Floats


def delong(score: Floats, label: Floats) -> tuple[float, float]:
    """Return (auc, standard error).

    Args:
        score: (n,) no NaN.
        label: (n,) 0.0 or 1.0, at least two of each.
    """
    below, above = components(score[label == 1], score[label == 0])
    variance = below.var(ddof=1) / below.size + above.var(ddof=1) / above.size
    return float(below.mean()), math.sqrt(variance)


def components(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Return DeLong's components in the order of the scores given.

    The first is per positive the share of the negatives below it, the second per negative the share of the
    positives above it; the mean of either is the AUC.
    """
    return _share_below(positive, np.sort(negative)), 1 - _share_below(negative, np.sort(positive))


def _share_below(values: Floats, others: Floats) -> Floats:
    """Share of the sorted `others` below each of `values`, ties counting half."""
    lower = np.searchsorted(others, values, side="left")
    upper = np.searchsorted(others, values, side="right")
    return np.asarray((lower + upper) / (2 * others.size), dtype=np.float64)


def average_precision(score: Floats, label: Floats) -> float:
    """Return the sum over distinct scores, highest first, of (step in recall) x precision; needs a positive."""
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], np.cumsum(label[order])
    last = np.append(ranked[1:] != ranked[:-1], True)  # last row of each distinct score
    found, seen = hits[last], np.flatnonzero(last) + 1
    return float((np.diff(found, prepend=0.0) * found / seen).sum() / found[-1])
