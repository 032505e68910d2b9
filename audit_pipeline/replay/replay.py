"""Compute a past model-night anew and hold the result against its record; nothing is written into the store."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from audit_pipeline.config import Project
from audit_pipeline.errors import EvidenceError, NotReplayableError
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.evidence.canonical import canonical, read_json, sha256
from audit_pipeline.evidence.past import Past
from audit_pipeline.measure import measure
from audit_pipeline.pipeline import judge
from audit_pipeline.replay.damage import damage
from audit_pipeline.replay.differences import Difference, of_form, of_program, of_results
from audit_pipeline.replay.recorded import Recorded, StoreThen, gathered_again, project_in, read
from audit_pipeline.replay.since import changed_since
from audit_pipeline.stages import Stopwatch
from audit_pipeline.vault import Vault

PROGRAM = ("engine", "code")  # kinds of difference after which a result may have fields that the record has not


class ReplayOutcome(StrEnum):
    """What a replay came to."""

    REPLAYED = "REPLAYED"  # every recorded value came out again
    DIFFERS = "DIFFERS"
    NOT_REPLAYABLE = "NOT_REPLAYABLE"  # what it stands on is not there any more: nothing was compared


@dataclass(frozen=True, slots=True)
class Replayed:
    """One model-night, computed anew."""

    model_id: str
    night: str
    record: str
    result_digest: str  # as recorded
    outcome: ReplayOutcome
    reason: str  # a sentence
    differences: tuple[Difference, ...] = ()  # the likely cause first
    replayed_digest: str | None = None  # of the result that came out now; None: none was computed
    changed_since: tuple[Difference, ...] = ()  # keys of the configuration, of then and of the present project


def replay(store: Store, entry: LogEntry, *, present: Project | None = None) -> Replayed:
    """Compute the model-night of a record anew from its snapshot, its inputs and the records it looked back at.

    Args:
        store: the store; it is only read.
        entry: of the log, for the record.
        present: today's project: nothing is taken from it, only told what has changed in it since.

    Raises:
        EvidenceError: the log is damaged, or the scratch folder's disk is full.
    """
    ended = partial(Replayed, entry.model_id, entry.night, entry.digest, entry.body["result_digest"])
    try:
        record = store.read_record(entry.model_id, entry.night, entry.digest)
    except EvidenceError as error:
        changed = Difference("record", entry.digest, entry.digest, str(error))
        return ended(ReplayOutcome.DIFFERS, f"Its record is damaged. {error}", (changed,))
    try:
        recorded = read(record)
        if (own := sha256(canonical(record["result"]))) != entry.body["result_digest"]:
            forged = Difference("record", "result_digest", entry.body["result_digest"], own)
            return ended(ReplayOutcome.DIFFERS, "Its result is not the one that the log names.", (forged,))
        then = StoreThen(store, recorded)
        if damaged := tuple(damage(then, recorded)):
            return ended(ReplayOutcome.DIFFERS, _first(damaged), damaged)
        result, since = _computed(then, recorded, present)
    except NotReplayableError as error:
        return ended(ReplayOutcome.NOT_REPLAYABLE, f"It cannot be computed anew: {error}.")
    found = sha256(canonical(result))
    if found == entry.body["result_digest"]:
        return ended(ReplayOutcome.REPLAYED, "The same result_digest came out.", (), found, since)
    return ended(*_compared(record, result), found, since)


def _computed(then: StoreThen, recorded: Recorded, present: Project | None) -> tuple[Any, tuple[Difference, ...]]:
    """Return the result that comes out now, as canonical JSON gives it back, and what changed in the project since."""
    with then.vault.session(), tempfile.TemporaryDirectory(prefix="audit-replay-") as name:
        folder = Path(name).resolve()
        work = folder / "work"
        work.mkdir()
        project = project_in(folder, recorded, then)
        model = project.model(recorded.model_id).config
        vault = Vault(project.layout.audit)  # of links to what can be read
        gathered = gathered_again(project, recorded, vault)
        measured = measure(project, model, recorded.night, gathered, vault=vault, work=work, watch=Stopwatch())
        past = Past(then, recorded.model_id, before=recorded.night)
        result, _ = judge(project, recorded.model_id, recorded.night, gathered, measured, past)
        since = changed_since(project, present, recorded.model_id) if present else ()
        return read_json(canonical(result)), since


def _compared(
    record: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[ReplayOutcome, str, tuple[Difference, ...]]:
    """Say how a result of another digest differs: in its numbers, or only in who computed them."""
    program = tuple(of_program(record, result))
    form, values = tuple(of_form(record["result"], result)), tuple(of_results(record["result"], result))
    differences = (*program, *form, *values)
    if not values and any(difference.kind in PROGRAM for difference in program):  # else a field was taken out
        reason = f"Every recorded value came out, of another program: {_first(differences)}"
        return ReplayOutcome.REPLAYED, reason, differences
    first = f"{_first((*program, *form))} First value: " if values and (program or form) else ""
    more = f" (and {len(values) - 1:,} more values)" if len(values) > 1 else ""
    return ReplayOutcome.DIFFERS, f"{first}{values[0]}{more}." if values else _first(differences), differences


def _first(differences: tuple[Difference, ...]) -> str:
    """Name the first of several."""
    more = f" (and {len(differences) - 1:,} more)" if len(differences) > 1 else ""
    return f"{differences[0]}{more}."
