"""What every configuration object has in common."""

import re
from collections.abc import Iterator
from typing import Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

Broken = tuple[tuple[str, ...], str]  # where in the document, and what would be right


class Strict(BaseModel):
    """Frozen; an unknown key is a fault, never ignored. Built when first used: `status` needs no configuration."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), defer_build=True, allow_inf_nan=False
    )


class Ruled(Strict):
    """Has rules between its keys, which are told together with the faults of the single keys."""

    @classmethod
    def broken(cls, data: dict[str, Any]) -> Iterator[Broken]:
        """Yield the rules that raw data breaks; it may be of any shape, since its keys have not been checked."""
        raise NotImplementedError

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        broken = list(cls.broken(data)) if isinstance(data, dict) else []
        details = [
            InitErrorDetails(type=PydanticCustomError("rule", "{text}", {"text": text}), loc=place, input=None)
            for place, text in broken
        ]
        try:
            found = handler(data)
        except ValidationError as error:
            details = [*(_again(detail) for detail in error.errors(include_url=False)), *details]
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return found


def _again(detail: Any) -> InitErrorDetails:
    """Make an error that was found into one to raise."""
    return InitErrorDetails(type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {}))


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping of raw data, or an empty one where something else stands; typed objects become mappings."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value if isinstance(value, dict) else {}


def fits(pattern: str, meaning: str) -> AfterValidator:
    """Return a validator of text; its message says what would be right and never repeats the text, a secret maybe."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {meaning}")
        return text

    return AfterValidator(check)
