"""How things look: results on stdout, everything else on stderr; text is printed as it is, never as markup."""

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "NOT_EVALUATED": "magenta"}


class _Results(Console):
    """Standard output."""

    def on_broken_pipe(self) -> None:
        """Be silent when `| head` has seen enough: the command goes on, and its exit code stays its own."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


out = _Results(highlight=False, markup=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def error(message: str) -> None:
    """Print an error to stderr."""
    err.print(Text(message, style="red"))


def note(message: str) -> None:
    """Print progress or a hint to stderr."""
    err.print(message)


def heading(text: str) -> None:
    """Print the title of a part of a result."""
    out.print(Text(f"\n{text}", style="bold"))


def print_json(value: Any) -> None:
    """Print a result for machines: dates as ISO text, what is no finite number as null."""
    out.print(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str))


def print_lines(lines: Iterable[bytes], target: BinaryIO) -> int:
    """Write lines as the bytes they are; return how many the reader took: `| head` may have seen enough."""
    count = 0
    try:
        for count, line in enumerate(lines, 1):  # noqa: B007 (it is returned)
            target.write(line + b"\n")
        target.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return count


def _finite(value: Any) -> Any:
    """Replace what JSON cannot say."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def verdict(word: str) -> Text:
    """Return an outcome in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows; a cell may be a Text. Nothing is cut off: a terminal folds long cells, a pipe gets them whole."""
    cells = [[cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row] for row in rows]
    if not out.is_terminal:
        _plain([list(columns), *([cell.plain for cell in row] for row in cells)])
        return
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        grid.add_column(Text(column), overflow="fold")
    for row in cells:
        grid.add_row(*row)
    out.print(grid, soft_wrap=False)


def _plain(lines: list[list[str]]) -> None:
    """Print aligned columns, a line each."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    out.print("\n".join(line.rstrip() for line in padded))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
