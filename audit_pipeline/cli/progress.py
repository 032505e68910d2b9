"""Progress on stderr: a bar on a terminal, a line per model-night elsewhere."""

from datetime import date
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from audit_pipeline.cli.console import err, note
from audit_pipeline.records import Stage


class Progress:
    """Counts finished model-nights and names the stage at work."""

    def __init__(self, total: int) -> None:
        """`total` is the number of model-nights that are due."""
        self._total, self._done = total, 0
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=err, transient=True) if err.is_terminal else None
        self._task = self._bar.add_task("", total=total) if self._bar else None

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def stage(self, model_id: str, night: date, stage: Stage) -> None:
        """Name the stage at work."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=f"{model_id} {night}: {stage.value}")

    def done(self, model_id: str, night: date, verdict: str) -> None:
        """Count one model-night."""
        self._done += 1
        if self._bar and self._task is not None:
            self._bar.advance(self._task)
        else:
            note(f"[{self._done}/{self._total}] {night} {model_id}: {verdict}")
