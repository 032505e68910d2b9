"""Are the rows whose labels have come like the rest of the night? If not, provisional numbers tell of them alone.

Each column is compared between rows with and without a label: numbers by the Kolmogorov-Smirnov distance, the rest
by Cramér's V and the chi-square test, p adjusted by Benjamini-Hochberg. A p alone measures the number of rows, so a
difference counts only when the effect is not small either.
"""

import math
from dataclasses import dataclass

import duckdb
import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.adjust import benjamini_hochberg
from audit_pipeline.metrics.drift import drift_columns
from audit_pipeline.metrics.ks import ks
from audit_pipeline.metrics.labelled import FOUND, Labelled
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.read import as_double, quoted
from audit_pipeline.metrics.steps import Steps
from audit_pipeline.records import SMALL_CELL, LabelledPart
from audit_pipeline.small_cells import in_words

EFFECT = 0.1  # KS distance or Cramér's V from which a difference is more than a curiosity
ALPHA = 0.01  # of the adjusted p


@dataclass(frozen=True)
class _Compared:
    """One column, with against without a label."""

    column: str
    effect: float
    p: float


def labelled_part(found: Labelled, *, labelled: int) -> LabelledPart | None:
    """Compare the rows with a label with those without; None when all or none of them have one."""
    rest = found.table.rows - labelled
    if not labelled or not rest:
        return None
    least = found.model.policy.performance.min_labels
    if min(labelled, rest) < least:
        side = f"{in_words(labelled)} rows have a label" if labelled < rest else f"{in_words(rest)} rows have none"
        reason = f"{side}, fewer than the {least:,} the policy asks for"
        return LabelledPart(0, None, None, None, False, labelled, rest, reason)
    compared = [one for column in drift_columns(found.model) if (one := _column(found, column))]
    if not compared:
        reason = "no column could be compared"
        return LabelledPart(0, None, None, None, False, labelled, rest, reason)
    adjusted = benjamini_hochberg([one.p for one in compared])
    worst, p = min(zip(compared, adjusted, strict=True), key=lambda pair: (pair[0].effect < EFFECT, pair[1]))
    differs = worst.effect >= EFFECT and p <= ALPHA
    return LabelledPart(len(compared), worst.column, worst.effect, p, differs, labelled, rest)


def _column(found: Labelled, column: str) -> _Compared | None:
    """Compare one column; None when it is not there, cannot be read or has too few values."""
    if column not in found.table.types:
        return None
    kind = found.model.columns[column].type
    try:
        return _numbers(found, column, kind) if kind in NUMERIC else _categories(found, column)
    except (duckdb.Error, MetricError):
        return None  # its drift says why


def _numbers(found: Labelled, column: str, kind: str) -> _Compared | None:
    """By the largest gap of the distribution functions."""
    value = as_double(column, kind)
    rows = found.table.con.execute(f"select {value} as v, {FOUND} is not null as has from ({found.sql})").fetchnumpy()
    values = np.ma.filled(np.ma.asarray(rows["v"], dtype=np.float64), np.nan)
    has = np.asarray(rows["has"], dtype=bool)
    present = ~np.isnan(values)
    one, two = np.sort(values[present & has]), np.sort(values[present & ~has])
    if min(one.size, two.size) < SMALL_CELL:
        return None
    return _Compared(column, *ks(Steps(two, one)))


def _categories(found: Labelled, column: str) -> _Compared | None:
    """By the table of categories; a missing value is one, and those with few rows are compared together."""
    from scipy.stats import chi2

    counts = found.table.fetch(
        f"select count(*) filter ({FOUND} is not null), count(*) filter ({FOUND} is null) from ({found.sql}) "
        f"group by {quoted(column)}"
    )
    table = np.array(sorted(counts), dtype=np.float64)
    few = table.sum(axis=1) < 5 * SMALL_CELL
    if few.any():
        table = np.vstack([table[~few], table[few].sum(axis=0)])
    n, columns = float(table.sum()), table.sum(axis=0)
    if table.shape[0] < 2 or columns.min() < SMALL_CELL:
        return None
    hoped = table.sum(axis=1, keepdims=True) * columns / n
    square = float((np.square(table - hoped) / hoped).sum())
    return _Compared(column, math.sqrt(square / n), float(chi2.sf(square, table.shape[0] - 1)))
