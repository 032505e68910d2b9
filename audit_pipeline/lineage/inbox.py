"""What other producers (Airflow, Spark, dbt, ...) dropped into the inbox, as pieces that are each one event or none.

A file is a stream of JSON objects, however they are laid out: one per line (what the OpenLineage file transport
appends), one over many lines, one after the other, or as elements of an array; brackets, commas and white space
between objects say nothing. So how far a file was read is a number of bytes in every form, and an object counts once
its last brace is there. What is no object is one piece up to the next line that begins with one.

Files stay where they are and may grow. The sha256 of what was taken is kept: when those bytes are no longer there (the
file was replaced), it is read from its start, which doubles nothing, because an event is kept once however often it
arrives. A name that begins with a dot or underscore, or ends like a temporary one, is none yet: rename it when done.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from audit_pipeline.durable import readable
from audit_pipeline.lineage.outbox import CHUNK, Line

FOLDER = "inbox/"  # before the names of its files, which stand beside those of the outbox
TEMPORARY = ("~", ".tmp", ".temp", ".part", ".partial", ".swp", ".crdownload", ".filepart")
UNENDED = "its end has not arrived"
_BEGIN = re.compile(r"[^ \t\r\n,\[\]\x1e\xef\xbb\xbf]")  # the last three bytes are a byte order mark
_NEXT = re.compile("^[{\\[]", re.MULTILINE)
_DECODER = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)  # numbers are judged later


@dataclass(frozen=True, slots=True)
class Taken:
    """How far a file has been read."""

    bytes: int
    mark: str  # identity, size and time of the file as it was when read to its end; "" before
    sha256: str  # of the bytes taken


@dataclass(slots=True)
class Part:
    """What one look at a file brought."""

    file: str
    taken: Taken
    lines: list[Line] = field(default_factory=list)
    waits: tuple[int, int, str] | None = None  # bytes before what cannot be read yet, its length, and why


def read_inbox(inbox: Path, taken: dict[str, Taken]) -> Iterator[Part]:
    """Yield what is new, in parts of about CHUNK bytes; and of each file that cannot be read to its end, why.

    Args:
        inbox: folder, with folders in it or not; it need not exist.
        taken: file -> how far it was read before; not changed.
    """
    for file, path in _files(inbox):
        held = taken.get(file, Taken(0, "", hashlib.sha256().hexdigest()))
        try:
            yield from _parts(path, file, held)
        except FileNotFoundError:
            continue  # taken away meanwhile
        except OSError as error:
            yield Part(file, held, waits=(held.bytes, 0, f"the file cannot be read: {error.strerror}"))


def inbox_marks(inbox: Path) -> dict[str, str]:
    """Return of every file what changes whenever the file does."""
    marks = {}
    for file, path in _files(inbox):
        with contextlib.suppress(OSError):
            marks[file] = _mark(path.stat())
    return marks


def _files(inbox: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that are to be read, with the names they have in the tables, sorted."""
    for path in sorted(inbox.rglob("*")):
        names = path.relative_to(inbox).parts
        if not any(name.startswith((".", "_")) or name.endswith(TEMPORARY) for name in names) and _is_file(path):
            yield FOLDER + readable(path.relative_to(inbox)), path


def _is_file(path: Path) -> bool:
    """Whether it is a file, as far as one may know: what may not even be looked at is named when it is opened."""
    try:
        return path.is_file()
    except OSError:
        return True


def _mark(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _parts(path: Path, file: str, held: Taken) -> Iterator[Part]:
    """Yield what one file holds beyond `held`."""
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        mark, rest = _mark(status), status.st_size - held.bytes
        if mark == held.mark:
            if rest:
                yield Part(file, held, waits=(held.bytes, rest, UNENDED))
            return
        at, digest, ended = *_continue(stream, held), False
        while not ended:
            stream.seek(at)
            data = stream.read(CHUNK)
            ended = len(data) < CHUNK
            pieces, length = _pieces(data)
            if not length and not ended:
                pieces, length = [(0, len(data))], len(data)  # far longer than an event may be
            digest.update(data[:length])
            lines = [Line(file, at + start, data[start:end]) for start, end in pieces]
            at, rest = at + length, len(data) - length
            waits = (at, rest, UNENDED) if rest and ended else None
            yield Part(file, Taken(at, mark if ended else "", digest.hexdigest()), lines, waits)


def _continue(stream: IO[bytes], held: Taken) -> "tuple[int, hashlib._Hash]":
    """Return where to read on, and the digest up to there: the start when what was taken is no longer there."""
    digest, left = hashlib.sha256(), held.bytes
    while left and (block := stream.read(min(left, CHUNK))):
        digest.update(block)
        left -= len(block)
    if left or digest.hexdigest() != held.sha256:
        return 0, hashlib.sha256()
    return held.bytes, digest


def _pieces(data: bytes) -> tuple[list[tuple[int, int]], int]:
    """Return start and end of each piece of `data` that is whole, and the bytes up to where the next one begins."""
    text = data.decode("latin-1")  # a character per byte; what JSON is built of is ASCII, and strings are skipped
    pieces: list[tuple[int, int]] = []
    at = 0
    while True:
        begin = _BEGIN.search(text, at)
        if begin is None:
            return pieces, len(text)
        at = begin.start()
        end = _end_of_piece(text, at)
        if end is None:
            return pieces, at
        pieces.append((at, end))
        at = end


def _end_of_piece(text: str, start: int) -> int | None:
    """Return the end of the piece that begins at `start`; None when it has not arrived."""
    wrong = start
    try:
        if text.startswith("{", start):
            return int(_DECODER.raw_decode(text, start)[1])
    except json.JSONDecodeError as error:
        wrong = error.pos
    except RecursionError:
        pass
    # Cut off inside an object, the decoder stops where the text does, or in a string, which holds no line's end. So
    # what is wrong before the end of a line stays wrong.
    if (line := text.find("\n", wrong)) < 0:
        return None
    following = _NEXT.search(text, text.find("\n", start) + 1)
    return following.start() if following else max(line, text.rfind("\n")) + 1
