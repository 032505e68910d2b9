"""Which nights a source holds, and what a night's file is called."""

import glob
import re
from datetime import date
from pathlib import Path

from audit_pipeline.config import NightlySource
from audit_pipeline.sources.table import table_nights

NIGHT = "{night}"
DIGITS = "[0-9]" * 4 + "-" + "[0-9]" * 2 + "-" + "[0-9]" * 2  # as a glob


def list_nights(source: NightlySource, root: Path) -> list[date]:
    """Return the nights there is a file, or a row of the table, for; sorted.

    Args:
        source: `{night}` may stand several times in its path, and may be a folder.
        root: folder that relative paths start from.

    Raises:
        ColumnMissingError: the table has no such `night_column`.
        SourceError: the database is open for writing elsewhere.
        UnreadableError: the database file is none.
    """
    if source.path is None:
        return table_nights(source, root)
    template = str(root / source.path)
    parts = template.split(NIGHT)
    # The first place sets the night, every further one must repeat it.
    pattern = re.escape(parts[0]) + r"(?P<night>\d{4}-\d{2}-\d{2})" + "(?P=night)".join(map(re.escape, parts[1:]))
    found = (
        re.fullmatch(pattern, name)
        for name in glob.iglob(DIGITS.join(glob.escape(part) for part in parts))  # noqa: PTH207 (absolute)
        if Path(name).is_file()
    )
    nights = {_night(match["night"]) for match in found if match}
    return sorted(night for night in nights if night is not None)


def night_path(source: NightlySource, night: date) -> str:
    """Return the configured path with the night filled in."""
    return str(source.path).replace(NIGHT, night.isoformat())


def _night(text: str) -> date | None:
    """Read YYYY-MM-DD; None for what looks like a date and is none, such as 2026-02-30."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
