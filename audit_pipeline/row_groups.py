"""What proves a part of a snapshot: the sha256 of the bytes of each of its row groups."""

import hashlib
from pathlib import Path
from typing import Any, BinaryIO

from audit_pipeline.records import RowGroup

CHUNK = 1 << 20  # bytes read at a time


def row_groups(path: Path) -> tuple[RowGroup, ...]:
    """Return the row groups of a Parquet file, each with the bytes it occupies and their sha256.

    The bytes run from the first page of the first column to the end of the last column. They hold no offset
    into the file, so a row group keeps its digest when another one is rewritten.
    """
    import pyarrow.parquet as pq

    found = []
    with path.open("rb") as stream:
        metadata = pq.read_metadata(stream)
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            offset, length = extent(group)
            sha256 = range_sha256(stream, offset, length)
            found.append(RowGroup(index=index, rows=group.num_rows, offset=offset, length=length, sha256=sha256))
    return tuple(found)


def extent(group: Any) -> tuple[int, int]:
    """Return offset and length in bytes of one row group, by the file's metadata."""
    begins = starts(group)
    ends = [begin + group.column(i).total_compressed_size for i, begin in enumerate(begins)]
    return min(begins), max(ends) - min(begins)


def starts(group: Any) -> list[int]:
    """Return where each column of a row group begins; a chunk begins with its dictionary page, if it has one."""
    columns = [group.column(i) for i in range(group.num_columns)]
    return [c.dictionary_page_offset if c.has_dictionary_page else c.data_page_offset for c in columns]


def range_sha256(stream: BinaryIO, offset: int, length: int) -> str:
    """Return the sha256 of `length` bytes from `offset`, in hex."""
    digest = hashlib.sha256()
    stream.seek(offset)
    while length > 0 and (chunk := stream.read(min(CHUNK, length))):
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest()
