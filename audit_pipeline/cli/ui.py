"""`ui`: Dagster's web UI and daemon on this project."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline.cli.console import note
from audit_pipeline.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="ui", epilog="Example: audit-pipeline ui --port 3000")(ui)


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Start Dagster's web UI and the daemon (schedule, sensors, alerts) until Ctrl-C.

    The UI has no login: it listens on 127.0.0.1 only. Put a proxy with authentication before it.
    """
    from audit_pipeline.orchestration.instance import prepare_home

    own: Context = context.obj
    home = prepare_home(own.project)
    environment = os.environ | {"DAGSTER_HOME": str(home), "AUDIT_PROJECT": str(own.root)}
    program = Path(sys.executable).with_name("dagster")
    command = [str(program), "dev", "-m", "audit_pipeline.definitions", "-h", "127.0.0.1", "-p", str(port)]
    note(f"http://127.0.0.1:{port} in a few seconds; Ctrl-C ends it.")
    process = subprocess.Popen(command, env=environment)  # noqa: S603 (our own program, no shell)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()
    raise typer.Exit(0 if code in (0, -signal.SIGTERM, -signal.SIGINT) else code)
