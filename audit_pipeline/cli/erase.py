"""`erase`: the rows of a person go from every file of the store."""

import getpass
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json, table
from audit_pipeline.cli.context import Context, Json
from audit_pipeline.errors import ExitCode

if TYPE_CHECKING:
    from audit_pipeline.forget import Erased

SOURCES = (
    "Logs, labels and references outside of `audit/` were not touched: erase the person there too, or the next audit "
    "meets these rows again. Backups keep them until they expire."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = 'Example: audit-pipeline erase --id - --reason "request of 3 May" --dry-run'
    app.command(name="erase", epilog=epilog)(erase)


def erase(
    context: typer.Context,
    person: Annotated[
        str,
        typer.Option("--id", metavar="ID", help="The person as the logs name them; `-` reads it from standard input."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, without the id. It stays in the log for good.")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only this model's files; default: all.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    as_json: Json = False,
) -> None:
    """Erase every row of a person from snapshots, labels and references; row groups without them keep their bytes.

    The log names each file with its old and new digests, the rows and the reason, never the person. `verify` passes
    afterwards and holds the files against that; a night that lost rows can no longer be replayed. Files under a legal
    hold are refused, and then nothing is erased.

    Exit codes: 0 no row of the person is left, 2 a hold or the usage forbids it, 3 a run is at work, or there are files
    of which nobody can tell whose the rows are.
    """
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.forget import erase as forget

    own: Context = context.obj
    own.require_evidence()
    who = sys.stdin.readline().rstrip("\n") if person == "-" else person
    done = forget(own.project, who, reason=reason, by=getpass.getuser(), model_id=model, dry_run=dry_run)
    if as_json:
        print_json(asdict(done) | {"rows": done.rows, "dry_run": dry_run})
    else:
        _show(done, dry_run=dry_run)
    if done.files and not dry_run:
        note(SOURCES)
        publish_store(own.project)
    if done.unsearched:
        raise typer.Exit(int(ExitCode.NOT_EVALUATED))


def _show(done: "Erased", *, dry_run: bool) -> None:
    """Print files with rows, and what could not be searched."""
    if done.files:
        rows = [(file.path, file.rows, len(file.groups), file.entry) for file in done.files]
        table(("file", "rows", "row groups", "log entry"), rows)
    count = f"{done.rows:,} row{_s(done.rows)} in {len(done.files)} file{_s(len(done.files))}"
    nothing = "No row of that person is in the files that were searched."
    out.print(f"{'Would erase' if dry_run else 'Erased'} {count}." if done.files else nothing)
    for path, why in done.unsearched:
        error(f"{path}: not searched: it {why}.")


def _s(count: int) -> str:
    return "s" if count != 1 else ""
