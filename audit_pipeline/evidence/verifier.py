#!/usr/bin/env python3
"""Check a pack of audit evidence: `python verify.py PACK.zip [--key KEY]`. Python 3.9 or later, nothing else.

What is checked: the root of the log is signed; the pack's log entries are in it; keys were handed over; every record is
the one its entry names; every file in the pack is the one its record names. Files that were left out are counted: their
digests stand, their bytes are not here.

A pack brings its own key and its own copy of this program. Compare the key with the one that the owner gave you by
another way (or pass it with --key), and run a copy of this program that you trust: it is one page, and the same in
every pack.

Exit codes: 0 verified, 1 not verified, 2 wrong call, 3 holds together but is unsigned.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import zipfile
from typing import Any

PAYLOAD_TYPE = b"application/vnd.audit-pipeline.root+json"
P = 2**255 - 19  # RFC 8032, section 5.1
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
Y = 4 * pow(5, P - 2, P) % P

Point = tuple[int, int, int, int]  # extended coordinates


class NotVerifiedError(Exception):
    """What is wrong, in a sentence."""


def main() -> int:
    """Check the pack and say what it proves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    parser.add_argument("--key", help="public key of the owner, 64 hex digits: the pack must be signed with it")
    given = parser.parse_args()
    try:
        with zipfile.ZipFile(given.pack) as pack:
            lines, signed = check(pack, given.key.lower() if given.key else None)
    except NotVerifiedError as fault:
        sys.stdout.write(f"NOT VERIFIED: {fault}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, zipfile.BadZipFile):
        sys.stdout.write("NOT VERIFIED: this is no pack of audit evidence, or it is damaged.\n")
        return 1
    verdict = "VERIFIED." if signed else "UNSIGNED: it holds together, as anybody could make it do."
    for line in [*lines, verdict]:
        sys.stdout.write("".join(c if c.isprintable() else "?" for c in line) + "\n")
    return 0 if signed else 3


def check(pack: zipfile.ZipFile, key: str | None) -> tuple[list[str], bool]:
    """Return what the pack proves, line by line, and whether it is signed."""
    names = pack.namelist()
    require(len(names) == len(set(names)), "a file stands in the pack twice")
    said = json.loads(pack.read("pack.json"))
    newest = opened(said["root"])
    entries = [entry(found, newest) for found in said["entries"]]
    require(len({e["index"] for e in entries}) == len(entries), "a log entry stands in the pack twice")
    roots = [earlier(found, newest) for found in said["roots"]]
    lines = check_keys([e for e in entries if e["kind"] == "key"], [newest, *roots], newest, key)
    named, missing = {"pack.json", "verify.py", "README.txt"}, set[str]()
    for record in (e for e in entries if e["kind"] == "record"):
        lines.append(check_record(pack, record, named, missing))
    strange = set(names) - named
    require(not strange, f"no record names {min(strange, default='')}")
    for review in (e for e in entries if e["kind"] == "review"):
        body = review["body"]
        who = f"{body['meaning']} by {body['name']} on {review['time']}"
        lines.append(f"{who}, of record {body['record']}: {body['reason']}")
    for gone in (e for e in entries if e["kind"] in ("erasure", "purge")):
        lines.append(told(gone))
    lines.append(f"{len(missing)} files that records name were left out of the pack; their digests stand.")
    return lines, bool(newest["by"])


def entry(found: Any, newest: Any) -> Any:
    """Return a log entry after showing that it is in the log."""
    line = found["line"].encode()
    said = json.loads(line)
    at, last = said["index"], newest["size"] - 1
    require(type(at) is int and 0 <= at <= last, "a log entry is not under the root")
    node = sha(b"\0" + line)
    for step in map(bytes.fromhex, found["proof"]):
        require(last > 0, f"entry {at} is not in the signed log")
        if at % 2 or at == last:
            node = sha(b"\1" + step + node)
            at, last = climbed(at, last)
        else:
            node = sha(b"\1" + node + step)
        at, last = at // 2, last // 2
    require(last == 0 and node.hex() == newest["root"], f"entry {said['index']} is not in the signed log")
    return said


def earlier(found: Any, newest: Any) -> Any:
    """Return an older root after showing that it is of the beginning of the same log."""
    old = opened(found["envelope"])
    path = [bytes.fromhex(step) for step in found["proof"]]
    size, wrong = old["size"], f"the root over {old['size']} entries is of another log"
    require(type(size) is int and 0 < size <= newest["size"] and old["log_id"] == newest["log_id"], wrong)
    if size == newest["size"]:
        require(not path and old["root"] == newest["root"], wrong)
        return old
    at, last = size - 1, newest["size"] - 1
    while at % 2:
        at, last = at // 2, last // 2
    path = path if size & (size - 1) else [bytes.fromhex(old["root"]), *path]
    require(bool(path), wrong)
    before = after = path[0]
    for step in path[1:]:
        require(last > 0, wrong)
        if at % 2 or at == last:
            before, after = sha(b"\1" + step + before), sha(b"\1" + step + after)
            at, last = climbed(at, last)
        else:
            after = sha(b"\1" + after + step)
        at, last = at // 2, last // 2
    require(last == 0 and before.hex() == old["root"] and after.hex() == newest["root"], wrong)
    return old


def climbed(at: int, last: int) -> tuple[int, int]:
    """Climb past the levels on which a node without a neighbour moves up unchanged."""
    while at and at % 2 == 0:
        at, last = at // 2, last // 2
    return at, last


def check_keys(introduced: list[Any], roots: list[Any], newest: Any, wanted: str | None) -> list[str]:
    """Hold every root against the key whose time it is; return lines that say who signed."""
    keys = sorted((e["index"], e["body"]["key_id"]) for e in introduced)
    if not keys:
        require(not any(root["by"] for root in roots) and not wanted, "the pack does not hold the key that signed it")
        return [f"Log {newest['log_id'][:16]}... with {newest['size']} entries, unsigned."]
    handed = set()
    for root in roots:
        own = [key for index, key in keys if index < root["size"]]
        if own:
            known = own[-1] in root["by"] and own[-1] == root["key_id"]
            require(known, "a root is unsigned, or signed with an unknown or expired key")
        if len(own) > 1 and keys[len(own) - 1][0] == root["size"] - 1 and own[-2] in root["by"]:
            handed.add(own[-1])
    log = f"Log {newest['log_id'][:16]}... with {newest['size']} entries"
    names = [key for _, key in keys]
    require(wanted is None or wanted in names, f"the pack is signed with the key {names[-1]}, not with the one given")
    for key in names[names.index(wanted) + 1 if wanted else 1 :]:
        require(key in handed, f"the key {key} was not handed over by the one before: it is unknown")
    told = "that follows from the one given" if wanted else "compare it with the one its owner gave you"
    lines = [f"{log}, root {newest['root']} of {newest['time']}."]
    return [*lines, f"Signed with the key {keys[-1][1]} ({told}); {len(keys) - 1} handovers before."]


def check_record(pack: zipfile.ZipFile, said: Any, named: set[str], missing: set[str]) -> str:
    """Hold a record and its files against the log entry; return a line that says what it states."""
    name = f"files/evidence/{said['model_id']}/{said['night']}/{said['digest']}.json"
    there = set(pack.namelist())
    require(name in there, f"{name} is missing")
    data = pack.read(name)
    require(hashlib.sha256(data).hexdigest() == said["digest"], f"{name} was changed")
    record, result = json.loads(data), part(data.decode(), "result").encode()
    stated = {hashlib.sha256(result).hexdigest(), record["result_digest"], said["body"]["result_digest"]}
    require(len(stated) == 1, f"{name}: its result is not the one in the log")
    place = (record["result"]["model_id"], record["result"]["night"])
    require(place == (said["model_id"], said["night"]), f"{name} is of another model-night")
    named.add(name)
    snapshot = [record["result"]["snapshot"]] if record["result"]["snapshot"] else []
    reasons = (record["result"]["explanation"] or {}).get("reason_codes") or {}
    own = [reasons["file"]] if reasons.get("file") else []
    for file in [*snapshot, *record["result"]["inputs"], *own, *record["execution"]["artifacts"]]:
        path = f"files/{file['path']}"
        if path in there:
            require(hashlib.sha256(pack.read(path)).hexdigest() == file["sha256"], f"{path} was changed")
            named.add(path)
        else:
            missing.add(path)
    verdict = record["result"]["decision"]["conclusion"]
    return f"{said['model_id']} {said['night']}: {verdict} (record {said['digest']}, logged {said['time']})"


def told(gone: Any) -> str:
    """Say what an entry about erased rows or purged files says."""
    body = gone["body"]
    if gone["kind"] == "erasure":
        return f"{body['rows']} rows of {body['path']} were erased on {gone['time']}: {body['reason']}"
    return f"{len(body['files'])} files were purged under class {body['class']} ({body['kept']}) on {gone['time']}"


def part(text: str, wanted: str) -> str:
    """Return the text of one value of a JSON object as it stands there."""
    decoder, at = json.JSONDecoder(), 1
    while True:
        name, at = decoder.raw_decode(text, at)
        start = at + 1  # past the colon
        _, at = decoder.raw_decode(text, start)
        if name == wanted:
            return text[start:at]
        at += 1  # past the comma


def opened(envelope: Any) -> dict[str, Any]:
    """Return a root with the keys whose signatures hold; a signature that does not hold is refused."""
    payload = base64.b64decode(envelope["payload"], validate=True)
    require(envelope["payloadType"].encode() == PAYLOAD_TYPE, "a root is of another type")
    message = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)
    by = set()
    for signature in envelope["signatures"]:
        holds = is_signed(bytes.fromhex(signature["keyid"]), message, base64.b64decode(signature["sig"], validate=True))
        require(holds, "the signature of a root is forged, or the root was changed")
        by.add(signature["keyid"])
    return dict(json.loads(payload), by=by)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature holds (RFC 8032, section 5.1.7)."""
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, (X, Y, 1, X * Y % P)), plus(r, times(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def point(data: bytes) -> Point | None:
    """Return the point that 32 bytes encode, None when they encode none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x % 2 != sign else x
    return x, y, 1, x * y % P


def plus(p: Point, q: Point) -> Point:
    """Add two points in extended coordinates."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, p: Point) -> Point:
    """Multiply a point."""
    found = (0, 1, 1, 0)
    while n:
        found = plus(found, p) if n & 1 else found
        p, n = plus(p, p), n >> 1
    return found


def sha(data: bytes) -> bytes:
    """Return sha256 as bytes."""
    return hashlib.sha256(data).digest()


def require(holds: bool, fault: str) -> None:
    """Refuse the pack unless `holds`."""
    if not holds:
        raise NotVerifiedError(fault)


if __name__ == "__main__":
    sys.exit(main())
