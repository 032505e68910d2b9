"""Guess what the columns of an unknown prediction log are: type, role and privacy class, each with its reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audit_pipeline.errors import ColumnMissingError, ConfigError, Fault
from audit_pipeline.log_columns import Look, look
from audit_pipeline.records import Column, Relation

ROLE_NAMES = {  # in order: the first role whose name fits and whose values allow it
    "row_id": r"(row|request|prediction|record|transaction|event|case)_?(id|key|no|nr)?|id|uuid|guid",
    "model_version": r"(model_?)?version|model_?ver",
    "score": r"(.*_)?(score|proba|probability|prob|p_?hat|risk)(_.*)?",
    "prediction": r"(.*_)?(prediction|pred|predicted|yhat|y_pred|forecast|estimate)(_.*)?",
    "subject_id": r"(patient|person|member|customer|client|user|subject|account)_?(id|key|no|nr|number)?|mrn|ssn",
    "time": r"(.*_)?(time|timestamp|datetime|created_at|scored_at|ts)",
}
DIRECT = r"""(?x) .*name(_.*)? | .*e?mail(_.*)? | .*(phone|telefon)(_.*)? | .*address(_.*)?
    | (.*_)?(mobile|ssn|mrn|iban|passport|street|licen[cs]e|ip)(_.*)?"""
NUMBERED = r".*(_(id|key|nr|no)|number|nummer)"  # names a person only with many values: a site has an id too
QUASI = r"""(?x) (.*_)? (age|sex|gender|female|male|zip|zipcode|postcode|postal|plz|city|county|birth.*|dob|income
    |educ.*|marital.*) (_.*)?"""
SENSITIVE = r"""(?x) (.*_)? (race|ethnic.*|black|religion|diagnos.*|icd.*|hiv|health.*|disab.*|orientation|medic.*
    |drug.*) (_.*)?"""


@dataclass(frozen=True, slots=True)
class Guess:
    """One column as proposed, and why."""

    column: Column
    why: str

    @property
    def left_out(self) -> bool:
        """Whether the column names a person and serves no purpose: an audit does without it."""
        return self.column.role == "feature" and self.column.privacy == "direct_identifier"


def guess_columns(relation: Relation, roles: dict[str, str]) -> tuple[Guess, ...]:
    """Return a proposal for every column of `relation`.

    Args:
        relation: an opened log.
        roles: column name by role, for those the user knows.

    Raises:
        ColumnMissingError: `roles` names a column that is not there.
        ConfigError: a named column cannot have its role, no column can be the row id, or none the output.
        SourceError: the log has no rows.
    """
    for column in roles.values():
        if column not in relation.columns:
            raise ColumnMissingError(column, log=relation.name, available=relation.columns)
    seen = look(relation)
    given = {column: (role, "as you said") for role, column in roles.items()}
    given = _only(seen, set(roles)) | given
    taken = {role for role, _ in given.values()}
    guesses = []
    for item in seen:
        role, why = given[item.name] if item.name in given else _role(item, taken)
        taken |= {role} - {"feature"}
        privacy, reason = _privacy(item, role)
        guesses.append(Guess(Column(item.name, item.type, role, privacy), f"{why}; {reason}"))
    faults = [*_misgiven(relation, seen, roles), *_missing(relation, seen, taken)]
    if faults:
        raise ConfigError(faults)
    return tuple(guesses)


def _only(seen: list[Look], known: set[str]) -> dict[str, tuple[str, str]]:
    """Return by column the roles that no name tells and that only one column can have by its values."""
    found: dict[str, tuple[str, str]] = {}
    if "row_id" not in known and not any(item.unique and _named(item, "row_id") for item in seen):
        unique = [item.name for item in seen if item.unique and item.type in ("category", "integer")]
        if len(unique) == 1:
            found[unique[0]] = ("row_id", "the only column that is unique")
    outputs = ("score", "prediction")
    told = any(_named(item, role) and item.numeric for item in seen for role in outputs)
    shares = [item.name for item in seen if item.share_like and item.type == "number"]
    if not known & set(outputs) and not told and len(shares) == 1:
        found[shares[0]] = ("score", "REVIEW role: the only number between 0 and 1")
    return found


def _named(item: Look, role: str) -> bool:
    return re.fullmatch(ROLE_NAMES[role], item.name.lower()) is not None


def _role(item: Look, taken: set[str]) -> tuple[str, str]:
    """Return the first role that name and values allow."""
    allowed = {
        "row_id": item.unique,
        "score": item.share_like,
        "prediction": item.numeric,
        "subject_id": item.type != "number",
        "time": item.type in ("timestamp", "date"),
        "model_version": item.distinct <= 20,
    }
    for role in ROLE_NAMES:
        if role not in taken and allowed[role] and _named(item, role):
            return role, f"named like a {role}"
    return "feature", "no role by its name"


def _privacy(item: Look, role: str) -> tuple[str, str]:
    """Return the privacy class that name and values suggest; the strictest that fits."""
    name = item.name.lower()
    if role == "subject_id":
        return "direct_identifier", "REVIEW privacy: names a person"
    if role == "feature" and re.fullmatch(DIRECT, name):
        return "direct_identifier", "REVIEW privacy: seems to name a person"
    many = item.n > 50 and item.distinct > item.n / 4
    if role == "feature" and many and (item.type == "category" or re.fullmatch(NUMBERED, name)):
        return "direct_identifier", "REVIEW privacy: too many values for a category"
    if re.fullmatch(SENSITIVE, name):
        return "sensitive", "REVIEW privacy: sensitive by its name"
    if re.fullmatch(QUASI, name):
        return "quasi_identifier", "REVIEW privacy: helps to tell who it is"
    return "none", "REVIEW privacy"


def _misgiven(relation: Relation, seen: list[Look], roles: dict[str, str]) -> Iterator[Fault]:
    """Yield why a column that the user named cannot have its role."""
    items = {item.name: item for item in seen}
    for role, name in roles.items():
        item = items[name]
        if role == "row_id" and not item.unique:
            beyond = item.n - item.missing - item.distinct
            text = f"'{name}' is not unique per prediction: {beyond:,} rows repeat a value, {item.missing:,} have none"
        elif role != "row_id" and not item.numeric:
            text = f"'{name}' does not hold numbers (with a decimal point); there are: {_listed(_numeric(seen))}"
        elif role == "score" and not item.share_like:
            text = f"'{name}' has values outside 0 to 1: a number that is no probability is given by --prediction"
        else:
            continue
        yield Fault(relation.name, f"--{role.replace('_', '-')}", text)


def _missing(relation: Relation, seen: list[Look], taken: set[str]) -> Iterator[Fault]:
    """Yield the roles a model cannot be audited without, and the option that gives each."""
    if "row_id" not in taken:
        unique = [item.name for item in seen if item.unique]
        text = f"no name tells which column is unique per prediction. Name it with --row-id: {_listed(unique)}"
        if not unique:
            text = "no column is unique and without gaps. Labels join on one: add a number per prediction to the log"
        yield Fault(relation.name, "row_id", text)
    if not taken & {"score", "prediction"}:
        shares = [item.name for item in seen if item.share_like]
        text = (
            f"no name tells which column is the model's output. Name it with --score (probability: {_listed(shares)})"
        )
        yield Fault(relation.name, "score", f"{text} or --prediction (number: {_listed(_numeric(seen))})")


def _numeric(seen: list[Look]) -> list[str]:
    return [item.name for item in seen if item.numeric]


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none is fit"
