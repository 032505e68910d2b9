"""`reconcile`: close runs of dead processes, and see that every ended run and every record stands in the lineage."""

from dataclasses import asdict

import typer

from audit_pipeline.cli.console import error, note, out, print_json
from audit_pipeline.cli.context import Context, Json
from audit_pipeline.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="reconcile", epilog="Example: audit-pipeline reconcile")(reconcile)


def reconcile(context: typer.Context, as_json: Json = False) -> None:
    """Compare Dagster's runs and the evidence with the lineage, and write what is missing.

    Nothing is audited. Exit codes: 0 every ended run and every record stands in the lineage, 4 some could not
    be written.
    """
    from audit_pipeline.orchestration.dead import close_dead_runs
    from audit_pipeline.orchestration.emitter import reconcile as compare
    from audit_pipeline.orchestration.instance import instance_of

    own: Context = context.obj
    own.require_evidence()
    note("Loading Dagster ...")
    with instance_of(own.project) as instance:
        closed = close_dead_runs(instance)
        found = compare(own.project, instance)
    if as_json:
        print_json(asdict(found) | {"closed": closed})
    else:
        out.print(f"{len(closed)} runs of dead processes were closed.")
        out.print(
            f"{found.runs} of {found.ended} ended runs were missing in the lineage: {found.events} events written."
        )
        out.print(f"{found.records} records were missing in it, and were told from themselves.")
        for problem in found.problems:
            error(problem)
    if found.problems:
        raise typer.Exit(int(ExitCode.NOT_DELIVERED))
