"""What stands at a key of JSON that anybody may have written: the value of the kind asked for, else nothing."""

from datetime import UTC, date, datetime
from typing import Any

INT64 = 2**63


def value_at(value: Any, *keys: str) -> Any:
    """Follow keys through nested objects; None as soon as one is not there."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def object_at(value: Any, *keys: str) -> dict[str, Any]:
    """Return the object at `keys`, or an empty one."""
    found = value_at(value, *keys)
    return found if isinstance(found, dict) else {}


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_at(value: Any, *keys: str) -> str | None:
    """Return the text at `keys`, or None."""
    found = value_at(value, *keys)
    return found if isinstance(found, str) else None


def integer_at(value: Any, *keys: str) -> int | None:
    """Return the integer at `keys` if the database can hold it, or None."""
    found = value_at(value, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) and -INT64 <= found < INT64 else None


def moment(value: Any) -> datetime | None:
    """Return a date-time with a zone as naive UTC, or None."""
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def day(text: str | None) -> date | None:
    """Return a date, or None."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
