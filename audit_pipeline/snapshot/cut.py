"""Takes rows out of a Parquet file: row groups that lose rows are written anew, all others keep their bytes.

The bytes of a group hold no offset into the file, so they are copied as they are and only the footer is changed. This
does not depend on pyarrow writing today what it wrote when the file was frozen.
"""

import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from audit_pipeline.records import CutGroup
from audit_pipeline.row_groups import row_groups
from audit_pipeline.snapshot.footer import I64, LIST, MAGIC, STRUCT, Struct, ending, read_footer
from audit_pipeline.snapshot.write import writer

# Fields of parquet.thrift. Index and bloom filter lie outside of the groups and would describe rows that are gone.
NUM_ROWS, ROW_GROUPS = 3, 4  # of FileMetaData
COLUMNS, FILE_OFFSET, ORDINAL = 1, 5, 7  # of RowGroup
CHUNK_OFFSET, CHUNK_META, CHUNK_INDEX = 2, 3, (4, 5, 6, 7)  # of ColumnChunk
PAGES, BLOOM = (9, 10, 11), (14, 15)  # of ColumnMetaData: offsets of pages; bloom filter


def cut(path: Path, drop: Mapping[int, Any], target: Path) -> tuple[CutGroup, ...]:
    """Write the file `path` without some of its rows to `target`, which is not there yet.

    Args:
        path: a Parquet file.
        drop: row group -> (rows,) bool, True for the rows that go.
        target: the new file; the caller makes it durable.

    Returns:
        every row group of `path`, in order.

    Raises:
        ValueError: the file is no Parquet file of a form that is known here, or would not read as it should.
    """
    before = row_groups(path)
    with path.open("rb") as source, target.open("xb") as out:
        footer = read_footer(source)
        old = footer[ROW_GROUPS][1][1]
        out.write(MAGIC)
        kept: list[Struct] = []
        groups: list[CutGroup] = []
        for was in before:
            data, meta, rows = _group(source, was.offset, was.length), old[was.index], was.rows
            at = was.offset
            if was.index in drop:
                data, meta, rows, at = _without(path, was.index, drop[was.index])
            place = out.tell()
            out.write(data)
            if rows:
                kept.append(_moved(meta, place - at, len(kept)))
            digest = hashlib.sha256(data).hexdigest()
            groups.append(CutGroup(was.index, was.rows, rows, place, len(data), was.sha256, digest))
        footer[NUM_ROWS] = (I64, sum(group.rows for group in groups))
        footer[ROW_GROUPS] = (LIST, (STRUCT, kept))
        out.write(ending(footer))
    _check(path, drop, target, groups)
    return tuple(groups)


def _group(source: BinaryIO, offset: int, length: int) -> bytes:
    source.seek(offset)
    return source.read(length)


def _left(path: Path, index: int, gone: Any) -> Any:
    """Return the rows of a group that stay, as a table of one chunk per column."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read_row_group(index)
    return table.filter(pc.invert(pa.array(gone))).combine_chunks()


def _without(path: Path, index: int, gone: Any) -> tuple[bytes, Struct, int, int]:
    """Return bytes, footer entry, rows, and offset by that entry, of a group written anew."""
    table = _left(path, index, gone)
    if not table.num_rows:
        return b"", {}, 0, 0
    whole = _written(table)
    footer = read_footer(BytesIO(whole))
    [meta] = footer[ROW_GROUPS][1][1]
    # What our writer makes is the magic, one group, the footer.
    return whole[len(MAGIC) : len(whole) - len(ending(footer))], meta, table.num_rows, len(MAGIC)


def _written(table: Any) -> bytes:
    """Return a file of one row group."""
    buffer = BytesIO()
    with writer(buffer, table.schema) as made:
        made.write_table(table, row_group_size=table.num_rows)
    return buffer.getvalue()


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """Return the footer's entry of a group that stands `by` bytes further on."""
    moved = _shifted(group, (FILE_OFFSET,), by)
    if ORDINAL in moved:
        moved[ORDINAL] = (moved[ORDINAL][0], ordinal)
    kind, (item, chunks) = group[COLUMNS]
    moved[COLUMNS] = (kind, (item, [_moved_chunk(chunk, by) for chunk in chunks]))
    return moved


def _moved_chunk(chunk: Struct, by: int) -> Struct:
    moved = _shifted({field: chunk[field] for field in chunk if field not in CHUNK_INDEX}, (CHUNK_OFFSET,), by)
    kind, meta = chunk[CHUNK_META]
    moved[CHUNK_META] = (kind, _shifted({field: meta[field] for field in meta if field not in BLOOM}, PAGES, by))
    return moved


def _shifted(struct: Struct, fields: tuple[int, ...], by: int) -> Struct:
    """Return a copy in which these offsets are `by` further; 0 means none."""
    new = {f: (struct[f][0], struct[f][1] + by) for f in fields if f in struct and struct[f][1]}
    return struct | new


def _check(path: Path, drop: Mapping[int, Any], target: Path, groups: list[CutGroup]) -> None:
    """Read what was written, before anything stands on it.

    Raises:
        ValueError: it is not what was meant.
    """
    import pyarrow.parquet as pq

    there = [(g.rows, g.offset, g.length, g.sha256) for g in groups if g.rows]
    same = there == [(g.rows, g.offset, g.length, g.sha256) for g in row_groups(target)]
    with pq.ParquetFile(target) as file:
        place = {group.index: i for i, group in enumerate(g for g in groups if g.rows)}
        anew = [index for index in drop if index in place]
        # Compared as bytes: a NaN is not equal to itself.
        same = same and all(_written(file.read_row_group(place[i])) == _written(_left(path, i, drop[i])) for i in anew)
    if not same:
        raise ValueError("the file without the rows does not read as it should")
