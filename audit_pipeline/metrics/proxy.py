"""Can the group of a person be predicted from the features? If so, leaving the group out of the model is no fairness.

The test is a ridge regression of each group's indicator on the features, cross-fitted over five folds (`additive`).
A person's rows stand in one fold. The AUC of a group against all others has DeLong's interval, at a level that holds
for all groups of the model-night at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.additive import LEVELS, Codes, cross_fitted, cut
from audit_pipeline.metrics.auc import delong
from audit_pipeline.metrics.groups import Attribute, Naming
from audit_pipeline.metrics.interval import around
from audit_pipeline.metrics.pair import NUMERIC
from audit_pipeline.metrics.pairs import ALPHA
from audit_pipeline.metrics.read import Table, as_double, quoted
from audit_pipeline.records import SMALL_CELL, GroupMetric

FOLDS = 5
METRIC = "proxy_auc"


@dataclass(frozen=True)
class Drawn:
    """The sample: a code per row and feature, the groups, and the fold."""

    features: dict[str, Codes]
    groups: dict[str, list[str]]  # column -> key of each row
    fold: Codes

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return int(self.fold.size)


def draw(table: Table, naming: Naming, columns: Sequence[str], *, seed: int, rows: int) -> Drawn:
    """Draw at most `rows` rows of the night by md5 of row id and seed: it depends on neither threads nor row order.

    Raises:
        MetricError: the rows cannot be read.
    """
    model = naming.model
    features = {
        name: model.columns[name].type
        for name in model.features
        if name in table.types and model.columns[name].privacy != "direct_identifier"
    }
    row, person = quoted(model.row_id), quoted(model.by_role("subject_id") or model.row_id)
    select = [f"{_value(name, kind)} as f{i}" for i, (name, kind) in enumerate(features.items())]
    select += [f"{naming.sql(table, column)} as g{i}" for i, column in enumerate(columns)]
    known = f"coalesce(cast({person} as varchar), cast({row} as varchar))"
    select.append(f"('0x' || substr({_digest(known, seed)}, 1, 8))::bigint % {FOLDS} as fold")
    # Names of its own, since a log may have a column of any name; the wide rows are read for the drawn ones only.
    first = f'{row} as "audit row", {_digest(row, seed)} as "audit draw"'
    drawn = f'select {first} from {table.sql} order by "audit draw", "audit row" limit {rows}'
    wide = f'{table.sql} join ({drawn}) on {row} = "audit row"'
    sql = f'select {", ".join(select)} from {wide} order by "audit draw", "audit row"'
    try:
        found = table.con.execute(sql).fetchnumpy()
    except duckdb.Error as error:  # its message would show a row's value
        raise MetricError(f"the sample could not be drawn: {type(error).__name__}") from None
    return Drawn(
        {name: _codes(found[f"f{i}"], numeric=kind in NUMERIC) for i, (name, kind) in enumerate(features.items())},
        {column: [str(key) for key in found[f"g{i}"]] for i, column in enumerate(columns)},
        np.asarray(found["fold"], dtype=np.int64),
    )


def proxy(drawn: Drawn, attribute: Attribute, naming: Naming, *, least: int, tests: int) -> list[GroupMetric]:
    """Return the AUC of every group against all others, and the largest of them for the attribute as a whole.

    Two groups have the same AUC, which is that of the whole.

    Args:
        drawn: the sample.
        attribute: a protected column; as a feature it is left out.
        naming: names the groups.
        least: rows of the group, and of the others, below which nothing is said.
        tests: attributes that are tested; the interval holds for all their groups at once.

    Raises:
        MetricError: fewer than two groups are large enough, or there is no feature.
    """
    (column,) = attribute.columns
    keys = np.array(drawn.groups[column], dtype=object)
    groups = sorted(set(keys.tolist()), key=lambda key: naming.place(attribute.columns, (key,)))
    sizes = {key: int((keys == key).sum()) for key in groups}
    groups = [key for key in groups if sizes[key] >= SMALL_CELL]
    judged = [key for key in groups if min(sizes[key], drawn.rows - sizes[key]) >= least]
    others = [codes for name, codes in drawn.features.items() if name != column]
    if not judged or not others:
        raise MetricError(f"no group has {least} rows of the sample inside and outside" if others else "no feature")
    member = np.array([keys == key for key in judged], dtype=np.float64).T
    scores = cross_fitted(others, member, drawn.fold, folds=FOLDS)
    chances = (len(judged) if len(groups) > 2 else 1) * tests
    z = NormalDist().inv_cdf(1 - ALPHA / (2 * chances))
    found = []
    for score, label, key in zip(scores.T, member.T, judged, strict=True):
        value, error = delong(score, label)
        lo, hi = around(value, error, low=0.0, high=1.0, z=z)
        found.append(_metric(naming.group(attribute.columns, (key,)), value, lo, hi, drawn.rows))
    top = max(found, key=lambda metric: metric.value or 0.0)
    whole = _metric(None, top.value, top.lo, top.hi, drawn.rows)
    return [*found, whole] if len(groups) > 2 else [whole]  # of two groups, each tells the other's AUC


def _metric(group: str | None, value: float | None, lo: float | None, hi: float | None, n: int) -> GroupMetric:
    return GroupMetric(group, METRIC, value, lo, hi, n, None)


def _value(name: str, kind: str) -> str:
    return as_double(name, kind) if kind in NUMERIC else f"cast({quoted(name)} as varchar)"


def _digest(value: str, seed: int) -> str:
    return f"md5(concat(cast({value} as varchar), ':', '{seed}'))"


def _codes(values: Any, *, numeric: bool) -> Codes:
    """Return a code per row: 0 for missing, then deciles or levels."""
    missing = np.ma.getmaskarray(values)
    codes = np.zeros(missing.size, dtype=np.int64)
    known = np.ma.getdata(values)[~missing]
    if not known.size:
        return codes
    if numeric:
        codes[~missing] = cut(known.astype(np.float64))
        return codes
    levels, index, sizes = np.unique(known.astype(str), return_inverse=True, return_counts=True)
    rank = np.empty(levels.size, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(levels.size)
    codes[~missing] = 1 + np.minimum(rank[index], LEVELS)
    return codes
