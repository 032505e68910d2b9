"""Drawings of the report: each function turns a few numbers into one inline SVG string.

Pure and deterministic: coordinates are rounded to a tenth, nothing is random, colours come from the page's
style sheet by class. A value beyond the axis is drawn at its end as an arrow with its number, so that one huge value does not
flatten all others. A value that is None is drawn as an open diamond or a gap, never as zero. An outcome has
a shape of its own (`mark`), so that no verdict is told by colour alone.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from audit_pipeline.evidence.report_text import bound, number, share, short, word
from audit_pipeline.records import Bin, HistoryPoint, Outcome

LEFT, RIGHT = 140.0, 816.0  # px: the trend's time axis
CHAR = 6.9  # px: a wide guess of one character at 12 px, so that labels never touch their neighbours
SUFFIX = {Outcome.PASS: "pass", Outcome.WARN: "warn", Outcome.FAIL: "fail", Outcome.NOT_EVALUATED: "none"}


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight axis from values `lo`..`hi` to pixels `start`..`end`; what lies outside is put at the end."""

    lo: float
    hi: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of `value`; the middle when the axis has no length."""
        span = self.hi / 2 - self.lo / 2  # halves: the difference of two huge numbers stays finite
        part = (value / 2 - self.lo / 2) / span if span > 0 else 0.5
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class PsiRow:
    """One line of the drift plot."""

    column: str
    value: float | None
    outcome: Outcome | None  # of its finding; None: measured, not judged
    limit: float | None  # of its finding


def known(value: float | None) -> float | None:
    """Return `value` if it is a finite number, else None."""
    return value if value is not None and math.isfinite(value) else None


def ticks(lo: float, hi: float, *, about: int = 5) -> list[float]:
    """Return round numbers from `lo` to `hi`, at steps of 1, 2 or 5 times a power of ten."""
    raw = (hi / about - lo / about) if hi > lo else 0.0
    if raw < 1e-300 or raw > 1e300:  # no round step exists as a float
        return [lo]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    return [i * step for i in range(first, last + 1)] if last - first < 50 else [lo]


def fit(text: str, px: float) -> str:
    """Return `text`, cut in the middle so that it fits into `px` pixels."""
    room = max(3, int(px / CHAR))
    if len(text) <= room:
        return text
    head = (room - 1) // 2
    return f"{text[: room - 1 - head]}…{text[len(text) - head :]}"


def mark(outcome: Outcome | None, x: float, y: float, r: float, *, title: str = "") -> str:
    """Return the shape of an outcome: disc PASS, triangle WARN, square FAIL, open diamond NOT_EVALUATED.

    A number that nobody judged (None) is a small ring.
    """
    if outcome is None:
        return _el("circle", title, cx=x, cy=y, r=r * 0.8, cls="m m-open")
    cls = f"m m-{SUFFIX[outcome]}"
    if outcome is Outcome.PASS:
        return _el("circle", title, cx=x, cy=y, r=r * 0.9, cls=cls)
    if outcome is Outcome.FAIL:
        return _el(
            "rect", title, x=x - r * 0.85, y=y - r * 0.85, width=r * 1.7, height=r * 1.7, rx=1, cls=cls
        )
    corners = (
        [(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)]
        if outcome is Outcome.WARN
        else [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
    )
    return _el("polygon", title, points=_points((x + r * a, y + r * b) for a, b in corners), cls=cls)


def psi_plot(rows: Sequence[PsiRow], *, warn: float | None, fail: float | None) -> str:
    """Return one line per column, drawn from zero to its PSI, with the limits as vertical lines.

    Args:
        rows: in the order to draw, worst first.
        warn: the common limit from which a column warns, or None.
        fail: the common limit from which a column fails, or None.
    """
    width, top, step, left = 930.0, 44.0, 24.0, 190.0
    limits = [x for x in (known(warn), known(fail)) if x is not None and x > 0]
    axis = Scale(0.0, _axis_end(limits, [row.value for row in rows]), left, width - 120)
    bottom = top + step * len(rows)
    out = [
        _line(left, top - 6, left, bottom, "axis"),
        *_limit_lines(axis, (("warn", warn), ("fail", fail)), top, bottom),
    ]
    for tick in ticks(0.0, axis.hi):
        out.append(_line(axis.at(tick), bottom, axis.at(tick), bottom + 4, "axis"))
        out.append(_text(axis.at(tick), bottom + 17, _axis_number(tick), "tick mid"))
    for i, row in enumerate(rows):
        out.append(_psi_row(row, axis, top + step * (i + 0.5), common=(warn, fail)))
    return _svg(
        width, bottom + 26, f"Population stability index of {len(rows)} columns, worst first", out, "wide"
    )


def paired_bars(bins: Sequence[Bin], *, column: str) -> str:
    """Return two bars per bin: this night's share (solid) over the reference's (open), with both numbers."""
    width, step, left = 460.0, 24.0, 128.0
    top = max([b.share for b in bins] + [b.share_reference for b in bins] + [1e-9])
    axis = Scale(0.0, top, left, width - 140)
    out = []
    for i, b in enumerate(bins):
        y = i * step + 2
        now, then = axis.at(b.share), axis.at(b.share_reference)
        out += [
            _text(left - 8, y + 14, fit(b.label, left - 10), "end", title=b.label),
            _el("rect", x=left, y=y + 1, width=now - left, height=9, cls="bar"),
            _el("rect", x=left, y=y + 11, width=then - left, height=7, cls="ref"),
            _text(max(now, then) + 6, y + 14, f"{share(b.share)} / {share(b.share_reference)}", "tick"),
        ]
    out.append(_line(left, 0, left, len(bins) * step, "axis"))
    return _svg(width, max(step, len(bins) * step), f"Distribution of {column} against the reference", out)


def interval(
    value: float | None,
    lo: float | None,
    hi: float | None,
    *,
    domain: tuple[float, float],
    reference: float | None = None,
    warn: float | None = None,
    fail: float | None = None,
    label: str,
) -> str:
    """Return a dot with its whisker on `domain`; the reference is a tall tick, limits are dashed lines.

    Args:
        value: the number; None draws the interval alone, or nothing.
        lo: lower end of the interval, or None.
        hi: upper end, or None.
        domain: values at the left and the right edge, shared by rows that are compared.
        reference: the same number on the reference.
        warn: the owner's limits.
        fail: see `warn`.
        label: what is said aloud.
    """
    width, height, mid = 220.0, 24.0, 12.0
    axis = Scale(*domain, 8, width - 8)
    out = [_line(8, mid, width - 8, mid, "base")]
    for name, limit in (("warn", warn), ("fail", fail)):
        if (at := known(limit)) is not None and domain[0] <= at <= domain[1]:
            out.append(_line(axis.at(at), 1, axis.at(at), height - 1, f"limit limit-{name}"))
    if (at := known(reference)) is not None:
        out.append(_line(axis.at(at), 4, axis.at(at), height - 4, "refline"))
    low, high = known(lo), known(hi)
    if low is not None and high is not None:
        a, b = axis.at(low), axis.at(high)
        out += [
            _line(a, mid, b, mid, "whisker"),
            _line(a, 8, a, 16, "whisker"),
            _line(b, 8, b, 16, "whisker"),
        ]
    if (at := known(value)) is not None:
        out.append(_el("circle", cx=axis.at(at), cy=mid, r=4.5, cls="dot"))
    return _svg(width, height, label, out, "cell")


def trend(
    points: Sequence[HistoryPoint], *, metric: str, warn: float | None = None, fail: float | None = None
) -> str:
    """Return three panels over the nights: verdict, worst PSI, main metric; the last night is the audited one.

    Args:
        points: in order of night; x follows the calendar, so that a missing night is a gap.
        metric: name of the main metric, as shown.
        warn: PSI limits, drawn when known.
        fail: see `warn`.
    """
    days = [p.night.toordinal() for p in points]
    x = Scale(days[0], days[-1], LEFT, RIGHT) if days else Scale(0, 0, LEFT, RIGHT)
    xs = [x.at(day) for day in days]
    psi_top = _axis_end([v for v in (known(warn), known(fail)) if v], [p.worst_psi for p in points])
    out = [_text(LEFT - 22, 26, "Verdict", "end strong")]
    for at, p in zip(xs, points, strict=True):
        out.append(mark(p.verdict, at, 22, 6.5, title=f"{p.night}: {word(p.verdict)}"))
    if xs:
        out.append(_el("circle", cx=xs[-1], cy=22, r=11, cls="tonight"))
    out += _panel(points, xs, [p.worst_psi for p in points], Scale(0, psi_top, 128, 58), "Worst PSI")
    out += _limit_levels(Scale(0, psi_top, 128, 58), (("warn", warn), ("fail", fail)))
    values = [v for p in points if (v := known(p.metric)) is not None]
    levels = Scale(*padded(values), 222, 158)
    out += _panel(points, xs, [p.metric for p in points], levels, metric)
    if values:
        for level in ticks(levels.lo, levels.hi, about=3):
            out.append(_line(LEFT, levels.at(level), RIGHT, levels.at(level), "base"))
            out.append(_text(LEFT - 22, levels.at(level) + 4, _axis_number(level), "tick end"))
    for at, p, anchor in _date_labels(xs, points):
        out.append(_text(at, 250, p.night.isoformat(), f"tick {anchor}"))
    return _svg(930, 260, f"Verdict, worst PSI and {metric} of {len(points)} nights", out, "wide")


def padded(values: Sequence[float]) -> tuple[float, float]:
    """Return a domain that holds all finite `values` with a tenth to spare on both sides; (0, 1) for none."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    lo, hi = min(finite), max(finite)
    pad = (hi / 10 - lo / 10) or abs(lo) / 10 or 1.0
    return max(lo - pad, -sys.float_info.max), min(hi + pad, sys.float_info.max)


