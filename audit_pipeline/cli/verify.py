"""`verify`: nothing was changed, dropped, added or reordered."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.errors import ExitCode
from audit_pipeline.evidence import Store
from audit_pipeline.evidence import verify as check


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: audit-pipeline verify --model high_utilizer --night 2026-01-03"
    app.command(name="verify", epilog=epilog)(verify)


def verify(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Only this model's records.")] = None,
    night: Annotated[datetime | None, typer.Option("--night", **DAY, help="Only this night's records.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="A chain value kept from an earlier verify.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute every digest of the evidence store and compare it with the log.

    Exit codes: 0 all is as the log says, 1 something is not, 3 there is nothing to verify.
    """
    own: Context = context.obj
    own.require_evidence()
    day = night.date().isoformat() if night else None
    found = check(Store(own.layout), model_id=model, night=day, since=since)
    if as_json:
        print_json(asdict(found) | {"ok": found.ok})
    else:
        for problem in found.problems:
            error(f"{problem.path}: {problem.message}")
        out.print(
            f"{'Verified' if found.ok else 'NOT verified'}: {found.entries} log entries, {found.records} records, "
            f"{found.files} files, {len(found.problems)} problems."
        )
        out.print(f"Chain: {found.chain}")
        for text in found.notes:
            note(text)
    if not found.ok:
        raise typer.Exit(int(ExitCode.FAILED))
    if found.records == 0:
        note("There is no record to verify.")
        raise typer.Exit(int(ExitCode.NOT_EVALUATED))
