"""How things look on a terminal: results on stdout, everything else on stderr."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "NOT_EVALUATED": "magenta"}


def error(message: str) -> None:
    """Print an error to stderr."""
    err.print(Text(message, style="red"))


def note(message: str) -> None:
    """Print progress or a hint to stderr."""
    err.print(Text(message))


def print_json(value: Any) -> None:
    """Print a result for machines."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False, default=str), markup=False, soft_wrap=True)


def verdict(word: str) -> Text:
    """Return an outcome in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print rows; a cell may be a Text."""
    grid = Table(*columns, title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else _cell(cell) for cell in row))
    out.print(grid, soft_wrap=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
