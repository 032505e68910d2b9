"""`init DIR`: a commented project to edit; with `--from LOG` a model file and a suite proposed from a log."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_pipeline.cli.console import note, out, print_json, table
from audit_pipeline.cli.context import DAY, Json, program

if TYPE_CHECKING:
    from audit_pipeline import starter


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: audit-pipeline init my_project --from predictions-2026-11-20.csv"
    app.command(name="init", epilog=epilog)(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the project, new or not.")],
    log: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            dir_okay=False,
            metavar="LOG",
            help="One night's prediction log: Parquet, CSV, JSON lines.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the model; default: from the file.")] = None,
    night: Annotated[
        datetime | None, typer.Option("--night", **DAY, help="Night of the log, if its path does not say.")
    ] = None,
    row_id: Annotated[str | None, typer.Option("--row-id", help="Column that is unique per prediction.")] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column with the probability.")] = None,
    prediction: Annotated[str | None, typer.Option("--prediction", help="Column with the predicted number.")] = None,
    keys_only: Annotated[bool, typer.Option("--keys-only", help="Only make the keys that are not there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented project; with --from, propose a model file and an expectation suite from a log.

    In a project that exists, --from adds a model. Nothing that exists is overwritten.
    """
    from audit_pipeline import starter
    from audit_pipeline.keys import make_keys

    if keys_only:
        keys = ", ".join(map(str, make_keys(folder)))
        note(f"Keys: {keys}. Back them up: without them old pseudonyms cannot be matched, nor the log gone on with.")
        return
    if log is None:
        starter.start(folder)
        out.print(f"Wrote {folder}/project.yaml, and an example in {folder}/models and {folder}/expectations.")
        out.print("Next: describe a model there, or let one be proposed from a log of yours:")
        out.print(f"  {program()} init {folder} --from LOG")
        return
    given = {"row_id": row_id, "score": score, "prediction": prediction}
    roles = {role: column for role, column in given.items() if column}
    started = starter.start_from(folder, log, model_id=model, night=night.date() if night else None, roles=roles)
    rows = [
        (g.column.name, g.column.type, "left out" if g.left_out else g.column.role, g.column.privacy, g.why)
        for g in started.guesses
    ]
    columns = ("column", "type", "role", "privacy", "why")
    if as_json:
        guesses = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"model_id": started.model_id, "nights": started.nights, "columns": guesses})
        return
    table(columns, rows)
    _next(folder, started)


def _next(folder: Path, started: "starter.Started") -> None:
    """Say what was written, and what the first run will say."""
    name, nights = started.model_id, started.nights
    out.print(f"\nWrote {folder}/models/{name}.yaml and {folder}/expectations/{name}.yaml.")
    out.print("Review them: types, roles and privacy classes are guesses. Then:")
    out.print(f"  {program()} --project {folder} run")
    out.print(
        f"\n{len(nights)} night{'s' if len(nights) > 1 else ''} found. A night is compared with the nights before it,"
    )
    out.print(
        f"so the first ({nights[0]}) comes to NOT_EVALUATED, exit code 3; a file named under `reference` mends that."
    )
