"""`show MODEL NIGHT`: one model-night in full."""

from typing import Annotated, Any

import typer

from audit_pipeline.cli.console import out, print_json, table, verdict
from audit_pipeline.cli.context import Context
from audit_pipeline.errors import PublishError
from audit_pipeline.publish import query

HEAD = "SELECT * FROM audit.model_night WHERE model_id = ? AND night = try_cast(? AS DATE)"
PARTS = {
    "findings": 'SELECT outcome, stage, name, "column", value, "limit", n, counts, reason FROM audit.finding '
    "WHERE record = ? ORDER BY list_position(['FAIL', 'NOT_EVALUATED', 'WARN', 'PASS'], outcome), NOT counts, stage",
    "performance": "SELECT metric, slice, value, lo, hi, n, reference, maturity, reason FROM audit.performance "
    "WHERE record = ? ORDER BY slice, metric",
    "drift": 'SELECT "column", method, score, threshold, p, adjusted_p, n, n_reference, reason FROM audit.drift '
    "WHERE record = ? AND engine = 'exact' AND method = 'psi' ORDER BY score DESC NULLS FIRST",
    "importance": "SELECT rank, feature, value, lo, hi, tied, direction FROM audit.importance "
    "WHERE record = ? ORDER BY rank",
    "files": "SELECT role, path, sha256, bytes FROM audit.artifact WHERE record = ? ORDER BY role, path",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="show")(show)


def show(
    context: typer.Context,
    model: str,
    night: Annotated[str, typer.Argument(help="YYYY-MM-DD")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show one model-night: verdict, findings, numbers, files.

    Example: audit-pipeline show high_utilizer 2026-01-03
    """
    own: Context = context.obj
    heads = query(own.layout, HEAD, [model, night]).records()
    if not heads:
        raise PublishError(f"No audit of '{model}' on '{night}'. `audit-pipeline status` lists what there is.")
    head = heads[0]
    parts = {name: query(own.layout, sql, [head["record"]]) for name, sql in PARTS.items()}
    if as_json:
        print_json({"model_night": head, **{name: answer.records() for name, answer in parts.items()}})
        return
    _print(own, head, parts)


def _print(own: Context, head: dict[str, Any], parts: dict[str, Any]) -> None:
    title = f"{head['model_id']} {head['night']}: "
    out.print(title, verdict(head["verdict"]), f" ({head['conclusion']})", sep="")
    out.print(f"rows {head['rows']}, record {head['record']}, {head['records']} record(s), run {head['run_id']}")
    for name, answer in parts.items():
        if not answer.rows:
            continue
        out.print(f"\n[bold]{name}[/bold]")
        rows = [
            tuple(
                verdict(cell) if column == "outcome" else cell for column, cell in zip(answer.columns, row, strict=True)
            )
            for row in answer.rows
        ]
        table(answer.columns, rows)
    page = next((path for _, path, *_ in parts["files"].rows if path.endswith("report.html")), None)
    if page:
        out.print(f"\nReport: {own.layout.audit / page}", markup=False)
