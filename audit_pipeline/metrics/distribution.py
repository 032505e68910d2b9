"""A column's shares as bars a person can read, current against reference.

No bar stands for 1 to 10 rows of either side: it is merged into its neighbour or into "other". A bar of no rows
is shown (that a part of the distribution vanished is the news). A category is named only in a bar of its own,
hence only when seen at least 11 times.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from audit_pipeline.metrics.bins import bin_counts, quantile_edges
from audit_pipeline.metrics.pair import NUMERIC, Pair
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import SMALL_CELL, Bin, Distribution

BARS = 10  # beside "other" and "missing"


@dataclass(frozen=True)
class Bar:
    """Rows of both sides under one label; `low` and `high` bound a numeric bar: (low, high]."""

    current: int
    reference: int
    label: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def small(self) -> bool:
        """Whether it would show 1 to 10 rows."""
        return 0 < self.current < SMALL_CELL or 0 < self.reference < SMALL_CELL


def distribution(pair: Pair) -> Distribution | None:
    """Return the bars of one column; None when either side lacks it or has fewer than 11 values."""
    if min(pair.current.present, pair.reference.present) < SMALL_CELL:
        return None
    bars = _numeric(pair) if pair.kind in NUMERIC else _categories(pair)
    n, m = pair.current.rows, pair.reference.rows
    return Distribution(pair.column, tuple(Bin(bar.label, bar.current / n, bar.reference / m) for bar in bars))


def _missing(pair: Pair) -> Bar:
    """The bar of the missing values."""
    n, m = pair.current, pair.reference
    return Bar(n.rows - n.present, m.rows - m.present, "missing")


def _numeric(pair: Pair) -> list[Bar]:
    """Bars between reference quantiles; small ones merged with their neighbour."""
    edges = _edges(pair.reference.values, whole=pair.kind == "integer", bins=min(pair.bins, BARS))
    current, reference = bin_counts(pair.current.values, edges), bin_counts(pair.reference.values, edges)
    lows = [None, *edges.tolist()]
    highs = [*edges.tolist(), None]
    cells = zip(current.tolist(), reference.tolist(), lows, highs, strict=True)
    bars = _merged([Bar(c, r, "", low, high) for c, r, low, high in cells])
    show = _format(edges, pair.kind)
    bars = [replace(bar, label=_range(bar, show, whole=pair.kind == "integer")) for bar in bars]
    missing = _missing(pair)
    if missing.small:
        last = bars[-1]
        bars[-1] = Bar(last.current + missing.current, last.reference + missing.reference, f"{last.label} or missing")
    elif missing.current or missing.reference:
        bars.append(missing)
    return bars


def _edges(reference: Floats, *, whole: bool, bins: int) -> Floats:
    """One bar per value of an integer with few values, else the reference's quantiles."""
    if whole and (values := np.unique(reference)).size <= bins:
        return values[:-1] if values.size > 1 else np.array([values[0] - 1, values[0]])
    return quantile_edges(reference, bins=bins)


def _merged(bars: Sequence[Bar]) -> list[Bar]:
    """Join neighbours from the left until none is small; a small rest joins the last one."""
    found: list[Bar] = []
    for bar in bars:
        if found and found[-1].small:
            found[-1] = _join(found[-1], bar)
        else:
            found.append(bar)
    while len(found) > 1 and found[-1].small:
        last = found.pop()
        found[-1] = _join(found[-1], last)
    return found


def _join(left: Bar, right: Bar) -> Bar:
    return Bar(left.current + right.current, left.reference + right.reference, "", low=left.low, high=right.high)


def _format(edges: Floats, kind: str) -> Callable[[float], str]:
    """Return how an edge is written: as short as keeps the edges apart."""
    if kind == "date":
        return lambda x: datetime.fromtimestamp(x * 86400, UTC).date().isoformat()
    if kind == "timestamp":
        return lambda x: datetime.fromtimestamp(x, UTC).isoformat(sep=" ", timespec="minutes")[:16]
    if kind == "integer":
        return lambda x: f"{x:.0f}"
    apart = edges[1:] if _is_point(edges[:1], edges[1:]) else edges
    digits = next((d for d in range(3, 17) if len({f"{x:.{d}g}" for x in apart}) == apart.size), 17)
    return lambda x: _short(x, digits)


def _short(value: float, digits: int) -> str:
    """Write a number with `digits` significant digits, without an exponent where people would not use one."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e" in text and 1e3 <= abs(value) < 1e12 else text


def _is_point(low: Floats | float | None, high: Floats | float | None) -> bool:
    """Whether (low, high] holds a single double: the reference is one value."""
    return low is not None and high is not None and np.array_equal(np.nextafter(low, np.inf), high)


def _range(bar: Bar, show: Callable[[float], str], *, whole: bool) -> str:
    """Write a bar's bounds: "up to 2.1", "2.1 to 3.4", "above 3.4"; whole numbers by their first and last."""
    if bar.low is None:
        return "all values" if bar.high is None else f"up to {show(bar.high)}"
    if bar.high is None:
        return f"above {show(bar.low)}"
    if not whole:
        return show(bar.high) if _is_point(bar.low, bar.high) else f"{show(bar.low)} to {show(bar.high)}"
    first, last = show(bar.low + 1), show(bar.high)
    return last if first == last else f"{first} to {last}"


def _categories(pair: Pair) -> list[Bar]:
    """Bars of the most frequent categories, the rest and the small ones as "other", then "missing"."""
    now, before = pair.current.counts, pair.reference.counts
    bars = [Bar(now.get(name, 0), before.get(name, 0), name) for name in now.keys() | before.keys()]
    bars.sort(key=lambda bar: (-bar.reference, -bar.current, bar.label))
    shown = [bar for bar in bars if not bar.small][:BARS]
    missing = _missing(pair)
    rest = [bar for bar in bars if bar not in shown] + [missing] * missing.small
    other = Bar(sum(bar.current for bar in rest), sum(bar.reference for bar in rest), "other")
    while other.small and shown:  # a small rest could be read off as the difference to one
        last = shown.pop()
        other = Bar(other.current + last.current, other.reference + last.reference, "other")
    shown += [other] if other.current or other.reference else []
    return shown + [missing] * ((missing.current or missing.reference) > 0 and not missing.small)
