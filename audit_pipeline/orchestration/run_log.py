"""What Dagster's log of one run says: which models it set out to audit, how each try went and what it left."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg

from audit_pipeline.lineage import decode
from audit_pipeline.orchestration.failure import why
from audit_pipeline.orchestration.metadata import TRACE
from audit_pipeline.records import Trace

Kind = dg.DagsterEventType
STEP = "audit__"  # + model: key of the step
BEGINS = (Kind.STEP_WORKER_STARTING, Kind.STEP_START, Kind.STEP_RESTARTED)
ENDS = (Kind.STEP_SUCCESS, Kind.STEP_FAILURE, Kind.STEP_UP_FOR_RETRY)


@dataclass
class Try:
    """One try of a step, as far as the log tells."""

    number: int
    started: float
    ended: float | None = None
    failure: str | None = None  # why it failed, in our own words
    succeeded: bool = False


@dataclass
class RunLog:
    """What the log of one run says."""

    started: float | None = None
    ended: float | None = None
    models: dict[str, list[Try]] = field(default_factory=dict)  # planned ones, each with its tries
    traces: dict[tuple[str, int], Trace] = field(default_factory=dict)  # by model and try


def read_log(instance: dg.DagsterInstance, run_id: str) -> RunLog:
    """Read the log of a run once, from its first event to its last.

    Raises:
        LineageError: a trace in it cannot be read.
    """
    log = RunLog()
    for event, at in entries(instance, run_id):
        kind = event.event_type
        if kind is Kind.RUN_START:
            log.started = at
        elif kind in (Kind.RUN_SUCCESS, Kind.RUN_FAILURE, Kind.RUN_CANCELED):
            log.ended = at
        elif kind is Kind.ASSET_MATERIALIZATION_PLANNED and event.step_key and event.step_key.startswith(STEP):
            log.models.setdefault(event.step_key.removeprefix(STEP), [])
        elif kind in (Kind.ASSET_MATERIALIZATION, Kind.ASSET_OBSERVATION):
            _note_trace(log, event)
        elif event.step_key is not None and event.step_key.startswith(STEP) and kind in (*BEGINS, *ENDS):
            _note_step(log.models.setdefault(event.step_key.removeprefix(STEP), []), event, at)
    return log


def _note_step(tries: list[Try], event: dg.DagsterEvent, at: float) -> None:
    """Note that a try began or ended; a killed step has no start of its own, and a worker starts before its step."""
    if not tries or tries[-1].ended is not None:
        tries.append(Try(len(tries) + 1, at))
    if event.event_type in ENDS:
        tries[-1].ended = at
        tries[-1].succeeded = event.event_type is Kind.STEP_SUCCESS
        tries[-1].failure = None if tries[-1].succeeded else why(event)


def _note_trace(log: RunLog, event: dg.DagsterEvent) -> None:
    """Keep the trace in an event's metadata, if there is one."""
    if event.event_type is Kind.ASSET_MATERIALIZATION:
        metadata = event.step_materialization_data.materialization.metadata
    else:
        metadata = event.asset_observation_data.asset_observation.metadata
    found = metadata.get(TRACE)
    if isinstance(found, dg.JsonMetadataValue) and isinstance(found.data, dict):
        trace = decode(found.data)
        log.traces[trace.model_id, trace.run.attempt] = trace


def entries(
    instance: dg.DagsterInstance, run_id: str, kinds: set[dg.DagsterEventType] | None = None
) -> Iterator[tuple[dg.DagsterEvent, float]]:
    """Yield the events of a run in order, or only those of some kinds, each with its time in seconds since 1970."""
    cursor = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=kinds, limit=500)
        for record in page.records:
            event = record.event_log_entry.dagster_event
            if event is not None:
                yield event, record.event_log_entry.timestamp
        if not page.has_more:
            return
        cursor = page.cursor
