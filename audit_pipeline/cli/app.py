"""The program: global options, every command, and one place where an error becomes a message and an exit code."""

import gc
import sys
import traceback
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

import audit_pipeline
from audit_pipeline.cli import (
    demo,
    erase,
    events,
    explain,
    export,
    init,
    keys,
    lineage,
    purge,
    query,
    rebuild,
    reconcile,
    replay,
    review,
    run,
    show,
    status,
    ui,
    verify,
)
from audit_pipeline.cli.console import error
from audit_pipeline.cli.context import Context
from audit_pipeline.durable import is_full
from audit_pipeline.errors import AuditError, ExitCode

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended

app = typer.Typer(
    name="audit-pipeline",
    help="Nightly, provable audits of production machine-learning models: self-hosted and offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog="Example: audit-pipeline demo",
)


@app.callback()
def _options(
    context: typer.Context,
    project: Annotated[
        Path,
        typer.Option("--project", metavar="DIR", envvar="AUDIT_PROJECT", help="Project folder; also after a command."),
    ] = Path("data"),
) -> None:
    context.obj = Context(project)


@app.command(name="version", help="Print the version.", epilog="Example: audit-pipeline version")
def _version() -> None:
    typer.echo(audit_pipeline.__version__)


for module in (
    demo,
    init,
    run,
    status,
    show,
    explain,
    query,
    review,
    verify,
    replay,
    export,
    erase,
    purge,
    rebuild,
    reconcile,
    ui,
):
    module.register(app)
events.register(lineage.app)
app.add_typer(lineage.app, name="lineage")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run the program; an error is a message and an exit code, never a traceback."""
    gc.set_threshold(*audit_pipeline.COLLECTED)
    try:
        app(project_first(sys.argv[1:]))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            error("Interrupted. What was finished is kept; the same command goes on from there.")
        raise
    except Exception as problem:  # noqa: BLE001 (the outermost edge)
        error(explained(problem))
        sys.exit(int(exit_code(problem)))


def project_first(arguments: Iterable[str]) -> list[str]:
    """Let `--project DIR` stand after the command as well as before it."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--project":
            front += [word, *islice(words, 1)]
        elif word.startswith("--project="):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]


def explained(problem: Exception) -> str:
    """Return the one message of an error; a foreign one is not quoted, since it can hold a row's values."""
    if isinstance(problem, AuditError):
        return str(problem)
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"'{problem.filename}': {problem.strerror}."
    if is_full(problem):
        return "The disk is full. What was finished is kept: make room, and run the same command again."
    folder = Path(audit_pipeline.__file__).parent
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if Path(f.filename).is_relative_to(folder)]
    place = f"{Path(frames[-1].filename).relative_to(folder)}:{frames[-1].lineno}" if frames else "an unknown place"
    kind = type(problem).__name__
    return f"{kind} at {place}: this is a fault of the program. Report it with this line and the command."


def exit_code(problem: Exception) -> ExitCode:
    """Return what an error means to the caller: a file that cannot be reached is usage, a foreign one is no result."""
    if isinstance(problem, AuditError):
        return problem.exit_code
    reachable = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)
    return ExitCode.USAGE if isinstance(problem, reachable) else ExitCode.NOT_EVALUATED
