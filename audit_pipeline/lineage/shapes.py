"""Look into JSON of any shape without stumbling over it."""

from typing import Any

Violation = tuple[str, str]  # JSON path, what is wrong there


def get(value: Any, *keys: str) -> Any:
    """Follow keys through nested objects; None as soon as one is missing or is not an object."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing where something else stands."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
