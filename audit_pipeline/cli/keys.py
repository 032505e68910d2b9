"""`keys`: the key that signs the log, handed over to another one; the key of encrypted files, exchanged."""

from dataclasses import asdict
from typing import Annotated

import typer

from audit_pipeline.cli.console import note, out, print_json
from audit_pipeline.cli.context import Context, Json
from audit_pipeline.config import load_project

app = typer.Typer(
    help="The key that signs the log: begin with one, hand over to another. The key of encrypted files: exchange it.",
    no_args_is_help=True,
    epilog="Example: audit-pipeline keys rotate",
)

To = Annotated[
    str | None,
    typer.Option("--to", metavar="REF", help="Where the new key is: `file:PATH` or `env:NAME`. Default: make one."),
]


@app.command(epilog="Example: audit-pipeline keys introduce")
def introduce(context: typer.Context, as_json: Json = False) -> None:
    """Begin to sign a log that has no key yet, with the one that `keys.signing` names.

    An empty log needs no such call. What the log holds is bound as it is: check it before, e.g. against an anchor.
    """
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.keys import introduce as begin

    own: Context = context.obj
    own.require_evidence()
    key = begin(own.project)
    publish_store(own.project)
    if as_json:
        print_json({"key_id": key})
    else:
        out.print(f"The log is signed with the key {key} from now on.")


@app.command(epilog="Example: audit-pipeline keys rotate")
def rotate(
    context: typer.Context,
    to: To = None,
    lost: Annotated[bool, typer.Option("--lost", help="The old key is gone and cannot sign for the new one.")] = False,
    as_json: Json = False,
) -> None:
    """Sign with another key from now on; what the old one signed stays valid, and it is expired for what comes.

    The new public key is written into the log, and both keys sign the root over that. With --lost nobody signs for the
    new key: `verify` names it as unknown, except where the project's own key is at hand.
    """
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.keys import hand_over

    own: Context = context.obj
    own.require_evidence()
    done = hand_over(own.project, to=to, lost=lost)
    if done.reference == own.project.config.keys.signing:
        publish_store(load_project(own.root))
    if as_json:
        print_json(asdict(done))
    else:
        out.print(f"The log is signed with the key {done.key_id} from now on.")
        if done.before:
            out.print(f"The key before it, {done.before}, stays valid for what it signed.")
    if done.reference != own.project.config.keys.signing:
        note(f"Set `keys.signing: {done.reference}` in project.yaml: until then, nothing can be audited.")
    note("Back the new key up, and tell its name to whoever checks your evidence.")


@app.command(epilog="Example: audit-pipeline keys rewrap")
def rewrap(
    context: typer.Context,
    to: To = None,
    as_json: Json = False,
) -> None:
    """Let another key open the encrypted files from now on, and the old one none.

    Each file has a key of its own, and only that is encrypted anew: the files, and their digests in the records, stay
    as they are. Not while a run is at work. Who copied the old key and the small .key files before can still read.
    """
    from audit_pipeline.keys import rewrap as exchange

    own: Context = context.obj
    done = exchange(own.project, to=to)
    if as_json:
        print_json(asdict(done))
    else:
        out.print(f"The key {done.key_id} opens {done.files} encrypted files from now on, and the old one none.")
    if done.reference != own.project.config.keys.encryption:
        note(f"Set `keys.encryption: {done.reference}` in project.yaml: until then, no encrypted file can be read.")
    note("Back the new key up apart from the store: without it, no encrypted file can be read.")
