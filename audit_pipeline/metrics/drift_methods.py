"""The ways to say how far a column moved. A method is one line of `METHODS`.

Each method answers a question: did the distribution move, are more values missing, are there categories the reference
never saw? One method of each question brings the p-value by which all of its methods are judged: the size of a
move says whether it matters, the p-value whether chance explains it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from audit_pipeline.metrics.categories import chance_of_new, chi_square, total_variation
from audit_pipeline.metrics.divergence import jensen_shannon
from audit_pipeline.metrics.ks import ks
from audit_pipeline.metrics.pair import NUMERIC, TYPES, Pair
from audit_pipeline.metrics.psi import psi
from audit_pipeline.metrics.shares import two_shares
from audit_pipeline.metrics.wasserstein import wasserstein

Score = tuple[float, float | None]  # value, p
NAMED = TYPES - NUMERIC  # category, boolean
CATEGORY = frozenset({"category"})


def _psi(pair: Pair) -> Score:
    """PSI on the reference's quantile bins or on the values."""
    return psi(*pair.histogram), None


def _jensen_shannon(pair: Pair) -> Score:
    """Jensen-Shannon distance on the same bins."""
    return jensen_shannon(*pair.histogram), None


def _ks(pair: Pair) -> Score:
    """Largest gap of the distribution functions."""
    return ks(pair.steps)


def _wasserstein(pair: Pair) -> Score:
    """Average distance in standard deviations of the reference."""
    return wasserstein(pair.steps), None


def _total_variation(pair: Pair) -> Score:
    """Share of rows that would have to change category; p of the chi-square test."""
    return total_variation(*pair.histogram), chi_square(*pair.categories)


def _missing_share(pair: Pair) -> Score:
    """Current missing share minus the reference's."""
    n, m = pair.current.rows, pair.reference.rows
    k, j = n - pair.current.present, m - pair.reference.present
    return k / n - j / m, two_shares(k, n, j, m)


def _new_category_share(pair: Pair) -> Score:
    """Share of the current non-missing values that the reference never saw; its p is an upper bound."""
    new = sum(count for value, count in pair.current.counts.items() if value not in pair.reference.counts)
    return new / pair.current.present, chance_of_new(pair.reference.counts, pair.current.counts)


def _vanished_category_share(pair: Pair) -> Score:
    """Share of the reference's non-missing values whose category is gone."""
    gone = sum(count for value, count in pair.reference.counts.items() if value not in pair.current.counts)
    return gone / pair.reference.present, None


@dataclass(frozen=True)
class Method:
    """One way to say how far a column moved."""

    name: str
    types: frozenset[str]  # canonical types it is made for
    measure: Callable[[Pair], Score]
    over: str  # what its n counts: "values" (non-missing) or "rows"
    question: str  # methods of one question share its p-value
    test: str | None = None  # the test whose p it brings


METHODS: tuple[Method, ...] = (
    Method("psi", TYPES, _psi, over="values", question="distribution"),
    Method("jensen_shannon", TYPES, _jensen_shannon, over="values", question="distribution"),
    Method("ks", NUMERIC, _ks, over="values", question="distribution", test="ks"),
    Method("wasserstein", NUMERIC, _wasserstein, over="values", question="distribution"),
    Method("total_variation", NAMED, _total_variation, over="values", question="distribution", test="chi_square"),
    Method("vanished_category_share", CATEGORY, _vanished_category_share, over="values", question="distribution"),
    Method("missing_share", TYPES, _missing_share, over="rows", question="missing", test="two_shares"),
    Method("new_category_share", CATEGORY, _new_category_share, over="values", question="new", test="exchangeability"),
)
