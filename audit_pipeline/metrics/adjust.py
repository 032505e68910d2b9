"""p-values adjusted for how many were looked at.

Sources: Benjamini and Hochberg (1995), *Controlling the false discovery rate*; Holm (1979), *A simple sequentially
rejective multiple test procedure*.
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


def holm(p: Sequence[float]) -> list[float]:
    """Return the adjusted p-values, in the order of `p`: any false one is up to alpha with a chance of at most alpha.

    That holds however the tests depend on each other, and whichever of them are false.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [1.0] * len(p), 0.0
    for place, number in enumerate(order):
        running = max(running, min(1.0, p[number] * (len(p) - place)))
        adjusted[number] = running
    return adjusted