def _axis_end(limits: Sequence[float], values: Iterable[float | None]) -> float:
    """End a PSI axis at twice the highest limit; without limits at the largest value."""
    if limits:
        return min(2 * max(limits), 1e308)
    return max([v for value in values if (v := known(value)) is not None and v > 0], default=1.0)


def _psi_row(row: PsiRow, axis: Scale, y: float, *, common: tuple[float | None, float | None]) -> str:
    """Draw one column: name, line, mark and number; its own limit as a short tick when it has one."""
    name = _text(axis.start - 10, y + 4, fit(row.column, axis.start - 12), "end", title=row.column)
    value = known(row.value)
    if value is None:
        ring = mark(Outcome.NOT_EVALUATED, axis.start + 10, y, 6, title=f"{row.column}: not evaluated")
        return name + ring + _text(axis.start + 24, y + 4, "not evaluated", "tick")
    end = axis.at(value)
    parts = [name, _line(axis.start, y, end, y, "stem")]
    own = known(row.limit)
    if own is not None and own not in common and 0 <= own <= axis.hi:
        parts.append(_line(axis.at(own), y - 9, axis.at(own), y + 9, "ownlimit"))
    parts.append(mark(row.outcome, end, y, 6.5, title=f"{row.column}: PSI {number(value)}"))
    if value > axis.hi:
        arrow = [(end + 10, y - 5), (end + 18, y), (end + 10, y + 5)]
        parts.append(_el("polygon", f"beyond the axis: {number(value)}", points=_points(arrow), cls="arrow"))
    parts.append(_text(end + (23 if value > axis.hi else 12), y + 4, _value(value), "value"))
    return "".join(parts)


