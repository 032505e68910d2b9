"""`lineage ...` on a project that was really audited: what a person reads, and what a machine does."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from audit_pipeline import fleet, lineage
from audit_pipeline.config import load_project
from audit_pipeline.records import RunContext
from audit_pipeline_tests.cli.conftest import Call
from audit_pipeline_tests.small_project import NIGHTS


@pytest.fixture(scope="module")
def project(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with one audited night of one model, and a file that Airflow dropped about its log."""
    root = tmp_path_factory.mktemp("lineage") / "project"
    shutil.copytree(built, root)
    loaded = load_project(root)
    audited = fleet.audit(loaded, "churn", NIGHTS[0], run=RunContext("run", datetime.now(UTC)))
    lineage.append(loaded.layout.outbox, lineage.events_of(audited.trace))
    dropped = {
        "eventTime": "2026-02-28T23:00:00Z",
        "eventType": "COMPLETE",
        "run": {"runId": "0197b1d0-0000-7000-8000-000000000001"},
        "job": {"namespace": "airflow", "name": "dag.load"},
        "inputs": [{"namespace": "s3://raw", "name": "people.csv"}],
        "outputs": [{"namespace": "file", "name": str(log(root))}],
    }
    loaded.layout.inbox.mkdir(parents=True)
    (loaded.layout.inbox / "event.json").write_text(json.dumps([dropped], indent=2))
    fleet.publish_store(loaded)
    return root


def log(root: Path) -> Path:
    path = load_project(root).model("churn").config.log.path
    return root / str(path).replace("{night}", NIGHTS[0].isoformat())


def test_impact_of_a_night_s_file_names_verdict_record_and_report(call: Call, project: Path) -> None:
    ended = call("--project", project, "lineage", "impact", "--file", log(project))
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"churn {NIGHTS[0]}: ") and lines[0].endswith("(newest)")
    assert lines[1] == "  used by  snapshot, directly"
    report = next(line.removeprefix("  report   ") for line in lines if line.startswith("  report"))
    assert Path(report).is_file()
    [use] = json.loads(call("--project", project, "lineage", "impact", "--file", log(project), "--json").out)[
        "model_nights"
    ]
    assert list(project.glob(f"audit/evidence/churn/{NIGHTS[0]}/{use['record']}.json"))


def test_impact_takes_the_path_as_the_model_file_has_it_and_a_night(call: Call, project: Path) -> None:
    path = load_project(project).model("churn").config.log.path
    for night, known in ((NIGHTS[0], True), (NIGHTS[4], False)):
        ended = call("--project", project, "lineage", "impact", "--file", path, "--night", night)
        assert ended.code == 0
        assert ended.out.startswith("churn") if known else ended.out.startswith("No model-night used")


def test_an_unknown_file_is_a_question_that_cannot_be_answered(call: Call, project: Path) -> None:
    ended = call("--project", project, "lineage", "impact", "--file", "nothing.parquet")
    assert ended.code != 0 and ended.out == ""
    assert "'nothing.parquet'" in ended.err


def test_path_shows_the_columns_behind_a_column(call: Call, project: Path) -> None:
    ended = call("--project", project, "lineage", "path", "snapshots/churn", "person")
    assert ended.code == 0, ended.err
    assert "MASKED" in ended.out
    said = json.loads(call("--project", project, "lineage", "path", "snapshots/churn", "person", "--json").out)
    assert said["steps"][0]["masking"] is True


def test_what_was_dropped_stands_in_the_graph(call: Call, project: Path) -> None:
    ended = call("--project", project, "lineage", "downstream", "people.csv")
    assert "dag.load" in ended.out


@pytest.mark.parametrize("asked", ["graph -o {out}", "impact --file input/churn", "upstream churn", "path churn age"])
def test_a_database_of_another_version_is_said_to_be_one(asked: str, call: Call, project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "audit").mkdir(parents=True)
    for folder in ("models", "expectations"):
        shutil.copytree(project / folder, root / folder)
    shutil.copyfile(project / "project.yaml", root / "project.yaml")
    shutil.copyfile(project / "audit" / "audit.duckdb", root / "audit" / "audit.duckdb")
    (root / "audit" / "audit.duckdb").chmod(0o600)
    with duckdb.connect(str(root / "audit" / "audit.duckdb")) as connection:
        for table, column in (("node", "alias"), ("run_io", "version")):
            connection.execute(f"alter table lineage.{table} drop column {column}")
    ended = call("--project", root, "lineage", *asked.format(out=tmp_path / "x.html").split())
    assert ended.code == 4
    assert "made by another version of the program" in ended.err
    assert "audit-pipeline rebuild" in ended.err
