"""The reliability diagram: observed rate over mean score, per bin of the scores, with 95 % intervals."""

from collections.abc import Sequence

from audit_pipeline.evidence.report_text import number
from audit_pipeline.evidence.svg import Scale, drawing, el, line, text, ticks
from audit_pipeline.records import ReliabilityBin

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 460.0, 330.0, 56.0, 12.0, 440.0, 284.0


def reliability_plot(bins: Sequence[ReliabilityBin]) -> str:
    """Return dots with whiskers over the diagonal on which a calibrated model lies; both axes are the same.

    The axis ends at the largest number drawn, so that a rare outcome is not squeezed into a corner.
    """
    top = min(1.0, 1.05 * max((max(b.score, b.hi) for b in bins), default=1.0)) or 1.0
    x, y = Scale(0.0, top, LEFT, RIGHT), Scale(0.0, top, BOTTOM, TOP)
    out = [line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis"), line(LEFT, BOTTOM, LEFT, TOP, "axis")]
    for tick in ticks(0.0, top):
        out.append(line(x.at(tick), BOTTOM, x.at(tick), BOTTOM + 4, "axis"))
        out.append(text(x.at(tick), BOTTOM + 17, number(tick, digits=2), "tick mid"))
        out.append(text(LEFT - 8, y.at(tick) + 4, number(tick, digits=2), "tick end"))
    out.append(line(LEFT, BOTTOM, RIGHT, TOP, "refline"))
    for b in bins:
        at = x.at(b.score)
        out += [
            line(at, y.at(b.lo), at, y.at(b.hi), "whisker"),
            line(at - 4, y.at(b.lo), at + 4, y.at(b.lo), "whisker"),
            line(at - 4, y.at(b.hi), at + 4, y.at(b.hi), "whisker"),
            el("circle", f"{number(b.rate)} of {b.n:,} rows", cx=at, cy=y.at(b.rate), r=4.5, cls="dot"),
        ]
    out.append(text((LEFT + RIGHT) / 2, BOTTOM + 36, "mean score", "tick mid"))
    out.append(text(LEFT + 6, TOP + 10, "observed rate", "tick"))
    return drawing(WIDTH, HEIGHT, f"Observed rate over mean score in {len(bins)} bins", out)
