"""An expectation's arguments as its owner wrote them, made ready for both engines, or refused with a reason.

Both engines see the same table: numbers as floats, dates and timestamps as UTC timestamps without a zone. What
pandas and SQL would read differently ("1" beside 1, a date beside a time) is settled here, once.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from audit_pipeline.checks.kinds import FAMILY, NUMERIC, ORDERED, READABLE, Kind
from audit_pipeline.errors import did_you_mean

EXACT = 2**53  # integers up to here are exact as floats
VALUE_KEYS = ("min_value", "max_value", "value_set")  # hold values of `column`
PARAMETER = re.compile(r"\s*night\s*(?:([+-])\s*timedelta\(\s*(weeks|days|hours|minutes)\s*=\s*(\d{1,5})\s*\)\s*)?")


class ArgumentError(ValueError):
    """The arguments cannot be evaluated on this snapshot; the message is a sentence for the report."""


def ready(kwargs: Mapping[str, Any], kind: Kind, types: Mapping[str, str], *, night: date) -> dict[str, Any]:
    """Return `kwargs` with `$PARAMETER` filled in and values of the types of their columns.

    Args:
        kwargs: as in the suite.
        kind: of the expectation's type.
        types: column of the snapshot -> canonical type.
        night: value of `$PARAMETER: night`, as midnight.

    Raises:
        ArgumentError: a column is not in the snapshot or of another type, or a value does not fit it.
    """
    filled = {key: _filled(value, night) for key, value in kwargs.items()}
    if kind.counts != "table":
        _check_columns(list(named(filled)), kind, types)
    column = filled.get("column")
    if isinstance(column, str) and column in types and kind.counts != "table" and kind.reads != "text":
        about_values = kind.counts == "values" or kind.shows in ("declared", "distinct", "nothing")
        for key in VALUE_KEYS if about_values else ():
            if key in filled:
                filled[key] = _fitted(filled[key], types[column], f"`{key}`", column)
    for key in ("min_value", "max_value"):
        if isinstance(filled.get(key), int) and abs(filled[key]) > EXACT:
            raise ArgumentError(f"`{key}` is beyond 2^53, where Great Expectations would round it.")
    if filled.get("row_condition") is not None:
        filled["row_condition"] = _condition(filled["row_condition"], types)
    return filled


def named(kwargs: Mapping[str, Any]) -> Iterator[str]:
    """Yield every column whose values the arguments name, conditions aside."""
    for key in ("column", "column_A", "column_B"):
        if kwargs.get(key) is not None:
            yield str(kwargs[key])
    listed = kwargs.get("column_list")
    yield from (str(column) for column in listed or () if isinstance(listed, list | tuple))


def conditioned(condition: Any) -> Iterator[str]:
    """Yield every column that a row condition names."""
    if isinstance(condition, Mapping):
        column = condition.get("column")
        if isinstance(column, Mapping) and "name" in column:
            yield str(column["name"])
        for part in condition.get("conditions") or ():
            yield from conditioned(part)


def _filled(value: Any, night: date) -> Any:
    """Replace parameters and bring dates to timestamps without a zone, at any depth."""
    if isinstance(value, Mapping):
        if set(value) == {"$PARAMETER"}:
            return _parameter(str(value["$PARAMETER"]), night)
        return {key: _filled(part, night) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(part, night) for part in value]
    return _moment(value) if isinstance(value, date) else value


def _moment(value: date) -> datetime:
    """Return a date as its midnight, and a moment in UTC without a zone."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _parameter(expression: str, night: date) -> datetime:
    """Evaluate `night` or `night + timedelta(days=1)`; nothing else is known, least of all the clock."""
    found = PARAMETER.fullmatch(expression)
    if not found:
        raise ArgumentError(
            f"`$PARAMETER: {expression}` is not known; it may be `night`, or e.g. `night + timedelta(days=1)`."
        )
    sign, unit, amount = found.groups()
    step = timedelta(**{unit: int(amount)}) if unit else timedelta()
    return _moment(night) - step if sign == "-" else _moment(night) + step


def _check_columns(columns: list[str], kind: Kind, types: Mapping[str, str]) -> None:
    """Refuse columns that are not there, or whose type the expectation cannot read."""
    for column in columns:
        if column not in types:
            raise ArgumentError(f"Column '{column}' is not in the snapshot.{did_you_mean(column, types)}")
        if types[column] not in READABLE[kind.reads]:
            allowed = ", ".join(READABLE[kind.reads])
            raise ArgumentError(f"Column '{column}' is of type {types[column]}; this expectation reads {allowed}.")
    if kind.reads == "alike" and len({FAMILY[types[column]] for column in columns}) > 1:
        listed = ", ".join(f"'{column}' is {types[column]}" for column in columns)
        raise ArgumentError(f"The columns cannot be compared: {listed}.")


def _condition(condition: Any, types: Mapping[str, str]) -> Any:
    """Fit the values of a row condition to its columns."""
    if not isinstance(condition, Mapping):
        raise ArgumentError(
            "`row_condition` must be written as {type: comparison, column: {name: ...}, operator: ..., parameter: ...}."
        )
    fitted = dict(condition)
    if "conditions" in fitted:
        fitted["conditions"] = [_condition(part, types) for part in fitted["conditions"] or ()]
    for column in conditioned({"column": fitted.get("column")}):
        if column not in types:
            raise ArgumentError(
                f"Column '{column}' of `row_condition` is not in the snapshot.{did_you_mean(column, types)}"
            )
        if "parameter" in fitted:
            fitted["parameter"] = _fitted(fitted["parameter"], types[column], "`row_condition`", column)
    return fitted


def _fitted(value: Any, kind: str, where: str, column: str) -> Any:
    """Return `value`, or each of a list, as a value of canonical type `kind`; None stays (no bound)."""
    if isinstance(value, list):
        return [_fitted(part, kind, where, column) for part in value]
    if value is None:
        return None
    if kind in ("date", "timestamp") and isinstance(value, str):
        try:
            return _moment(datetime.fromisoformat(value))
        except ValueError as error:
            raise ArgumentError(f"{where} is no date or time, but column '{column}' is of type {kind}.") from error
    if not _fits(value, kind):
        hint = " (text stands in quotes)" if kind == "category" else ""
        raise ArgumentError(f"{where} is no {kind}, but column '{column}' is{hint}.")
    return value


def _fits(value: Any, kind: str) -> bool:
    """Whether a plain value can be compared with a column of type `kind`."""
    if kind in NUMERIC:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ORDERED:
        return isinstance(value, datetime)
    return isinstance(value, bool if kind == "boolean" else str)
