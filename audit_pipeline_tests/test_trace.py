"""Which columns stand behind a measure: those whose values it is made of, and those that grouped or joined the rows."""

from datetime import UTC, datetime
from pathlib import Path

from audit_pipeline.config import load_project
from audit_pipeline.evidence import Committed
from audit_pipeline.gather import Gathered
from audit_pipeline.lineage import events_of
from audit_pipeline.records import FileRef, Outcome, RunContext, Stage
from audit_pipeline.stages import Stopwatch
from audit_pipeline.trace import trace_of
from audit_pipeline_tests.builders import NIGHT, make_result, make_store
from audit_pipeline_tests.small_project import CHURN, PROJECT, SUITES

COLUMNS = """\
  site: {type: category, privacy: none, role: segment}
  region: {type: category, privacy: none, role: segment}
  score:"""


def test_segments_groups_and_the_join_of_the_labels_stand_behind_a_metric_without_their_values(tmp_path: Path) -> None:
    for folder, text in (("models", CHURN.replace("  score:", COLUMNS)), ("expectations", SUITES["churn"])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "churn.yaml").write_text(text)
    (tmp_path / "project.yaml").write_text(PROJECT)
    project, result = load_project(tmp_path), make_result(make_store(tmp_path))
    watch = Stopwatch()
    for stage in Stage:
        with watch.stage(stage):
            watch.outcome(Outcome.PASS)
    gathered = Gathered(snapshot=result.snapshot, labels=FileRef("labels", "inputs/x", "a" * 64, 7, "text/csv"))
    run, committed = RunContext("run", datetime(2026, 7, 2, tzinfo=UTC)), Committed("r" * 64, "d" * 64, True, ())
    trace = trace_of(
        project, project.model("churn").config, NIGHT, run, watch, gathered, result=result, committed=committed
    )
    [measured] = [
        e for e in events_of(trace) if e["job"]["name"] == "churn.performance" and e["eventType"] == "COMPLETE"
    ]
    fields = measured["outputs"][0]["facets"]["columnLineage"]["fields"]

    def behind(column: str) -> set[tuple[str, str, str, str]]:
        return {
            (source["name"].rsplit("/", 2)[-2], source["field"], change["type"], change["subtype"])
            for source in fields[column]["inputFields"]
            for change in source["transformations"]
        }

    always = {
        ("snapshots", "score", "DIRECT", "AGGREGATION"),
        ("churn_labels", "label", "DIRECT", "AGGREGATION"),
        ("snapshots", "request", "INDIRECT", "JOIN"),
        ("churn_labels", "request", "INDIRECT", "JOIN"),
    }
    assert behind("auc") == always | {("snapshots", "site", "INDIRECT", "GROUP_BY")}
    assert behind("cost") == always  # measured over all rows only
    assert behind("fairness of region") == always | {("snapshots", "region", "INDIRECT", "GROUP_BY")}
