"""Parquet, CSV and JSON lines as a SELECT; each file is held against its format when it is opened.

A foreign message is dropped (`from None`) where DuckDB quotes the faulty line in it: a log's row must not
reach our logs.
"""

import csv
import glob
import gzip
import re
from pathlib import Path

import duckdb

from audit_pipeline import in_memory
from audit_pipeline.durable import file_sha256
from audit_pipeline.errors import SourceError, UnreadableError
from audit_pipeline.records import Relation
from audit_pipeline.sources.connection import MEMORY, identifier, literal

GZIP = b"\x1f\x8b"  # first bytes of a gzip file, whatever its name
THREADS = 2
DELIMITERS = ",;\t|"
HEADER_BYTES = 1_000_000  # a header line longer than this is no header
PLAIN = "hive_partitioning=false"  # else a folder named x=y would add a column


def read_file(file: Path, *, name: str, form: str) -> Relation:
    """Return `file` as a relation.

    Args:
        file: an existing file.
        name: what errors call it.
        form: parquet, csv or jsonl.

    Raises:
        SourceError: the file may not be read by this user, or names a column twice.
        UnreadableError: it is not what `form` says, or is damaged.
    """
    digest = _digest(file, name)
    reader = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}[form]
    sql, columns = reader(file, name)
    return Relation(name=name, form=form, setup=(), sql=sql, columns=columns, sha256=digest, bytes=file.stat().st_size)


def _digest(file: Path, name: str) -> str:
    """Return the sha256 of the file's bytes; streams."""
    try:
        return file_sha256(file)
    except OSError as error:
        raise SourceError(f"'{name}' cannot be opened ({error.strerror}): check its permissions.") from error


def _parquet(file: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Read the footer; a damaged page is found by the snapshot, which reads them all."""
    sql = f"select * from read_parquet({_place(file)}, {PLAIN})"
    return sql, _describe(sql, name, "Parquet")


def _csv(file: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Read a CSV whose first line names its columns.

    The dialect is not guessed from the rows: DuckDB's sniffer takes a file whose last line is cut off for one
    of a single column. The header tells the delimiter, quotes are as in RFC 4180, and every row must fit.
    """
    delimiter, header = _header(file, name)
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in header)
    sql = (
        f"select * from read_csv({_place(file)}, auto_detect=false, header=true, delim={literal(delimiter)}, "
        f"quote='\"', escape='\"', nullstr='', strict_mode=true, null_padding=false, "
        f"compression='{_compression(file)}', {PLAIN}, columns={{{columns}}})"
    )
    # Only columns that are asked for are decoded, so all are asked for: wrong bytes are found now, not later.
    row = f"hash({', '.join(identifier(column) for column in header)})"
    _run(f"select bit_xor({row}) from ({sql})", name, "CSV (UTF-8, header line, equal number of fields)")
    return sql, header


def _jsonl(file: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Read JSON lines, one object each; values stay text as written, so that dates and ids are not guessed at."""
    form = "JSON lines (one object per line)"
    options = f"format='newline_delimited', records=true, compression='{_compression(file)}', {PLAIN}"
    # Every line is looked at, one level deep; the two thresholds keep many alike keys from becoming one map.
    detect = "maximum_depth=1, sample_size=-1, map_inference_threshold=-1, field_appearance_threshold=0"
    names = _describe(f"select * from read_json({_place(file)}, {options}, {detect})", name, form)
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in names)
    return f"select * from read_json({_place(file)}, {options}, columns={{{columns}}})", names


def _header(file: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter and the column names of a CSV."""
    opened = gzip.open if _compression(file) == "gzip" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as stream:
            first = stream.readline(HEADER_BYTES)
            delimiter = _delimiter(first, file)
            stream.seek(0)
            names = next(csv.reader(stream, delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error, EOFError, OSError) as error:
        raise UnreadableError(name, form="CSV (UTF-8, header line)") from error
    if not any(names) or any("\0" in column for column in names):
        raise UnreadableError(name, form="CSV (UTF-8, header line)")
    header = tuple(column or f"column{i}" for i, column in enumerate(names))  # an index often has no name
    folded = [column.lower() for column in header]
    for column in header:
        if folded.count(column.lower()) > 1:
            raise SourceError(
                f"'{name}' has two columns named '{column}' (upper and lower case are one to DuckDB). "
                "Correct the log's header."
            )
    return delimiter, header


def _delimiter(header: str, file: Path) -> str:
    """Return the most frequent delimiter outside quotes; a tab for .tsv, a comma for a single column."""
    if ".tsv" in file.suffixes:
        return "\t"
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


def _compression(file: Path) -> str:
    """Tell gzip by its first bytes: a name may lie."""
    with file.open("rb") as stream:
        return "gzip" if stream.read(2) == GZIP else "none"


def _place(file: Path) -> str:
    """Return the path as an SQL string; DuckDB would take `*` and `[` in it for a pattern."""
    return literal(glob.escape(str(file)))


def _describe(sql: str, name: str, form: str) -> tuple[str, ...]:
    """Return the columns of a SELECT."""
    return tuple(str(row[0]) for row in _run(f"describe {sql}", name, form))


def _run(sql: str, name: str, form: str) -> list[tuple[object, ...]]:
    """Run `sql`; whatever DuckDB says against the file means that it is not `form`."""
    with in_memory.connect(threads=THREADS, memory=MEMORY, spills=False, keeps_order=False) as connection:
        try:
            rows: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        except duckdb.Error:
            raise UnreadableError(name, form=form) from None
    return rows
