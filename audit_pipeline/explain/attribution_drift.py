"""Does the same drive the model as on the reference, by as much and in the same order?

By as much: the Wasserstein distance of a feature's SHAP values, in standard deviations of the reference's, with the p
of a Kolmogorov-Smirnov test. In the same order: NDCG of the night's ranking with the reference's importances as gains,
and Spearman's rank correlation.

What a ranking loses by chance alone depends on the model: two features of equal weight change places every night. So an
order is held against the reference itself, resampled to the rows of the night: p is the share of resamples that come
out as low. A fixed alarm (NDCG below 0.9, as one cloud monitor has it) would never fire on most models.

Source of NDCG on attributions: Nigenda et al., "Amazon SageMaker Model Monitor" (2022).
"""

from collections.abc import Sequence

import numpy as np

from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import AttributionDrift, MovedAttribution

DRAWS = 499
CELLS = 2_000_000  # resampled rows in memory at a time
LOW = 0.05  # share of resamples below `ndcg_low`
GRAIN = 1e-9  # of the largest SHAP value: what is nearer is the same, since rounding alone tells it apart


def attribution_drift(
    features: Sequence[str], night: Floats, reference: Floats, *, n_reference: int, seed: int
) -> AttributionDrift:
    """Return how far the SHAP values of a night are from those of the reference.

    Args:
        features: their names.
        night: (n, features) SHAP values against the same background as the reference's.
        reference: (k, features) SHAP values; n and k >= 2, no NaN.
        n_reference: rows of the reference as they may be told.
        seed: of the resamples.
    """
    sizes = np.abs(reference)
    now, then = np.abs(night).mean(axis=0), sizes.mean(axis=0)
    resampled = _resampled(sizes, rows=len(night), seed=seed)
    gain, null_gain = ndcg(then, now[None])[0], ndcg(then, resampled)
    correlation, null_correlation = rank_correlation(then, now[None])[0], rank_correlation(then, resampled)
    grain = GRAIN * (float(sizes.max()) or 1.0)
    steps = np.rint(reference / grain), np.rint(night / grain)
    moved = []
    for i, (name, rank, before) in enumerate(zip(features, _places(now), _places(then), strict=True)):
        far, gap = distance(steps[0][:, i], steps[1][:, i])
        p = min(1.0, len(features) * _chance(gap, len(reference), len(night)))
        moved.append(MovedAttribution(name, far, float(now[i]), float(then[i]), rank, before, p))
    return AttributionDrift(
        features=tuple(sorted(moved, key=lambda m: (-(np.inf if m.distance is None else m.distance), m.feature))),
        ndcg=float(gain),
        ndcg_low=float(np.quantile(null_gain, LOW)),
        ndcg_p=_p(gain, null_gain),
        rank_correlation=float(correlation) if np.isfinite(correlation) else None,
        rank_correlation_p=_p(correlation, null_correlation) if np.isfinite(correlation) else None,
        n=len(night),
        n_reference=n_reference,
        draws=DRAWS,
        seed=seed,
    )


def distance(reference: Floats, night: Floats) -> tuple[float | None, float]:
    """Return the Wasserstein distance of order one over the reference's standard deviation, and the KS distance.

    The former is None when the reference's values are all the same and the night's are not: there is no unit.
    """
    points = np.sort(np.concatenate([reference, night]))
    below = [np.searchsorted(np.sort(side), points, side="right") / side.size for side in (reference, night)]
    gaps = np.abs(below[0] - below[1])
    area, gap = float((gaps[:-1] * np.diff(points)).sum()), float(gaps.max())
    if np.ptp(reference) == 0:
        return (0.0 if area == 0 else None), gap
    return area / float(reference.std()), gap


def _chance(gap: float, n: int, m: int) -> float:
    """Return about the chance of a gap as large between two samples of one distribution (asymptotic)."""
    from scipy.special import kolmogorov

    return float(kolmogorov(gap * np.sqrt(n * m / (n + m))))


def ndcg(gains: Floats, importances: Floats) -> Floats:
    """Return (b,) the normalised discounted cumulative gain of b orders; 1.0 where there is nothing to gain.

    Args:
        gains: (features,) what each feature is worth, >= 0.
        importances: (b, features) by which each order ranks them.
    """
    discount = 1 / np.log2(np.arange(2, gains.size + 2))
    best = float((np.sort(gains)[::-1] * discount).sum())
    if best == 0:
        return np.ones(len(importances))
    order = np.argsort(-importances, axis=1, kind="stable")
    return np.asarray((gains[order] * discount).sum(axis=1) / best, dtype=np.float64)


def rank_correlation(one: Floats, others: Floats) -> Floats:
    """Return (b,) Spearman's correlations of `one`, (features,), with each of `others`; NaN where one has no order."""
    ranks = [_ranks(one[None]), _ranks(others)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    sizes = [np.sqrt((rank**2).sum(axis=1)) for rank in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((centred[0] * centred[1]).sum(axis=1) / (sizes[0] * sizes[1]), dtype=np.float64)


def _ranks(values: Floats) -> Floats:
    """Return (b, features) ranks, equal values sharing the mean of theirs."""
    import pandas as pd

    return np.asarray(pd.DataFrame(values.T).rank().to_numpy().T, dtype=np.float64)


def _places(values: Floats) -> list[int]:
    """Return the place of each value, 1 for the largest; of equal ones in their order."""
    places = np.empty(values.size, dtype=np.intp)
    places[np.argsort(-values, kind="stable")] = np.arange(1, values.size + 1)
    return places.tolist()


def _resampled(sizes: Floats, *, rows: int, seed: int) -> Floats:
    """Return (DRAWS, features) means over `rows` rows of the reference, drawn with replacement."""
    rng, k = np.random.default_rng(seed), len(sizes)
    at_once = max(1, CELLS // max(rows, k))
    means = []
    for first in range(0, DRAWS, at_once):
        draws = min(at_once, DRAWS - first)
        drawn = rng.integers(0, k, size=(draws, rows)) + np.arange(draws)[:, None] * k
        counts = np.bincount(drawn.ravel(), minlength=draws * k).reshape(draws, k)
        means.append(counts @ sizes / rows)
    return np.concatenate(means)


def _p(found: float, null: Floats) -> float:
    """Return the share of resamples that come out as low, the night counted as one."""
    return float((1 + np.count_nonzero(null <= found + GRAIN)) / (1 + null.size))
