"""`init DIR`: a commented project to edit; with `--from LOG` a model file and a suite proposed from a log."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline.cli.console import note, out, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="init")(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project.")],
    log: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="One night's prediction log.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the model; default: from the file.")] = None,
    night: Annotated[
        datetime | None, typer.Option("--night", formats=["%Y-%m-%d"], help="Night of the log, if its name has none.")
    ] = None,
    row_id: Annotated[str | None, typer.Option("--row-id", help="Column that is unique per prediction.")] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column with the probability.")] = None,
    prediction: Annotated[str | None, typer.Option("--prediction", help="Column with the predicted number.")] = None,
    keys_only: Annotated[bool, typer.Option("--keys-only", help="Only make missing keys of a project.")] = False,
) -> None:
    """Write a commented project; with --from, propose a model file and an expectation suite from a log.

    Example: audit-pipeline init my_project --from predictions-2026-11-20.csv
    """
    from audit_pipeline import starter

    if keys_only:
        note(f"Key: {starter.make_key(folder)} (back it up; old pseudonyms cannot be matched without it)")
        return
    if log is None:
        starter.start(folder)
        note(f"Wrote {folder}/project.yaml and examples under models/ and expectations/. Edit them, then:")
        note(f"  audit-pipeline --project {folder} run")
        return
    given = {"row_id": row_id, "score": score, "prediction": prediction}
    roles = {role: column for role, column in given.items() if column}
    started = starter.start_from(folder, log, model_id=model, night=night.date() if night else None, roles=roles)
    rows = [(g.column.name, g.column.type, g.column.role, g.column.privacy, g.why) for g in started.guesses]
    table(("column", "type", "role", "privacy", "why"), rows)
    out.print(f"\nWrote {folder}/models/{started.model_id}.yaml and {folder}/expectations/{started.model_id}.yaml.")
    out.print("Review them: types, roles and privacy classes are guesses. Then:")
    out.print(f"  audit-pipeline --project {folder} run", markup=False)
