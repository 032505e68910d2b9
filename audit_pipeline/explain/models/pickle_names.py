"""Which names would a pickle import? Read from its opcodes, without running any.

A pre-check that shows a reviewer all names at once, and no safe loader: what is asked of the trusted names is not
seen, and a stream can be built that hides a name. Therefore the process that loads holds every import against the
list again (`pickle_child.py`), and is cut off from files and network.
"""

import bz2
import gzip
import lzma
import pickletools
import zlib
from collections.abc import Iterator

from audit_pipeline.errors import ExplainError

MOST = 2_000_000_000  # bytes that a compressed file may unfold to
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"  # its state is followed by the array's bytes, which are no opcodes
MEMO_GET = ("GET", "BINGET", "LONG_BINGET")
MEMO_PUT = ("PUT", "BINPUT", "LONG_BINPUT")


def unfolded(data: bytes, name: str) -> bytes:
    """Return the stream in `data`, which joblib may have compressed.

    Raises:
        ExplainError: what it is compressed with is not known, it is damaged, or too large.
    """
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:3] == b"BZh":
            data = bz2.decompress(data)
        elif data[:6] == b"\xfd7zXZ\x00" or data[:3] == b"\x5d\x00\x00":
            data = lzma.decompress(data)
        elif data[:1] == b"\x78":
            unzipping = zlib.decompressobj()
            data = unzipping.decompress(data, MOST)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise ExplainError(f"The model file '{name}' is damaged. Save it again, and pin the new sha256.") from error
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
