"""`rebuild`: the database is only a projection; make it again from the evidence store."""

import typer

from audit_pipeline.cli.console import out
from audit_pipeline.cli.context import Context
from audit_pipeline.errors import PublishError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="rebuild")(rebuild)


def rebuild(context: typer.Context) -> None:
    """Project the whole evidence store into a new audit.duckdb.

    Example: audit-pipeline rebuild
    """
    from audit_pipeline.fleet import publish_store

    own: Context = context.obj
    if not own.layout.audit.exists():
        raise PublishError(f"There is no evidence store at '{own.layout.audit}'. Run `audit-pipeline run` first.")
    path = publish_store(own.project, anew=True)
    out.print(f"Rebuilt {path} from the evidence store.", markup=False)
