"""Which rows of a frozen snapshot are those of one person or one prediction, and which have a decision?"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.explain.frozen import frame_of, quoted

if TYPE_CHECKING:
    import pandas as pd


def rows_called(path: Path, columns: Iterable[str], called: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the rows in which one of the columns of `called` has its value, in the order of the file.

    Args:
        path: a snapshot in Parquet.
        columns: what to return, in this order.
        called: column -> value, as the snapshot holds it; at least one.

    Raises:
        ExplainError: the snapshot cannot be read, or lacks a column.
    """
    values = {f"value_{place}": value for place, value in enumerate(called.values())}
    where = " OR ".join(f"{quoted(column)} = ${name}" for column, name in zip(called, values, strict=True))
    return _rows(path, list(columns), where, values)


def rows_decided(path: Path, columns: Iterable[str], model: ModelConfig, cases: str, *, most: int) -> "pd.DataFrame":
    """Return the rows with a decision, in the order of the file, and not more than one beyond `most`.

    Args:
        path: a snapshot in Parquet.
        columns: what to return, in this order.
        model: says where the decision is: the logged prediction of a binary model, else its score and threshold.
        cases: positive, negative or all (rows with a logged output).
        most: rows.

    Raises:
        ExplainError: the snapshot cannot be read, or lacks a column.
    """
    output, prediction = quoted(model.output), model.by_role("prediction")
    logged = f"isfinite(CAST({output} AS DOUBLE))"
    decided = f"{output} >= {model.threshold!r}"
    if model.task == "binary" and prediction:
        said = f"CAST({quoted(prediction)} AS DOUBLE)"
        decided = f"CASE WHEN {said} IS NULL OR isnan({said}) THEN {decided} ELSE {said} > 0 END"
    where = {"all": logged, "positive": f"{logged} AND {decided}", "negative": f"{logged} AND NOT {decided}"}[cases]
    return _rows(path, list(columns), where, {}, limit=most + 1)


def _rows(
    path: Path, wanted: list[str], where: str, values: Mapping[str, Any], *, limit: int | None = None
) -> "pd.DataFrame":
    """Return the rows of the snapshot for which a condition holds."""
    query = f"""
        SELECT {", ".join(quoted(column) for column in wanted)}
        FROM read_parquet($path, file_row_number = true)
        WHERE {where}
        ORDER BY file_row_number
        {f"LIMIT {limit}" if limit else ""}
    """
    return frame_of(query, {"path": str(path), **values}, wanted, failed="The rows could not be read from the snapshot")
