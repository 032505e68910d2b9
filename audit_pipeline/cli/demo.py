"""`demo`: build the replay's inputs, audit its nights, hold the verdicts against the injected incidents."""

from typing import Any

import typer

from audit_pipeline.cli.console import error, note, out, print_json, table, verdict
from audit_pipeline.cli.context import Context, Json, program
from audit_pipeline.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="demo", epilog="Example: audit-pipeline demo")(demo)


def demo(context: typer.Context, as_json: Json = False) -> None:
    """Audit three models over ten nights of a replay of real data, with two injected incidents.

    Exit code 0 when exactly the model-nights with an injected incident FAIL.
    """
    from audit_pipeline.cli.run import run_project
    from audit_pipeline.demo.build import build_inputs

    own: Context = context.obj
    note("RAND Health Insurance Experiment: real persons' years, replayed as ten nights. Two incidents are injected.")
    build_inputs(own.root, progress=note)
    outcome = run_project(own, models=[])
    lines = _verdicts(own)
    problems = _problems(own, lines, outcome)
    if as_json:
        print_json({"model_nights": lines, "problems": problems})
    else:
        _matrix(lines)
        if not problems:
            failed = sum(line["verdict"] == "FAIL" for line in lines)
            out.print(f"As expected: the {failed} model-nights with an injected incident FAIL, and no other.")
        _next(own, lines)
    for problem in problems:
        error(problem)
    raise typer.Exit(int(ExitCode.FAILED if problems else ExitCode.PASSED))


def _verdicts(own: Context) -> list[dict[str, Any]]:
    """Return the newest verdict of every model-night."""
    sql = """
        SELECT m.model_id, m.night, m.verdict, m.conclusion, a.path AS report
        FROM audit.model_night m LEFT JOIN audit.artifact a ON a.record = m.record AND a.path LIKE '%/report.html'
        ORDER BY m.night, m.model_id
    """
    return own.ask(sql).records()


def _matrix(lines: list[dict[str, Any]]) -> None:
    """Print nights against models."""
    models = sorted({line["model_id"] for line in lines})
    cells = {(line["night"], line["model_id"]): line["verdict"] for line in lines}
    nights = sorted({line["night"] for line in lines})
    rows = [(str(night), *(verdict(cells.get((night, m), "-")) for m in models)) for night in nights]
    table(("night", *models), rows)
    pending = sum("pending" in line["conclusion"] for line in lines)
    if pending:
        out.print(f"{pending} model-nights wait for their labels, which come two nights late: performance pending.")


def _problems(own: Context, lines: list[dict[str, Any]], outcome: dict[str, Any]) -> list[str]:
    """Say where the verdicts are not the expected ones, and what crashed or was not delivered."""
    from audit_pipeline.demo.incidents import expected

    injected = expected(own.root)
    failed = {(line["model_id"], line["night"]) for line in lines if line["verdict"] == "FAIL"}
    found = [
        f"{model} {night} has an injected incident and did not FAIL." for model, night in sorted(injected - failed)
    ]
    found += [f"{model} {night} FAILs without an injected incident." for model, night in sorted(failed - injected)]
    found += [f"{crash['model_id']} {crash['night']} crashed: {crash['reason']}" for crash in outcome["crashed"]]
    return found + list(outcome["undelivered"])


def _next(own: Context, lines: list[dict[str, Any]]) -> None:
    """Name three reports and what to do next."""
    order = {"FAIL": 0, "NOT_EVALUATED": 1, "WARN": 2, "PASS": 3}
    failed = sorted(lines, key=lambda line: (order[line["verdict"]], line["night"]))
    chosen: dict[str, dict[str, Any]] = {}
    for line in (*failed[:2], *reversed(failed)):
        if len(chosen) < 3:
            chosen.setdefault(f"{line['model_id']}{line['night']}", line)
    out.print("\nReports:")
    for line in chosen.values():
        out.print(f"  {line['verdict']:<5} {own.layout.audit / line['report']}")
    first = failed[0]
    out.print("\nNext:")
    for command in (
        f"show {first['model_id']} {first['night']}",
        'query "from audit.v_failing_models"',
        "verify",
        "lineage graph -o lineage.html",
        "ui",
    ):
        out.print(f"  {program()} --project {own.shown} {command}")
