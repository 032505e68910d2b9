"""When each stage of a model-night ran and how it ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from audit_pipeline.durable import is_full
from audit_pipeline.errors import AuditError
from audit_pipeline.records import Outcome, Stage


@dataclass(frozen=True, slots=True)
class StageRun:
    """When a stage ran and how it ended; outcome None means that it crashed."""

    stage: Stage
    started: datetime
    ended: datetime
    outcome: Outcome | None
    error: str | None  # our own sentence, no row values


class Stopwatch:
    """Times stages in order; one that never began is absent."""

    def __init__(self, on_stage: Callable[[Stage], None] | None = None) -> None:
        """`on_stage` hears of each stage as it begins."""
        self.started = datetime.now(UTC)
        self._on_stage = on_stage
        self._runs: list[StageRun] = []
        self._outcome: Outcome | None = None
        self._error: str | None = None

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Time one stage; an exception passes through and is noted by our own sentence or its class."""
        began = datetime.now(UTC)
        self._outcome, self._error = None, None
        if self._on_stage:
            self._on_stage(stage)
        try:
            yield
        except BaseException as error:
            self._outcome, self._error = None, sentence(error)
            raise
        finally:
            self._runs.append(StageRun(stage, began, datetime.now(UTC), self._outcome, self._error))

    def outcome(self, outcome: Outcome) -> None:
        """Say what the running stage came to."""
        self._outcome = outcome

    def failed(self, error: BaseException) -> None:
        """Note that the running stage could not do its work, though the line goes on."""
        self._outcome, self._error = Outcome.NOT_EVALUATED, sentence(error)

    def runs(self) -> tuple[StageRun, ...]:
        """Return the stages that ended so far."""
        return tuple(self._runs)

    def seconds(self) -> float:
        """Return wall seconds since the beginning."""
        return (datetime.now(UTC) - self.started).total_seconds()


def unless_full(error: Exception) -> None:
    """Raise `error` again when it says that the disk is full: no fault of the data, and the night stays due."""
    if is_full(error):
        raise error


def sentence(error: BaseException) -> str:
    """Return our own sentence, or only the class of a foreign exception: its message can hold row values."""
    return str(error) if isinstance(error, AuditError) else f"{type(error).__name__} was raised"
