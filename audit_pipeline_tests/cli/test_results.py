"""Results on stdout, whole and as they are; JSON that a machine can read."""

import json
import shutil
import sys
from io import StringIO
from pathlib import Path

import pytest

from audit_pipeline.cli.run import exit_code
from audit_pipeline.cli.status import fleet_line
from audit_pipeline.errors import ExitCode
from audit_pipeline_tests.cli.conftest import Call
from audit_pipeline_tests.config import small


def test_status_begins_with_the_fleet_in_one_line(call: Call, audited: Path) -> None:
    ended = call("--project", audited, "status")
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "1 model, newest night 2026-07-02: 1 FAIL."
    assert "risk" in ended.out.splitlines()[2]


def test_the_fleet_line_names_who_is_behind_or_was_never_audited() -> None:
    models = [
        {"model_id": "a", "verdict": "PASS", "night": "2026-01-02"},
        {"model_id": "b", "verdict": "FAIL", "night": "2026-01-01"},
    ]
    line = fleet_line(models, ["c"])
    assert line == "3 models, newest night 2026-01-02: 1 FAIL, 1 PASS. Behind: b. Never audited: c."


def test_a_model_without_audit_is_told(call: Call, audited: Path) -> None:
    added = audited / "models" / "never.yaml"
    added.write_text("")
    try:
        assert "Never audited: never." in call("--project", audited, "status").out
        assert json.loads(call("--project", audited, "status", "--json").out)["never_audited"] == ["never"]
    finally:
        added.unlink()


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "show risk 2026-07-02",
        "query",
        "verify",
        "rebuild",
    ],
)
def test_json_is_all_there_is_on_stdout(call: Call, audited: Path, command: str) -> None:
    ended = call("--project", audited, *command.split(), "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)


def test_show_has_verdict_findings_numbers_and_report(call: Call, audited: Path) -> None:
    out = call("--project", audited, "show", "risk", "2026-07-02").out
    assert out.startswith("risk 2026-07-02: FAIL (FAIL, 1 finding in drift)\n")
    assert "PSI of age is over its limit, from 297 values." in out
    report = Path(out.strip().splitlines()[-1].removeprefix("Report: "))
    assert report.is_file()


def test_query_lists_tables_with_their_comments_under_names_that_can_be_asked(call: Call, audited: Path) -> None:
    tables = json.loads(call("--project", audited, "query", "--json").out)
    names = {table["name"] for table in tables}
    assert {"audit.model_night", "audit.v_last_night", "lineage.edge"} <= names
    assert all(table["comment"] for table in tables)
    for name in names:
        assert call("--project", audited, "query", f"select count(*) from {name}").code == 0


def test_query_reads_standard_input(call: Call, audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("select count(*) as nights from audit.model_night"))
    assert json.loads(call("--project", audited, "query", "-", "--json").out) == [{"nights": 2}]


def test_what_is_no_finite_number_becomes_null(call: Call, audited: Path) -> None:
    sql = "select 'nan'::double as a, 'inf'::double as b, date '2026-01-01' as c, [1.5, 'nan'::double] as d"
    answer = json.loads(call("--project", audited, "query", sql, "--json").out)
    assert answer == [{"a": None, "b": None, "c": "2026-01-01", "d": [1.5, None]}]


def test_cells_are_printed_whole_and_never_read_as_markup(call: Call, audited: Path) -> None:
    long = "x" * 300
    out = call("--project", audited, "query", f"select '[bold]a[/bold] :smile: {long}' as \"[red]cell\"").out
    assert out.splitlines()[0].rstrip() == "[red]cell"
    assert out.splitlines()[1].rstrip() == f"[bold]a[/bold] :smile: {long}"


def test_verify_says_what_it_looked_at(call: Call, audited: Path) -> None:
    ended = call("--project", audited, "verify")
    assert (ended.code, ended.out.partition(":")[0]) == (0, "Verified")
    assert "2 records" in ended.out


@pytest.mark.parametrize(
    ("verdicts", "crashed", "undelivered", "code"),
    [
        (["PASS", "WARN"], [], [], ExitCode.PASSED),
        ([], [], [], ExitCode.PASSED),
        (["PASS", "FAIL", "NOT_EVALUATED"], ["x"], [], ExitCode.FAILED),
        (["PASS", "NOT_EVALUATED"], [], [], ExitCode.NOT_EVALUATED),
        (["PASS"], ["x"], [], ExitCode.NOT_EVALUATED),
        (["PASS"], [], ["y"], ExitCode.NOT_DELIVERED),
        (["FAIL"], [], ["y"], ExitCode.NOT_DELIVERED),  # nobody was told of it
    ],
)
def test_the_exit_code_of_a_run(
    verdicts: list[str], crashed: list[str], undelivered: list[str], code: ExitCode
) -> None:
    audited = [{"verdict": verdict} for verdict in verdicts]
    assert exit_code({"audited": audited, "crashed": crashed, "undelivered": undelivered}) is code


def test_a_role_asks_its_own_database(call: Call, audited: Path, tmp_path: Path) -> None:
    missing = call("--project", audited, "query", "--role", "analyst")
    assert missing.code == ExitCode.USAGE
    assert "There is no database for the role 'analyst'. `roles` in project.yaml declares one" in missing.err
    copy = tmp_path / "project"
    shutil.copytree(audited, copy)
    (copy / "project.yaml").write_text(small.PROJECT + "roles: {analyst: {hide: ['*.owner']}}\n", encoding="utf-8")
    assert call("--project", copy, "rebuild").code == 0
    asked = call("--project", copy, "query", "select distinct owner from audit.record", "--role", "analyst", "--json")
    assert json.loads(asked.out) == [{"owner": None}]
    misspelt = call("--project", copy, "query", "--role", "analist")
    assert "Did you mean 'analyst'? There are: analyst." in misspelt.err