def _limit_lines(
    axis: Scale, named: Iterable[tuple[str, float | None]], top: float, bottom: float
) -> list[str]:
    """Draw vertical limits; the two words stand on two levels, so that close limits stay readable."""
    out = []
    for level, (name, limit) in enumerate(named):
        at = known(limit)
        if at is not None and axis.lo <= at <= axis.hi:
            label_y = 12 + 15 * level
            out.append(_line(axis.at(at), label_y + 4, axis.at(at), bottom, f"limit limit-{name}"))
            out.append(_text(axis.at(at), label_y, f"{name} from {_axis_number(at)}", f"tick mid {name}"))
    return out


def _limit_levels(axis: Scale, named: Iterable[tuple[str, float | None]]) -> list[str]:
    """Draw horizontal limits of a trend panel."""
    out = []
    for name, limit in named:
        at = known(limit)
        if at is not None and axis.lo <= at <= axis.hi:
            y = axis.at(at)
            out.append(_line(LEFT, y, RIGHT, y, f"limit limit-{name}"))
            out.append(_text(LEFT - 22, y + 4, f"{name} {_axis_number(at)}", f"tick end {name}"))
    return out


def _panel(
    points: Sequence[HistoryPoint], xs: Sequence[float], values: Sequence[float | None], y: Scale, name: str
) -> list[str]:
    """Draw one line over the nights; a night without the number breaks it and shows an open diamond."""
    out = [
        _line(LEFT, y.start, RIGHT, y.start, "axis"),
        _text(LEFT - 22, min(y.start, y.end) - 4, name, "end strong"),
    ]
    run: list[tuple[float, float]] = []
    runs = [run]
    dots = []
    last = len(points) - 1
    for i, (x, p, raw) in enumerate(zip(xs, points, values, strict=True)):
        value = known(raw)
        if value is None:
            run = []
            runs.append(run)
            dots.append(
                mark(Outcome.NOT_EVALUATED, x, y.start - 6, 4, title=f"{p.night}: {name} not evaluated")
            )
            continue
        run.append((x, y.at(value)))
        said = f"{p.night}: {name} {number(value)}"
        off = value > y.hi
        if off:
            up = [(x - 5, y.end - 8), (x, y.end - 16), (x + 5, y.end - 8)]
            dots.append(_el("polygon", said + ", beyond the axis", points=_points(up), cls="arrow"))
        dots.append(_el("circle", said, cx=x, cy=y.at(value), r=5 if i == last else 3, cls="dot"))
    if last >= 0:
        final = known(values[last])
        at = y.start - 2 if final is None else y.at(final) + 4
        out.append(_text(xs[last] + 12, at, _value(final) if final is not None else "not eval.", "value"))
    out += [_el("polyline", points=_points(r), cls="run") for r in runs if len(r) > 1]
    return out + dots


