"""`rebuild`: the database is only a projection; make it again from the evidence store."""

import typer

from audit_pipeline.cli.console import out, print_json
from audit_pipeline.cli.context import Context, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="rebuild", epilog="Example: audit-pipeline rebuild")(rebuild)


def rebuild(context: typer.Context, as_json: Json = False) -> None:
    """Project the whole evidence store into a new audit.duckdb."""
    from audit_pipeline.fleet import publish_store

    own: Context = context.obj
    own.require_evidence()
    path = publish_store(own.project, anew=True)
    nights = own.ask("SELECT count(*) FROM audit.model_night").rows[0][0]
    if as_json:
        print_json({"database": str(path), "model_nights": nights})
    else:
        out.print(f"Rebuilt {path} from the evidence store: {nights} model-nights.")
