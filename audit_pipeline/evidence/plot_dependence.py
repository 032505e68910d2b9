"""The drawing of one feature's dependence: what the model says along its values, and how many rows stand where."""

from collections.abc import Sequence

from audit_pipeline.evidence.report_text import number, share
from audit_pipeline.evidence.svg import CHAR, Scale, corners, drawing, el, fit, line, padded, text, ticks
from audit_pipeline.records import Dependence, DependencePoint

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460.0, 248.0, 58.0, 446.0, 12.0, 172.0  # px
RUG, RUG_HEIGHT = 226.0, 26.0  # foot of the bars that show the rows, and the highest of them
INSET = 6.0  # of the first and last point from the ends of the axis
STEP, BAR = 24.0, 9.0  # px of a category


def dependence_plot(found: Dependence) -> str:
    """Return the drawing of a feature with points: lines over a number, one line per category."""
    return _over_numbers(found) if found.points[0].value is not None else _over_categories(found)


def _over_numbers(found: Dependence) -> str:
    """Draw PDP with the band of the rows' lines, ALE beside it, and the rows of each point under the axis."""
    points = found.points
    at = [p.value for p in points if p.value is not None]
    mean = _mean([p.pdp for p in points])
    band = [(mean + p.ice_lo, mean + p.ice_hi) for p in points]
    effects = [p.ale for p in points if p.ale is not None]
    ale = [
        mean - _mean(effects) + effect for effect in effects
    ]  # at the level of the PDP: only its shape says anything
    shown = [p.pdp for p in points] + [end for ends in band for end in ends] + ale
    y = Scale(*padded(shown), BOTTOM, TOP)
    levels = [(y.at(tick), number(tick)) for tick in ticks(y.lo, y.hi, about=4)]
    left = max(LEFT, CHAR * max(len(words) for _, words in levels) + 8)
    x = Scale(at[0], at[-1], left + INSET, RIGHT - INSET)
    out = [line(left, BOTTOM, RIGHT, BOTTOM, "axis"), line(left, BOTTOM, left, TOP, "axis")]
    for height, words in levels:
        out += [line(left, height, RIGHT, height, "base"), text(left - 7, height + 4, words, "tick end")]
    low = [(x.at(v), y.at(ends[0])) for v, ends in zip(at, band, strict=True)]
    high = [(x.at(v), y.at(ends[1])) for v, ends in zip(at, band, strict=True)]
    out.append(el("polygon", points=corners([*low, *reversed(high)]), cls="band"))
    accumulated = [(x.at(v), y.at(a)) for v, a in zip(at, ale, strict=True)]
    out.append(el("polyline", points=corners(accumulated), cls="run second"))
    out.append(
        el("polyline", points=corners((x.at(v), y.at(p.pdp)) for v, p in zip(at, points, strict=True)), cls="run")
    )
    for v, p in zip(at, points, strict=True):
        out.append(el("circle", _said(p, number(v), found.output), cx=x.at(v), cy=y.at(p.pdp), r=3, cls="dot"))
    return drawing(WIDTH, HEIGHT, f"Output along {found.feature}", [*out, *_x_axis(x), *_rug(points, at, x)])


def _x_axis(x: Scale) -> list[str]:
    """Write round values under the axis, none over another."""
    out, free = [], 0.0
    for tick in ticks(x.lo, x.hi, about=5):
        words = number(tick, digits=3)
        half = len(words) * 3.4
        if x.at(tick) - half >= free and x.at(tick) + half <= WIDTH:
            out.append(line(x.at(tick), BOTTOM, x.at(tick), BOTTOM + 4, "axis"))
            out.append(text(x.at(tick), BOTTOM + 17, words, "tick mid"))
            free = x.at(tick) + half + 8
    return out


def _rug(points: Sequence[DependencePoint], at: Sequence[float], x: Scale) -> list[str]:
    """Draw the share of the rows that stands at each point; points lie closer where there are more."""
    total, most = sum(p.n for p in points), max(p.n for p in points)
    left = x.start - INSET
    out = [line(left, RUG, RIGHT, RUG, "axis"), text(left, RUG + 16, "rows behind each point", "tick")]
    for p, value in zip(points, at, strict=True):
        height, said = RUG_HEIGHT * p.n / most, f"{share(p.n / total)} of the rows"
        out.append(el("rect", said, x=x.at(value) - 2, y=RUG - height, width=4, height=height, cls="rows"))
    return out


def _over_categories(found: Dependence) -> str:
    """Draw one line per category: its PDP with the band of the rows' lines, and its share of the rows."""
    points, left, right = found.points, 132.0, 350.0
    mean, total = _mean([p.pdp for p in points]), sum(p.n for p in points)
    ends = [(mean + p.ice_lo, mean + p.ice_hi) for p in points]
    x = Scale(*padded([p.pdp for p in points] + [end for pair in ends for end in pair]), left, right)
    bottom = STEP * len(points) + 4
    out = [line(left, bottom, right, bottom, "axis")]
    for tick in ticks(x.lo, x.hi, about=3):
        out.append(line(x.at(tick), 0, x.at(tick), bottom, "base"))
        out.append(text(x.at(tick), bottom + 16, number(tick, digits=3), "tick mid"))
    for i, (p, (low, high)) in enumerate(zip(points, ends, strict=True)):
        mid, name = STEP * (i + 0.5) + 2, p.category or ""
        out += [
            text(left - 8, mid + 4, fit(name, left - 10), "end", title=name),
            line(x.at(low), mid, x.at(high), mid, "whisker"),
            el("circle", _said(p, name, found.output), cx=x.at(p.pdp), cy=mid, r=4.5, cls="dot"),
            el(
                "rect", x=right + 12, y=mid - BAR / 2, width=44 * p.n / max(q.n for q in points), height=BAR, cls="rows"
            ),
            text(right + 60, mid + 4, share(p.n / total), "tick"),
        ]
    return drawing(WIDTH, bottom + 22, f"Output by {found.feature}", out)


def _said(point: DependencePoint, name: str, output: str) -> str:
    """Say a point in words."""
    along = f", mean SHAP value {number(point.shap)}"
    return f"{name}: {output} {number(point.pdp)}{along}, {point.n:,} rows"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
