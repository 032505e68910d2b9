"""Paper and pen of the report's drawings: an axis, round numbers, the shape of each outcome, SVG elements as text.

Coordinates are rounded to a tenth and every text is escaped, so that a drawing is deterministic and harmless.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from audit_pipeline.records import Outcome

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


def padded(values: Sequence[float]) -> tuple[float, float]:
    """Return a domain that holds all finite `values` with a tenth to spare on both sides; (0, 1) for none."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    lo, hi = min(finite), max(finite)
    pad = (hi / 10 - lo / 10) or abs(lo) / 10 or 1.0
    return max(lo - pad, -sys.float_info.max), min(hi + pad, sys.float_info.max)


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
        return el("circle", title, cx=x, cy=y, r=r * 0.8, cls="m m-open")
    cls = f"m m-{SUFFIX[outcome]}"
    if outcome is Outcome.PASS:
        return el("circle", title, cx=x, cy=y, r=r * 0.9, cls=cls)
    if outcome is Outcome.FAIL:
        return el("rect", title, x=x - r * 0.85, y=y - r * 0.85, width=r * 1.7, height=r * 1.7, rx=1, cls=cls)
    shape = (
        [(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)]
        if outcome is Outcome.WARN
        else [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
    )
    return el("polygon", title, points=corners((x + r * a, y + r * b) for a, b in shape), cls=cls)


def el(tag: str, title: str = "", /, *, cls: str, **attrs: float | str) -> str:
    """Write one element; a title becomes its tooltip."""
    written = "".join(f' {k}="{v if isinstance(v, str) else _r(v)}"' for k, v in attrs.items())
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<{tag} class="{cls}"{written}>{inner}</{tag}>' if inner else f'<{tag} class="{cls}"{written}/>'


def line(x1: float, y1: float, x2: float, y2: float, cls: str) -> str:
    """Write a line."""
    return el("line", cls=cls, x1=x1, y1=y1, x2=x2, y2=y2)


def text(x: float, y: float, words: str, cls: str, *, title: str = "") -> str:
    """Write words; `mid` and `end` in `cls` say where it is anchored."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<text class="{cls}" x="{_r(x)}" y="{_r(y)}">{tip}{escape(words)}</text>'


def corners(pairs: Iterable[tuple[float, float]]) -> str:
    """Write the corners of a polygon."""
    return " ".join(f"{_r(x)},{_r(y)}" for x, y in pairs)


def _r(x: float) -> str:
    """Write a coordinate, rounded to a tenth."""
    text = f"{x:.1f}"
    return text[:-2] if text.endswith(".0") else text


def drawing(width: float, height: float, label: str, parts: Iterable[str], cls: str = "") -> str:
    """Wrap a drawing; `label` is what a screen reader says."""
    said = escape(label)
    head = f'<svg class="plot {cls}" viewBox="0 0 {_r(width)} {_r(height)}" role="img" aria-label="{said}">'
    return "".join([head, *parts, "</svg>"])
