"""A first suite from the profile of a reference, for a person to review.

The limits come from one sample and are generous on purpose: they catch a broken column, not a changed one (that
is drift's work). Every line says from how many rows it was proposed.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audit_pipeline.checks.kinds import NUMERIC
from audit_pipeline.records import SMALL_CELL, Column, ColumnProfile, Severity

MOST = 0.99  # share of values that must lie in a proposed range
SLACK = 0.05  # how far the missing share may rise above the profile's
FEW = 20  # a column of up to so many categories gets a value set
ONCE_MISSING = 1000  # rows from which a column without a gap is taken to have none by design


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed expectation, with why."""

    type: str
    severity: Severity
    kwargs: dict[str, Any]
    notes: str


def propose_yaml(model_id: str, profiles: Sequence[ColumnProfile], columns: Sequence[Column], *, rows: int) -> str:
    """Return the YAML of a suite that `load_project` accepts, with comments.

    Args:
        model_id: of the model file.
        profiles: of the reference's columns.
        columns: of the model file; label columns are left out, since a log does not hold them.
        rows: behind the profiles.
    """
    lines = [
        f"# Expectations on the nightly log of {model_id}, proposed from a profile of {rows:,} rows.",
        "# One sample proves little: review every line, try it on other nights, then delete this comment.",
        "# severity: critical ends the night's line with FAIL, warning warns, info is shown only.",
        "schema_version: 1",
        f"model_id: {model_id}",
        "expectations:",
    ]
    for proposal in propose(profiles, columns, rows=rows):
        lines += [
            f"  - type: {proposal.type}",
            f"    severity: {proposal.severity.value}",
            f"    kwargs: {_flow(proposal.kwargs)}",
            f"    notes: {_scalar(proposal.notes + f' Proposed from a profile of {rows:,} rows; review it.')}",
        ]
    return "\n".join(lines) + "\n"


def propose(profiles: Sequence[ColumnProfile], columns: Sequence[Column], *, rows: int) -> list[Proposal]:
    """Return the proposed expectations, in the order of the columns."""
    by_name = {profile.column: profile for profile in profiles}
    logged = [column for column in columns if column.role != "label"]
    found = [
        Proposal(
            "expect_table_row_count_to_be_between", Severity.CRITICAL, {"min_value": 1}, "An empty log is no night."
        )
    ]
    for column in logged:
        found.append(
            Proposal(
                "expect_column_to_exist", Severity.CRITICAL, {"column": column.name}, "The model file declares it."
            )
        )
        if column.role == "row_id":
            found += _row_id(column)
        elif column.name in by_name:
            found += _not_null(column, by_name[column.name])
            found += _domain(column, by_name[column.name])
    return found


def _row_id(column: Column) -> Iterator[Proposal]:
    """Every prediction has its own id."""
    for kind, why in (("to_not_be_null", "has an id"), ("to_be_unique", "has its own id")):
        yield Proposal(
            f"expect_column_values_{kind}", Severity.CRITICAL, {"column": column.name}, f"Every prediction {why}."
        )


def _not_null(column: Column, profile: ColumnProfile) -> Iterator[Proposal]:
    """Allow somewhat more missing values than were seen; an output without values is no prediction."""
    if not profile.n or profile.missing == profile.n:
        return
    kwargs: dict[str, Any] = {"column": column.name}
    output = column.role in ("score", "prediction")
    share = profile.missing / profile.n
    if profile.missing or (profile.n < ONCE_MISSING and not output):
        kwargs["mostly"] = max(0.0, math.floor(100 * (1 - share - SLACK)) / 100)
    severity = Severity.CRITICAL if output and not profile.missing else Severity.WARNING
    yield Proposal("expect_column_values_to_not_be_null", severity, kwargs, f"{100 * share:.1f} % were missing.")


def _domain(column: Column, profile: ColumnProfile) -> Iterator[Proposal]:
    """A range for numbers, a set for few categories; a score is a probability."""
    if column.role == "score":
        kwargs = {"column": column.name, "min_value": 0, "max_value": 1}
        yield Proposal("expect_column_values_to_be_between", Severity.CRITICAL, kwargs, "A score is a probability.")
    elif column.role in ("feature", "prediction", "segment") and column.type in NUMERIC:
        yield from _range(column, profile)
    elif column.role in ("feature", "prediction", "segment") and column.type == "category":
        yield from _set(column, profile)


def _range(column: Column, profile: ColumnProfile) -> Iterator[Proposal]:
    """p1 to p99, widened by its own span on either side."""
    values = [value for _, value in profile.quantiles]
    if profile.n - profile.missing < SMALL_CELL or not values:
        return
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0)
    kwargs = {
        "column": column.name,
        "min_value": 0 if low >= 0 else _rounded(low - span, math.floor),
        "max_value": _rounded(high + span, math.ceil),
        "mostly": MOST,
    }
    yield Proposal(
        "expect_column_values_to_be_between", Severity.WARNING, kwargs, "p1 to p99, widened by their distance."
    )


def _set(column: Column, profile: ColumnProfile) -> Iterator[Proposal]:
    """The categories, when they are few and none is rare: naming a rare one could name a person."""
    if column.masked or profile.distinct is None or not 0 < profile.distinct <= FEW:
        return
    if len(profile.top) < profile.distinct or any(count < SMALL_CELL for _, count in profile.top):
        return
    kwargs = {"column": column.name, "value_set": sorted(value for value, _ in profile.top), "mostly": MOST}
    yield Proposal("expect_column_values_to_be_in_set", Severity.WARNING, kwargs, "Every category that was seen.")


def _rounded(value: float, way: Any) -> float | int:
    """Round outward to two significant digits, so that a limit reads as one."""
    if value == 0:
        return 0
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = float(f"{way(value * 10.0**digits) / 10.0**digits:.12g}")
    return int(rounded) if rounded.is_integer() else rounded


def _flow(kwargs: dict[str, Any]) -> str:
    """Write arguments as a YAML flow mapping; strings are quoted, so that `NO` stays a word."""
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in kwargs.items()) + "}"


def _scalar(value: Any) -> str:
    """Write one value; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
