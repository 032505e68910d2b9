"""One line of the log: what it says, who wrote it, and its hash as a leaf of the tree.

A line is canonical JSON whose last key is `writer`: the run, the key by whose secret the mark `mac` was made, and the
mark itself, over the bytes before it. Without a key in the project, key and mark are empty.
"""

import hmac
from dataclasses import dataclass, fields
from typing import Any

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence.canonical import canonical, read_json
from audit_pipeline.evidence.merkle import leaf_hash
from audit_pipeline.evidence.sign import SigningKey

# What a line is about. `refusal`: lines that no known writer wrote were set aside. `key`: a key signs from here on; its
# body holds the root of what came before. What `digest` is of stands beside each.
RECORD, ALERT, REVIEW, ERASURE, PURGE = "record", "alert", "review", "erasure", "purge"  # record file; else the body
KEY, REFUSAL = "key", "refusal"  # the body


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a line."""

    run: str  # Dagster's run, or the command
    key: str  # public half in hex, "" without a key
    mac: str  # HMAC-SHA256 in hex, "" without a key


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log."""

    index: int
    time: str  # UTC, ISO 8601, by the writer's clock; the order is that of `index`
    kind: str
    model_id: str  # "" when it is about no single model
    night: str  # ISO date, "" when it is about no single night
    digest: str
    body: dict[str, Any]  # record: result_digest, verdict, owner, run_id; alert: what was sent; ...
    writer: Writer
    leaf: str  # hash of the line as a leaf, hex; not in the line


_FIELDS = [field.name for field in fields(LogEntry) if field.name != "leaf"]
_TYPES = [{"index": int, "body": dict, "writer": dict}.get(name, str) for name in _FIELDS]
_MARK = b',"writer":'


def line_of(content: dict[str, Any], *, run: str, key: SigningKey | None) -> bytes:
    """Return the line for `content`, which has every field but `writer`."""
    data = canonical(content)
    writer = Writer(run, key.key_id if key else "", key.mac(run, data) if key else "")
    return data[:-1] + _MARK + canonical(writer) + b"}"


def wrote(key: SigningKey, line: bytes, entry: LogEntry) -> bool:
    """Tell whether a run that had `key` wrote this line."""
    if entry.writer.key != key.key_id:
        return False
    expected = key.mac(entry.writer.run, line[: line.rindex(_MARK)] + b"}")
    return hmac.compare_digest(expected.encode(), entry.writer.mac.encode())


def parse(line: bytes, number: int) -> LogEntry:
    """Read line `number`, counted from 0; -1 is the last.

    Raises:
        EvidenceError: it is no entry.
    """
    try:
        found = read_json(line)
        if [type(found[name]) for name in _FIELDS] != _TYPES:
            raise TypeError("a field has another type")
        writer = Writer(**found.pop("writer"))
        if [type(writer.run), type(writer.key), type(writer.mac)] != [str] * 3 or _MARK not in line:
            raise TypeError("the writer is none")
        return LogEntry(**found, writer=writer, leaf=leaf_hash(line).hex())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        where = "the last line" if number < 0 else f"line {number + 1}"
        raise EvidenceError(f"log/entries.jsonl: {where} is no log entry. Restore the log from a backup.") from error
