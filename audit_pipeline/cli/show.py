"""`show MODEL NIGHT`: one model-night in full."""

from datetime import datetime
from typing import Annotated, Any

import typer

from audit_pipeline.cli.console import heading, out, print_json, table, verdict
from audit_pipeline.cli.context import DAY, Context, Json
from audit_pipeline.errors import QueryError
from audit_pipeline.publish import Answer

HEAD = "SELECT * FROM audit.model_night WHERE model_id = ? AND night = ?"
PARTS = {
    "findings": 'SELECT outcome, stage, name, "column", value, "limit", n, counts, reason FROM audit.finding '
    "WHERE record = ? ORDER BY list_position(['FAIL', 'NOT_EVALUATED', 'WARN', 'PASS'], outcome), NOT counts, stage",
    "performance": "SELECT metric, slice, value, lo, hi, n, reference, maturity, reason FROM audit.performance "
    "WHERE record = ? ORDER BY slice, metric",
    "drift": 'SELECT "column", method, score, threshold, p, adjusted_p, n, n_reference, reason FROM audit.drift '
    "WHERE record = ? AND engine = 'exact' AND method = 'psi' ORDER BY score DESC NULLS FIRST",
    "importance": "SELECT rank, feature, value, lo, hi, tied, direction FROM audit.importance "
    "WHERE record = ? ORDER BY rank",
    "reviews": "SELECT v.time, v.meaning, v.name, v.reason, v.record <> r.record AS superseded FROM audit.review v "
    "JOIN audit.record r USING (model_id, night) WHERE r.record = ? ORDER BY v.log_index",
    "files": "SELECT role, path, sha256, bytes FROM audit.artifact WHERE record = ? ORDER BY role, path",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="show", epilog="Example: audit-pipeline show high_utilizer 2026-01-03")(show)


def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `status` lists it.")],
    night: Annotated[datetime, typer.Argument(**DAY)],
    as_json: Json = False,
) -> None:
    """Show one model-night: verdict, findings, numbers, files."""
    own: Context = context.obj
    heads = own.ask(HEAD, [model, night.date()]).records()
    if not heads:
        text = (
            f"No audit of '{model}' on {night.date()}. `audit-pipeline status` lists the models and their last night."
        )
        raise QueryError(text)
    head = heads[0]
    parts = {name: own.ask(sql, [head["record"]]) for name, sql in PARTS.items()}
    if as_json:
        print_json({"model_night": head, **{name: answer.records() for name, answer in parts.items()}})
        return
    _print(own, head, parts)


def _print(own: Context, head: dict[str, Any], parts: dict[str, Answer]) -> None:
    """Print every part that has rows."""
    out.print(f"{head['model_id']} {head['night']}: ", verdict(head["verdict"]), f" ({head['conclusion']})", sep="")
    out.print(f"rows {head['rows']}, record {head['record']}, {head['records']} record(s), run {head['run_id']}")
    for name, answer in parts.items():
        if answer.rows:
            heading(name)
            table(answer.columns, [_coloured(answer.columns, row) for row in answer.rows])
    page = next((path for _, path, *_ in parts["files"].rows if path.endswith("report.html")), None)
    if page:
        out.print(f"\nReport: {own.layout.audit / page}")


def _coloured(columns: tuple[str, ...], row: tuple[Any, ...]) -> list[Any]:
    """Give the outcome of a row its colour."""
    return [verdict(cell) if column == "outcome" else cell for column, cell in zip(columns, row, strict=True)]
