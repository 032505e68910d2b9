"""How one column is made coarser before it is written: `generalise` of a column in the model file."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from audit_pipeline.config.base import Broken, Strict, mapping
from audit_pipeline.records import Generalised

ROLES = ("feature", "segment", "time")  # other columns join, name persons, or are what is audited
KEYS = {  # of a column's type
    "number": ("bands", "round", "floor", "top"),
    "integer": ("bands", "round", "floor", "top"),
    "date": ("to",),
    "timestamp": ("to",),
    "category": ("prefix",),
    "boolean": (),
}


class Generalise(Strict):
    """What is kept of a value; the exact one is never written, and checks and metrics see the coarser one."""

    bands: Annotated[tuple[float, ...], Field(min_length=1)] | None = Field(
        default=None, description="lower edges, rising; a number becomes that of its band, and the first one below it"
    )
    round: Annotated[float, Field(gt=0)] | None = Field(default=None, description="step: the nearest multiple")
    floor: Annotated[float, Field(gt=0)] | None = Field(default=None, description="step: the multiple below")
    top: float | None = Field(default=None, description="a number above becomes this, e.g. 90 for ages")
    to: Literal["year", "month"] | None = Field(default=None, description="a date or time becomes its first day")
    prefix: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="characters of a category that are kept, e.g. 3 of a ZIP code"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = {key for key, value in self if value is not None}
        if not given:
            raise ValueError(f"says nothing: give one of {', '.join(type(self).model_fields)}")
        if len(given - {"top"}) > 1 or {"bands", "top"} <= given:
            raise ValueError("gives more than one rule; only `round` and `floor` go with `top`")
        if any(high <= low for low, high in pairwise(self.bands or ())):
            raise ValueError("`bands` must rise")
        return self

    @property
    def rule(self) -> Generalised:
        """The rule as the snapshot knows it."""
        return Generalised(**(self.model_dump(exclude_none=True)))


def broken_generalise(columns: dict[str, Any]) -> Iterator[Broken]:
    """Hold the rules of a model file's columns against their types, roles and privacy classes."""
    for name, raw in columns.items():
        column = mapping(raw)
        if column.get("generalise") is None:
            continue
        place, role = ("columns", name, "generalise"), column.get("role", "feature")
        if column.get("privacy") == "direct_identifier":
            yield place, "has nothing to do: a direct identifier becomes a pseudonym"
        elif role not in ROLES:
            yield place, f"is for columns with the role {', '.join(ROLES)}; this one is a {role}"
        yield from broken_rule(mapping(column["generalise"]), column.get("type"), place)


def broken_rule(rule: dict[str, Any], kind: Any, place: tuple[str, ...]) -> Iterator[Broken]:
    """Hold one rule against the type of its values."""
    fitting = KEYS.get(kind) if isinstance(kind, str) else None
    given = [key for key in Generalise.model_fields if rule.get(key) is not None]
    for key in given if fitting is not None else ():
        if key not in (fitting or ()):
            known = f"it takes {', '.join(fitting)}" if fitting else "nothing does"
            yield (*place, key), f"does not fit the type {kind}: {known}"
    for key in ("bands", "round", "floor", "top") if kind == "integer" else ():
        said = rule.get(key)
        if any(isinstance(x, float) and not x.is_integer() for x in (said if isinstance(said, list) else [said])):
            yield (*place, key), "must be whole, as the values are"
