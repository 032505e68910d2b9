"""`verify`: nothing was changed, dropped, added or reordered."""

import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from audit_pipeline.cli.console import error, note, out, print_json
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.config import ProjectConfig, project_alone
from audit_pipeline.errors import ConfigError, ExitCode, Fault, KeyMissingError


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Example: audit-pipeline verify --model high_utilizer --night 2026-01-03"
    app.command(name="verify", epilog=epilog)(verify)


def verify(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Only this model's records.")] = None,
    night: Annotated[datetime | None, typer.Option("--night", **DAY, help="Only this night's records.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="ROOT", help="A root seen earlier, or a file of roots (an anchor's)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute every digest of the evidence store, and check the log's roots and signatures.

    Exit codes: 0 all is as the log says, 1 something is not, 3 there is nothing to verify.
    """
    from audit_pipeline.evidence import Store, signing_key
    from audit_pipeline.evidence import verify as check
    from audit_pipeline.vault import Vault

    own: Context = context.obj
    own.require_evidence()
    day = night.date().isoformat() if night else None
    config = project_alone(own.root)
    try:
        key = signing_key(config, own.root) if config else None
    except KeyMissingError as missing:  # a verifier need not have it
        key = None
        note(f"{missing} What no root covers yet is not checked by its writers' marks.")
    store = Store(own.layout, key, Vault.of(config, own.root))
    found = check(store, model_id=model, night=day, since=_seen(since) or _anchor(config, own.root))
    if as_json:
        print_json(asdict(found) | {"ok": found.ok})
    else:
        for problem in found.problems:
            error(f"{problem.path}: {problem.message}")
        out.print(
            f"{'Verified' if found.ok else 'NOT verified'}: {found.entries} log entries, {found.records} records, "
            f"{found.files} files, {len(found.problems)} problems."
        )
        out.print(f"Root: {found.root}")
        out.print(f"Signed: {found.signed} of {found.entries} entries{_by(found.keys)}")
        for text in found.notes:
            note(text)
    if not found.ok:
        raise typer.Exit(int(ExitCode.FAILED))
    if found.records == 0:
        note("There is no record to verify.")
        raise typer.Exit(int(ExitCode.NOT_EVALUATED))


def _anchor(config: ProjectConfig | None, root: Path) -> Path | None:
    """Return the file of roots that the project keeps elsewhere, if it is there."""
    file = root / config.anchor.file if config and config.anchor and config.anchor.file else None
    if file is not None and not file.is_file():
        note(f"The anchor '{file}' is not there: nothing was held against it.")
        return None
    return file


def _seen(since: str | None) -> str | Path | None:
    """Return a root in hex as text, anything else as the file it must be."""
    if since is None or re.fullmatch(r"[0-9a-fA-F]{64}", since):
        return since.lower() if since else None
    if not Path(since).is_file():
        raise ConfigError([Fault("--since", "", f"'{since}' is neither a root (64 hex digits) nor a file of roots")])
    return Path(since)


def _by(keys: tuple[str, ...]) -> str:
    return f", by the key {keys[-1]}" if keys else ""
