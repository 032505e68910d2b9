"""`replay`: the same result comes out again, from what the store holds only."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.config import Project
from audit_pipeline.errors import ConfigError, ExitCode, NothingAuditedError, QueryError

if TYPE_CHECKING:
    from audit_pipeline.evidence import LogEntry, Store
    from audit_pipeline.replay import Difference, Replayed

SHOWN = 5  # differences and changes of a model-night that are printed; --json has all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="replay", epilog="Example: audit-pipeline replay high_utilizer 2026-01-03")(replay)


def replay(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="As `status` lists it; default: all.")] = None,
    night: Annotated[datetime | None, typer.Argument(**DAY, help="Default: every night that was audited.")] = None,
    as_json: Json = False,
) -> None:
    """Compute past model-nights anew from their snapshots and inputs, and compare the results with the evidence.

    Nothing is written into the store, and nothing is read but the store: neither logs, labels and model files, nor
    what the project's YAML says today, nor Dagster's storage. What differs is named, the likely cause first.

    Exit codes: 0 every recorded value came out again, 1 something differs, 3 something cannot be computed anew.
    """
    own: Context = context.obj
    own.require_evidence()
    store = own.store_to_read()
    entries = _chosen(store, own, model, night.date() if night else None)
    done = list(_replayed(own, store, entries, quiet=as_json))
    if as_json:
        print_json({"replays": [asdict(one) for one in done]})
    else:
        counts = Counter(one.outcome for one in done)
        out.print(f"{len(done)} model-nights: " + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) + ".")
    raise typer.Exit(int(_exit_code(done)))


def _chosen(store: "Store", own: Context, model: str | None, night: date | None) -> "list[LogEntry]":
    """Return the newest record of each model-night that was asked for.

    Raises:
        NothingAuditedError: there is no record at all.
        QueryError: there is none of that model or night.
    """
    heads = store.heads()
    if not heads:
        raise NothingAuditedError(str(own.root))
    day = night.isoformat() if night else None
    found = [heads[key] for key in sorted(heads) if model in (None, key[0]) and day in (None, key[1])]
    if not found:
        known = ", ".join(dict.fromkeys(key[0] for key in sorted(heads)))
        raise QueryError(f"No record of '{model}'{f' on {day}' if day else ''}. There are records of: {known}.")
    return found


def _replayed(own: Context, store: "Store", entries: "Iterable[LogEntry]", *, quiet: bool) -> Iterator["Replayed"]:
    """Compute one after the other, and say what came of it at once."""
    note("Loading Great Expectations, Evidently and SHAP ...")
    from audit_pipeline.replay import replay

    present = _present(own)
    for entry in entries:
        one = replay(store, entry, present=present)
        if not quiet:
            _show(one)
        yield one


def _present(own: Context) -> Project | None:
    """Return today's project, if it can be read: a replay needs none."""
    try:
        return own.project
    except ConfigError:
        note("The project's files are not readable as they are now: what changed in them since is not told.")
        return None


def _show(one: "Replayed") -> None:
    """Print one model-night: in a line, and what is behind it."""
    from audit_pipeline.replay import ReplayOutcome

    say = out.print if one.outcome is ReplayOutcome.REPLAYED else error
    say(f"{one.model_id} {one.night}  {one.outcome}: {one.reason}")
    if len(one.differences) > 1:
        _list(one.differences, "")
    _list(one.changed_since, "Changed in the project since, and not used here: ")


def _list(differences: "tuple[Difference, ...]", what: str) -> None:
    """Print the first of them."""
    for difference in differences[:SHOWN]:
        note(f"    {what}{difference}")
    if len(differences) > SHOWN:
        note(f"    ... and {len(differences) - SHOWN:,} more; --json lists all")


def _exit_code(done: Iterable["Replayed"]) -> ExitCode:
    """Return the worst."""
    from audit_pipeline.replay import ReplayOutcome

    outcomes = {one.outcome for one in done}
    if ReplayOutcome.DIFFERS in outcomes:
        return ExitCode.FAILED
    return ExitCode.NOT_EVALUATED if ReplayOutcome.NOT_REPLAYABLE in outcomes else ExitCode.PASSED
