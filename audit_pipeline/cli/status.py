"""`status`: one line for the whole fleet, then the last night of every model."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from audit_pipeline.cli.console import out, print_json, table, verdict
from audit_pipeline.cli.context import Context
from audit_pipeline.publish import query

STALE_S = 600  # a daemon that has not been seen for longer is called silent
LAST = "SELECT * FROM audit.v_last_night"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="status")(status)


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show the last audited night of every model.

    Example: audit-pipeline status
    """
    own: Context = context.obj
    models = query(own.layout, LAST).records()
    seen = heartbeat(own)
    if as_json:
        print_json({"models": models, "daemon_seen": seen})
        return
    out.print(fleet_line(models), markup=False)
    rows = [
        (
            m["model_id"],
            m["night"],
            verdict(m["verdict"]),
            m["rows"],
            m["failed"],
            m["warned"],
            m["maturity"],
            m["owner"],
        )
        for m in models
    ]
    table(("model", "night", "verdict", "rows", "failed", "warned", "performance", "owner"), rows)
    out.print(_daemon(seen), markup=False)


def fleet_line(models: list[dict[str, Any]]) -> str:
    """Return the fleet in one line, the worst first."""
    counts = Counter(m["verdict"] for m in models)
    words = [f"{counts[v]} {v}" for v in ("FAIL", "NOT_EVALUATED", "WARN", "PASS") if counts[v]]
    newest = max((m["night"] for m in models), default=None)
    late = [m["model_id"] for m in models if m["night"] != newest]
    line = f"{len(models)} models, newest night {newest}: {', '.join(words) or 'nothing audited yet'}."
    return line + (f" Behind: {', '.join(late)}." if late else "")


def heartbeat(own: Context) -> str | None:
    """Return when the daemon's deliver sensor last ticked."""
    file = own.layout.audit / ".state" / "heartbeat"
    return file.read_text(encoding="utf-8") if file.exists() else None


def _daemon(seen: str | None) -> str:
    if seen is None:
        return "No daemon has run on this project; `audit-pipeline ui` starts one, `audit-pipeline run` works without."
    age = (datetime.now(UTC) - datetime.fromisoformat(seen)).total_seconds()
    state = "at work" if age < STALE_S else "SILENT: schedule, sensors and alerts do not run"
    return f"Daemon last seen {seen[:19]} UTC ({state})."
