"""The numbers of an attribute's groups beside each other: ratios, differences, and what they come to as a whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.cells import Cell
from audit_pipeline.metrics.group_metrics import GroupKind
from audit_pipeline.metrics.interval import Z
from audit_pipeline.metrics.pairs import ALPHA, Sample, all_pairs, difference, ratio_to_best, spread
from audit_pipeline.records import SMALL_CELL, GroupMetric

FOUR_FIFTHS = 0.8  # 29 CFR 1607.4(D)
SELECTION = "selection_rate"
INSUFFICIENT, ABSENT, COMPARED_WITH = "insufficient", "absent", "compared with"


@dataclass(frozen=True)
class Groups:
    """How the groups of one attribute are measured."""

    kinds: Sequence[GroupKind]
    favourable: int
    least: int  # rows behind a number
    attributes: int  # of the same kind: they share the error of a night
    named: frozenset[str]  # groups that others may be compared with


@dataclass(frozen=True)
class Whole:
    """A number of the attribute as a whole, taken from the groups that have enough rows."""

    name: str
    sources: tuple[str, ...]
    measure: Callable[[Sequence[Mapping[str, Sample]], Groups, Sequence[float]], tuple[float, float, float]]


def group_metrics(groups: Groups, cells: Mapping[str, Cell | None]) -> tuple[list[GroupMetric], str | None]:
    """Return the numbers of every group and of the whole, and the group that the others are compared with.

    Args:
        groups: what is measured, and how.
        cells: name -> counts, in the order to show; None: the reference has this group and the night has not.
    """
    labelled = any(cell is not None and cell.labelled for cell in cells.values())
    kinds = [kind for kind in groups.kinds if labelled or not kind.labelled]
    table = {kind.name: {name: _one(groups, kind, name, cell) for name, cell in cells.items()} for kind in kinds}
    samples = {
        kind: {name: sample for name, (_, sample) in rows.items() if sample is not None} for kind, rows in table.items()
    }
    base = _base(groups, cells, samples)
    found = []
    for kind in kinds:
        z = _critical(groups, samples[kind.name], kind.tests)
        found += [_beside(metric, samples[kind.name], base, z, groups) for metric, _ in table[kind.name].values()]
    wholes = [whole for whole in WHOLES if set(whole.sources) <= set(samples)]
    return [*found, *(_whole(whole, found, samples, groups) for whole in wholes)], base


def _one(groups: Groups, kind: GroupKind, name: str, cell: Cell | None) -> tuple[GroupMetric, Sample | None]:
    """Measure one number of one group; the sample is None when it is not to be compared."""
    if cell is None:
        reason = "no row tonight; the reference has this group"
        return GroupMetric(name, kind.name, None, None, None, 0, None, conclusion=ABSENT, reason=reason), None
    try:
        sample = kind.measure(cell, groups.favourable)
    except MetricError as error:
        return GroupMetric(name, kind.name, None, None, None, cell.n, None, reason=str(error)), None
    n = sample.n if sample else 0
    if sample is None or n < groups.least:
        few = 0 < n < SMALL_CELL  # too few even to say how many
        reason = f"{f'fewer than {SMALL_CELL}' if few else f'{n:,}'} rows stand behind it, {groups.least} are needed"
        shown = None if few else n
        return GroupMetric(name, kind.name, None, None, None, shown, None, conclusion=INSUFFICIENT, reason=reason), None
    return GroupMetric(name, kind.name, sample.value, *sample.bounds(Z), n, None), sample


def _base(groups: Groups, cells: Mapping[str, Cell | None], samples: Mapping[str, Mapping[str, Sample]]) -> str | None:
    """Return the group that others are compared with: the best-off one, or the largest where nothing is decided."""
    if SELECTION in samples:
        rates = {name: sample.value for name, sample in samples[SELECTION].items() if name in groups.named}
        return max(rates, key=rates.__getitem__, default=None)
    sizes = {name: cell.n for name, cell in cells.items() if cell is not None and name in groups.named}
    return max(sizes, key=sizes.__getitem__, default=None)


def _critical(groups: Groups, samples: Mapping[str, Sample], tests: int) -> float:
    """Return the critical value at which all statements over the attributes of a night hold at once."""
    return all_pairs(max(2, len(samples)), ALPHA / groups.attributes / tests)


def _beside(
    metric: GroupMetric, samples: Mapping[str, Sample], base: str | None, z: float, groups: Groups
) -> GroupMetric:
    """Add how the group compares with the base."""
    mine, other = samples.get(str(metric.group)), samples.get(str(base))
    if mine is None or other is None:
        return metric
    if metric.group == base:
        return replace(metric, conclusion=COMPARED_WITH)
    lo, hi = difference(mine, other, z)
    found = replace(metric, difference=mine.value - other.value, difference_lo=lo, difference_hi=hi)
    if metric.metric != SELECTION or not other.value:
        return found
    ((low, high),) = ratio_to_best([mine], [samples[name] for name in samples if name in groups.named], z)
    finite = high if high != float("inf") else None
    word = "met" if low >= FOUR_FIFTHS else "not met" if high < FOUR_FIFTHS else "inconclusive"
    return replace(found, ratio=mine.value / other.value, ratio_lo=low, ratio_hi=finite, conclusion=word)


def _whole(
    whole: Whole, found: Sequence[GroupMetric], samples: Mapping[str, Mapping[str, Sample]], groups: Groups
) -> GroupMetric:
    """Measure one number of the attribute as a whole; a group that could not be measured leaves it without one."""
    sources = [samples[name] for name in whole.sources]
    n = min(sum(sample.n for sample in source.values()) for source in sources)
    broken = next((m for m in found if m.metric in whole.sources and m.value is None and m.conclusion is None), None)
    short = [name for name, source in zip(whole.sources, sources, strict=True) if len(source) < 2]
    if broken is not None:
        reason = f"{broken.metric} of {broken.group}: {broken.reason}"
        return GroupMetric(None, whole.name, None, None, None, n, None, reason=reason)
    if short:
        reason = f"fewer than two groups have {groups.least} rows behind {' and '.join(short)}"
        return GroupMetric(None, whole.name, None, None, None, n, None, conclusion=INSUFFICIENT, reason=reason)
    zs = [_critical(groups, source, len(sources)) for source in sources]
    try:
        value, lo, hi = whole.measure(sources, groups, zs)
    except MetricError as error:
        return GroupMetric(None, whole.name, None, None, None, n, None, reason=str(error))
    return GroupMetric(None, whole.name, value, lo, hi, n, None)


def _impact_ratio(
    sources: Sequence[Mapping[str, Sample]], groups: Groups, zs: Sequence[float]
) -> tuple[float, float, float]:
    """Lowest rate over the best-off group's."""
    (rates,), (z,) = sources, zs
    named = [rates[name] for name in rates if name in groups.named]
    if not named:
        raise MetricError("no group with a value has enough rows to compare with")
    best = max(sample.value for sample in named)
    if not best:
        raise MetricError("no row was selected in any group that others are compared with")
    ends = ratio_to_best(list(rates.values()), named, z)
    lowest = min(sample.value for sample in rates.values())
    return lowest / best, min(lo for lo, _ in ends), min(1.0, *(hi for _, hi in ends))


def _largest_spread(
    sources: Sequence[Mapping[str, Sample]], groups: Groups, zs: Sequence[float]
) -> tuple[float, float, float]:
    """Largest difference between two groups, over one rate or several."""
    found = [spread(list(source.values()), z) for source, z in zip(sources, zs, strict=True)]
    value, lo, hi = (max(each) for each in zip(*found, strict=True))
    return value, lo, hi


WHOLES: tuple[Whole, ...] = (
    Whole("impact_ratio", (SELECTION,), _impact_ratio),
    Whole("selection_rate_difference", (SELECTION,), _largest_spread),
    Whole("equalised_odds_difference", ("tpr", "fpr"), _largest_spread),
    Whole("bias_difference", ("bias",), _largest_spread),
    Whole("mae_difference", ("mae",), _largest_spread),
)
