"""What the tests of Dagster's side share: how a model-night looks in an instance, and how a request is executed."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.due import Due
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.lineage import read_outbox, validate
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.orchestration.emitter import ENDED, events_of_run
from audit_pipeline.publish import published
from audit_pipeline.records import Stage


def records(project: Project) -> list[LogEntry]:
    """The records of the log, in order."""
    return [e for e in Store(project.layout).log.entries() if e.kind == "record"]


def digests(project: Project) -> dict[tuple[str, str], str]:
    """The newest result digest of each model-night."""
    return {(e.model_id, e.night): e.body["result_digest"] for e in records(project)}


def nights_due(project: Project, *which: tuple[str, date]) -> list[Due]:
    """Model-nights as due, whatever stands in the store."""
    return [Due(model_id, night, "", "new") for model_id, night in which]


def execute(project: Project, instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """Do with a request what the daemon does, in this process."""
    return (
        definitions(project)
        .resolve_job_def(JOB)
        .execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            asset_selection=request.asset_selection,
            raise_on_error=False,
        )
    )


def run_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """The run as the instance keeps it."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def shown(instance: dg.DagsterInstance, run_id: str) -> dict[tuple[str, ...], Any]:
    """The materializations of a run by asset key."""
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [r.event_log_entry.dagster_event for r in page.records]
    return {tuple(e.asset_key.path): e.step_materialization_data.materialization for e in events if e and e.asset_key}


def checked(instance: dg.DagsterInstance, run_id: str) -> dict[tuple[str, str], Any]:
    """The check evaluations of a run by model and check."""
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [r.event_log_entry.dagster_event for r in page.records]
    found = [e.asset_check_evaluation_data for e in events if e is not None]
    return {(e.asset_key.path[0], e.check_name): e for e in found}


def bytes_below(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder with its content."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def stages_of(models: Sequence[str]) -> set[tuple[str, str]]:
    """Every asset of some models."""
    return {(model, stage.value) for model in models for stage in Stage}


def states(project: Project, run_id: str) -> dict[tuple[str, str], str]:
    """The state of each lineage run of one Dagster run, by model and stage; of several tries the last."""
    publish_store(project)
    with published(project.layout) as connection:
        sql = """
            SELECT r.model_id, r.stage, r.state FROM lineage.run r
            WHERE r.stage IS NOT NULL AND EXISTS (
                SELECT 1 FROM lineage.event e WHERE e.run_id = r.run_id AND contains(e.event::VARCHAR, ?))
            ORDER BY r.started
        """
        return {(model, stage): state for model, stage, state in connection.execute(sql, [run_id]).fetchall()}


def assert_lineage_is_whole(project: Project, instance: dg.DagsterInstance) -> None:
    """Every ended run has its end in lineage, every event is valid, and a second pass gives the same bytes."""
    publish_store(project)
    written = [
        line for file in sorted(project.layout.outbox.glob("*.jsonl")) for line in file.read_bytes().splitlines()
    ]
    again = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(ENDED))):
        events = [canonical(event) for event in events_of_run(project, instance, record)]
        assert set(events) <= set(written), record.dagster_run.run_id
        again += events
    assert len(written) == len(set(written)) == len(again)
    with published(project.layout) as connection:
        assert connection.execute("SELECT count(*) FROM lineage.run WHERE state = 'RUNNING'").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM lineage.event").fetchall() == [(len(written),)]
        assert connection.execute("SELECT count(*) FROM lineage.quarantine").fetchall() == [(0,)]
    judged = validate(read_outbox(project.layout.outbox), strict=True)
    assert judged.events == len(written)
    assert judged.violations == ()
