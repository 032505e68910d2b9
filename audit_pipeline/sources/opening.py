"""Opens one night of a source, or a plain file or table."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from audit_pipeline.config import NightlySource, Source
from audit_pipeline.errors import ColumnMissingError, NightEmptyError, NightMissingError, SourceError
from audit_pipeline.records import Relation
from audit_pipeline.sources.files import read_file
from audit_pipeline.sources.nights import night_path
from audit_pipeline.sources.table import read_table, table_name


def open_night(source: NightlySource, root: Path, night: date, *, what: str = "prediction log") -> Relation:
    """Return the rows of `night`, not yet read.

    Args:
        source: where the nights are.
        root: folder that relative paths start from.
        night: the night of the partition.
        what: what a missing night's error calls it, e.g. "labels".

    Raises:
        NightMissingError: no file, no table, or no row of the table for this night.
        NightEmptyError: a CSV or JSON lines file of zero bytes (other empty files have columns, so the
            snapshot finds them).
        UnreadableError: the file is damaged or of another format.
        SourceError: the database is open for writing elsewhere, or the file may not be read.
    """
    if source.path is None:
        relation = read_table(source, root, night)
        if relation is None:
            raise NightMissingError(what, night=night.isoformat(), where=table_name(source))
        return relation
    name = night_path(source, night)
    file = root / name
    if not file.is_file():
        raise NightMissingError(what, night=night.isoformat(), where=name)
    if _is_blank(file, source):
        raise NightEmptyError(night=night.isoformat(), where=name)
    return read_file(file, name=name, form=str(source.kind))


def open_table(source: Source, root: Path) -> Relation:
    """Return a plain file or table, such as the reference.

    Raises:
        SourceError: it does not exist, holds nothing, may not be read, or is open for writing elsewhere.
        UnreadableError: it is damaged or of another format.
    """
    if source.kind is None:
        raise SourceError("Neither `path` nor `database` is given: there is no file or table to open.")
    if source.path is None:
        relation = read_table(source, root, None)
        if relation is None:
            raise SourceError(_absent(table_name(source), "`database` and `table`"))
        return relation
    file = root / source.path
    if not file.is_file():
        raise SourceError(_absent(source.path, "`path`"))
    if _is_blank(file, source):
        raise SourceError(f"'{source.path}' has no rows: write it again.")
    return read_file(file, name=source.path, form=str(source.kind))


def require_columns(relation: Relation, names: Iterable[str]) -> None:
    """Hold the configured columns against those of the source.

    Raises:
        ColumnMissingError: names every missing column.
    """
    missing = [name for name in names if name not in relation.columns]
    if missing:
        raise ColumnMissingError(missing[0], log=relation.name, available=relation.columns, others=missing[1:])


def _is_blank(file: Path, source: Source) -> bool:
    """Tell a text file without a byte: a producer that had nothing to write; as Parquet it is damaged."""
    return source.kind in ("csv", "jsonl") and file.stat().st_size == 0


def _absent(name: str, keys: str) -> str:
    """Say that a plain source is not there."""
    return f"'{name}' does not exist. Deliver it, or correct {keys} in the model file."
