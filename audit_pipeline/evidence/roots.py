"""Signed roots: what the whole log was at a publication, in one hash, one line of `log/roots.jsonl` each.

A line is a DSSE envelope (canonical JSON); its payload is a `Root`. Unsigned, when the project has no key, it still
shows what was changed by somebody who did not know of it.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, read_json
from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.lines import Lines
from audit_pipeline.evidence.sign import SigningKey, opened, sign

FILE = "log/roots.jsonl"


_PLAIN = [field.name for field in fields(LogEntry) if field.name != "writer"]


@dataclass(frozen=True, slots=True)
class Root:
    """What the log is: its first `size` entries give `root`."""

    log_id: str  # leaf hash of the first entry, hex: which log
    size: int  # entries
    root: str  # hex
    time: str  # UTC, ISO 8601, by the signer's clock
    key_id: str  # key that signs the log from here on; "" without one


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A root as it stands in the file."""

    root: Root
    by: frozenset[str]  # keys whose signatures hold
    forged: frozenset[str]  # keys that are named, and whose signatures do not hold


class Roots:
    """The file of one log; the caller is the only writer."""

    def __init__(self, file: Path, quarantine: Path) -> None:
        """Nothing is created until a root is written."""
        self.lines = Lines(file, quarantine)

    def last(self) -> SignedRoot | None:
        """Return the last root.

        Raises:
            EvidenceError: the last line is none.
        """
        line = self.lines.last()
        return None if line is None else parse(line, "the last line")

    def all(self) -> Iterator[Root]:
        """Yield what the lines say, without looking at signatures.

        Raises:
            EvidenceError: a line is no root.
        """
        for number, line in enumerate(self.lines.read(), start=1):
            yield _said(line, f"line {number}")[0]

    def append(self, root: Root, keys: Sequence[SigningKey]) -> bytes:
        """Sign and append a root; return its line."""
        self.lines.last()  # sets a torn one aside
        line = canonical(sign(canonical(root), keys))
        self.lines.append(line)
        return line


def covered(entries: Iterable[LogEntry], roots: Iterable[Root]) -> Iterator[dict[str, Any]]:
    """Yield entries as plain data, each with the first root that covers it: `root_size`, `root`, `key_id`."""
    rest = iter(roots)
    root = next(rest, None)
    for entry in entries:
        while root is not None and root.size <= entry.index:
            root = next(rest, None)
        said = (root.size, root.root, root.key_id or None) if root else (None, None, None)
        plain = {name: getattr(entry, name) for name in _PLAIN}
        yield plain | dict(zip(("root_size", "root", "key_id"), said, strict=True))


def said_in(file: Path) -> list[Root]:
    """Return the roots that a file holds line by line, as an anchor keeps them.

    Raises:
        EvidenceError: it cannot be read, or holds something else.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise EvidenceError(
            f"'{file}' cannot be read: {error.strerror}. Give a root in hex, or a file of roots."
        ) from error
    return [_said(line, f"line {number} of '{file}'")[0] for number, line in enumerate(lines, start=1) if line]


def parse(line: bytes, where: str) -> SignedRoot:
    """Read one line.

    Raises:
        EvidenceError: it is no root, or not in the form a writer of ours gives it.
    """
    root, envelope = _said(line, where)
    try:
        signed = opened(envelope)
        if canonical(envelope) == line and canonical(root) == signed.payload:
            return SignedRoot(root, signed.by, signed.forged)
    except (EvidenceError, ValueError, TypeError) as error:
        raise _none(where) from error
    raise _none(where)


def _said(line: bytes, where: str) -> tuple[Root, Any]:
    """Return the root that a line holds, and its envelope, before any signature is looked at."""
    try:
        envelope = read_json(line)
        root = Root(**read_json(base64.b64decode(envelope["payload"], validate=True)))
        kinds = [type(getattr(root, field.name)) for field in fields(root)]
        if kinds == [str, int, str, str, str] and root.size > 0:
            return root, envelope
    except (ValueError, TypeError, KeyError) as error:
        raise _none(where) from error
    raise _none(where)


def _none(where: str) -> EvidenceError:
    return EvidenceError(f"{FILE}: {where} is no root of the log. Restore the file from a backup.")
