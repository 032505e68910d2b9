"""`explain`: why a model said that of a person, or of one prediction, on one night."""

import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_pipeline.cli.console import heading, note, out, print_json, table
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.errors import NothingAuditedError, QueryError

if TYPE_CHECKING:
    from audit_pipeline.evidence import LogEntry, Store
    from audit_pipeline.explain.local import Contribution, RowExplained
    from audit_pipeline.why import Why

REASONS = 4  # that are printed; --json has all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="explain", epilog="Example: audit-pipeline explain high_utilizer 2026-01-03 --id -")(explain)


def explain(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `status` lists it.")],
    night: Annotated[datetime, typer.Argument(**DAY)],
    person: Annotated[
        str,
        typer.Option(
            "--id", metavar="ID", help="A prediction or a person as the log names it; `-` reads it from standard input."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Say why the model gave its output for one prediction, or for those of one person: contributions and reasons.

    The rows come from the frozen snapshot, the model from the record's inputs; they are explained against the sample
    of that night. The answer holds no other person's data, and nothing is written. An identifier in clear is turned
    into its pseudonym, with the project's key.

    Exit codes: 0 explained, 1 the record or the snapshot is not what it was, 2 there is no such night or row, or a key
    is missing, 3 there is no model to ask, or it cannot be explained.
    """
    own: Context = context.obj
    own.require_evidence()
    store = own.store_to_read()
    entry = _entry(store, own, model, night.date().isoformat())
    who = sys.stdin.readline().rstrip("\n") if person == "-" else person
    note("Loading SHAP ...")
    from audit_pipeline.config.secrets import read_key
    from audit_pipeline.why import why

    def key() -> bytes:
        return read_key("pseudonym", own.project.config.keys.pseudonym, own.root)

    answer = why(store, entry, who, key=key)
    for text in answer.notes:
        note(text)
    if as_json:
        print_json(_as_json(answer, entry))
    else:
        _show(answer, entry)


def _entry(store: "Store", own: Context, model: str, night: str) -> "LogEntry":
    """Return the newest record of the model-night.

    Raises:
        NothingAuditedError: there is no record at all.
        QueryError: there is none of it.
    """
    heads = store.heads()
    if not heads:
        raise NothingAuditedError(str(own.root))
    if (model, night) not in heads:
        known = ", ".join(dict.fromkeys(name for name, _ in sorted(heads)))
        raise QueryError(f"No record of '{model}' on {night}. There are records of: {known}.")
    return heads[model, night]


def _as_json(answer: "Why", entry: "LogEntry") -> dict[str, Any]:
    """Return the answer for machines, with the description of every feature."""
    return {
        "model_id": entry.model_id,
        "night": entry.night,
        "record": answer.record,
        "model_version": answer.model.version,
        "model_sha256": answer.model_sha256,
        **asdict(answer.explained),
        "descriptions": {name: column.description for name, column in answer.model.columns.items()},
        "notes": answer.notes,
    }


def _show(answer: "Why", entry: "LogEntry") -> None:
    """Print one row after the other."""
    found = answer.explained
    for row in found.rows:
        heading(f"{entry.model_id} {entry.night}: {row.row_id}")
        said = f", which says {row.decision}" if row.decision else ""
        out.print(f"Logged: {row.logged:.6g}{said}. The model's own output on these values: {row.own:.6g}.")
        out.print(
            f"In {found.unit}: {row.base:+.4g} with nothing known, {row.output - row.base:+.4g} by the features, "
            f"together {row.output:+.4g}."
        )
        lines = ((c.feature, _value(c), f"{c.contribution:+.4g}", _what(answer, c)) for c in row.contributions)
        table(("feature", "value", "adds", "what it is"), lines)
        _reasons(answer, row)
    out.print(
        f"\nBy {found.method}, of model version {answer.model.version} (sha256 {answer.model_sha256[:16]}...), record "
        f"{answer.record}; sums are off by at most {found.error:.3g}."
    )


def _reasons(answer: "Why", row: "RowExplained") -> None:
    """Print the reasons for the decision that was made, as sentences."""
    out.print(f"Reasons{f' for {row.decision}' if row.decision else ''}:")
    for place, reason in enumerate(row.reasons[:REASONS], start=1):
        moved = "raises" if reason.contribution > 0 else "lowers"
        by = f"{abs(reason.contribution):.4g}"
        what = _what(answer, reason) or reason.feature
        out.print(
            f"  {place}. {what} ({reason.feature} = {_value(reason)}) {moved} the {answer.explained.unit} by {by}."
        )
    if not row.reasons:
        out.print("  none: no feature pushes that way.")


def _value(part: "Contribution") -> str:
    """Write a value of the person's own."""
    return (
        "missing" if part.value is None else f"{part.value:.6g}" if isinstance(part.value, float) else str(part.value)
    )


def _what(answer: "Why", part: "Contribution") -> str:
    """Return what the model file calls a feature."""
    return answer.model.columns[part.feature].description
