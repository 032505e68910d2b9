"""Whether two shares differ by more than chance: the z test, or the exact one where few rows are expected.

Sources: pooled two-proportion z test; Fisher's exact test, its smaller tail doubled. Where fewer than five rows are
expected in a cell the z test says "p = 1e-6" of a single row, so the exact one is taken.
"""

import math

LEAST_EXPECTED = 5  # rows
NEGLIGIBLE = 1e-18  # terms of a tail below this share of its sum end it


def two_shares(k: int, n: int, j: int, m: int) -> float:
    """Return the two-sided p that k of n and j of m are draws from one share; n, m >= 1."""
    pooled = (k + j) / (n + m)
    if pooled in (0.0, 1.0):
        return 1.0
    if min(pooled, 1 - pooled) * min(n, m) < LEAST_EXPECTED:
        return _exact(k, n, j, m)
    z = (k / n - j / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return math.erfc(abs(z) / math.sqrt(2))


def _exact(k: int, n: int, j: int, m: int) -> float:
    """Return twice the smaller tail of the hypergeometric distribution of k."""
    return min(1.0, 2 * min(_tail(k, n, j, m), _tail(j, m, k, n)))


def _tail(k: int, n: int, j: int, m: int) -> float:
    """Return the chance that n of n + m rows hold k or more of the k + j marked ones."""
    marked = k + j

    def log_choose(a: int, b: int) -> float:
        return math.lgamma(a + 1) - math.lgamma(b + 1) - math.lgamma(a - b + 1)

    term = math.exp(log_choose(n, k) + log_choose(m, j) - log_choose(n + m, marked))
    total, mode = 0.0, marked * n / (n + m)
    for i in range(k, min(marked, n) + 1):
        total += term
        if term == 0.0 or (i > mode and term < NEGLIGIBLE * total):
            break
        term *= (n - i) * (marked - i) / ((i + 1) * (m - marked + i + 1))
    return min(total, 1.0)
