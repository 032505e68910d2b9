"""What came true of the sampled rows, as far as it is known."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.explain.sample import MEMORY, quoted

if TYPE_CHECKING:
    import pandas as pd


def labels_of(path: Path | None, row_ids: "pd.Series[str]", row_id: str) -> Floats:
    """Return (n,) the outcome of each row, NaN where there is none.

    Args:
        path: frozen labels: row id and `label`; None: no outcome is known.
        row_ids: (n,) of the rows.
        row_id: what the column is called.

    Raises:
        ExplainError: the labels cannot be read.
    """
    import duckdb

    from audit_pipeline import in_memory

    if path is None:
        return np.full(len(row_ids), np.nan)
    query = f"SELECT {quoted(row_id)}, CAST(label AS DOUBLE) FROM read_parquet($path) WHERE {quoted(row_id)} IN $wanted"
    wanted = row_ids.dropna().tolist()
    try:
        with in_memory.connect(threads=1, memory=MEMORY, spills=False) as con:
            known = dict(con.execute(query, {"path": str(path), "wanted": wanted}).fetchall())
    except duckdb.Error as error:
        raise ExplainError(f"The labels could not be read: {type(error).__name__}.") from error
    outcome = [known.get(name) for name in row_ids]
    return np.array([np.nan if value is None else value for value in outcome], dtype=np.float64)
