"""One number against its limits: PASS, WARN or FAIL, and the limit that decided."""

import math
from dataclasses import dataclass

from audit_pipeline.config import Floor, Limit
from audit_pipeline.records import Outcome


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a number came to, and the limit it met (or would have met first)."""

    outcome: Outcome
    limit: float | None


def against_limit(value: float | None, limit: Limit) -> Judgement:
    """Judge a number that is bad when high; a limit is met when the number reaches it."""
    first = limit.warn if limit.warn is not None else limit.fail
    if value is None or math.isnan(value):
        return Judgement(Outcome.NOT_EVALUATED, first)
    if limit.fail is not None and value >= limit.fail:
        return Judgement(Outcome.FAIL, limit.fail)
    if limit.warn is not None and value >= limit.warn:
        return Judgement(Outcome.WARN, limit.warn)
    return Judgement(Outcome.PASS, first)


def against_floor(value: float | None, floor: Floor) -> Judgement:
    """Judge a metric of quality; a `below` is met under the limit, an `above` over it."""
    bounds = (floor.warn_below, floor.warn_above, floor.fail_below, floor.fail_above)
    first = next((bound for bound in bounds if bound is not None), None)
    if value is None or math.isnan(value):
        return Judgement(Outcome.NOT_EVALUATED, first)
    failed = _crossed(value, floor.fail_below, floor.fail_above)
    if failed is not None:
        return Judgement(Outcome.FAIL, failed)
    warned = _crossed(value, floor.warn_below, floor.warn_above)
    if warned is not None:
        return Judgement(Outcome.WARN, warned)
    return Judgement(Outcome.PASS, first)


def _crossed(value: float, below: float | None, above: float | None) -> float | None:
    """Return the bound that `value` crossed, or None."""
    if below is not None and value < below:
        return below
    if above is not None and value > above:
        return above
    return None


def by_interval(value: float, lo: float, hi: float, floor: Floor, *, equal: float) -> tuple[Judgement, str]:
    """Judge a number by its interval; return the judgement and "met", "not met" or "inconclusive".

    A limit is not met when the whole interval is beyond it, and met when all of it is within. In between the rows do
    not tell: a number beyond the limit is WARN when the interval excludes `equal` (so there is a difference, of
    uncertain size), all else is NOT_EVALUATED.
    """
    nearer = against_floor(hi if _asks_for_more(floor) else lo, floor)  # the end of the interval that is better
    if nearer.outcome is not Outcome.PASS:
        return nearer, "not met"
    farther = against_floor(lo if _asks_for_more(floor) else hi, floor)
    if farther.outcome is Outcome.PASS:
        return farther, "met"
    here = against_floor(value, floor)
    if here.outcome is not Outcome.PASS and not lo <= equal <= hi:
        return Judgement(Outcome.WARN, here.limit), "inconclusive"
    return Judgement(Outcome.NOT_EVALUATED, farther.limit), "inconclusive"


def _asks_for_more(floor: Floor) -> bool:
    """Whether the floor is for a number that is good when high."""
    return floor.warn_below is not None or floor.fail_below is not None


def is_set(limit: Limit | Floor) -> bool:
    """Whether any bound is given: a number without a bound is shown, not judged."""
    return any(bound is not None for bound in limit.model_dump().values())
