"""What drives the model in each group of the declared slices? The SHAP values of the sample, group by group.

A group is named as in the fairness tables. One of fewer rows than `fairness.min_group` is not told, nor one by which
a rest of fewer than 11 could be worked out.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.config.fairness import JOIN, MISSING, Fairness, band_names
from audit_pipeline.explain.importance import importances
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import GroupImportance
from audit_pipeline.small_cells import few

if TYPE_CHECKING:
    import pandas as pd


def by_group(
    values: Floats, frame: "pd.DataFrame", slices: "pd.DataFrame", config: Fairness
) -> tuple[GroupImportance, ...]:
    """Return the importances of every group that is large enough, by slice in the order of the model file.

    Args:
        values: (n, features) SHAP values.
        frame: (n, features) the rows they belong to.
        slices: (n, columns) the columns that make the groups, of the same rows.
        config: says which, how they are cut and what they are called.
    """
    found = []
    for columns in config.sliced:
        parts = [group_names(slices[column], column, config) for column in columns]
        names = np.array([JOIN.join(part) for part in zip(*parts, strict=True)], dtype=object)
        for group, n in _told(names, config.min_group):
            here = names == group
            found.append(
                GroupImportance(JOIN.join(columns), group, n, importances(values[here], frame[here], directed=False))
            )
    return tuple(found)


def group_names(column: "pd.Series[Any]", name: str, config: Fairness) -> list[str]:
    """Return what the group of every row is called: its band, else its value as text."""
    missing = column.isna().to_numpy(dtype=bool)
    edges = config.bands.get(name, ())
    called = config.names.get(name, {})
    if edges:
        bands = band_names(edges)
        numbers = column.astype(object).where(~missing, np.nan).to_numpy(dtype=np.float64)
        told = [bands[place] for place in np.searchsorted(edges, numbers, side="right").clip(max=len(edges))]
    else:
        told = [_text(value) for value in column]
    return [MISSING if gone else called.get(text, text) for text, gone in zip(told, missing, strict=True)]


def _text(value: Any) -> str:
    """Return a value as SQL writes it: whole numbers without a point, booleans in lower case."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _told(names: NDArray[Any], least: int) -> list[tuple[str, int]]:
    """Return the groups that may be told with their rows, by name."""
    counted = sorted(zip(*np.unique(names, return_counts=True), strict=True), key=lambda group: (-group[1], group[0]))
    shown = [(str(group), int(n)) for group, n in counted if n >= least]
    while shown and few(len(names) - sum(n for _, n in shown)):
        shown.pop()
    return sorted(shown)
