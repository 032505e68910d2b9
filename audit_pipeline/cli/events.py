"""`lineage validate|export|relay`: the events themselves, checked, written out, sent on."""

import sys
from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline import lineage
from audit_pipeline.cli.console import note, out, print_json, print_lines
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.errors import ExitCode, LineageError

EVERY = 500  # events between two lines of progress
LONGEST = 300  # characters of a message: a schema's may quote a whole facet
STDIO = Path("-")


class Format(StrEnum):
    """What an export can be written as."""

    EVENTS = "events"


def register(app: typer.Typer) -> None:
    """Add the commands to those of `lineage`."""
    app.command(name="validate", epilog="Example: audit-pipeline lineage validate events.ndjson --no-strict")(validate)
    app.command(name="export", epilog="Example: audit-pipeline lineage export --as-of 2026-01-05 -o events.ndjson")(
        export
    )
    app.command(name="relay", epilog="Example: audit-pipeline lineage relay")(relay)


def validate(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="Events, one JSON object per line; `-` reads standard input.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Also whole runs, names and the facets that every event of this program has.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Check OpenLineage events against the official schemas, offline; by default all events of the project.

    Exit codes: 0 no violation, 1 violations, 2 the events cannot be read or there are none.
    """
    own: Context = context.obj
    found, where = _validated(own, file, strict)
    if found.events == 0:
        raise LineageError(f"There is no event in {where}: nothing was checked, and nothing has passed.")
    if as_json:
        print_json(asdict(found) | {"violations": [v._asdict() for v in found.violations], "ok": not found.violations})
    else:
        for violation in found.violations:
            out.print(": ".join(part for part in violation if part)[:LONGEST])
        out.print(f"{found.events:,} events, {len(found.violations):,} violations")
    if found.violations:
        raise typer.Exit(int(ExitCode.FAILED))


def _validated(own: Context, file: Path | None, strict: bool) -> tuple[lineage.Validated, str]:
    """Judge what is asked for; return also what to call it."""
    if file is None:
        own.require_evidence()
        lines = lineage.read_outbox(own.layout.outbox)
        return lineage.validate(lines, strict=strict), f"'{own.layout.outbox}'"
    if file == STDIO:
        lines = lineage.read_file(sys.stdin.buffer, "-")
        return lineage.validate(lines, strict=strict), "standard input"
    with file.open("rb") as data:
        return lineage.validate(lineage.read_file(data, str(file)), strict=strict), f"'{file}'"


def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; `-` is standard output.")] = STDIO,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", **DAY, help="Only from this night on.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", **DAY, help="Only to this night.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", **DAY, help="Only runs about this night or earlier ones.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="OpenLineage events, one JSON object per line.")] = (
        Format.EVENTS
    ),
) -> None:
    """Write the events as they arrived, oldest first, so that another system can load them."""
    own: Context = context.obj
    if first and last and first > last:
        raise typer.BadParameter("--from is after --to")
    with own.database() as connection:
        lines = lineage.raw_events(
            connection, models=model or [], first=_day(first), last=_day(last), as_of=_day(as_of)
        )
        if output == STDIO:
            count = print_lines(lines, sys.stdout.buffer)
        else:
            with output.open("wb") as target:
                count = print_lines(lines, target)
    note(f"{count:,} {form}")


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def relay(context: typer.Context, as_json: Json = False) -> None:
    """Send all waiting events to the consumer in `lineage.relay` of project.yaml, in order.

    The daemon does the same every half minute. Exit codes: 0 nothing is left, 2 no consumer is configured,
    3 nothing has been audited yet, 4 something was refused or waits for another try.
    """
    own: Context = context.obj
    own.require_evidence()
    done = lineage.relay_events(own.project, on_sent=_progress)
    if as_json:
        print_json(asdict(done))
    else:
        for refusal in done.refused:
            why = f"refused with status {refusal.status}" if refusal.status else "no usable event, not sent"
            out.print(f"{refusal.file}, byte {refusal.at:,}: {why}")
        out.print(f"{done.sent:,} sent, {len(done.refused):,} refused, {done.behind.waiting:,} waiting")
        if done.trouble:
            note(done.trouble)
    if done.trouble or done.refused or done.behind.waiting:
        raise typer.Exit(int(ExitCode.NOT_DELIVERED))


def _progress(sent: int) -> None:
    if sent % EVERY == 0:
        note(f"{sent:,} events sent")
