"""The footer of a Parquet file, read and written field by field: pyarrow writes footers, and changes none.

It is one structure in Thrift's compact protocol (parquet.thrift, FileMetaData). What is read is written again byte for
byte, whatever it means, so that only what is set on purpose differs; a form that Parquet does not use is refused.
"""

import io
from typing import Any, BinaryIO

MAGIC = b"PAR1"
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12  # types on the wire
WHOLE = (I16, I32, I64)

Struct = dict[int, tuple[int, Any]]  # field id -> (type, value); a list's value is (type of its items, items)


def read_footer(file: BinaryIO) -> Struct:
    """Return the footer of a Parquet file.

    Raises:
        ValueError: it is no Parquet file, is encrypted, or its footer is not of a form that is known here.
    """
    size = file.seek(0, io.SEEK_END)
    if size < 12:
        raise ValueError("too short for a Parquet file")
    file.seek(size - 8)
    length, end = int.from_bytes(file.read(4), "little"), file.read(4)
    if end != MAGIC or length > size - 12:
        raise ValueError("no footer of a Parquet file")
    file.seek(size - 8 - length)
    data = file.read(length)
    try:
        found: Struct = _Reader(data).value(STRUCT)
    except (IndexError, RecursionError):
        raise ValueError("the footer ends too early, or has no end") from None
    if footer_bytes(found) != data:
        raise ValueError("the footer is not written as it is read")
    return found


def footer_bytes(footer: Struct) -> bytes:
    """Return a footer as it stands in a file, without its length."""
    data = bytearray()
    _write(data, STRUCT, footer)
    return bytes(data)


def ending(footer: Struct) -> bytes:
    """Return what stands in a file after its last row group."""
    data = footer_bytes(footer)
    return data + len(data).to_bytes(4, "little") + MAGIC


class _Reader:
    """Reads values from the start of some bytes on."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def value(self, kind: int) -> Any:
        """Return the next value."""
        if kind == BYTE:
            return self._bytes(1)[0]
        if kind in WHOLE:
            number = self._varint()
            return (number >> 1) ^ -(number & 1)
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == LIST:
            return self._list()
        if kind == STRUCT:
            return self._struct()
        raise ValueError(f"type {kind} has no place in a footer")

    def _bytes(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise IndexError
        self.at += count
        return found

    def _varint(self) -> int:
        number, shift = 0, 0
        while True:
            byte = self._bytes(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def _list(self) -> tuple[int, list[Any]]:
        head = self._bytes(1)[0]
        kind, count = head & 0x0F, head >> 4
        count = self._varint() if count == 15 else count
        # An item that is true or false is a byte.
        return kind, [self.value(BYTE if kind in (TRUE, FALSE) else kind) for _ in range(count)]

    def _struct(self) -> Struct:
        found: Struct = {}
        field = 0
        while head := self._bytes(1)[0]:
            kind, step = head & 0x0F, head >> 4
            field = field + step if step else self.value(I16)
            found[field] = (kind, kind == TRUE if kind in (TRUE, FALSE) else self.value(kind))
        return found


def _write(out: bytearray, kind: int, value: Any) -> None:
    """Append one value."""
    if kind == BYTE:
        out.append(value)
    elif kind in WHOLE:
        _varint(out, (value << 1) ^ (value >> 63))
    elif kind == DOUBLE:
        out += value
    elif kind == BINARY:
        _varint(out, len(value))
        out += value
    elif kind == LIST:
        item, items = value
        out.append((min(len(items), 15) << 4) | item)
        if len(items) >= 15:
            _varint(out, len(items))
        for one in items:
            _write(out, BYTE if item in (TRUE, FALSE) else item, one)
    else:
        _struct(out, value)


def _struct(out: bytearray, value: Struct) -> None:
    last = 0
    for field, (said, inner) in value.items():
        kind = (TRUE if inner else FALSE) if said in (TRUE, FALSE) else said
        step = field - last
        if 0 < step < 16:
            out.append((step << 4) | kind)
        else:
            out.append(kind)
            _write(out, I16, field)
        if kind not in (TRUE, FALSE):
            _write(out, kind, inner)
        last = field
    out.append(0)


def _varint(out: bytearray, number: int) -> None:
    while number >= 0x80:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
