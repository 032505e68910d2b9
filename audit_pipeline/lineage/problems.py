"""What the last pass over the runs could not write into the lineage: left by the emitter, shown by `status`."""

from pathlib import Path

from audit_pipeline.config import Layout
from audit_pipeline.durable import write_whole


def tell_problems(layout: Layout, problems: tuple[str, ...]) -> None:
    """Leave the problems of a pass, a line each; nothing is written when they are the same."""
    if problems_of(layout) != list(problems):
        write_whole(_file(layout), "".join(f"{problem}\n" for problem in problems).encode())


def problems_of(layout: Layout) -> list[str]:
    """Return the problems of the last pass."""
    try:
        return _file(layout).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _file(layout: Layout) -> Path:
    return layout.audit / ".state" / "lineage_problems"
