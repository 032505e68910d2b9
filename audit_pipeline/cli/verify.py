"""`verify`: nothing was changed, dropped, added or reordered."""

from dataclasses import asdict
from typing import Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json
from audit_pipeline.cli.context import Context
from audit_pipeline.errors import ExitCode, PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence import verify as check


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="verify")(verify)


def verify(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Only this model's records.")] = None,
    night: Annotated[str | None, typer.Option("--night", help="Only this night's records, YYYY-MM-DD.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="A chain value kept from an earlier verify.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Recompute every digest of the evidence store and compare it with the log.

    Exit codes: 0 all as the log says, 1 something is not, 3 there is nothing to verify.

    Example: audit-pipeline verify --model high_utilizer --night 2026-01-03
    """
    own: Context = context.obj
    if not own.layout.audit.exists():
        raise PublishError(f"There is no evidence store at '{own.layout.audit}'. Run `audit-pipeline run` first.")
    found = check(Store(own.layout), model_id=model, night=night, since=since)
    if as_json:
        print_json(asdict(found) | {"ok": found.ok})
    else:
        for problem in found.problems:
            error(f"{problem.path}: {problem.message}")
        out.print(
            f"{'Verified' if found.ok else 'NOT verified'}: {found.entries} log entries, {found.records} records, "
            f"{found.files} files, {len(found.problems)} problems.",
            markup=False,
        )
        out.print(f"Chain: {found.chain}", markup=False)
        for text in found.notes:
            note(text)
    if not found.ok:
        raise typer.Exit(int(ExitCode.FAILED))
    if found.records == 0:
        raise typer.Exit(int(ExitCode.NOT_EVALUATED))
