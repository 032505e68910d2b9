"""p-values adjusted for how many were looked at.

Source: Benjamini and Hochberg (1995), *Controlling the false discovery rate*.
"""

from collections.abc import Sequence


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return the adjusted p-values, in the order of `p`: reject those up to alpha, and at most that share is false.

    When nothing moved at all, any of them is up to alpha with a chance of at most alpha (independent or positively
    dependent tests).
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [1.0] * len(p), 1.0
    for place in range(len(p), 0, -1):
        number = order[place - 1]
        running = min(running, p[number] * len(p) / place)
        adjusted[number] = running
    return adjusted
