"""Evaluate a suite over one frozen night, on pandas or DuckDB by its size, to check results and quality scores.

What could not be evaluated is NOT_EVALUATED with the reason; one expectation never takes another one down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit_pipeline.checks.arguments import ArgumentError, conditioned, named, ready
from audit_pipeline.checks.kinds import KINDS, Kind
from audit_pipeline.checks.results import names, not_evaluated, read
from audit_pipeline.checks.scores import quality_scores
from audit_pipeline.checks.table import frame
from audit_pipeline.config import ExpectationConfig, SuiteConfig
from audit_pipeline.durable import is_full
from audit_pipeline.records import CheckResult, Column, Validation

if TYPE_CHECKING:
    from audit_pipeline.checks.engine_gx import Answer

Engine = Literal["pandas", "duckdb"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One expectation on its way: ready to be asked, or with the reason why not."""

    name: str
    config: ExpectationConfig
    kind: Kind
    kwargs: dict[str, Any]  # ready for the engines
    reason: str | None  # why it is not asked


def validate(
    path: Path,
    suite: SuiteConfig,
    columns: Sequence[Column],
    *,
    night: date,
    rows: int,
    duckdb_from_rows: int,
    threads: int,
    memory: str,
) -> Validation:
    """Return what each expectation of `suite` came to over the snapshot in `path`.

    Args:
        path: Parquet file of the snapshot.
        suite: of the model.
        columns: of the snapshot.
        night: value of `$PARAMETER: night`.
        rows: of the snapshot.
        duckdb_from_rows: DuckDB evaluates from this many rows on, pandas below.
        threads: of DuckDB.
        memory: of DuckDB, e.g. "1GB".
    """
    engine: Engine = "duckdb" if rows >= duckdb_from_rows else "pandas"
    types = {column.name: column.type for column in columns}
    entries = _entries(suite, types, night)
    answers: dict[str, Answer] = {}
    broken: dict[Engine, str] = {}
    for where in ("pandas", "duckdb"):
        own = [entry for entry in entries if entry.reason is None and (entry.kind.only or engine) == where]
        if own:
            try:
                answers |= _run(where, path, own, threads=threads, memory=memory)
            except Exception as error:  # the batch could not be made: the checks say so, the night goes on
                if is_full(error):
                    raise  # no fault of the data
                broken[where] = (
                    f"The snapshot could not be opened for {where} ({type(error).__name__}), so it was not evaluated."
                )
    results = tuple(_result(entry, answers, broken.get(entry.kind.only or engine), rows) for entry in entries)
    return Validation(engine=engine, n=rows, results=results, scores=quality_scores(results))


def _entries(suite: SuiteConfig, types: Mapping[str, str], night: date) -> list[_Entry]:
    """Make every expectation of the suite ready, in its order."""
    entries = []
    for name, config in zip(names(suite.expectations), suite.expectations, strict=True):
        kind = KINDS.get(config.type)
        reason = None
        kwargs: dict[str, Any] = {}
        if kind is None or kind.refused:
            reason = f"{config.type} {kind.refused if kind else 'is not known to this version of the product'}."
        else:
            try:
                kwargs = ready(config.kwargs, kind, types, night=night)
            except ArgumentError as error:
                reason = str(error)
        entries.append(_Entry(name, config, kind or Kind(), kwargs, reason))
    return entries


def _run(engine: Engine, path: Path, entries: Sequence[_Entry], *, threads: int, memory: str) -> "dict[str, Answer]":
    """Evaluate entries on one engine; keys are names, and `n of NAME` for the values behind an aggregate."""
    from audit_pipeline.checks import engine_gx as gx

    asked = [gx.Asked(entry.name, entry.config.type, entry.kwargs) for entry in entries]
    for entry in entries:
        if entry.kind.counts == "aggregate":
            probe: dict[str, Any] = {
                key: entry.kwargs[key] for key in ("column", "row_condition") if key in entry.kwargs
            }
            asked.append(gx.Asked(f"n of {entry.name}", "expect_column_values_to_not_be_null", probe))
    if engine == "duckdb":
        return gx.over_parquet(path, asked, threads=threads, memory=memory)
    return gx.over_frame(frame(path, _needed(entries)), asked)


def _needed(entries: Sequence[_Entry]) -> set[str] | None:
    """Return the columns to read, or None for all: an expectation on the table's columns must see them."""
    whole = any(
        entry.config.type.startswith("expect_table_column") or "column_index" in entry.kwargs for entry in entries
    )
    if whole:
        return None
    return {
        column
        for entry in entries
        for column in (*named(entry.kwargs), *conditioned(entry.kwargs.get("row_condition")))
    }


def _result(entry: _Entry, answers: "Mapping[str, Answer]", broken: str | None, rows: int) -> CheckResult:
    """Turn one entry and its answer into a check result."""
    reason = entry.reason or broken
    if reason is not None:
        return not_evaluated(entry.config, entry.name, reason)
    answer = answers.get(entry.name)
    if answer is None:
        return not_evaluated(entry.config, entry.name, "Great Expectations returned no result for it.")
    n: int | None = rows
    if entry.kind.counts == "aggregate":
        probe = answers.get(f"n of {entry.name}")
        counted = probe.result if probe is not None and probe.success is not None else None
        missing = counted["unexpected_count"] if counted and entry.kind.base == "present" else 0
        n = counted["element_count"] - missing if counted else None
    return read(entry.config, entry.name, answer, n=n)
