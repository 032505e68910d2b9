"""How a canonical value is made coarser before a byte of it is written, as SQL; missing stays missing.

Every rule is done twice at no cost: a generalised value is its own generalisation. So a log that comes generalised
from its producer is left as it is.
"""

from audit_pipeline.records import Generalised

TINY = 1e-9  # steps: 0.3 / 0.1 is a little below 3, and 0.3 is meant to stay 0.3


def generalised(value: str, rule: Generalised, *, declared: str) -> str:
    """Return the SQL of `value` under `rule`, of the same type.

    Args:
        value: SQL of a canonical value.
        rule: of its column; a number is banded, or capped and then stepped.
        declared: number, integer, category, date or timestamp.
    """
    if rule.prefix is not None:
        return f"left({value}, {rule.prefix})"
    if rule.to is not None:
        return f"date_trunc('{rule.to}', {value})::{declared}"
    kind = "bigint" if declared == "integer" else "double"
    made = _stepped(_banded(_capped(value, rule), rule), rule, whole=declared == "integer")
    return f"try_cast({made} as {kind})"


def _capped(value: str, rule: Generalised) -> str:
    """Top-coding: what is above is told as the top itself (not by `least`, which passes over NULL)."""
    return value if rule.top is None else f"case when {value} > {rule.top!r} then {rule.top!r} else {value} end"


def _banded(value: str, rule: Generalised) -> str:
    """The lower edge of the band; below the first edge, the first."""
    if not rule.bands:
        return value
    above = " ".join(f"when {value} >= {edge!r} then {edge!r}" for edge in reversed(rule.bands))
    return f"case when {value} is null then null {above} else {rule.bands[0]!r} end"


def _stepped(value: str, rule: Generalised, *, whole: bool) -> str:
    """The multiple of the step below, or the nearest one (half way: the one above)."""
    step = rule.floor or rule.round
    if step is None:
        return value
    if whole:  # exact: a double holds whole numbers up to 2**53 only
        shifted = f"(({value})::hugeint + {int(step) // 2 if rule.round else 0})"
        return f"({shifted} - (({shifted} % {int(step)}) + {int(step)}) % {int(step)})"
    ahead = 0.5 if rule.round else TINY
    return f"floor(({value}) / {step!r} + {ahead!r}) * {step!r} + 0.0"
