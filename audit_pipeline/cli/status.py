"""`status`: one line for the whole fleet, then the last night of every model."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer

from audit_pipeline import lineage
from audit_pipeline.cli.console import out, print_json, table, verdict
from audit_pipeline.cli.context import Context, Json
from audit_pipeline.config import project_alone

STALE_S = 600  # a daemon that has not been seen for longer is called silent
LAST = "SELECT * FROM audit.v_last_night"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="status", epilog="Example: audit-pipeline status")(status)


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show the last audited night of every model. The exit code says nothing of the verdicts."""
    own: Context = context.obj
    models = own.ask(LAST).records()
    missing = never_audited(own, models)
    seen, relay, problems = heartbeat(own), relay_behind(own), lineage.problems_of(own.layout)
    if as_json:
        said = {"models": models, "never_audited": missing, "daemon_seen": seen, "relay": relay}
        print_json(said | {"lineage_problems": problems})
        return
    out.print(fleet_line(models, missing))
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
    out.print(_daemon(seen))
    if problems:
        out.print(f"Lineage is incomplete: {problems[0]} ({len(problems)} in all; see `audit-pipeline reconcile`)")
    if relay:
        words = "is told everything" if not relay["waiting"] else f"is {relay['waiting']:,} events behind"
        out.print(f"Lineage relay: {relay['url']} {words}; it refused {relay['refused']:,}.")


def never_audited(own: Context, models: list[dict[str, Any]]) -> list[str]:
    """Return the models of the project without any audit; a model file is named like its model."""
    known = {m["model_id"] for m in models}
    files = (own.root / "models").glob("*.y*ml")
    return sorted({file.stem for file in files} - known)


def fleet_line(models: list[dict[str, Any]], missing: list[str]) -> str:
    """Return the fleet in one line, the worst first."""
    counts = Counter(m["verdict"] for m in models)
    words = [f"{counts[v]} {v}" for v in ("FAIL", "NOT_EVALUATED", "WARN", "PASS") if counts[v]]
    newest = max((m["night"] for m in models), default=None)
    late = [m["model_id"] for m in models if m["night"] != newest]
    total = len(models) + len(missing)
    line = f"{total} model{'s' if total != 1 else ''}, newest night {newest}: {', '.join(words)}."
    line += f" Behind: {', '.join(late)}." if late else ""
    return line + (f" Never audited: {', '.join(missing)}." if missing else "")


def heartbeat(own: Context) -> str | None:
    """Return when the daemon's deliver sensor last ticked."""
    file = own.layout.audit / ".state" / "heartbeat"
    return file.read_text(encoding="utf-8") if file.exists() else None


def relay_behind(own: Context) -> dict[str, Any] | None:
    """Return how far the consumer of lineage is behind; None without one, or where project.yaml has a fault."""
    project = project_alone(own.root)
    to = project.lineage.relay if project else None
    return {"url": to.url} | asdict(lineage.behind(own.layout, to)) if to else None


def _daemon(seen: str | None) -> str:
    if seen is None:
        return "No daemon has run on this project; `audit-pipeline ui` starts one, `audit-pipeline run` works without."
    age = (datetime.now(UTC) - datetime.fromisoformat(seen)).total_seconds()
    state = "at work" if age < STALE_S else "SILENT: schedule, sensors and alerts do not run"
    return f"Daemon last seen {seen[:19]} UTC ({state})."
