"""What the package answered, as check results that hold aggregates and our own words only.

Counts, means, and quantiles between p1 and p99 over at least 11 values may be shown. A minimum or maximum is a
row's value and is not; of distinct values only those that the owner declared in the suite are named.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from audit_pipeline.checks.kinds import KINDS, Kind
from audit_pipeline.config import ExpectationConfig
from audit_pipeline.records import SMALL_CELL, CheckResult, Outcome
from audit_pipeline.small_cells import few, in_words, of_in_words, told, told_share

if TYPE_CHECKING:
    from audit_pipeline.checks.engine_gx import Answer


def names(expectations: Sequence[ExpectationConfig]) -> list[str]:
    """Return `type(column)` per expectation, numbered where it repeats."""
    plain = []
    for entry in expectations:
        listed = entry.kwargs.get("column_list")
        columns = [entry.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        columns += list(listed) if isinstance(listed, list | tuple) else []
        listed_names = ", ".join(str(column) for column in columns if column is not None)
        plain.append(f"{entry.type}({listed_names})" if listed_names else entry.type)
    total, seen, unique = Counter(plain), Counter[str](), []
    for name in plain:
        seen[name] += 1
        unique.append(f"{name} #{seen[name]}" if total[name] > 1 else name)
    return unique


def not_evaluated(entry: ExpectationConfig, name: str, reason: str) -> CheckResult:
    """Return the result of an expectation that did not come to an outcome."""
    return CheckResult(
        name=name,
        expectation=entry.type,
        column=_column(entry),
        severity=entry.severity,
        outcome=Outcome.NOT_EVALUATED,
        expected=expected(entry.kwargs),
        observed=None,
        n=None,
        unexpected=None,
        unexpected_share=None,
        reason=reason,
    )


def read(entry: ExpectationConfig, name: str, answer: "Answer", *, n: int | None) -> CheckResult:
    """Turn one answer into a check result.

    Args:
        entry: the expectation as the suite has it.
        name: unique in the suite.
        answer: of the package.
        n: values behind an aggregate; rows of the table; not used where the answer has its own count.
    """
    if answer.success is None:
        return not_evaluated(entry, name, why_not(answer))
    kind = KINDS.get(entry.type, Kind())
    unexpected: int | None = None
    observed: str | None = None
    looked_at = n  # as the sentence says it
    if kind.counts == "values":
        counts = answer.result
        rows = int(counts.get("element_count") or 0)
        n = rows - int(counts.get("missing_count") or 0)
        looked_at = told(n, rows)
        unexpected = int(counts.get("unexpected_count") or 0)
    else:
        observed = _observed(kind, answer.result, entry.kwargs, n)
    if not n and kind.counts != "table":
        return not_evaluated(entry, name, "There is no value to look at: every one is missing, or no row is meant.")
    if _no_number(kind, answer.result):
        return not_evaluated(entry, name, "There is no such number: too few values, or infinite ones among them.")
    return CheckResult(
        name=name,
        expectation=entry.type,
        column=_column(entry),
        severity=entry.severity,
        outcome=Outcome.PASS if answer.success else Outcome.FAIL,
        expected=expected(entry.kwargs),
        observed=observed,
        n=n,
        unexpected=unexpected,
        unexpected_share=None if unexpected is None or not n else unexpected / n,
        reason=_reason(kind, answer.success, observed, looked_at, unexpected, entry.kwargs),
    )


def expected(kwargs: Mapping[str, Any]) -> str:
    """Return the owner's arguments as JSON, keys sorted."""
    return json.dumps(kwargs, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def why_not(answer: "Answer") -> str:
    """Say why there is no outcome, without the package's words: they may hold values."""
    if answer.refused:
        listed = ", ".join(f"`{name}`" for name in answer.refused)
        return f"Great Expectations refuses the value of {listed}. Correct `kwargs` in the suite."
    return (
        f"It raised {answer.raised} while it was evaluated, so nothing is known of the data. "
        "The message is withheld, since it may hold values of rows."
    )


def _plain(value: object) -> str:
    """Write dates as ISO; YAML has no other type that JSON lacks, except sets."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be an argument of an expectation")


def _column(entry: ExpectationConfig) -> str | None:
    """Return the one column the expectation is about."""
    column = entry.kwargs.get("column")
    return None if column is None else str(column)


def _observed(kind: Kind, result: Mapping[str, Any], kwargs: Mapping[str, Any], n: int | None) -> str | None:
    """Return what may be shown of the observed value."""
    value = result.get("observed_value")
    if kind.shows == "distinct":
        parts = (
            (result.get("unexpected_count"), "not in the set"),
            (result.get("missing_count"), "of the set not seen"),
        )
        return "; ".join(f"distinct values {what}: {int(count)}" for count, what in parts if count is not None)
    if kind.shows == "columns":
        found = (result.get("details") or {}).get("mismatched") or {}
        return _mismatched(found) if isinstance(found, Mapping) else None
    if kind.shows == "declared":
        declared = [one for one in kwargs.get("value_set") or () if one in (value or ())]
        others = len(value or ()) - len(declared)
        return json.dumps(declared, default=_plain, ensure_ascii=False) + (
            f" and {others} not declared" if others else ""
        )
    if value is None or kind.shows == "nothing" or (kind.counts == "aggregate" and (n or 0) < SMALL_CELL):
        return None
    if kind.shows == "quantiles":
        pairs = zip(value["quantiles"], value["values"], strict=True)
        return ", ".join(f"p{100 * q:g} {number(v)}" for q, v in pairs if 0.01 <= q <= 0.99 and v is not None) or None
    if kind.base == "rows":
        return number(told_share(float(value), n or 0))
    if kind.shows == "rows":
        return in_words(int(value))
    return number(value)


def _no_number(kind: Kind, result: Mapping[str, Any]) -> bool:
    """Whether a number that the expectation compares does not exist: Great Expectations calls that a failure."""
    value = result.get("observed_value")
    if kind.shows not in ("number", "quantiles", "rows"):
        return False
    numbers = value.get("values") if isinstance(value, Mapping) else [value]
    return not numbers or any(one is None or math.isnan(one) for one in numbers)


def _mismatched(found: Mapping[str, Iterable[Any]]) -> str:
    """Name columns that are missing or not expected; names of columns are no row values."""
    parts = ((key, sorted(str(column) for column in found.get(key) or ())) for key in ("missing", "unexpected"))
    return "; ".join(f"{key}: {', '.join(columns)}" for key, columns in parts if columns) or "as expected"


def number(value: object) -> str:
    """Write a number with ten digits: sums over several threads differ in the last ones."""
    return f"{float(str(value)):.10g}"


def _reason(
    kind: Kind, success: bool, observed: str | None, n: int | None, unexpected: int | None, kwargs: Mapping[str, Any]
) -> str:
    """Return the sentence an auditor reads."""
    if unexpected is not None and n:
        mostly = kwargs.get("mostly", 1.0)
        allowed = f"; at least {100 * float(mostly):g} % must be as expected" if mostly != 1.0 else ""
        share = "" if few(n) or few(unexpected) or few(n - unexpected) else f" ({100 * unexpected / n:.2f} %)"
        counted = of_in_words(unexpected, n)
        return f"{counted[0].upper()}{counted[1:]} values{share} are not as expected{allowed}."
    head = "As expected" if success else "Not as expected"
    if observed is not None:
        return f"{head}: {observed}."
    small = kind.counts == "aggregate" and kind.shows != "nothing" and (n or 0) < SMALL_CELL
    hidden = f"; fewer than {SMALL_CELL} values stand behind the number, so it is not shown" if small else ""
    return f"{head}{hidden}."
