"""Takes a snapshot: raw rows in, one canonical, pseudonymised, content-addressed Parquet file out.

Two DuckDB instances share the work, so that nothing identifying can touch the disk:

1. *reading* sees raw values and has no spill folder. It writes the canonical, pseudonymised projection, unsorted, to
   a staging file, in one pass. What needs a buffer (parsing, compressing) stays in memory.
2. *freezing* sees the staging file only. It counts faults, sorts, spilling to disk when it must, and hands the rows
   to pyarrow.

Were it one instance, the optimizer might sort before it hashes and spill raw identifiers. What is left: the swap
of the operating system, and quasi-identifiers, which the snapshot holds by design.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath

import duckdb

from audit_pipeline.durable import file_sha256, is_full, storing
from audit_pipeline.errors import (
    ColumnMissingError,
    ColumnTypeError,
    NightEmptyError,
    SourceError,
    UnreadableError,
)
from audit_pipeline.records import Column, Relation, Snapshot
from audit_pipeline.row_groups import row_groups
from audit_pipeline.small_cells import in_words
from audit_pipeline.snapshot.canonical import canonical
from audit_pipeline.snapshot.connection import identifier, parquet, reading, working
from audit_pipeline.snapshot.generalise import generalised
from audit_pipeline.snapshot.pseudonym import pads, pseudonym_sql
from audit_pipeline.snapshot.write import write
from audit_pipeline.vault import Vault


def take(
    relation: Relation,
    columns: Sequence[Column],
    *,
    vault: Vault,
    place: str,
    suffix: str,
    key: bytes | None,
    threads: int,
    memory: str,
) -> Snapshot:
    """Freeze `relation` as `place/<sha256><suffix>` of the vault.

    The same rows give the same file, in whatever order and format they come and with any number of threads: rows
    are sorted by row_id, and by every other column too where row_ids repeat or there is no row_id.

    Args:
        relation: an opened source.
        columns: what to keep, in this order; direct identifiers, and columns marked `masked`, become pseudonyms.
        vault: of the store; where it encrypts, work in progress is in memory, and on the store's disk otherwise.
        place: folder below the store, e.g. "snapshots/m/2026-07-01"; a log's ends with its night.
        suffix: ".parquet", or "" among other inputs.
        key: HMAC key of the pseudonyms; may be None when no column needs one.
        threads: of DuckDB.
        memory: DuckDB's limit, e.g. "1GB".

    Raises:
        ColumnMissingError: a column is not in the source.
        ColumnTypeError: a value cannot be read as its column's type; names every faulty column.
        KeyMissingError: a pseudonym is due and there is no key.
        NightEmptyError: the log has no rows (SourceError for a source without a night).
        UnreadableError: the source is damaged where opening it did not look.
        StorageError: the disk is full or refuses.
        AddressTakenError: another file stands under this file's digest: it was changed, or rows of it were erased.
        SourceError: the source's database is locked, or the work does not fit into `memory`.
        MemoryRoomError: where the vault encrypts, the work does not fit into its tmpfs.
    """
    missing = [column.name for column in columns if column.name not in relation.columns]
    if missing:
        raise ColumnMissingError(missing[0], log=relation.name, available=relation.columns, others=missing[1:])
    frozen = tuple(_frozen(column) for column in columns)
    with storing(place, only_full=True), vault.workspace() as work:
        staged, file = Path(work, "staged.parquet"), Path(work, "snapshot.parquet")
        try:
            _read(relation, columns, staged, key=key, threads=threads, memory=memory)
            vault.require_fits(staged)
            with closing(working(threads=threads, memory=memory, spill=Path(work, "spill"))) as connection:
                rows = _count(connection, parquet(staged), relation, columns)
                if rows == 0:
                    raise _empty(relation, place)
                duplicates = _sort(connection, parquet(staged), frozen, file)
        except duckdb.OutOfMemoryException as error:
            if is_full(error):
                raise  # there is no room to spill to
            raise SourceError(
                f"'{relation.name}' does not fit into {memory} of memory. Raise `limits.memory` in project.yaml, "
                "or lower `limits.threads`."
            ) from None
        vault.require_fits(staged, file)
        sha256, groups, size = file_sha256(file), row_groups(file), file.stat().st_size
        name = (PurePosixPath(place) / f"{sha256}{suffix}").as_posix()
        vault.keep(name, file, sha256)
    return Snapshot(
        path=name,
        sha256=sha256,
        bytes=size,
        rows=rows,
        duplicate_row_ids=duplicates,
        columns=frozen,
        row_groups=groups,
        source=relation.name,
        source_sha256=relation.sha256,
    )


def _is_masked(column: Column) -> bool:
    """Tell whether a pseudonym is due."""
    return column.masked or column.privacy == "direct_identifier"


def _frozen(column: Column) -> Column:
    """Return the column as the snapshot holds it: a pseudonym is a category."""
    return replace(column, type="category", masked=True) if _is_masked(column) else column


def _read(
    relation: Relation,
    columns: Sequence[Column],
    staged: Path,
    *,
    key: bytes | None,
    threads: int,
    memory: str,
) -> None:
    """Write canonical columns c0, c1, ... and their faults f0, f1, ... (BOOLEAN) to `staged`; one pass."""
    parameters = pads(key) if any(map(_is_masked, columns)) else None
    target = str(staged).replace("'", "''")
    with closing(reading(threads=threads, memory=memory)) as connection:
        try:
            for statement in relation.setup:
                connection.execute(statement)
            described = connection.execute(f"describe {relation.sql}").fetchall()
            projection = _projection(columns, {row[0]: row[1] for row in described})
            connection.execute(
                f"copy (select {projection} from ({relation.sql})) to '{target}' (format parquet, compression lz4)",
                parameters,
            )
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            # DuckDB quotes the faulty line in some messages: it must not travel on.
            raise UnreadableError(relation.name, form=relation.form) from None
        except duckdb.Error as error:
            if "lock on file" not in str(error) and "already attached" not in str(error):
                raise  # a full disk, too little memory: no fault of the source
            raise SourceError(
                f"'{relation.name}' is open for writing by another process. Close it, or wait until its "
                "loader is done, and run this night again."
            ) from error


def _projection(columns: Sequence[Column], raw_types: dict[str, str]) -> str:
    """Return the SELECT list; in it identifiers are hashed and values made coarser, before a byte is written."""
    parts = []
    for i, column in enumerate(columns):
        form = canonical(identifier(column.name), raw_type=raw_types[column.name], declared=column.type)
        value = form.value
        if _is_masked(column):
            value = pseudonym_sql(f"({value})::varchar")
        elif column.generalised:
            value = generalised(f"({value})", column.generalised, declared=column.type)
        parts.append(f"{value} as c{i}, {form.fault} as f{i}")
    return ", ".join(parts)


def _count(connection: duckdb.DuckDBPyConnection, source: str, relation: Relation, columns: Sequence[Column]) -> int:
    """Return the staged rows, once every value is known to have a canonical form."""
    counts = ", ".join(f"count(*) filter (where f{i})" for i in range(len(columns)))
    rows, *faults = connection.execute(f"select count(*), {counts} from {source}").fetchall()[0]
    faulty = [(column, count) for column, count in zip(columns, faults, strict=True) if count]
    if faulty:
        column, count = faulty[0]
        others = [f"{other.name} ({other.type}, {in_words(n)})" for other, n in faulty[1:]]
        raise ColumnTypeError(column.name, log=relation.name, declared=column.type, rows=count, others=others)
    return int(rows)


def _sort(connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[Column], file: Path) -> int:
    """Write the staged rows to `file`, sorted; return the rows beyond the first of their row_id."""
    names = [f"c{i}" for i in range(len(columns))]
    row_id = next((name for name, column in zip(names, columns, strict=True) if column.role == "row_id"), None)
    duplicates = 0
    if row_id:  # missing row_ids count as one value
        sql = f"select count(*) - count(distinct {row_id}) - (count(*) > count({row_id}))::int from {source}"
        duplicates = int(connection.execute(sql).fetchall()[0][0])
    # A unique row_id settles the order alone, at a fraction of the cost of comparing every column.
    keys = [row_id] if row_id and not duplicates else sorted(names, key=lambda name: name != row_id)
    order = ", ".join(f"{name} asc nulls last" for name in keys)
    write(connection, f"select {', '.join(names)} from {source} order by {order}", columns, file)
    return duplicates


def _empty(relation: Relation, place: str) -> SourceError:
    """Return the error for no rows; the place of a log's snapshot ends with its night."""
    night = PurePosixPath(place).name
    try:
        date.fromisoformat(night)
    except ValueError:
        return SourceError(f"'{relation.name}' has no rows. Deliver it again.")
    return NightEmptyError(night=night, where=relation.name)
