"""Which of Nelson's eight rules the newest point of a Shewhart chart breaks.

Source: Nelson (1984), *The Shewhart control chart: tests for special causes*, Journal of Quality Technology 16(4).
A rule is broken by the point that completes its pattern, and only by that one.
"""

from collections.abc import Sequence
from itertools import pairwise

RULES = {  # name -> what it says
    "limits": "beyond three standard deviations",
    "nelson_2": "nine nights on one side of the centre",
    "nelson_3": "six nights that only rise or only fall",
    "nelson_4": "fourteen nights that rise and fall in turn",
    "nelson_5": "two of three nights beyond two standard deviations on one side",
    "nelson_6": "four of five nights beyond one standard deviation on one side",
    "nelson_7": "fifteen nights within one standard deviation",
    "nelson_8": "eight nights, none within one standard deviation",
}
LIMIT = 3.0  # standard deviations
ONE_SIDE = 0.0013498980316300933  # chance beyond them on one side, of a normal number


def broken_rules(z: Sequence[float]) -> tuple[str, ...]:
    """Return the rules that the last of `z` breaks.

    Args:
        z: standard deviations from the centre, oldest first.
    """
    if not z:
        return ()
    found = {
        "limits": abs(z[-1]) > LIMIT,
        "nelson_2": _one_side(z[-9:], 9),
        "nelson_3": _trend(z[-6:]),
        "nelson_4": _alternates(z[-14:]),
        "nelson_5": _beyond(z[-3:], 2.0, least=2),
        "nelson_6": _beyond(z[-5:], 1.0, least=4),
        "nelson_7": len(z) >= 15 and all(abs(x) < 1 for x in z[-15:]),
        "nelson_8": len(z) >= 8 and all(abs(x) > 1 for x in z[-8:]),
    }
    return tuple(name for name, is_broken in found.items() if is_broken)


def _one_side(z: Sequence[float], length: int) -> bool:
    return len(z) == length and (all(x > 0 for x in z) or all(x < 0 for x in z))


def _trend(z: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(z)]
    return len(z) == 6 and _one_side(steps, 5)


def _alternates(z: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(z)]
    return len(z) == 14 and all(a * b < 0 for a, b in pairwise(steps))


def _beyond(z: Sequence[float], limit: float, *, least: int) -> bool:
    """Whether the last point and so many of the others are beyond the limit on one side."""
    side = 1 if z[-1] > 0 else -1
    return z[-1] * side > limit and sum(x * side > limit for x in z) >= least
