"""How far each column of one night moved from the reference: exact, over all rows, the scores of record.

What a method cannot judge (too few values, a column the reference lacks, one and the same value everywhere) is None
with the reason; the other methods and columns stand. The p-values are adjusted here, once, over all that is judged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from audit_pipeline.cached import Cached
from audit_pipeline.config.model import ModelConfig
from audit_pipeline.durable import is_full
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.adjust import benjamini_hochberg
from audit_pipeline.metrics.distribution import distribution
from audit_pipeline.metrics.drift_methods import METHODS, Method
from audit_pipeline.metrics.pair import Pair, TableSide
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.metrics.reference_profile import Kept, KeptSide
from audit_pipeline.records import Distribution, Drift, DriftScore
from audit_pipeline.small_cells import in_words, told

ROLES = ("feature", "segment", "score", "prediction", "probability")  # roles whose columns are measured


def measure_drift(
    current: Path,
    reference: Sequence[Path],
    model: ModelConfig,
    *,
    threads: int,
    memory: str,
    kept: Cached | None = None,
) -> Drift:
    """Measure every feature, segment, score and prediction of a night by every method that fits its type.

    Args:
        current: the night's canonical Parquet file.
        reference: canonical Parquet files, together the reference; may be empty.
        model: says the columns, and with `policy.drift` the bins and the least number of rows.
        threads: of DuckDB.
        memory: of DuckDB, as in "1GB".
        kept: folder of what is kept of this reference, named by its sha256; None: it is another one every night.
    """
    with connect(threads=threads, memory=memory) as con:
        now, before = Table(con, [current]), Table(con, reference)
        return drift_of_pairs(_pairs(now, before, model, Kept(kept) if kept else None), model)


def drift_of_pairs(pairs: Iterable[Pair], model: ModelConfig) -> Drift:
    """Measure pairs of columns, whose values may come from anywhere, one after the other."""
    scores: list[DriftScore] = []
    distributions: list[Distribution] = []
    for pair in pairs:
        scores.extend(_scores(pair))
        if found := _distribution(pair):
            distributions.append(found)
    return Drift(scores=tuple(_adjusted(scores, model)), distributions=tuple(distributions))


def drift_columns(model: ModelConfig) -> tuple[str, ...]:
    """Return the columns that are measured, in the order of the model file."""
    return tuple(name for name, column in model.columns.items() if column.role in ROLES)


def _pairs(now: Table, before: Table, model: ModelConfig, kept: Kept | None) -> Iterator[Pair]:
    """Yield one column after the other; its values are freed with it."""
    policy = model.policy.drift
    for name in drift_columns(model):
        kind = model.columns[name].type
        reference = KeptSide(before, name, kind, kept) if kept else TableSide(before, name, kind)
        yield Pair(name, kind, policy.bins, policy.min_rows, TableSide(now, name, kind), reference)


def _adjusted(scores: Sequence[DriftScore], model: ModelConfig) -> Iterator[DriftScore]:
    """Give every score the adjusted p of its question: one test per question and column that is judged.

    All tests of the night are one family, so that a night on which nothing moved raises any alarm at all with a
    chance of at most alpha.
    """
    policy = model.policy.drift.columns
    judged = [s for s in scores if s.p is not None and not (s.column in policy and policy[s.column].ignore)]
    adjusted = benjamini_hochberg([s.p for s in judged if s.p is not None])
    questions = {method.name: method.question for method in METHODS}
    tests = {method.name: method.test for method in METHODS}
    found = {(s.column, questions[s.method]): (p, tests[s.method]) for s, p in zip(judged, adjusted, strict=True)}
    for score in scores:
        p, test = found.get((score.column, questions[score.method]), (None, None))
        yield replace(score, adjusted_p=p, test=test) if score.value is not None else score


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
    except (MetricError, duckdb.Error) as error:
        if is_full(error):
            raise  # no fault of the column
        if isinstance(error, MetricError):
            return None, None, str(error)
        # DuckDB's message may show a row's value
        return None, None, f"column '{pair.column}' could not be read ({type(error).__name__})"
    return value, p, None


def _sizes(method: Method, pair: Pair) -> tuple[int, int]:
    """Return how many rows or values stand behind a number of `method`: (current, reference)."""
    if method.over == "rows":
        return pair.current.rows, pair.reference.rows
    return pair.current.present, pair.reference.present


def _refusal(method: Method, pair: Pair) -> str | None:
    """Say why `method` has nothing to judge by in this column, or None."""
    sides = ((pair.current, "the night"), (pair.reference, "the reference"))
    for side, name in sides:
        if side.lacks:
            return f"{name} {side.lacks}"
    for size, (side, name) in zip(_sizes(method, pair), sides, strict=True):
        if method.over == "values" and side.rows and not size:
            return f"all {side.rows:,} values of {name} are missing"
        if size < pair.min_rows:
            has = f"{name} has {in_words(told(size, side.rows))} {method.over}"
            return f"{has}, fewer than the {pair.min_rows:,} the policy asks for"
    return None


def _distribution(pair: Pair) -> Distribution | None:
    """Return the column's bars, or None when it cannot be read or is too small to show."""
    try:
        return distribution(pair)
    except (MetricError, duckdb.Error) as error:
        if is_full(error):
            raise
        return None  # the scores of the column say why
