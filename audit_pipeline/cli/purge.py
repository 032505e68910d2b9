"""`purge`: files whose time is over are deleted, and the log says so."""

import getpass
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json, table
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.errors import ExitCode

if TYPE_CHECKING:
    from audit_pipeline.forget import Purged


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="purge", epilog="Example: audit-pipeline purge --dry-run")(purge)


def purge(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only files that this model alone stands on.")
    ] = None,
    night: Annotated[
        datetime | None, typer.Option("--night", **DAY, help="Only files that this night alone stands on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Delete files that `retention` in project.yaml no longer keeps: row-level ones first, records last.

    What goes is written into the log with its digest, and `verify` then says "purged" instead of "missing". Entries of
    the log and keys are never deleted. What a legal hold (`holds`) covers stays. A night that is asked for, and may not
    go yet, is refused.

    Exit codes: 0 nothing is left that should go, 1 a file was changed and stays, 2 it is too early or under a hold, 3 a
    run is at work.
    """
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.forget import Why
    from audit_pipeline.forget import purge as clear

    own: Context = context.obj
    own.require_evidence()
    day = night.date() if night else None
    done = clear(own.project, by=getpass.getuser(), model_id=model, night=day, dry_run=dry_run)
    if as_json:
        print_json(asdict(done) | {"dry_run": dry_run})
    else:
        _show(done, dry_run=dry_run)
    for reason, count in Counter(kept.reason for kept in done.kept_for(Why.HELD)).items():
        note(f"{count} files stay: {reason}")
    changed = done.kept_for(Why.CHANGED)
    for kept in changed:
        error(kept.reason)
    if done.files and not dry_run:
        publish_store(own.project)
    if changed:
        raise typer.Exit(int(ExitCode.FAILED))


def _show(done: "Purged", *, dry_run: bool) -> None:
    """Print what goes, by class and model."""
    count, size = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for file in done.files:
        key = (file.kind, file.kept, file.model_id or "(several)")
        count[key] += 1
        size[key] += file.bytes
    if count:
        table(("class", "kept", "model", "files", "bytes"), [(*key, count[key], size[key]) for key in count])
    files = f"{len(done.files):,} file{'s' if len(done.files) != 1 else ''}"
    out.print(f"{'Would purge' if dry_run else 'Purged'} {files}." if done.files else "Nothing is over its time.")
