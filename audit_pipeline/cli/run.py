"""`run`: audit the model-nights that are due, through Dagster, with progress."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_pipeline.cli.console import error, note, print_json, table, verdict
from audit_pipeline.cli.context import DAY, Context, Json, program
from audit_pipeline.errors import ConfigError, ExitCode, Fault, PublishError, SourceError, StorageError

if TYPE_CHECKING:
    from audit_pipeline.evidence import Store

RETRY = timedelta(days=1)  # alerts that were not delivered are tried again for so long


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run", epilog="Example: audit-pipeline run --from 2026-01-01 --to 2026-01-03")(run)


def run(
    context: typer.Context,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")] = None,
    night: Annotated[datetime | None, typer.Option("--night", **DAY, help="Only this night.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", **DAY, help="From this night.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", **DAY, help="To this night.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Audit again what is up to date.")] = False,
    as_json: Json = False,
) -> None:
    """Audit every model-night that is due: never audited, or its log or labels changed since.

    Exit codes: 0 passed (WARN included), 1 a verdict is FAIL, 3 something due could not be evaluated, 4 evidence was
    made but not delivered.
    """
    own: Context = context.obj
    if night and (first or last):
        raise typer.BadParameter("give either --night, or --from and --to")
    if first and last and first > last:
        raise typer.BadParameter("--from is after --to")
    outcome = run_project(own, models=model or [], first=_day(night or first), last=_day(night or last), force=force)
    if as_json:
        print_json(outcome)
    else:
        _show(own, outcome)
    raise typer.Exit(int(exit_code(outcome)))


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def run_project(
    own: Context, *, models: list[str], first: date | None = None, last: date | None = None, force: bool = False
) -> dict[str, Any]:
    """Audit what is due, publish, alert; return what was done as plain data.

    Raises:
        ConfigError: the nights asked for are before the project's first.
        SourceError: no model has a log of any night.
        KeyMissingError: a model has direct identifiers, or a role masks, and the pseudonym key is not there.
    """
    from audit_pipeline.due import due_nights
    from audit_pipeline.evidence import Store
    from audit_pipeline.fleet import require_roles
    from audit_pipeline.gather import require_keys

    project = own.project
    _require_nights(own, last)
    require_keys(project)
    require_roles(project)
    Store(project.layout).sweep_if_alone()
    due = due_nights(project, models=models, first=first, last=last, force=force, now=datetime.now(UTC))
    outcome: dict[str, Any] = {"due": len(due), "audited": [], "crashed": [], "undelivered": []}
    if due:
        _audit(own, due, outcome)
    _deliver(own, outcome)
    return outcome


def _require_nights(own: Context, last: date | None) -> None:
    """Refuse a run that could not find any night: "nothing is due" would sound like a pass."""
    from audit_pipeline.due import newest_log

    begin, newest = own.project.config.nights.first, last or newest_log(own.project)
    if newest is None:
        logs = sorted({m.config.log.path or str(m.config.log.database) for m in own.project.models.values()})
        text = f"No night of any model has a log yet: nothing matches {', '.join(logs)}. Deliver one, or correct `log`."
        raise SourceError(text)
    if newest < begin:
        text = f"is {begin}, and the newest night is {newest}: it is not expected. Begin with it, or earlier"
        raise ConfigError([Fault("project.yaml", "nights.first", text)])


def _audit(own: Context, due: list[Any], outcome: dict[str, Any]) -> None:
    """Run what is due under a progress bar."""
    from audit_pipeline.cli.progress import Progress

    note(f"{len(due)} model-nights are due. Loading Dagster, Great Expectations, Evidently and SHAP ...")
    from audit_pipeline.evidence import Store
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.orchestration.dead import close_dead_runs
    from audit_pipeline.orchestration.instance import instance_of
    from audit_pipeline.orchestration.run import run_due

    store = Store(own.project.layout)
    with instance_of(own.project) as instance, Progress(len(due)) as progress:
        close_dead_runs(instance)
        for done in run_due(own.project, instance, due, on_stage=progress.stage):
            for model in done.models:
                if model in done.crashed:
                    progress.done(model, done.night, "CRASHED")
                    crash = {"model_id": model, "night": str(done.night), "run_id": done.run_id}
                    outcome["crashed"].append(crash | {"reason": done.crashed[model]})
                    continue
                entry = store.head(model, done.night)
                if entry is not None:
                    progress.done(model, done.night, entry.body["verdict"])
                    outcome["audited"].append(_line(store, entry, done.run_id))
            if done.lineage:
                outcome["undelivered"].append(done.lineage)
            try:
                publish_store(own.project)
            except PublishError:
                continue  # said once, at the end


def _line(store: "Store", entry: Any, run_id: str) -> dict[str, Any]:
    """Return one audited model-night as plain data."""
    record = store.read_record(entry.model_id, entry.night, entry.digest)
    page = next((f["path"] for f in record["execution"]["artifacts"] if f["path"].endswith("report.html")), None)
    decision = record["result"]["decision"]
    found = decision["findings"] if decision["verdict"] != "PASS" else []
    return {
        "model_id": entry.model_id,
        "night": entry.night,
        "verdict": entry.body["verdict"],
        "conclusion": decision["conclusion"],
        "reasons": [f["reason"] for f in found if f["counts"] and f["outcome"] == decision["verdict"]],
        "record": entry.digest,
        "result_digest": record["result_digest"],
        "run_id": run_id,
        "new": record["execution"]["run_id"] == run_id,
        "report": str(store.root / page) if page else None,
    }


def _deliver(own: Context, outcome: dict[str, Any]) -> None:
    """Alert and publish, the alerts with it; what could not be delivered is said, and the evidence stays."""
    from audit_pipeline.anchor import anchor_roots
    from audit_pipeline.fleet import publish_store, send_alerts

    if not own.layout.audit.exists():
        return
    runs = {line["run_id"] for line in outcome["audited"]}
    try:
        for delivery in send_alerts(own.project, runs=runs, since=datetime.now(UTC) - RETRY):
            if not delivery.delivered:
                text = f"Alert for {delivery.owner} by channel {delivery.channel} was not delivered: {delivery.reason}"
                outcome["undelivered"].append(text)
        publish_store(own.project)
    except (PublishError, StorageError) as problem:
        outcome["undelivered"].append(str(problem))
    outcome["undelivered"] += anchor_roots(own.project)


def exit_code(outcome: dict[str, Any]) -> ExitCode:
    """Return the exit code of a run.

    What was not delivered comes first: its alert is about a verdict that is FAIL or NOT_EVALUATED anyway, and nobody
    was told.
    """
    if outcome["undelivered"]:
        return ExitCode.NOT_DELIVERED
    verdicts = {line["verdict"] for line in outcome["audited"]}
    if "FAIL" in verdicts:
        return ExitCode.FAILED
    if outcome["crashed"] or "NOT_EVALUATED" in verdicts:
        return ExitCode.NOT_EVALUATED
    return ExitCode.PASSED


def _show(own: Context, outcome: dict[str, Any]) -> None:
    """Print the verdicts and what to look at next."""
    if not outcome["due"]:
        note("Nothing is due: every model-night is audited as its log and labels are now. (--force audits again.)")
    lines = outcome["audited"]
    if lines:
        table(("model", "night", "verdict", "why"), [_row(line) for line in lines])
    for crash in outcome["crashed"]:
        place = f"(run {crash['run_id']} in the Dagster UI)"
        error(f"{crash['model_id']} {crash['night']} crashed: {crash['reason']} {place}")
    for text in outcome["undelivered"]:
        error(text)
    bad = [line for line in lines if line["verdict"] in ("FAIL", "NOT_EVALUATED")] or lines
    if bad:
        note(f"\nNext: open {bad[0]['report']}")
        note(f"      {program()} --project {own.shown} show {bad[0]['model_id']} {bad[0]['night']}")


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return one line of the table; what did not pass says its first reason, and how many more there are."""
    reasons = line["reasons"]
    why = line["conclusion"]
    if reasons:
        why = reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")
    return line["model_id"], line["night"], verdict(line["verdict"]), why
