"""`run`: audit the model-nights that are due, through Dagster, with progress."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from audit_pipeline.cli.console import error, note, print_json, table, verdict
from audit_pipeline.cli.context import Context
from audit_pipeline.errors import ExitCode, PublishError
from audit_pipeline.evidence import Store

Night = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run")(run)


def run(
    context: typer.Context,
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")] = None,
    night: Annotated[datetime | None, typer.Option("--night", formats=["%Y-%m-%d"], help="Only this night.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this night.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="To this night.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Audit again what is up to date.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Audit every model-night that is due: never audited, or its log or labels changed since.

    Exit codes: 0 passed (WARN included), 1 a verdict is FAIL, 3 something due could not be evaluated, 4 evidence was
    made but not delivered.

    Example: audit-pipeline run --from 2026-01-01 --to 2026-01-03
    """
    own: Context = context.obj
    begin, end = (_day(night), _day(night)) if night else (_day(first), _day(last))
    outcome = run_project(own, models=model or [], first=begin, last=end, force=force)
    if as_json:
        print_json(outcome)
    else:
        _show(outcome)
    raise typer.Exit(int(exit_code(outcome)))


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def run_project(
    own: Context, *, models: list[str], first: date | None = None, last: date | None = None, force: bool = False
) -> dict[str, Any]:
    """Audit what is due, publish, alert; return what was done as plain data."""
    from audit_pipeline.due import due_nights

    project = own.project
    Store(project.layout).sweep_if_alone()
    due = due_nights(project, models=models, first=first, last=last, force=force, now=datetime.now(UTC))
    outcome: dict[str, Any] = {"due": len(due), "audited": [], "crashed": [], "undelivered": []}
    if due:
        _audit(own, due, outcome)
    _deliver(own, outcome)
    return outcome


def _audit(own: Context, due: list[Any], outcome: dict[str, Any]) -> None:
    """Run what is due under a progress bar."""
    from audit_pipeline.cli.progress import Progress

    note(f"{len(due)} model-nights are due. Loading Dagster, Great Expectations, Evidently and SHAP ...")
    from audit_pipeline.fleet import publish_store
    from audit_pipeline.orchestration.dead import close_dead_runs
    from audit_pipeline.orchestration.instance import instance_of
    from audit_pipeline.orchestration.run import run_due

    store = Store(own.project.layout)
    with instance_of(own.project) as instance, Progress(len(due)) as progress:
        close_dead_runs(own.project, instance)
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
            try:
                publish_store(own.project)
            except PublishError:
                continue  # said once, at the end
        close_dead_runs(own.project, instance)


def _line(store: Store, entry: Any, run_id: str) -> dict[str, Any]:
    """Return one audited model-night as plain data."""
    record = store.read_record(entry.model_id, entry.night, entry.digest)
    page = next((f["path"] for f in record["execution"]["artifacts"] if f["path"].endswith("report.html")), None)
    return {
        "model_id": entry.model_id,
        "night": entry.night,
        "verdict": entry.body["verdict"],
        "conclusion": record["result"]["decision"]["conclusion"],
        "record": entry.digest,
        "result_digest": record["result_digest"],
        "run_id": run_id,
        "new": record["execution"]["run_id"] == run_id,
        "report": str(store.root / page) if page else None,
    }


def _deliver(own: Context, outcome: dict[str, Any]) -> None:
    """Publish and alert; what could not be delivered is said, and the evidence stays."""
    from audit_pipeline.fleet import publish_store, send_alerts

    if not own.layout.audit.exists():
        return
    try:
        publish_store(own.project)
    except PublishError as problem:
        outcome["undelivered"].append(str(problem))
    runs = {line["run_id"] for line in outcome["audited"]}
    for delivery in send_alerts(own.project, runs=runs):
        if not delivery.delivered:
            text = f"Alert for {delivery.owner} by channel {delivery.channel} was not delivered: {delivery.reason}."
            outcome["undelivered"].append(text)


def exit_code(outcome: dict[str, Any]) -> ExitCode:
    """Return the exit code of a run; a failed verdict comes before everything else."""
    verdicts = {line["verdict"] for line in outcome["audited"]}
    if "FAIL" in verdicts:
        return ExitCode.FAILED
    if outcome["crashed"] or "NOT_EVALUATED" in verdicts:
        return ExitCode.NOT_EVALUATED
    return ExitCode.NOT_DELIVERED if outcome["undelivered"] else ExitCode.PASSED


def _show(outcome: dict[str, Any]) -> None:
    """Print the verdicts and what to look at next."""
    if not outcome["due"]:
        note("Nothing is due: every model-night is audited as its log and labels are now. (--force audits again.)")
    lines = outcome["audited"]
    if lines:
        rows = [(x["model_id"], x["night"], verdict(x["verdict"]), x["conclusion"]) for x in lines]
        table(("model", "night", "verdict", "why"), rows)
    for crash in outcome["crashed"]:
        error(
            f"{crash['model_id']} {crash['night']} crashed: {crash['reason']} (run {crash['run_id']} in the Dagster UI)"
        )
    for text in outcome["undelivered"]:
        error(text)
    bad = [x for x in lines if x["verdict"] in ("FAIL", "NOT_EVALUATED")] or lines
    if bad:
        first = bad[0]
        note(f"\nNext: open {first['report']}")
        note(f"      audit-pipeline show {first['model_id']} {first['night']}")
