"""Which names would a pickle import? Read from its opcodes, without running any.

A pre-check that shows a reviewer all names at once, and no safe loader: what is asked of the trusted names is not
seen, and a stream can be built that hides a name. Therefore the process that loads holds every import against the
list again (`pickle_child.py`), and is cut off from files and network.
"""

import bz2
import lzma
import pickletools
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import Budget

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
MEMO_PUT = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
OPCODES = 10_000  # between two looks at the time
MOST_NAMES, MOST_TEXTS = 10_000, 2_000_000  # that are kept; of what comes behind, the loading process judges


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


def imported(stream: bytes, *, budget: Budget) -> set[str]:
    """Return the full names that the stream imports, as far as its opcodes can be read in bounded memory.

    Raises:
        ExplainError: the budget is over.
    """
    found: set[str] = set()
    try:
        for name in _names(_opcodes(stream, budget)):
            found.add(name)
            if len(found) == MOST_NAMES:
                break
    except ExplainError:
        raise
    except Exception:  # noqa: BLE001  (pickletools raises many classes; the loading process will refuse it)
        return found
    return found


def _opcodes(stream: bytes, budget: Budget) -> Iterator[tuple[str, Any]]:
    """Yield each opcode's name and argument, as long as there is time."""
    for number, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if number % OPCODES == 0:
            budget.check()
        yield code.name, argument


def _names(opcodes: Iterator[tuple[str, Any]]) -> Iterator[str]:
    """Yield each name as it is met; up to the first array of joblib, whose bytes are no opcodes, or too many texts."""
    texts: deque[str] = deque(maxlen=2)  # pushed or fetched, newest last: module and name of an import
    memo: dict[int, str] = {}  # texts alone
    memoized = 0  # anything
    pushed = wrapped = False  # whether the last opcode pushed a text
    for code, argument in opcodes:
        if code in MEMO_PUT:
            if pushed:
                memo[memoized if argument is None else argument] = texts[-1]
            memoized += 1
            if len(memo) == MOST_TEXTS:
                return
            continue
        text = argument if code in TEXTS else memo.get(argument) if code in MEMO_GET else None
        pushed = text is not None
        if pushed:
            texts.append(str(text))
        elif code in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif code == "STACK_GLOBAL":
            name = ".".join(texts)
            wrapped = wrapped or name == WRAPPER
            yield name
        elif code == "BUILD" and wrapped:
            return
