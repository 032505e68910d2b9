"""Can a classifier tell the night from the reference? One number for a move of all features together.

Columns that each stay where they were can still move against each other. A small boosted-trees classifier is trained
to tell night from reference; its AUC on rows it was not trained on is 0.5 when it cannot. The number is an estimate
over a bounded, seeded sample (n, seed and features stand beside it), never a score of record. Below 0.5 it means that
rows of one side have twins on the other, such as persons who recur.

Sources: Lopez-Paz and Oquab (2017), *Revisiting Classifier Two-Sample Tests*; DeLong's interval within each fold, and
the mean of the folds. They share no test row, but each trains on the other's, so that their errors go together: on
quiet nights the mean strays up to 1.3 times as far as that of independent folds would. The interval takes them to go
together fully.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.metrics.auc import delong
from audit_pipeline.metrics.interval import around
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.read import Floats, Table, as_double, connect, quoted
from audit_pipeline.records import DomainScore

ROWS = 5_000  # of each side at most
FOLDS = 2
LEVELS = 200  # categories told apart; rarer ones share one
TREES: dict[str, Any] = {"max_iter": 25, "learning_rate": 0.2, "max_leaf_nodes": 15, "early_stopping": False}
Places = tuple[npt.NDArray[np.int64], ...]  # of drawn rows, per file, ascending


@dataclass(frozen=True)
class Told:
    """How well the night is told from the reference, and what the classifier said of every drawn row.

    Rows of the night come first. Without a number there are no rows.
    """

    score: DomainScore
    night: Floats  # (n + m,) 1.0 of the night, 0.0 of the reference
    chance: Floats  # (n + m,) that the row is the night's, by a classifier that never saw it
    fold: npt.NDArray[np.int64]  # (n + m,) 0 to FOLDS - 1
    features: dict[str, Floats]  # (n + m,) each: numbers, or codes of categories; NaN is missing
    named: frozenset[str]  # those that are categories
    places: tuple[Places, Places]  # of the night, of the reference


def measure_domain(
    current: Path, reference: Sequence[Path], model: ModelConfig, *, seed: int, threads: int, memory: str
) -> Told:
    """Tell the night from the reference by the model's features; the AUC says how well.

    Args:
        current: the night's canonical Parquet file.
        reference: canonical Parquet files, together the reference.
        model: says the features, and with `policy.drift.min_rows` the least number of rows.
        seed: of the sample, the folds and the trees.
        threads: of DuckDB; the number does not depend on it.
        memory: of DuckDB, as in "1GB".

    Raises:
        MetricError: a file cannot be read.
        duckdb.Error: a column cannot be read as its type.
    """
    with connect(threads=threads, memory=memory) as con:
        sides = [[Table(con, [file]) for file in files] for files in ([current], reference)]
        n, m = (min(ROWS, sum(table.rows for table in tables)) for tables in sides)
        shared = [name for name in model.features if all(name in t.types for tables in sides for t in tables)]
        least = model.policy.drift.min_rows
        if min(n, m) < least or not shared:
            why = "night and reference share no feature" if not shared else f"fewer than the {least:,} rows asked for"
            return untold(DomainScore(None, None, None, n, m, len(shared), seed, why))
        rng = np.random.default_rng(seed)
        places = [_places(tables, rng) for tables in sides]
        drawn = [_draw(tables, chosen, shared, model) for tables, chosen in zip(sides, places, strict=True)]
    columns = {name: _encoded([side[name] for side in drawn], model.columns[name].type) for name in shared}
    named = frozenset(name for name in shared if model.columns[name].type not in NUMERIC)
    night, fold = np.repeat([1.0, 0.0], [n, m]), _folds(n, m, rng)
    rows = np.column_stack(list(columns.values()))
    chance, (value, error) = _cross_fitted(rows, night, fold, [name in named for name in shared], seed=seed)
    score = DomainScore(value, *around(value, error, low=0.0, high=1.0), n, m, len(shared), seed)
    return Told(score, night, chance, fold, columns, named, (places[0], places[1]))


def untold(score: DomainScore) -> Told:
    """Return what there is when there is no number."""
    none = np.empty(0)
    return Told(score, none, none, np.empty(0, dtype=np.int64), {}, frozenset(), ((), ()))


def _places(tables: Sequence[Table], rng: np.random.Generator) -> Places:
    """Draw up to ROWS rows of the files, by their place: a frozen file is in order of its row ids."""
    total = sum(table.rows for table in tables)
    places = np.sort(rng.choice(total, min(ROWS, total), replace=False))
    starts = np.cumsum([0, *(table.rows for table in tables)])
    return tuple(places[(places >= start) & (places < end)] - start for start, end in pairwise(starts))


def _draw(tables: Sequence[Table], places: Places, names: Sequence[str], model: ModelConfig) -> dict[str, Any]:
    """Return the columns of the drawn rows."""
    kinds = [model.columns[name].type for name in names]
    wanted = ", ".join(
        f"{as_double(name, kind) if kind in NUMERIC else f'cast({quoted(name)} as varchar)'} as {quoted(name)}"
        for name, kind in zip(names, kinds, strict=True)
    )
    parts = []
    for table, here in zip(tables, places, strict=True):
        chosen = f"{table.numbered} where file_row_number in (select unnest($places)) order by file_row_number"
        parts.append(table.con.execute(f"select {wanted} from {chosen}", {"places": here.tolist()}).fetchnumpy())
    return {
        name: np.concatenate([_plain(part[name], kind) for part in parts])
        for name, kind in zip(names, kinds, strict=True)
    }


def _plain(found: Any, kind: str) -> Any:
    """A fetched column as numbers with NaN, or as texts, of which the empty one is missing."""
    if kind in NUMERIC:
        return np.ma.filled(np.ma.asarray(found, dtype=np.float64), np.nan)
    return np.where(np.ma.getmaskarray(found), "", np.ma.getdata(found).astype(str))


def _encoded(sides: Sequence[Any], kind: str) -> Floats:
    """Return one column of both sides as the trees take it: numbers, or codes of categories; missing is NaN."""
    both = np.concatenate(sides)
    if kind in NUMERIC:
        finite = both[np.isfinite(both)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        ends = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)  # where infinities stand
        return np.asarray(np.clip(both, *ends), dtype=np.float64)
    _, codes, counts = np.unique(both, return_inverse=True, return_counts=True)
    rank = np.empty(counts.size)
    rank[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    return np.where(both == "", np.nan, np.minimum(rank[codes], LEVELS))


def _folds(n: int, m: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the fold of each row; each fold has its share of both sides."""
    return np.concatenate([rng.permutation(np.arange(size) % FOLDS) for size in (n, m)])


def _cross_fitted(
    rows: Floats, night: Floats, fold: npt.NDArray[np.int64], named: Sequence[bool], *, seed: int
) -> tuple[Floats, tuple[float, float]]:
    """Return the chance of each row by a classifier that never saw it, and (AUC, standard error) over the folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency

    chance, found = np.empty(night.size), []
    with threadpool_limits(limits=1):  # so few rows: a second thread waits longer than it works
        for held in range(FOLDS):
            there, here = fold != held, fold == held
            trees = HistGradientBoostingClassifier(categorical_features=list(named), random_state=seed, **TREES)
            trees.fit(rows[there], night[there])
            chance[here] = trees.predict_proba(rows[here])[:, 1]
            found.append(delong(chance[here], night[here]))
    return chance, (float(np.mean([auc for auc, _ in found])), float(np.mean([error for _, error in found])))
