"""How a count over persons is told: never one of 1 to 10 rows, and never one that leaves out 1 to 10.

A count in that range is told as the end of it: 1 to 10 rows as 10, all but 1 to 10 as all but 10. So 10 always means
"fewer than 11", a share over it is a bound, and sums and charts still work. Words say "fewer than 11", published
tables leave the count out.
"""

from audit_pipeline.records import SMALL_CELL

MOST = SMALL_CELL - 1  # rows of a small cell, at most


def few(count: int | None) -> bool:
    """Tell a small cell: 1 to 10 rows; none at all is no secret."""
    return count is not None and 0 < count < SMALL_CELL


def told(count: int, of: int) -> int:
    """Return `count` of `of` rows as it may be told.

    Of fewer than 22 rows "all but 10" would itself be a small cell: every count but none and all is told as 10.
    """
    if few(of - count) and of - MOST > MOST:
        return of - MOST
    return min(MOST, of) if few(count) or few(of - count) else count


def told_share(share: float, of: int) -> float:
    """Return a share of `of` rows as it may be told: that of the count behind it."""
    count = round(share * of)
    return told(count, of) / of if of and told(count, of) != count else share


def of_in_words(count: int, of: int) -> str:
    """Return "3,000 of 4,000" as a sentence may say it."""
    if few(count) or few(of):
        return f"fewer than {SMALL_CELL} of {in_words(of)}"
    return f"all but fewer than {SMALL_CELL} of {of:,}" if few(of - count) else f"{count:,} of {of:,}"


def in_words(count: int) -> str:
    """Return a count as a sentence may say it."""
    return f"fewer than {SMALL_CELL}" if few(count) else f"{count:,}"
