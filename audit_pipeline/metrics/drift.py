"""How far each column of one night moved from the reference: exact, over all rows, the scores of record.

A method is one line of `METHODS`. What a method cannot judge (too few values, a column the reference lacks, one
and the same value everywhere) is None with the reason; the other methods and columns stand.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.distribution import distribution
from audit_pipeline.metrics.ks import ks
from audit_pipeline.metrics.pair import NUMERIC, TYPES, Pair, Side
from audit_pipeline.metrics.psi import psi
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.records import Distribution, Drift, DriftScore

ROLES = ("feature", "segment", "score", "prediction", "probability")  # roles whose columns are measured
Score = tuple[float, float | None]  # value, p


def measure_drift(current: Path, reference: Sequence[Path], model: ModelConfig, *, threads: int, memory: str) -> Drift:
    """Measure every feature, segment, score and prediction of a night by every method that fits its type.

    Args:
        current: the night's canonical Parquet file.
        reference: canonical Parquet files, together the reference; may be empty.
        model: says the columns, and with `policy.drift` the bins and the least number of rows.
        threads: of DuckDB.
        memory: of DuckDB, as in "1GB".
    """
    scores: list[DriftScore] = []
    distributions: list[Distribution] = []
    with connect(threads=threads, memory=memory) as con:
        now, before = Table(con, [current]), Table(con, reference)
        for pair in _pairs(now, before, model):
            scores.extend(_scores(pair))
            if found := _distribution(pair):
                distributions.append(found)
    return Drift(scores=tuple(scores), distributions=tuple(distributions))


def drift_columns(model: ModelConfig) -> tuple[str, ...]:
    """Return the columns that are measured, in the order of the model file."""
    return tuple(name for name, column in model.columns.items() if column.role in ROLES)


def _pairs(now: Table, before: Table, model: ModelConfig) -> Iterator[Pair]:
    """Yield one column after the other; its values are freed with it."""
    policy = model.policy.drift
    for name in drift_columns(model):
        kind = model.columns[name].type
        yield Pair(name, kind, policy.bins, policy.min_rows, Side(now, name, kind), Side(before, name, kind))


def _psi(pair: Pair) -> Score:
    """PSI on the reference's quantile bins or on the values; has no p of its own."""
    return psi(*pair.histogram), None


def _ks(pair: Pair) -> Score:
    """Largest gap of the distribution functions."""
    return ks(pair.reference.values, pair.current.values)


def _missing_share(pair: Pair) -> Score:
    """Current missing share minus the reference's; p of the pooled two-proportion z test, two-sided."""
    n, m = pair.current.table.rows, pair.reference.table.rows
    k, j = n - pair.current.present, m - pair.reference.present
    pooled = (k + j) / (n + m)
    difference = k / n - j / m
    if pooled in (0.0, 1.0):
        return difference, 1.0
    z = difference / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return difference, math.erfc(abs(z) / math.sqrt(2))


def _new_category_share(pair: Pair) -> Score:
    """Share of the current non-missing values that the reference never saw."""
    new = sum(count for value, count in pair.current.counts.items() if value not in pair.reference.counts)
    return new / pair.current.present, None


@dataclass(frozen=True)
class Method:
    """One way to say how far a column moved."""

    name: str
    types: frozenset[str]  # canonical types it is made for
    measure: Callable[[Pair], Score]
    over: str  # what its n counts: "values" (non-missing) or "rows"


METHODS: tuple[Method, ...] = (
    Method("psi", TYPES, _psi, over="values"),
    Method("ks", NUMERIC, _ks, over="values"),
    Method("missing_share", TYPES, _missing_share, over="rows"),
    Method("new_category_share", frozenset({"category"}), _new_category_share, over="values"),
)


def _scores(pair: Pair) -> Iterator[DriftScore]:
    """Yield the score of every method that fits the column's type."""
    for method in METHODS:
        if pair.kind not in method.types:
            continue
        value, p, reason = _measure(method, pair)
        n, m = _sizes(method, pair)
        yield DriftScore(
            column=pair.column,
            method=method.name,
            value=value,
            p=p,
            n=n,
            n_reference=m,
            missing_share=pair.current.missing_share,
            missing_share_reference=pair.reference.missing_share,
            engine="exact",
            reason=reason,
        )


def _measure(method: Method, pair: Pair) -> tuple[float | None, float | None, str | None]:
    """Return (value, p, None), or (None, None, reason): a column that cannot be read takes no other one down."""
    try:
        reason = _refusal(method, pair)
        if reason:
            return None, None, reason
        value, p = method.measure(pair)
    except MetricError as error:
        return None, None, str(error)
    except duckdb.Error as error:  # its message may show a row's value
        return None, None, f"column '{pair.column}' could not be read ({type(error).__name__})"
    return value, p, None


def _sizes(method: Method, pair: Pair) -> tuple[int, int]:
    """Return how many rows or values stand behind a number of `method`: (current, reference)."""
    if method.over == "rows":
        return pair.current.table.rows, pair.reference.table.rows
    return pair.current.present, pair.reference.present


def _refusal(method: Method, pair: Pair) -> str | None:
    """Say why `method` has nothing to judge by in this column, or None."""
    for side, name in ((pair.current, "the night"), (pair.reference, "the reference")):
        if not side.table.types:
            return f"{name} has no data"
        if pair.column not in side.table.types:
            return f"{name} has no column '{pair.column}'"
    for size, side, name in zip(
        _sizes(method, pair), (pair.current, pair.reference), ("the night", "the reference"), strict=True
    ):
        if method.over == "values" and side.table.rows and not size:
            return f"all {side.table.rows:,} values of {name} are missing"
        if size < pair.min_rows:
            return f"{name} has {size:,} {method.over}, fewer than the {pair.min_rows:,} the policy asks for"
    return None


def _distribution(pair: Pair) -> Distribution | None:
    """Return the column's bars, or None when it cannot be read or is too small to show."""
    try:
        return distribution(pair)
    except (MetricError, duckdb.Error):
        return None  # the scores of the column say why
