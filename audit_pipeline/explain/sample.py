"""Which rows of the night are explained: a seeded, order-free sample of a frozen snapshot.

A row's place in the draw is md5(row_id, seed): it depends on neither threads, row groups nor the version of
DuckDB (whose `hash()` may change between releases). The file's row number breaks the tie of repeated row ids.

The night's sample is stratified: every tenth of the model's output is in it as often as in the night, so that the few
rows with a high score are neither missed nor doubled by chance. Each of its means is still one of the whole night.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.explain.frozen import ask, frame_of, quoted
from audit_pipeline.small_cells import in_words, of_in_words

if TYPE_CHECKING:
    import pandas as pd

FAILED = "The sample could not be drawn from the snapshot"
TENTHS = [tenth / 10 for tenth in range(1, 10)]
NO_NUMBER = -1  # stratum of the rows without an output


def draw(
    path: Path | Sequence[Path], columns: Iterable[str], *, row_id: str | None, seed: int, rows: int
) -> "pd.DataFrame":
    """Return at most `rows` rows of the snapshot, ordered by `row_id`; the same seed gives the same rows.

    Args:
        path: a snapshot in Parquet, or several that are drawn from as one.
        columns: what to return, in this order.
        row_id: the column that names a row; may be repeated or missing in single rows. None: the file's row numbers.
        seed: of the draw.
        rows: upper bound, at least 1.

    Raises:
        ExplainError: the snapshot cannot be read, or lacks a column.
    """
    wanted, name = list(columns), quoted(row_id) if row_id else "file_row_number"
    query = f"""
        SELECT {", ".join(quoted(column) for column in wanted)}
        FROM (
            SELECT *, {_place(name)} AS "audit draw"
            FROM read_parquet($path, file_row_number = true, filename = "audit file")
            ORDER BY "audit draw", file_row_number, "audit file"
            LIMIT $rows
        )
        ORDER BY {name}, file_row_number, "audit file"
    """
    paths = [path] if isinstance(path, Path) else path
    given = {"seed": str(seed), "path": [str(p) for p in paths], "rows": rows}
    return frame_of(query, given, wanted, failed=FAILED)


def stratified(
    path: Path, columns: Iterable[str], *, row_id: str, output: str, seed: int, rows: int
) -> tuple["pd.DataFrame", str]:
    """Return at most `rows` rows in proportion to the tenths of `output`, as `draw` does, and how they were drawn.

    Args:
        path: a snapshot in Parquet.
        columns: what to return, in this order.
        row_id: the column that names a row.
        output: the column of the model's output; rows without a number in it are a stratum of their own.
        seed: of the draw.
        rows: upper bound, at least 1.

    Raises:
        ExplainError: as `draw`.
    """
    wanted, number = list(columns), f"CAST({quoted(output)} AS DOUBLE)"
    counted = f"SELECT count(*), quantile_disc({number}, {TENTHS}) FILTER (isfinite({number})) FROM read_parquet($path)"
    [[whole, cuts]] = _rows(counted, {"path": str(path)})
    if whole <= rows:
        return draw(path, wanted, row_id=row_id, seed=seed, rows=rows), f"all {in_words(whole)} rows"
    cases = " ".join(f"WHEN {number} <= {cut!r}::DOUBLE THEN {tenth}" for tenth, cut in enumerate(cuts or ()))
    ranked = f"""
        SELECT CASE WHEN NOT coalesce(isfinite({number}), false) THEN {NO_NUMBER} {cases} ELSE 9 END AS stratum,
            count(*), arg_min(file_row_number, {_place(quoted(row_id))} || printf('%020d', file_row_number), $rows)
        FROM read_parquet($path, file_row_number = true)
        GROUP BY stratum ORDER BY stratum
    """
    strata = _rows(ranked, {"path": str(path), "seed": str(seed), "rows": rows})
    quotas = _quotas([count for _, count, _ in strata], rows)
    places = [place for (_, _, first), quota in zip(strata, quotas, strict=True) for place in first[:quota]]
    query = f"""
        SELECT {", ".join(quoted(column) for column in wanted)}
        FROM read_parquet($path, file_row_number = true)
        WHERE file_row_number IN (SELECT unnest($places)) ORDER BY {quoted(row_id)}, file_row_number
    """
    said = f"{of_in_words(rows, whole)} rows, in proportion to the tenths of {output}"
    return frame_of(query, {"path": str(path), "places": places}, wanted, failed=FAILED), said


def _quotas(counts: Sequence[int], rows: int) -> list[int]:
    """Share out `rows` in proportion to `counts`, what is left over to the largest remainders."""
    whole = sum(counts)
    quotas = [rows * count // whole for count in counts]
    rest = sorted(range(len(counts)), key=lambda i: (-(rows * counts[i] % whole), i))
    for i in rest[: rows - sum(quotas)]:
        quotas[i] += 1
    return quotas


def _place(name: str) -> str:
    """SQL of a row's place in the draw."""
    return f"md5(concat(CAST({name} AS VARCHAR), ':', $seed))"


def _rows(query: str, given: dict[str, Any]) -> list[Any]:
    """Return the answer as rows."""
    return ask(query, given, lambda answer: list(answer.fetchall()), failed=FAILED)
