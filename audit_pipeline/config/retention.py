"""How long files of each kind are kept, and what a legal hold keeps beyond that."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field, model_validator

from audit_pipeline.config.base import Broken, Strict, fits, mapping
from audit_pipeline.config.model import Name

CLASSES = ("snapshots", "inputs", "artifacts", "evidence")  # in the order in which they are deleted
AMOUNT = r"([1-9]\d{0,4}) (days|months|years)"
Kept = Annotated[str, fits(AMOUNT, "an amount such as 400 days, 18 months or 6 years")]


class Retention(Strict):
    """How long after its night a file is kept; what no class names is kept for good. The log is never purged."""

    snapshots: Kept | None = Field(
        default=None, description="the frozen prediction logs, and reasons kept for single rows (row-level)"
    )
    inputs: Kept | None = Field(
        default=None,
        description="labels, references (row-level), models, configuration; from the last night that used it",
    )
    artifacts: Kept | None = Field(default=None, description="reports and what else was rendered")
    evidence: Kept | None = Field(
        default=None, description="the records; at least as long as the other three, which must be given then"
    )


class Hold(Strict):
    """A legal hold: nothing that these nights stand on is purged or erased."""

    reason: str = Field(min_length=1, description="why, e.g. the matter; shown when something is refused")
    model: Name | None = Field(default=None, description="only this model; default: all")
    first: date | None = Field(default=None, description="first night; default: from the beginning")
    last: date | None = Field(default=None, description="last night; default: no end")

    @model_validator(mode="after")
    def _ordered(self) -> "Hold":
        if self.first and self.last and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self

    def covers(self, model_id: str, night: date) -> bool:
        """Tell whether a model-night is under this hold."""
        begun = self.first is None or self.first <= night
        return self.model in (None, model_id) and begun and (self.last is None or night <= self.last)


def until(night: date, kept: str) -> date:
    """Return the first day on which what is `kept` so long after `night` may be deleted.

    A month without that day ends with its last one: 6 months after 31 August is the last day of February.

    Raises:
        ValueError: `kept` is no amount.
    """
    found = re.fullmatch(AMOUNT, kept)
    if found is None:
        raise ValueError("no amount of time")
    number, unit = int(found[1]), found[2]
    if unit == "days":
        return night + timedelta(days=number)
    years, month = divmod(night.month - 1 + number * (12 if unit == "years" else 1), 12)
    year = min(night.year + years, date.max.year)
    return date(year, month + 1, min(night.day, monthrange(year, month + 1)[1]))


def broken_retention(data: Any) -> Iterator[Broken]:
    """Yield what is wrong between classes: a record stays at least as long as what it names."""
    given = mapping(data)
    ends = {name: _end(given.get(name)) for name in CLASSES}
    evidence = ends.pop("evidence")
    for name, end in ends.items() if evidence else ():
        if given.get(name) is None:
            yield ("retention", "evidence"), f"needs `{name}` too: a record is not deleted before what it names"
        elif end and evidence and end > evidence:
            yield ("retention", "evidence"), f"is shorter than `{name}`: a record is not deleted before what it names"


def _end(value: Any) -> date | None:
    """Return a day by which raw amounts can be compared; None of what is none."""
    is_amount = isinstance(value, str) and re.fullmatch(AMOUNT, value)
    return until(date(2000, 1, 1), value) if is_amount else None
