"""What do the features say of a number of each row? A ridge regression on indicators, each row judged by other rows.

Numbers are cut at their deciles, categories are one indicator each, missing values one of their own. It sees no
interaction, ranks like a linear discriminant, and takes milliseconds.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from audit_pipeline.metrics.bins import quantile_edges
from audit_pipeline.metrics.read import Floats

LEVELS = 20  # of a category, the most frequent; the others share one indicator
RIDGE = 1.0  # weighs like one row per indicator
DIGITS = 10  # of a result: what is equal but for rounding ties
Codes = npt.NDArray[np.int64]


def cut(values: Floats, *, bins: int = 10) -> Codes:
    """Return the quantile bin of each of the (n,) values, from 1; 0 for NaN."""
    codes = np.zeros(values.size, dtype=np.int64)
    known = ~np.isnan(values)
    if known.any():
        edges = quantile_edges(np.sort(values[known]), bins=bins)
        codes[known] = 1 + np.searchsorted(edges, values[known], side="left")
    return codes


def cross_fitted(features: Sequence[Codes], targets: Floats, fold: Codes, *, folds: int) -> Floats:
    """Return (n, k) predictions of the (n, k) `targets`, each row's from the rows of the other folds.

    The normal equations of indicators are whole numbers, so that the order of adding does not matter.

    Args:
        features: (n,) codes from 0, one array per feature.
        targets: finite.
        fold: (n,) 0 to `folds` - 1; one without rows is passed over.
        folds: their number.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency

    with threadpool_limits(limits=1):  # several threads spin for ten times as long on matrices this small
        return _cross_fitted(features, targets, fold, folds)


def _cross_fitted(features: Sequence[Codes], targets: Floats, fold: Codes, folds: int) -> Floats:
    starts = np.cumsum([0, *(int(codes.max()) + 1 for codes in features)])
    places = np.stack([codes + start for codes, start in zip(features, starts, strict=False)], axis=1)
    parts = [_moments(places[fold == held], targets[fold == held], int(starts[-1])) for held in range(folds)]
    gram, sums = (np.sum([part[i] for part in parts], axis=0) for i in (0, 1))
    fitted = np.zeros(targets.shape)
    for held, (held_gram, held_sums) in enumerate(parts):
        test, train = fold == held, fold != held
        if not train.any() or not test.any():
            continue
        mean, left = targets[train].mean(axis=0), gram - held_gram
        moments = sums - held_sums - left.diagonal()[:, None] * mean
        fitted[test] = mean + np.linalg.solve(left + RIDGE * np.eye(left.shape[0]), moments)[places[test]].sum(axis=1)
    return fitted.round(DIGITS)


def _moments(places: Codes, targets: Floats, width: int) -> tuple[Floats, Floats]:
    """Return (rows per pair of indicators, sum of each target per indicator) of some rows."""
    design = np.zeros((places.shape[0], width), dtype=np.float32)  # exact: counts below 2^24
    np.put_along_axis(design, places, 1.0, axis=1)
    each = [np.repeat(target, places.shape[1]) for target in targets.T]
    sums = [np.bincount(places.ravel(), weights=weights, minlength=width) for weights in each]
    return (design.T @ design).astype(np.float64), np.stack(sums, axis=1)
