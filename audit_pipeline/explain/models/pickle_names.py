"""Which names would a pickle import? Read from its opcodes, without running any.

A pre-check that shows a reviewer all names at once, and no safe loader: what is asked of the trusted names is not
seen, and a stream can be built that hides a name. Therefore the process that loads holds every import against the
list again (`pickle_child.py`), and is cut off from files and network.
"""

import bz2
import lzma
import pickletools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from audit_pipeline.errors import ExplainError

MOST = 2_000_000_000  # bytes that a compressed file may unfold to
UNFOLDING: dict[bytes, Callable[[], Any]] = {  # what joblib compresses with
    b"\x78": zlib.decompressobj,
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
    b"\x5d\x00\x00": lzma.LZMADecompressor,
}
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"  # its state is followed by the array's bytes, which are no opcodes
MEMO_GET = ("GET", "BINGET", "LONG_BINGET")
MEMO_PUT = ("PUT", "BINPUT", "LONG_BINPUT")


def unfolded(data: bytes, name: str) -> bytes:
    """Return the stream in `data`, which joblib may have compressed.

    Raises:
        ExplainError: what it is compressed with is not known, it is damaged, or too large.
    """
    try:
        for magic, unfolding in UNFOLDING.items():
            if data.startswith(magic):
                data = unfolding().decompress(data, MOST)
                break
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise ExplainError(f"The model file '{name}' is damaged. Save it again, and pin the new sha256.") from error
    if len(data) >= MOST:
        raise ExplainError(f"The model file '{name}' unfolds to more than {MOST:,} bytes. Save a smaller model.")
    if data[:1] != b"\x80":  # every pickle of protocol 2 (2003) or later
        raise ExplainError(f"The model file '{name}' is no pickle of protocol 2 or later. Correct `artefact.format`.")
    return data


def imported(stream: bytes) -> set[str]:
    """Return the full names that the stream imports, as far as its opcodes can be read."""
    found: set[str] = set()
    try:
        for name in _names(stream):
            found.add(name)
    except Exception:  # noqa: BLE001  (pickletools raises many classes; the loading process will refuse it)
        return found
    return found


def _names(stream: bytes) -> Iterator[str]:
    """Yield each name as it is met; up to the first array of joblib, whose bytes are no opcodes."""
    texts: list[str] = []  # pushed or fetched, newest last
    memo: dict[int, str] = {}
    wrapped = False
    for code, argument, _ in pickletools.genops(stream):
        place = argument if isinstance(argument, int) else 0
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif code.name == "STACK_GLOBAL":
            name = ".".join(texts[-2:])
            wrapped = wrapped or name == WRAPPER
            yield name
        elif code.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else ""
        elif code.name in MEMO_PUT:
            memo[place] = texts[-1] if texts else ""
        elif code.name in MEMO_GET:
            texts.append(memo.get(place, ""))
        elif code.name in ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"):
            texts.append(str(argument))
        elif code.name == "BUILD" and wrapped:
            return
