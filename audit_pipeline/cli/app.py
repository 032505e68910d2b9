"""The program: global options, every command, and one place where an error becomes a message and an exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline import __version__
from audit_pipeline.cli import demo, init, lineage, query, rebuild, run, show, status, ui, verify
from audit_pipeline.cli.console import error
from audit_pipeline.cli.context import Context
from audit_pipeline.errors import AuditError, ExitCode

app = typer.Typer(
    name="audit-pipeline",
    help="Nightly, provable audits of production machine-learning models: self-hosted and offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog="Try it: audit-pipeline demo",
)


@app.callback()
def _options(
    context: typer.Context,
    project: Annotated[
        Path, typer.Option("--project", envvar="AUDIT_PROJECT", help="Project folder.", show_default=True)
    ] = Path("data"),
) -> None:
    context.obj = Context(project)


@app.command(name="version", help="Print the version. Example: audit-pipeline version")
def _version() -> None:
    typer.echo(__version__)


for module in (demo, init, run, status, show, query, verify, rebuild, ui):
    module.register(app)
app.add_typer(lineage.app, name="lineage")


def main() -> None:
    """Run the program; an expected error is a message, never a traceback."""
    try:
        app()
    except AuditError as problem:
        error(str(problem))
        sys.exit(int(problem.exit_code))
    except KeyboardInterrupt:
        error("Interrupted. What was finished is kept; the same command goes on from there.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(int(ExitCode.PASSED))
