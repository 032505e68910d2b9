"""The rows as Evidently takes them: pandas columns, floats for numbers, text for what is compared by value."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.labelled import joined
from audit_pipeline.metrics.multiclass import ClassRows
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.quality import Rows
from audit_pipeline.metrics.read import Table, as_double, quoted


def frame(table: Table, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns of `kinds` (name -> canonical type) that the table has and that can be read.

    Missing values are NaN or None, and so are infinities: Evidently drops both.
    """
    here = [name for name in kinds if name in table.types]
    try:
        found = _fetch(table, here, kinds)
    except duckdb.Error:  # one column cannot be read as its type; its exact score says so
        found = {}
        for name in here:
            with suppress(duckdb.Error):
                found |= _fetch(table, [name], kinds)
    return pd.DataFrame(found)


def _fetch(table: Table, names: Sequence[str], kinds: Mapping[str, str]) -> dict[str, pd.Series]:
    """Read some columns at once."""
    if not names:
        return {}
    wanted = [as_double(n, kinds[n]) if kinds[n] in NUMERIC else f"cast({quoted(n)} as varchar)" for n in names]
    select = ", ".join(f"{sql} as {quoted(name)}" for sql, name in zip(wanted, names, strict=True))
    found = table.con.execute(f"select {select} from {table.sql}").fetchnumpy()
    return {name: _series(found[name], numeric=kinds[name] in NUMERIC) for name in names}


def _series(values: Any, *, numeric: bool) -> pd.Series:
    """A fetched column as pandas has it."""
    if not numeric:
        texts = np.array(np.ma.getdata(values), dtype=object)
        texts[np.ma.getmaskarray(values)] = None
        return pd.Series(texts)
    numbers = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan))


def labelled_rows(night: Table, labels: Path | None, model: ModelConfig) -> Rows | ClassRows | None:
    """Return the labelled rows of the night, or None when there are none to read."""
    if labels is None:
        return None
    try:
        return joined(night, Table(night.con, [labels]), model).rows()
    except MetricError:
        return None  # the exact performance says why
