"""An error is one message on stderr and the right exit code, whatever went wrong; never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit_pipeline.cli.app import exit_code, explained
from audit_pipeline.errors import ExitCode, NightMissingError
from audit_pipeline_tests.cli.conftest import Call, Ended
from audit_pipeline_tests.config import small

ASKING = (
    "status",
    "query",
    "verify",
    "rebuild",
    "show risk 2026-07-01",
    "lineage upstream risk.audit",
    "lineage validate",
    "lineage export",
)


def refused(ended: Ended, code: int, words: str) -> None:
    """Hold a refusal against its code and a part of its message."""
    assert ended.code == code, ended
    assert words in ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", [*ASKING, "run"])
def test_a_folder_that_is_no_project(call: Call, tmp_path: Path, command: str) -> None:
    refused(
        call(*command.split(), "--project", tmp_path / "nothing"), 2, "Make a project with `audit-pipeline init DIR`"
    )


@pytest.mark.parametrize("command", [*ASKING, "run"])
def test_a_file_in_place_of_the_project(call: Call, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("x")
    refused(call("--project", tmp_path / "file", *command.split()), 2, "project.yaml: does not exist")


@pytest.mark.parametrize("command", ASKING)
def test_a_project_without_audits(call: Call, tmp_path: Path, command: str) -> None:
    ended = call("--project", small.write(tmp_path), *command.split())
    refused(ended, 3, "yet. Start with `audit-pipeline run`.")


def test_a_run_without_any_log_is_not_up_to_date(call: Call, tmp_path: Path) -> None:
    ended = call("--project", small.write(tmp_path), "run")
    refused(ended, 3, "No night of any model has a log yet: nothing matches logs/{night}.parquet.")


def test_a_run_before_the_first_night_is_not_up_to_date(call: Call, tmp_path: Path) -> None:
    root = small.write(tmp_path)
    (root / "logs").mkdir()
    (root / "logs" / "2025-12-31.parquet").write_bytes(b"")
    refused(call("--project", root, "run"), 2, "nights.first: is 2026-01-01, and the newest night is 2025-12-31")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --night 2026-01-01 --from 2026-01-01", "give either --night, or --from and --to"),
        ("run --from 2026-01-02 --to 2026-01-01", "--from is after --to"),
        ("run --night 01.01.2026", "does not match"),
        ("run --model rsik --night 2026-01-01", "no model 'rsik'. Did you mean 'risk'?"),
        ("show risk yesterday", "does not match"),
        ("stauts", "No such command"),
        ("status --jsno", "No such option"),
        ("init . --from nothing.csv", "does not exist"),
    ],
)
def test_wrong_usage(call: Call, tmp_path: Path, words: str, message: str) -> None:
    ended = call("--project", small.write(tmp_path), *words.split())
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.replace("│", " ").split())


def test_faults_of_the_configuration_are_all_told(call: Call, tmp_path: Path) -> None:
    model = small.changed(small.MODEL, "owner: team", "owner: taem")
    root = small.write(tmp_path, model=model, project=small.changed(small.PROJECT, "[pager]", "[pagr]"))
    ended = call("--project", root, "run")
    assert ended.err.splitlines()[0] == "2 faults in the configuration:"
    refused(ended, 2, "  models/risk.yaml: owner: 'taem' is not in `owners`")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selct 1", "Parser Error"),
        ("select * from audit.nix", "Table with name nix does not exist"),
        ("create table x (y int)", "read-only"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("select 'x'::int", "Conversion Error"),
    ],
)
def test_a_query_that_cannot_be_answered(call: Call, audited: Path, sql: str, message: str) -> None:
    refused(call("--project", audited, "query", sql), 2, message)


def test_an_unknown_model_night(call: Call, audited: Path) -> None:
    refused(call("--project", audited, "show", "risk", "2020-01-01"), 2, "No audit of 'risk' on 2020-01-01.")


def test_evidence_without_a_database_is_not_delivered(call: Call, audited: Path, tmp_path: Path) -> None:
    root = small.write(tmp_path)
    (root / "audit" / "evidence").mkdir(parents=True)
    refused(call("--project", root, "status"), 4, "`audit-pipeline rebuild` makes it.")
    (root / "audit" / "audit.duckdb").write_bytes(b"no database" * 1000)
    refused(call("--project", root, "status"), 4, "audit-pipeline rebuild")


def test_a_lost_evidence_folder_is_not_taken_for_a_new_project(call: Call, tmp_path: Path) -> None:
    root = small.write(tmp_path)
    (root / "audit" / "log").mkdir(parents=True)
    assert "Nothing has been audited" not in call("--project", root, "verify").err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(call: Call, tmp_path: Path) -> None:
    root = small.write(tmp_path / "closed")
    root.chmod(0)
    try:
        refused(call("--project", root, "status"), 2, "Permission denied")
    finally:
        root.chmod(0o700)


def test_a_file_that_cannot_be_written(call: Call, audited: Path, tmp_path: Path) -> None:
    place = tmp_path / "no such folder" / "page.html"
    refused(call("--project", audited, "lineage", "graph", "-o", place), 2, f"'{place}': No such file or directory.")


def test_a_foreign_error_is_named_by_place_and_never_quoted() -> None:
    try:
        int("Jane Doe, born 1970")
    except ValueError as error:
        assert explained(error).startswith("ValueError at an unknown place: this is a fault of the program.")
        assert exit_code(error) is ExitCode.NOT_EVALUATED
    try:
        explained(None)  # type: ignore[arg-type]
    except AttributeError as error:
        assert explained(error).startswith("AttributeError at cli/app.py:")


def test_errors_carry_their_own_exit_code() -> None:
    assert exit_code(NightMissingError("log", night="2026-01-01", where="x")) is ExitCode.NOT_EVALUATED
    assert exit_code(PermissionError(13, "Permission denied", "x")) is ExitCode.USAGE
    assert exit_code(OSError(28, "No space left on device", "x")) is ExitCode.NOT_EVALUATED


def test_a_reader_that_has_seen_enough_does_not_change_the_exit_code(audited: Path) -> None:
    sql = "select range from range(20000)"
    command = f"set -o pipefail; {sys.executable} -m audit_pipeline --project {audited} query '{sql}' | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "range", "")
