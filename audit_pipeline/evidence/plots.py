"""Drawings of the report: each function turns a few numbers into one inline SVG string.

Pure and deterministic: coordinates are rounded to a tenth, nothing is random, colours come from the page's
style sheet by class. A value beyond the axis is drawn at its end as an arrow with its number, so that one huge
value does not flatten all others. A value that is None is drawn as an open diamond or a gap, never as zero. An
outcome has a shape of its own (`mark`), so that no verdict is told by colour alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit_pipeline.evidence.report_text import bound, number, share, short, word
from audit_pipeline.evidence.svg import Scale, corners, drawing, el, fit, known, line, mark, padded, text, ticks
from audit_pipeline.records import Bin, HistoryPoint, Outcome

LEFT, RIGHT = 140.0, 816.0  # px: the trend's time axis


@dataclass(frozen=True, slots=True)
class PsiRow:
    """One line of the drift plot."""

    column: str
    value: float | None
    outcome: Outcome | None  # of its finding; None: measured, not judged
    limit: float | None  # of its finding


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
        line(left, top - 6, left, bottom, "axis"),
        *_limit_lines(axis, (("warn", warn), ("fail", fail)), top, bottom),
    ]
    for tick in ticks(0.0, axis.hi):
        out.append(line(axis.at(tick), bottom, axis.at(tick), bottom + 4, "axis"))
        out.append(text(axis.at(tick), bottom + 17, _axis_number(tick), "tick mid"))
    for i, row in enumerate(rows):
        out.append(_psi_row(row, axis, top + step * (i + 0.5), common=(warn, fail)))
    return drawing(width, bottom + 26, f"Population stability index of {len(rows)} columns, worst first", out, "wide")


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
            text(left - 8, y + 14, fit(b.label, left - 10), "end", title=b.label),
            el("rect", x=left, y=y + 1, width=now - left, height=9, cls="bar"),
            el("rect", x=left, y=y + 11, width=then - left, height=7, cls="ref"),
            text(max(now, then) + 6, y + 14, f"{share(b.share)} / {share(b.share_reference)}", "tick"),
        ]
    out.append(line(left, 0, left, len(bins) * step, "axis"))
    return drawing(width, max(step, len(bins) * step), f"Distribution of {column} against the reference", out)


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
    out = [line(8, mid, width - 8, mid, "base")]
    for name, limit in (("warn", warn), ("fail", fail)):
        if (at := known(limit)) is not None and domain[0] <= at <= domain[1]:
            out.append(line(axis.at(at), 1, axis.at(at), height - 1, f"limit limit-{name}"))
    if (at := known(reference)) is not None:
        out.append(line(axis.at(at), 4, axis.at(at), height - 4, "refline"))
    low, high = known(lo), known(hi)
    if low is not None and high is not None:
        a, b = axis.at(low), axis.at(high)
        out += [
            line(a, mid, b, mid, "whisker"),
            line(a, 8, a, 16, "whisker"),
            line(b, 8, b, 16, "whisker"),
        ]
    if (at := known(value)) is not None:
        out.append(el("circle", cx=axis.at(at), cy=mid, r=4.5, cls="dot"))
    return drawing(width, height, label, out, "cell")


def trend(points: Sequence[HistoryPoint], *, metric: str, warn: float | None = None, fail: float | None = None) -> str:
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
    out = [text(LEFT - 22, 26, "Verdict", "end strong")]
    for at, p in zip(xs, points, strict=True):
        out.append(mark(p.verdict, at, 22, 6.5, title=f"{p.night}: {word(p.verdict)}"))
    if xs:
        out.append(el("circle", cx=xs[-1], cy=22, r=11, cls="tonight"))
    psi_axis = Scale(0, psi_top, 128, 58)
    out += _limit_levels(psi_axis, (("warn", warn), ("fail", fail)))
    out += _panel(points, xs, [p.worst_psi for p in points], psi_axis, "Worst PSI")
    values = [v for p in points if (v := known(p.metric)) is not None]
    levels = Scale(*padded(values), 226, 166)
    for level in ticks(levels.lo, levels.hi, about=3) if values else ():
        out.append(line(LEFT, levels.at(level), RIGHT, levels.at(level), "base"))
        out.append(text(LEFT - 22, levels.at(level) + 4, _axis_number(level), "tick end"))
    out += _panel(points, xs, [p.metric for p in points], levels, metric)
    for at, p, anchor in _date_labels(xs, points):
        out.append(text(at, 250, p.night.isoformat(), f"tick {anchor}"))
    return drawing(930, 260, f"Verdict, worst PSI and {metric} of {len(points)} nights", out, "wide")


def _axis_end(limits: Sequence[float], values: Iterable[float | None]) -> float:
    """End a PSI axis at twice the highest limit; without limits at the largest value."""
    if limits:
        return min(2 * max(limits), 1e308)
    return max([v for value in values if (v := known(value)) is not None and v > 0], default=1.0)


def _psi_row(row: PsiRow, axis: Scale, y: float, *, common: tuple[float | None, float | None]) -> str:
    """Draw one column: name, line, mark and number; its own limit as a short tick when it has one."""
    name = text(axis.start - 10, y + 4, fit(row.column, axis.start - 12), "end", title=row.column)
    value = known(row.value)
    if value is None:
        ring = mark(Outcome.NOT_EVALUATED, axis.start + 10, y, 6, title=f"{row.column}: not evaluated")
        return name + ring + text(axis.start + 24, y + 4, "not evaluated", "tick")
    end = axis.at(value)
    parts = [name, line(axis.start, y, end, y, "stem")]
    own = known(row.limit)
    if own is not None and own not in common and 0 <= own <= axis.hi:
        parts.append(line(axis.at(own), y - 9, axis.at(own), y + 9, "ownlimit"))
    parts.append(mark(row.outcome, end, y, 6.5, title=f"{row.column}: PSI {number(value)}"))
    if value > axis.hi:
        arrow = [(end + 10, y - 5), (end + 18, y), (end + 10, y + 5)]
        parts.append(el("polygon", f"beyond the axis: {number(value)}", points=corners(arrow), cls="arrow"))
    parts.append(text(end + (23 if value > axis.hi else 12), y + 4, _value(value), "value"))
    return "".join(parts)


def _limit_lines(axis: Scale, named: Iterable[tuple[str, float | None]], top: float, bottom: float) -> list[str]:
    """Draw vertical limits; the two words stand on two levels, so that close limits stay readable."""
    out = []
    for level, (name, limit) in enumerate(named):
        at = known(limit)
        if at is not None and axis.lo <= at <= axis.hi:
            label_y = 12 + 15 * level
            out.append(line(axis.at(at), label_y + 4, axis.at(at), bottom, f"limit limit-{name}"))
            out.append(text(axis.at(at), label_y, f"{name} from {_axis_number(at)}", f"tick mid {name}"))
    return out


def _limit_levels(axis: Scale, named: Iterable[tuple[str, float | None]]) -> list[str]:
    """Draw horizontal limits of a trend panel."""
    out = []
    for name, limit in named:
        at = known(limit)
        if at is not None and axis.lo <= at <= axis.hi:
            y = axis.at(at)
            out.append(line(LEFT, y, RIGHT, y, f"limit limit-{name}"))
            out.append(text(LEFT - 22, y + 4, f"{name} {_axis_number(at)}", f"tick end {name}"))
    return out


def _panel(
    points: Sequence[HistoryPoint], xs: Sequence[float], values: Sequence[float | None], y: Scale, name: str
) -> list[str]:
    """Draw one line over the nights; a night without the number breaks it and shows an open diamond."""
    out = [
        line(LEFT, y.start, RIGHT, y.start, "axis"),
        text(LEFT - 22, y.end - 14, name, "end strong"),
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
            dots.append(mark(Outcome.NOT_EVALUATED, x, y.start - 6, 4, title=f"{p.night}: {name} not evaluated"))
            continue
        run.append((x, y.at(value)))
        said = f"{p.night}: {name} {number(value)}"
        off = value > y.hi
        if off:
            up = [(x - 5, y.end - 8), (x, y.end - 16), (x + 5, y.end - 8)]
            dots.append(el("polygon", said + ", beyond the axis", points=corners(up), cls="arrow"))
        dots.append(el("circle", said, cx=x, cy=y.at(value), r=5 if i == last else 3, cls="dot"))
    if last >= 0:
        final = known(values[last])
        at = y.start - 2 if final is None else y.at(final) + 4
        out.append(text(xs[last] + 12, at, _value(final) if final is not None else "not eval.", "value"))
    out += [el("polyline", points=corners(r), cls="run") for r in runs if len(r) > 1]
    return out + dots


def _date_labels(xs: Sequence[float], points: Sequence[HistoryPoint]) -> list[tuple[float, HistoryPoint, str]]:
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
