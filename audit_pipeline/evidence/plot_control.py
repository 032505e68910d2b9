"""The drawing of one control chart: nights on the calendar, centre and limits of each night, what is out marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from audit_pipeline.evidence.svg import Scale, corners, drawing, el, known, line, mark, padded, text
from audit_pipeline.records import ChartPoint, Outcome

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460.0, 150.0, 12.0, 378.0, 14.0, 122.0  # px
ROOM = 0.6  # of the distance between the limits, above and below them; what is farther out is an arrow


@dataclass(frozen=True, slots=True)
class ChartNight:
    """A night of one number; `point` is None where the record lacks it."""

    night: date
    point: ChartPoint | None


def control_plot(nights: Sequence[ChartNight], *, name: str, write: Callable[[float], str]) -> str:
    """Return the chart of one number; the last night is the audited one.

    Args:
        nights: in order.
        name: what the number is called.
        write: writes a value in its unit.
    """
    days = [n.night.toordinal() for n in nights]
    x = Scale(days[0], days[-1], LEFT + 4, RIGHT - 8)
    shown = [(x.at(day), n.point) for day, n in zip(days, nights, strict=True)]
    y = Scale(*_domain([p for _, p in shown if p]), BOTTOM, TOP)
    out = [line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")]
    for part, cls in (("lower", "limit"), ("centre", "centre"), ("upper", "limit")):
        out += _steps([(at, known(getattr(p, part)) if p else None) for at, p in shown], y, cls)
    out += _line([(at, known(p.value) if p else None) for at, p in shown], y)
    for (at, p), n in zip(shown, nights, strict=True):
        out += _night(at, p, n.night, y, name=name, write=write, last=n is nights[-1])
    out += _words(shown[-1][1], y, write)
    ends = dict.fromkeys((nights[0].night, nights[-1].night))
    for at, night, anchor in zip((LEFT, RIGHT), ends, ("", "end"), strict=False):
        out.append(text(at, BOTTOM + 18, night.isoformat(), f"tick {anchor}"))
    return drawing(WIDTH, HEIGHT, f"Control chart of {name} over {len(nights)} nights", out)


def _domain(points: Sequence[ChartPoint]) -> tuple[float, float]:
    """Return the axis: all values, but not far beyond the limits, when there are any."""
    limits = [v for p in points for v in (known(p.lower), known(p.centre), known(p.upper)) if v is not None]
    values = [v for p in points if (v := known(p.value)) is not None]
    if not limits:
        return padded(values)
    room = ROOM * (max(limits) / 2 - min(limits) / 2) * 2
    inside = [v for v in values if min(limits) - room <= v <= max(limits) + room]
    return padded([*limits, *inside])


def _steps(pairs: Sequence[tuple[float, float | None]], y: Scale, cls: str) -> list[str]:
    """Draw a level per night; a night without one is a gap."""
    out, half = [], 4.0
    for (at, value), (after, _) in zip(pairs, [*pairs[1:], (RIGHT, None)], strict=True):
        if value is not None:
            out.append(line(at - half, y.at(value), min(after - half, RIGHT), y.at(value), cls))
    return out


def _line(pairs: Sequence[tuple[float, float | None]], y: Scale) -> list[str]:
    """Join the values; a night without one breaks the line."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in pairs:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, y.at(value)))
    return [el("polyline", points=corners(run), cls="run") for run in runs if len(run) > 1]


def _night(
    at: float,
    point: ChartPoint | None,
    night: date,
    y: Scale,
    *,
    name: str,
    write: Callable[[float], str],
    last: bool,
) -> list[str]:
    """Draw one value; what breaks a rule has the shape of a warning."""
    value = known(point.value) if point else None
    if value is None or point is None:
        return [mark(Outcome.NOT_EVALUATED, at, BOTTOM - 4, 3.5, title=f"{night}: {name} not measured")] if last else []
    said = f"{night}: {name} {write(value)}" + (f", {', '.join(point.broken)}" if point.broken else "")
    out = [mark(Outcome.WARN, at, y.at(value), 5.5, title=said)] if point.broken else []
    out += [] if out else [el("circle", said, cx=at, cy=y.at(value), r=4 if last else 2.2, cls="dot")]
    if not y.lo <= value <= y.hi:
        tip, base = (TOP - 12, TOP - 5) if value > y.hi else (BOTTOM + 12, BOTTOM + 5)
        arrow = [(at - 4, base), (at, tip), (at + 4, base)]
        out.append(el("polygon", f"{said}: beyond the axis", points=corners(arrow), cls="arrow"))
    return out


def _words(point: ChartPoint | None, y: Scale, write: Callable[[float], str]) -> list[str]:
    """Write tonight's limits beside the chart, on heights that do not touch."""
    levels = [
        (y.at(v), write(v))
        for v in ((known(point.upper), known(point.centre), known(point.lower)) if point else ())
        if v is not None
    ]
    out, free = [], TOP - 6
    for height, written in levels:
        free = max(height + 4, free + 12)
        out.append(text(RIGHT + 6, free, written, "tick"))
    return out
