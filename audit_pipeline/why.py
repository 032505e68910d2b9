"""Why did a model say that of this person, or of this prediction, on that night? Asked of the record, not of today.

Rows come from the frozen snapshot, the model and its configuration from the record's inputs. What the person is called
there is worked out from the identifier in clear, which is written nowhere.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.config import ModelConfig
from audit_pipeline.errors import EvidenceError, ExplainError, NotReplayableError, QueryError
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.evidence.erased import erased_rows
from audit_pipeline.records import FileRef, Snapshot
from audit_pipeline.replay.recorded import Recorded, project_in, read
from audit_pipeline.small_cells import in_words
from audit_pipeline.snapshot.person import frozen_value

if TYPE_CHECKING:
    import pandas as pd

    from audit_pipeline.explain.local import RowsExplained

CALLED = ("row_id", "subject_id")  # roles of the columns that say whose a row is
NO_MODEL = (
    "No model file stands behind the record of this night, only what was logged: nothing says why. Name the model in "
    "`artefact` of the model file; nights that are audited from then on can be asked."
)


@dataclass(frozen=True, slots=True)
class Why:
    """The answer, and what it stands on."""

    record: str
    model: ModelConfig  # as it was that night
    model_sha256: str
    explained: "RowsExplained"
    notes: tuple[str, ...]


def why(store: Store, entry: LogEntry, person: str, *, key: Callable[[], bytes]) -> Why:
    """Explain the rows of one person, or one prediction, of the model-night of a record.

    Args:
        store: the store; it is only read.
        entry: of the log, for the record.
        person: a row's or a person's identifier in clear, as it stands in the log.
        key: reads the key of the pseudonyms; called only where a column needs it.

    Raises:
        QueryError: there is no such row, or the identifier names a prediction and another person.
        ExplainError: there is no model to ask, or it cannot be explained.
        EvidenceError: the record, the snapshot or a file that was kept is damaged.
        KeyMissingError: a key that is needed is not there.
    """
    record = store.read_record(entry.model_id, entry.night, entry.digest)
    try:
        recorded = read(record)
        frozen = _frozen(store, recorded)
        with store.vault.session(), tempfile.TemporaryDirectory(prefix="audit-explain-") as name:
            folder = Path(name).resolve()
            project = project_in(folder, recorded, store)
            model = project.model(recorded.model_id).config
            from audit_pipeline.explain.local import explain_rows

            snapshot = store.vault.plain(frozen.snapshot.path)
            rows = _rows_of(frozen, snapshot, model, person, key)
            explained = explain_rows(
                snapshot,
                store.vault.plain(frozen.artefact.path),
                model,
                rows,
                sha256=frozen.pinned,
                seed=project.config.seed,
                rows=project.config.limits.explain_rows,
            )
    except NotReplayableError as error:
        raise ExplainError(f"This night cannot be asked any more: {error}.") from error
    return Why(entry.digest, model, frozen.pinned, explained, frozen.notes)


@dataclass(frozen=True, slots=True)
class _Frozen:
    """What there is to ask."""

    snapshot: Snapshot
    artefact: FileRef
    pinned: str  # sha256 that the artefact must have
    erased: int  # rows of the snapshot that are gone since

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what is not as it was when the record was made."""
        if not self.erased:
            return ()
        gone = f"{in_words(self.erased).capitalize()} rows were erased from the snapshot since"
        return (f"{gone}: what the rows are explained against may differ from the record's sample.",)


def _frozen(store: Store, recorded: Recorded) -> _Frozen:
    """Return the snapshot and the model file, as far as they are what the record names.

    Raises:
        ExplainError: there is none, or it was purged.
        EvidenceError: the snapshot was changed.
    """
    snapshot, pinned = recorded.snapshot, recorded.circumstances.artefact_sha256
    if snapshot is None:
        raise ExplainError("There is no snapshot of this night: its log could not be used.")
    artefact = next((ref for ref in recorded.inputs if ref.role == "model"), None)
    if artefact is None or pinned is None:
        raise ExplainError(recorded.circumstances.artefact_problem or NO_MODEL)
    for ref in (snapshot, artefact):
        if not store.vault.where(ref.path).exists():
            raise ExplainError(f"{ref.path} is not there any more: purged, or lost. `audit-pipeline verify` tells.")
    with store.vault.session():
        found = store.vault.sha256_if_whole(snapshot.path)
    erased = 0 if found == snapshot.sha256 else erased_rows(store, snapshot.path, sha256=found)
    if erased is None:
        raise EvidenceError(f"{snapshot.path} was changed: it was not asked. `audit-pipeline verify` says more.")
    return _Frozen(snapshot, artefact, pinned, erased)


def _rows_of(frozen: _Frozen, path: Path, model: ModelConfig, person: str, key: Callable[[], bytes]) -> "pd.DataFrame":
    """Return the rows that the identifier names.

    Raises:
        QueryError: there are none, or it names a prediction and another person.
    """
    from audit_pipeline.explain.called import rows_called

    columns = [column for column in frozen.snapshot.columns if column.role in CALLED]
    values = {c.name: _value(person, model, c.name, key if c.masked else None) for c in columns}
    called = {column: value for column, value in values.items() if value is not None}
    held = [column.name for column in frozen.snapshot.columns]
    rows = rows_called(path, held, called) if called else None
    if rows is None or rows.empty:
        gone = " Rows were erased from it since." if frozen.erased else ""
        raise QueryError(
            f"No row of the snapshot has that identifier.{gone} It is looked for in {' and '.join(values)}, as the "
            "log writes it."
        )
    _require_one(rows, called, row_id=model.row_id)
    return rows


def _value(person: str, model: ModelConfig, column: str, key: Callable[[], bytes] | None) -> Any:
    """Return the identifier as the column of the snapshot holds it; None when no value is written so."""
    return frozen_value(person, declared=str(model.columns[column].type), key=key() if key else None)


def _require_one(rows: "pd.DataFrame", called: Mapping[str, Any], *, row_id: str) -> None:
    """Refuse an identifier that is one person's and another one's prediction, or that of several predictions."""
    if row_id in called and int((rows[row_id] == called[row_id]).sum()) > 1:
        raise QueryError(
            f"Several rows of the snapshot have that identifier as their {row_id}: whose they are cannot be told. Ask "
            "by the person, where the log names one."
        )
    by_column = [set(rows.index[rows[column] == value]) for column, value in called.items()]
    if len([found for found in by_column if found]) > 1 and by_column[0] != by_column[1]:
        raise QueryError(
            f"The identifier stands in more than one of the columns {', '.join(called)}, in different rows: whose "
            "it is cannot be told. Ask by another one."
        )
