"""How much does each raw feature move the output, how sure is that, and which way?

The interval is that of a mean, mean +- 1.96 sd / sqrt(n), over the |SHAP| of the explained rows: it covers the
choice of rows, not the choice of explainer. Direction is Spearman's rank correlation of value and SHAP value.
"""

from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import SMALL_CELL, Importance

if TYPE_CHECKING:
    import pandas as pd

Z = 1.96  # two-sided 95 %


def importances(values: Floats, frame: "pd.DataFrame", *, directed: bool = True) -> tuple[Importance, ...]:
    """Return the features from the most to the least important; equal ones by name.

    Args:
        values: (n, features) SHAP values, n >= 2, no NaN.
        frame: (n, features) the rows they belong to, in training types.
        directed: whether directions are looked for; a few rows tell none.
    """
    size = np.abs(values)
    mean = size.mean(axis=0)
    half = Z * size.std(axis=0, ddof=1) / np.sqrt(len(size))
    low, high = np.maximum(mean - half, 0.0), mean + half  # a mean of |SHAP| is never negative
    total = float(mean.sum())
    order = sorted(range(len(mean)), key=lambda i: (-mean[i], frame.columns[i]))
    ties = _ties(low[order], high[order])
    return tuple(
        Importance(
            feature=str(frame.columns[i]),
            value=float(mean[i]),
            lo=float(low[i]),
            hi=float(high[i]),
            rank=place + 1,
            tied=ties[place],
            direction=_direction(frame.iloc[:, i], values[:, i]) if directed else None,
            share=float(mean[i]) / total if total > 0 else 0.0,
        )
        for place, i in enumerate(order)
    )


def _ties(low: Floats, high: Floats) -> list[bool]:
    """Return, in order of rank, whether an interval overlaps that of the rank above or below."""
    overlaps = [bool(low[i] <= high[i + 1]) for i in range(len(low) - 1)]
    return [before or after for before, after in zip([False, *overlaps], [*overlaps, False], strict=True)]


def _direction(column: "pd.Series[float]", shap: Floats) -> float | None:
    """Return Spearman's correlation over non-missing rows; None for categories, constants and small cells."""
    if column.dtype.kind not in "iufb":
        return None
    there = column.notna().to_numpy(dtype=bool)
    seen = column[there].astype(np.float64)
    if len(seen) < SMALL_CELL or seen.nunique() < 2 or np.unique(shap[there]).size < 2:
        return None
    return float(np.corrcoef(seen.rank(), _ranks(shap[there]))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Return ranks, equal values sharing the mean of theirs."""
    import pandas as pd

    return np.asarray(pd.Series(values).rank(), dtype=np.float64)
