"""Does a number depend on the day of the week? Asked of the nights of phase I, by a one-way analysis of variance."""

from collections.abc import Sequence
from datetime import date
from statistics import fmean, median

LEAST = 3  # nights of every weekday
LEVEL = 0.01  # p from which on there is a season
DAYS = 7


def by_weekday(nights: Sequence[date], values: Sequence[float]) -> list[list[float]]:
    """Return the values of every weekday, Monday first."""
    days: list[list[float]] = [[] for _ in range(DAYS)]
    for night, value in zip(nights, values, strict=True):
        days[night.weekday()].append(value)
    return days


def has_weeks(nights: Sequence[date]) -> bool:
    """Tell whether every weekday is there often enough."""
    return min(map(len, by_weekday(nights, [0.0] * len(nights)))) >= LEAST


def without_weekdays(nights: Sequence[date], values: Sequence[float]) -> list[float]:
    """Return what is left of the values beside the median of their weekday: no outlier moves it."""
    middle = [median(day) if day else 0.0 for day in by_weekday(nights, values)]
    return [value - middle[night.weekday()] for night, value in zip(nights, values, strict=True)]


def weekday_effects(nights: Sequence[date], values: Sequence[float]) -> tuple[float, ...]:
    """Return by how much each weekday's mean is above the mean of the seven; () when chance explains it.

    Args:
        nights: of the values.
        values: of phase I, without those that were set aside.
    """
    if not has_weeks(nights):
        return ()
    days = by_weekday(nights, values)
    means = [fmean(day) for day in days]
    overall = fmean(values)
    between = sum(len(day) * (mean - overall) ** 2 for day, mean in zip(days, means, strict=True))
    within = sum((x - mean) ** 2 for day, mean in zip(days, means, strict=True) for x in day)
    if not _differ(between, within, len(values)):
        return ()
    centre = fmean(means)
    return tuple(mean - centre for mean in means)


def _differ(between: float, within: float, n: int) -> bool:
    """Whether the F test rejects that all weekdays have one mean."""
    from scipy.special import fdtrc  # here: durations are charted where nothing heavy is loaded

    tiny = 1e-20 * (between + within)
    if between <= tiny:
        return False
    return within <= tiny or fdtrc(DAYS - 1, n - DAYS, between / (DAYS - 1) / (within / (n - DAYS))) <= LEVEL
