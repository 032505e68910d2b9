"""Hold a file against the erasures that touched it: what they left is proved, and what they say is not more than true.

Every row group that an erasure did not touch is still the one of the original record. Of a group that was written anew
it is proved that as many rows went as the log says, and that nobody changed it since; that the other rows in it stayed
as they were rests on the program that erased.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from audit_pipeline.evidence.erased import EMPTY, Erasure, leading
from audit_pipeline.row_groups import extent, range_sha256, starts


def erased_faults(path: Path, file: dict[str, Any], found: Sequence[Erasure], sha256: str) -> Iterator[str]:
    """Yield what is wrong with a file that rows were erased from, as sentences without its name.

    Args:
        path: the file.
        file: as a record names it, with `row_groups` and `columns` if it is a snapshot.
        found: the erasures of this path, at least one.
        sha256: of the file as it is.
    """
    chain, newest = leading(found, file["sha256"]), found[-1]
    if chain is None:
        where = f"the erasure in entry {found[0].entry} of the log"
        yield f"{where} starts from another file than the record names: the file had been changed before"
        return
    yield from _entry_faults(chain, file)
    if sha256 == newest.new_sha256:
        yield from _layout_faults(path, newest, file.get("columns"))
    elif sha256 in {file["sha256"], *(erasure.sha256 for erasure in found)}:
        yield (
            f"is the file from before the erasure in entry {newest.entry} of the log: the erasure died, or erased rows "
            "were put back. Run `audit-pipeline erase` again"
        )
    else:
        yield f"sha256 of {path.name} is not what the erasure in entry {newest.entry} left: the file was changed"
        yield from _changed_groups(path, newest)


def _entry_faults(chain: Sequence[Erasure], file: dict[str, Any]) -> Iterator[str]:
    """Hold what the erasures say against the record, and each against the one before."""
    before = {g["index"]: (g["rows"], g["sha256"]) for g in file.get("row_groups", [])}
    for erasure in chain:
        where = f"the erasure in entry {erasure.entry} of the log"
        said = {group.index: (group.rows_before, group.sha256_before) for group in erasure.groups}
        wrong = sorted(i for i in before.keys() | said.keys() if said.get(i) != before.get(i)) if before else []
        for index in wrong:
            yield f"{where} starts from another row group {index} than was there: an alteration is hidden in it"
        for group in erasure.groups:
            if group.rows > group.rows_before:
                yield f"{where} adds rows to row group {group.index}"
            elif group.rows == group.rows_before and group.sha256 != group.sha256_before:
                yield f"{where} changes row group {group.index}, from which no row was erased"
        gone = sum(group.rows_before - group.rows for group in erasure.groups)
        if gone == 0:
            yield f"{where} erases no row: an alteration is hidden in it"
        if gone != erasure.rows:
            yield f"{where} says that {erasure.rows:,} rows were erased, and takes {gone:,}"
        before = {group.index: (group.rows, group.sha256) for group in erasure.groups}


def _layout_faults(path: Path, newest: Erasure, columns: list[dict[str, Any]] | None) -> Iterator[str]:
    """Hold the file's own footer, which no row group's digest covers, against the record and the newest erasure."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = f"the erasure in entry {newest.entry} of the log"
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        yield f"what {where} left is no Parquet file"
        return
    there = [group for group in newest.groups if group.rows]
    found = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    places = [extent(group) for group in found]
    names = [column["name"] for column in columns] if columns else metadata.schema.names
    if metadata.schema.names != names or any(sorted(set(chunks)) != chunks for chunks in map(starts, found)):
        yield f"its columns are not those of the record: {where} hides that they were renamed or swapped"
    if [(g.offset, g.length) for g in there] != places or sorted(places) != places:
        yield f"its row groups do not stand where {where} says: one was swapped, added or dropped"
        return
    for place, group in enumerate(there):
        rows = found[place].num_rows
        if rows != group.rows:
            more = "more" if rows < group.rows else "fewer"
            yield f"from row group {group.index} {more} rows are gone than {where} says"
    yield from _changed_groups(path, newest)


def _changed_groups(path: Path, newest: Erasure) -> Iterator[str]:
    """Name the row groups that are not what the erasure left."""
    with path.open("rb") as data:
        for group in newest.groups:
            digest = range_sha256(data, group.offset, group.length) if group.rows else EMPTY
            if digest != group.sha256:
                yield f"row group {group.index} was changed"
