"""Guess what the columns of an unknown prediction log are: type, role and privacy class, each with its reason."""

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from audit_pipeline.errors import ColumnMissingError, ConfigError, Fault
from audit_pipeline.records import Column, Relation

ROLE_NAMES = {  # in order: the first role whose name fits and whose values allow it
    "row_id": r"(row|request|prediction|record|transaction|event|case)_?(id|key|no|nr)?|id|uuid|guid",
    "model_version": r"(model_?)?version|model_?ver",
    "score": r"(.*_)?(score|proba|probability|prob|p_?hat|risk)(_.*)?",
    "prediction": r"(.*_)?(prediction|pred|predicted|yhat|y_pred|forecast|estimate)(_.*)?",
    "subject_id": r"(patient|person|member|customer|client|user|subject|account)_?(id|key|no|nr|number)?|mrn|ssn",
    "time": r"(.*_)?(time|timestamp|datetime|created_at|scored_at|ts)",
}
DIRECT = r"(.*_)?(name|surname|e?mail|phone|mobile|ssn|mrn|iban|passport|address|street|licen[cs]e|ip)(_.*)?"
QUASI = r"(.*_)?(age|sex|gender|female|male|zip|zipcode|postcode|postal|city|county|birth.*|dob|income|educ.*|marital.*)(_.*)?"
SENSITIVE = (
    r"(.*_)?(race|ethnic.*|black|religion|diagnos.*|icd.*|hiv|health.*|disab.*|orientation|medic.*|drug.*)(_.*)?"
)


@dataclass(frozen=True, slots=True)
class Guess:
    """One column as proposed, and why."""

    column: Column
    why: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a column's values allow."""

    name: str
    type: str
    n: int
    missing: int
    distinct: int
    low: float | None  # None unless numeric
    high: float | None

    @property
    def unique(self) -> bool:
        return self.missing == 0 and self.distinct == self.n

    @property
    def numeric(self) -> bool:
        return self.type in ("number", "integer")


def guess_columns(relation: Relation, roles: dict[str, str]) -> tuple[Guess, ...]:
    """Return a proposal for every column of `relation`.

    Args:
        relation: an opened log.
        roles: column name by role, for those the user knows.

    Raises:
        ColumnMissingError: `roles` names a column that is not there.
        ConfigError: no column can be the row id, or none the score or prediction.
    """
    for column in roles.values():
        if column not in relation.columns:
            raise ColumnMissingError(column, log=relation.name, available=relation.columns)
    seen = _look(relation)
    given = {column: role for role, column in roles.items()}
    taken = set(roles)
    guesses = []
    for item in seen:
        role, why = (given[item.name], "as you said") if item.name in given else _role(item, taken)
        taken |= {role} - {"feature"}
        privacy, reason = _privacy(item, role)
        guesses.append(Guess(Column(item.name, item.type, role, privacy), f"{why}; {reason}"))
    _require(relation, guesses, seen)
    return tuple(guesses)


def _look(relation: Relation) -> list[_Seen]:
    """Describe every column in one pass; CSV columns are typed by what they hold."""
    with duckdb.connect() as connection:
        for statement in relation.setup:
            connection.execute(statement)
        connection.execute(f"CREATE TEMP TABLE log AS {relation.sql}")
        raw = {name: str(kind) for name, kind, *_ in connection.execute("DESCRIBE log").fetchall()}
        types = {name: _type(connection, name, kind) for name, kind in raw.items()}
        return [_seen(connection, name, kind) for name, kind in types.items()]


def _type(connection: duckdb.DuckDBPyConnection, name: str, raw: str) -> str:
    """Return the canonical type whose values all fit."""
    if raw.startswith(("TIMESTAMP", "DATE")):
        return "timestamp" if raw.startswith("TIMESTAMP") else "date"
    if raw == "BOOLEAN":
        return "boolean"
    if raw not in ("VARCHAR", "JSON"):
        return "integer" if "INT" in raw else "number"
    for kind, target in (("integer", "BIGINT"), ("number", "DOUBLE"), ("date", "DATE"), ("timestamp", "TIMESTAMP")):
        column = _quoted(name)
        whole = f" AND regexp_full_match(trim({column}), '[+-]?[0-9]+')" if kind == "integer" else ""
        sql = f"SELECT count(nullif({column}, '')), count(*) FILTER (try_cast({column} AS {target}) IS NOT NULL{whole}) FROM log"
        present, fit = connection.execute(sql).fetchall()[0]
        if present and present == fit:
            return kind
    return "category"


def _seen(connection: duckdb.DuckDBPyConnection, name: str, kind: str) -> _Seen:
    column = _quoted(name)
    value = f"try_cast({column} AS DOUBLE)" if kind in ("number", "integer") else "NULL::DOUBLE"
    sql = f"""
        SELECT count(*), count(*) - count(nullif({column}::VARCHAR, '')), count(DISTINCT {column}), min({value}), max({value})
        FROM log"""
    row: tuple[Any, ...] = connection.execute(sql).fetchall()[0]
    return _Seen(name, kind, *row)


def _role(item: _Seen, taken: set[str]) -> tuple[str, str]:
    """Return the first role that name and values allow."""
    name = item.name.lower()
    allowed = {
        "row_id": item.unique,
        "score": item.numeric and item.low is not None and item.low >= 0 and (item.high or 0) <= 1,
        "prediction": item.numeric,
        "subject_id": not item.type == "number",
        "time": item.type in ("timestamp", "date"),
        "model_version": item.distinct <= 20,
    }
    for role, pattern in ROLE_NAMES.items():
        if role not in taken and allowed[role] and re.fullmatch(pattern, name):
            return role, f"named like a {role}"
    return "feature", "no role by its name"


def _privacy(item: _Seen, role: str) -> tuple[str, str]:
    """Return the privacy class that the name suggests; the strictest that fits."""
    name = item.name.lower()
    if role == "subject_id" or re.fullmatch(DIRECT, name):
        return "direct_identifier", "REVIEW privacy: names a person"
    if role == "feature" and item.type == "category" and item.n > 50 and item.distinct > item.n / 2:
        return "direct_identifier", "REVIEW privacy: nearly every row has a value of its own"
    if re.fullmatch(SENSITIVE, name):
        return "sensitive", "REVIEW privacy: sensitive by its name"
    if re.fullmatch(QUASI, name):
        return "quasi_identifier", "REVIEW privacy: helps to tell who it is"
    return "none", "REVIEW privacy"


def _require(relation: Relation, guesses: list[Guess], seen: list[_Seen]) -> None:
    """Refuse a proposal that cannot be audited, and say which option helps."""
    roles = {guess.column.role for guess in guesses}
    faults = []
    if "row_id" not in roles:
        unique = [item.name for item in seen if item.unique]
        text = f"no column could be told to be the row id. Name it with --row-id ({_listed(unique)} are unique)"
        faults.append(Fault(relation.name, "row_id", text))
    if not roles & {"score", "prediction"}:
        numeric = [item.name for item in seen if item.numeric]
        text = f"no column could be told to be the model's output. Name it with --score or --prediction ({_listed(numeric)})"
        faults.append(Fault(relation.name, "score", text))
    if faults:
        raise ConfigError(faults)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
