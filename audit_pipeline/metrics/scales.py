"""On which scale a number varies evenly, so that limits a fixed number of standard deviations away make sense.

A share near 0 or 1, a count, an error that is never below 0: on their own scale their spread grows with their size,
and their limits reach beyond what is possible. The scales are the usual stabilisers of variance: arcsine of the root
for shares, Anscombe's root for counts, the cube root of Wilson and Hilferty for sums of squares (PSI, errors), the
logarithm for durations. Each is increasing, so that a limit is carried back as it is.

Sources: Anscombe (1948), *The transformation of Poisson, binomial and negative-binomial data*; Wilson and Hilferty
(1931), *The distribution of chi-square*.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number is carried to the scale and back, and the sampling error that n rows leave on it."""

    to: Callable[[float], float]
    back: Callable[[float], float]
    low: float = -math.inf  # ends of the scale
    high: float = math.inf
    error: Callable[[int], float] = lambda _: 0.0  # standard error by n; 0: not known from n alone

    def limit(self, y: float) -> float | None:
        """Return a limit in the number's own unit, None where it would be beyond what the number can be."""
        return self.back(y) if self.low <= y <= self.high else None

    def centre(self, y: float) -> float:
        """Return a centre in the number's own unit."""
        return self.back(min(max(y, self.low), self.high))


SCALES = {
    "identity": Scale(lambda x: x, lambda y: y),
    "share": Scale(
        lambda x: math.asin(math.sqrt(min(max(x, 0.0), 1.0))),
        lambda y: math.sin(y) ** 2,
        0.0,
        math.pi / 2,
        lambda n: 0.5 / math.sqrt(n),
    ),
    "count": Scale(
        lambda x: 2 * math.sqrt(x + 0.375),
        lambda y: y * y / 4 - 0.375,
        2 * math.sqrt(0.375),
        error=lambda _: 1.0,
    ),
    "amount": Scale(math.cbrt, lambda y: y**3, 0.0),
    "log": Scale(math.log, math.exp),
}


def holds(scale: str, value: float) -> bool:
    """Tell whether a number can stand on the scale."""
    if scale == "log":
        return value > 0
    return math.isfinite(value) and (value >= 0 or scale == "identity")
