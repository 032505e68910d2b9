"""`export`: model-nights as one file that a third party checks without this program."""

import re
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline.cli.console import note, out, print_json
from audit_pipeline.cli.context import Context, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: audit-pipeline export high_utilizer 2026-01-03 -o pack.zip"
    app.command(name="export", epilog=epilog)(export)


def export(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `status` lists it.")],
    nights: Annotated[str, typer.Argument(metavar="NIGHT|FROM..TO", help="A night or a range, YYYY-MM-DD.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The pack to write.")],
    with_rows: Annotated[
        bool, typer.Option("--with-rows", help="Also snapshots, labels, reference and model: row-level data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write records, files, proofs and a verifier into one file: `python verify.py PACK.zip` needs nothing else.

    Row-level data is left out: its digests stand in the records.
    """
    from audit_pipeline.evidence.export import export as write

    own: Context = context.obj
    own.require_evidence()
    first, last = _range(nights)
    done = write(own.store_to_read(), output, model, first=first, last=last, with_rows=with_rows)
    if as_json:
        print_json(asdict(done) | {"file": str(output)})
        return
    out.print(f"Wrote {output}: {done.records} records, {done.files} files; {done.left_out} files were left out.")
    note(f"Key: {done.root.key_id or 'none, the log is unsigned'}. Give it to the reader by another way than the pack.")
    note(f"sha256 of the verifier: {done.verifier}. Check: python verify.py {output.name}")


def _range(nights: str) -> tuple[date, date]:
    """Read a night or a range."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?", nights)
    try:
        if found:
            return date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
    except ValueError:
        pass
    raise typer.BadParameter(f"'{nights}' is neither YYYY-MM-DD nor FROM..TO", param_hint="NIGHT|FROM..TO")
