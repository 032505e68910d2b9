"""What came true of the sampled rows, as far as it is known."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.explain.frozen import ask, quoted
from audit_pipeline.explain.inputs import Floats

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
    if path is None:
        return np.full(len(row_ids), np.nan)
    query = f"SELECT {quoted(row_id)}, CAST(label AS DOUBLE) FROM read_parquet($path) WHERE {quoted(row_id)} IN $wanted"
    given = {"path": str(path), "wanted": row_ids.dropna().tolist()}
    known = ask(query, given, lambda answer: dict(answer.fetchall()), failed="The labels could not be read", advice="")
    outcome = [known.get(name) for name in row_ids]
    return np.array([np.nan if value is None else value for value in outcome], dtype=np.float64)