def _date_labels(
    xs: Sequence[float], points: Sequence[HistoryPoint]
) -> list[tuple[float, HistoryPoint, str]]:
    """Choose dates to write: the last, and earlier ones at least 110 px apart."""
    chosen: list[tuple[float, HistoryPoint, str]] = []
    for x, p in reversed(list(zip(xs, points, strict=True))):
        if not chosen or chosen[-1][0] - x >= 110:
            chosen.append((x, p, "mid"))
    return chosen[::-1]


def _value(x: float) -> str:
    """Write the number beside a mark."""
    return short(number(x), x)


def _axis_number(x: float) -> str:
    """Write the number of a limit or of an axis."""
    return short(bound("", x), x)


def _r(x: float) -> str:
    """Write a coordinate, rounded to a tenth."""
    text = f"{x:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _points(pairs: Iterable[tuple[float, float]]) -> str:
    """Write the corners of a polygon."""
    return " ".join(f"{_r(x)},{_r(y)}" for x, y in pairs)


def _el(tag: str, title: str = "", /, *, cls: str, **attrs: float | str) -> str:
    """Write one element; a title becomes its tooltip."""
    written = "".join(f' {k}="{v if isinstance(v, str) else _r(v)}"' for k, v in attrs.items())
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<{tag} class="{cls}"{written}>{inner}</{tag}>' if inner else f'<{tag} class="{cls}"{written}/>'


def _line(x1: float, y1: float, x2: float, y2: float, cls: str) -> str:
    """Write a line."""
    return _el("line", cls=cls, x1=x1, y1=y1, x2=x2, y2=y2)


def _text(x: float, y: float, text: str, cls: str, *, title: str = "") -> str:
    """Write a text; `mid` and `end` in `cls` say where it is anchored."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<text class="{cls}" x="{_r(x)}" y="{_r(y)}">{tip}{escape(text)}</text>'


def _svg(width: float, height: float, label: str, parts: Iterable[str], cls: str = "") -> str:
    """Wrap a drawing; `label` is what a screen reader says."""
    said = escape(label)
    head = f'<svg class="plot {cls}" viewBox="0 0 {_r(width)} {_r(height)}" role="img" aria-label="{said}">'
    return "".join([head, f"<title>{said}</title>", *parts, "</svg>"])
