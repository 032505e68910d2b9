"""`review`: a person signs a record, with a meaning and a reason."""

import getpass
import pwd
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from audit_pipeline.cli.console import out, print_json
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.records import MEANINGS


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: audit-pipeline review churn 2026-01-03 --as approved --reason OK"
    app.command(name="review", epilog=epilog)(review)


def review(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `status` lists it.")],
    night: Annotated[datetime, typer.Argument(**DAY)],
    meaning: Annotated[str, typer.Option("--as", metavar="MEANING", help=f"One of {', '.join(MEANINGS)}.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in words. It stays in the log for good.")],
    by: Annotated[str | None, typer.Option("--by", help="Printed name; default: of the account.")] = None,
    as_json: Json = False,
) -> None:
    """Sign the newest record of a model-night: name, UTC time, meaning and reason, bound to the record's digest.

    The signature stands in the log under the project's key, for good. It names the account that ran the command: who
    may use that account is for you to say.
    """
    from audit_pipeline.evidence import Store
    from audit_pipeline.evidence.review import review as sign
    from audit_pipeline.fleet import publish_store

    own: Context = context.obj
    own.require_evidence()
    account = getpass.getuser()
    said = {"meaning": meaning, "name": by or _name(account), "account": account, "reason": reason}
    entry = sign(Store.of(own.project), model, night.date(), **said)
    if as_json:
        print_json({name: value for name, value in asdict(entry).items() if name != "writer"})
    else:
        body = entry.body
        out.print(f"{body['name']} {body['meaning']} {model} {entry.night} ({body['verdict']}) at {entry.time}.")
        out.print(f"Record {body['record']}, entry {entry.index} of the log.")
    publish_store(own.project)


def _name(account: str) -> str:
    """Return the person's name as the system knows it, else the account."""
    try:
        return pwd.getpwnam(account).pw_gecos.split(",")[0].strip() or account
    except KeyError:
        return account
