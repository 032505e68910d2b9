"""Who may write into the log and who may sign it: strangers, forged and expired keys, handovers, keys that are lost."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence import SigningKey, Store, rotate, seal, verify
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import line_of
from audit_pipeline.evidence.roots import Root, parse
from audit_pipeline.evidence.sign import PAYLOAD_TYPE, opened, sign
from audit_pipeline_tests.builders import commit, make_key, make_store
from audit_pipeline_tests.hardship import dies_at, quick_folder

OWN, NEW, FOREIGN = make_key(1), make_key(2), make_key(3)
LOG, ROOTS = "log/entries.jsonl", "log/roots.jsonl"


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as place:
        yield place


@pytest.fixture
def store(folder: Path) -> Store:
    """A signed store with one record (entry 1) and an alert (entry 2), the latter under no root yet."""
    store = make_store(folder, OWN)
    commit(store)
    seal(store.log)
    append(store, n=1)
    return store


def append(store: Store, **body: Any) -> None:
    store.log.append("alert", model_id="", night="", digest="d" * 64, body=body, run="alerts")


def lines(store: Store, name: str = LOG) -> list[bytes]:
    return (store.root / name).read_bytes().splitlines()


def write_lines(store: Store, name: str, changed: list[bytes]) -> None:
    (store.root / name).write_bytes(b"".join(line + b"\n" for line in changed))


def problems(store: Store, **options: Any) -> list[str]:
    return [f"{p.path}: {p.message}" for p in verify(store, **options).problems]


def as_stranger(store: Store, key: SigningKey | None = None) -> Store:
    return make_store(store.layout.root, key)


def sign_root(store: Store, keys: list[SigningKey], **changed: Any) -> None:
    """Append a root of the log as it is, signed by `keys`."""
    found = verify(store)
    first = next(store.log.entries()).leaf
    root = replace(
        Root(first, found.entries, found.root, "2026-07-01T00:00:00", keys[-1].key_id if keys else ""), **changed
    )
    store.log.roots.append(root, keys)


# --- writers ------------------------------------------------------------------------------------------------------


def forged(store: Store, *, mac: str = "", key: str = "") -> bytes:
    """Return a line for a record that nobody made, as somebody without the key would write it."""
    said = json.loads(lines(store)[1])
    said |= {"index": store.log.lines.count(), "digest": "f" * 64, "writer": {"run": "run-1", "key": key, "mac": mac}}
    return canonical(said)


FORGERIES: dict[str, Callable[[Store], bytes]] = {
    "no mark": forged,
    "the key's name and no mark": lambda store: forged(store, key=OWN.key_id),
    "a mark made up": lambda store: forged(store, key=OWN.key_id, mac="a" * 64),
    "a mark of another line": lambda store: forged(store, **_writer(store)),
    "one of ours again": lambda store: lines(store)[1],
    "the last one again": lambda store: lines(store)[-1],
    "garbage": lambda store: b"\x00\xff",
    "two of ours again": lambda store: b"\n".join(lines(store)[1:3]),
}


def _writer(store: Store) -> dict[str, str]:
    writer = json.loads(lines(store)[1])["writer"]
    return {"mac": writer["mac"], "key": writer["key"]}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_line_that_no_known_writer_wrote_is_refused_and_set_aside(store: Store, what: str) -> None:
    before, line = lines(store), FORGERIES[what](store)
    write_lines(store, LOG, [*before, line])
    assert any(
        "no known writer wrote it" in p or "is no log entry" in p or "carries index" in p for p in problems(store)
    )
    append(store, n=2)
    kinds = [(e.kind, e.index) for e in store.log.entries()]
    assert kinds == [("key", 0), ("record", 1), ("alert", 2), ("refusal", 3), ("alert", 4)]
    refusal = json.loads(lines(store)[3])["body"]
    assert refusal == {"lines": line.count(b"\n") + 1, "sha256": [sha256(part) for part in line.split(b"\n")]}
    assert line in [path.read_bytes() for path in store.layout.quarantine.iterdir()]
    seal(store.log)
    found = verify(store)
    assert found.ok, found.problems
    assert any("lines of strangers were set aside" in note for note in found.notes)


def test_a_stranger_between_our_own_lines_is_found_when_the_root_is_signed(store: Store) -> None:
    before = lines(store)
    write_lines(store, LOG, [before[0], before[1], forged(store), before[2]])
    seal(store.log)
    assert [e.kind for e in store.log.entries()] == ["key", "record", "alert", "refusal"]
    assert verify(store).ok


def test_a_record_file_dropped_by_hand_is_no_evidence(store: Store) -> None:
    path = store.record_path("churn", "2026-07-01", "e" * 64)
    path.write_text("{}")
    append(store)
    seal(store.log)
    assert problems(store) == [f"{path.relative_to(store.root)}: no logged record names it: it is not evidence"]


def test_nothing_stands_on_a_forged_record(store: Store) -> None:
    """A session looks at the end of the log before anything is read from it."""
    write_lines(store, LOG, [*lines(store), forged(store, key=OWN.key_id, mac="b" * 64)])
    with store.session():
        assert [e.digest for e in store.heads().values()] != ["f" * 64]


def test_an_entry_that_was_changed_before_it_was_signed_is_not_gone_on_with(store: Store) -> None:
    """What a stranger's line replaced cannot be made up for: nothing is appended or signed."""
    append(store, n=2)
    before = lines(store)
    write_lines(store, LOG, [*before[:2], before[2].replace(b'"n":1', b'"n":9'), before[3]])
    damaged = lines(store)
    with pytest.raises(EvidenceError, match="entry 2 is missing or was changed"):
        seal(store.log)
    assert lines(store) == damaged
    assert problems(store) == [f"{LOG}: entry 2: no known writer wrote it: it is not evidence"]


def test_a_log_that_was_changed_before_the_last_root_is_not_signed_again(store: Store) -> None:
    before = lines(store)
    write_lines(store, LOG, [before[0], before[1].replace(b"WARN", b"PASS"), before[2]])
    (store.root / "log" / "tree").unlink()
    with pytest.raises(EvidenceError, match="first 2 entries do not give the root"):
        seal(store.log)
    assert problems(store)[0].startswith(f"{LOG}: entries 0 to 1 are not those that were signed")


def test_a_change_that_the_tree_still_hides_from_the_publisher_is_found_by_verify(store: Store) -> None:
    """The publisher goes on from the tree that gives the signed root; what it signs is what was there."""
    before = lines(store)
    write_lines(store, LOG, [before[0], before[1].replace(b"WARN", b"PASS"), before[2]])
    seal(store.log)
    assert problems(store)[0] == f"{LOG}: entry 1: is not the one that was signed: it was changed or added"


def test_roots_taken_away_do_not_let_a_changed_log_be_signed(store: Store) -> None:
    before = lines(store)
    write_lines(store, LOG, [before[0], before[1].replace(b"WARN", b"PASS"), before[2]])
    for name in (ROOTS, "log/tree"):
        (store.root / name).unlink()
    with pytest.raises(EvidenceError, match="entry 1 is missing or was changed"):
        seal(store.log)


@pytest.mark.parametrize("keys", [[], [FOREIGN]])
def test_a_root_by_somebody_else_is_not_gone_on_from(store: Store, keys: list[SigningKey]) -> None:
    """An unsigned root counts for nothing in a signed log, whatever it covers."""
    write_lines(store, LOG, [*lines(store), forged(store)])
    sign_root(store, keys)
    if keys:
        with pytest.raises(EvidenceError, match="not signed with the project's key"):
            seal(store.log)
        return
    with pytest.raises(EvidenceError, match="do not give the root"):
        seal(store.log)


def test_nobody_without_the_key_can_write_or_sign(store: Store) -> None:
    for other in (as_stranger(store), as_stranger(store, FOREIGN)):
        before = lines(store), lines(store, ROOTS)
        for attempt in (partial(append, other), partial(seal, other.log)):
            with pytest.raises(EvidenceError, match=r"names no `keys.signing`|not signed with the project's key"):
                attempt()
        assert (lines(store), lines(store, ROOTS)) == before


def test_a_key_that_comes_later_binds_what_was_there(folder: Path) -> None:
    unsigned = make_store(folder)
    commit(unsigned)
    seal(unsigned.log)
    append(unsigned, n=1)
    store = as_stranger(unsigned, OWN)
    with pytest.raises(EvidenceError, match="not signed with the key that project"):
        append(store, n=2)  # not by itself: the log could be one that somebody put in the place of ours
    assert problems(store) == [f"{LOG}: is not signed, though project.yaml names a key"]
    rotate(unsigned.log, OWN, run="keys introduce")
    append(store, n=2)
    seal(store.log)
    assert [e.kind for e in store.log.entries()] == ["record", "alert", "key", "alert"]
    found = verify(store)
    assert (found.ok, found.signed, found.keys) == (True, 4, (OWN.key_id,))
    # roots and tree gone, and the part from before the key changed: the key's entry holds that part's root
    before = lines(store)
    write_lines(store, LOG, [before[0].replace(b"WARN", b"PASS"), *before[1:]])
    for name in (ROOTS, "log/tree"):
        (store.root / name).unlink()
    with pytest.raises(EvidenceError, match="what stood before entry 2 was changed"):
        seal(store.log)
    assert any("introduces a key over another log" in p for p in problems(store))


def test_a_log_replaced_by_an_unsigned_one_is_not_signed_for_its_owner(store: Store) -> None:
    """Somebody without the key makes a whole log that nobody signed: the next run must not sign it."""
    made = []
    for index, line in enumerate(lines(store)[1:]):
        said = json.loads(line)
        run = said.pop("writer")["run"]
        made.append(line_of({**said, "index": index}, run=run, key=None))
    write_lines(store, LOG, made)
    for name in (ROOTS, "log/tree"):
        (store.root / name).unlink()
    assert verify(as_stranger(store)).ok  # it holds together
    for attempt in (partial(append, store), partial(seal, store.log)):
        with pytest.raises(EvidenceError, match="not signed with the key that project"):
            attempt()
    assert problems(store) == [f"{LOG}: is not signed, though project.yaml names a key"]


# --- roots --------------------------------------------------------------------------------------------------------


def test_one_root_per_publication_and_none_when_nothing_came(store: Store) -> None:
    assert len(lines(store, ROOTS)) == 1
    made = seal(store.log)
    assert seal(store.log) == made
    assert len(lines(store, ROOTS)) == 2
    envelope = json.loads(lines(store, ROOTS)[1])
    payload = base64.b64decode(envelope["payload"])
    said = json.loads(payload)
    assert said == {
        "log_id": sha256(b"\x00" + lines(store)[0]),
        "size": 3,
        "root": verify(store).root,
        "time": said["time"],
        "key_id": OWN.key_id,
    }
    # checked by another implementation than the one that signed, over DSSE's own encoding
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    pae = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(OWN.key_id)).verify(signature, pae)


def change_payload(envelope: dict[str, Any], **said: Any) -> None:
    payload = json.loads(base64.b64decode(envelope["payload"])) | said
    envelope["payload"] = base64.b64encode(canonical(payload)).decode()


def test_a_root_that_was_changed_is_forged(store: Store) -> None:
    envelope = json.loads(lines(store, ROOTS)[0])
    change_payload(envelope, root="0" * 64)
    write_lines(store, ROOTS, [canonical(envelope)])
    [problem] = [p for p in problems(store) if "roots" in p]
    assert "root 1: its signature by the key" in problem
    assert "is forged, or the root was changed" in problem


def test_a_signature_taken_away_is_unsigned(store: Store) -> None:
    envelope = json.loads(lines(store, ROOTS)[0])
    envelope["signatures"] = []
    write_lines(store, ROOTS, [canonical(envelope)])
    assert f"{ROOTS}: root 1: is unsigned, though the log has a key" in problems(store)


def test_a_root_by_a_key_that_the_log_does_not_know(store: Store) -> None:
    sign_root(store, [FOREIGN])
    assert problems(store) == [f"{ROOTS}: root 2: is signed with an unknown key, {FOREIGN.key_id[:16]}..."]


def test_a_root_given_twice_or_out_of_order_is_found(store: Store) -> None:
    seal(store.log)
    first, second = lines(store, ROOTS)
    for changed in ([first, second, first], [second, first], [first, first, second]):
        write_lines(store, ROOTS, changed)
        assert any("a root was added or reordered" in p for p in problems(store))


def test_a_root_of_another_log_with_the_same_key_is_found(store: Store) -> None:
    with quick_folder() as other:
        foreign = make_store(other, OWN)
        commit(foreign, model_id="spend")
        seal(foreign.log)
        write_lines(store, ROOTS, lines(foreign, ROOTS))
    assert problems(store)[0].startswith(f"{LOG}: entries 0 to 1 are not those that were signed")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"payload":"e30=","payloadType":"","signatures":[]}',
        b'{"payload":1,"payloadType":"","signatures":[]}',
        b'{"payload":"e30=","payloadType":[],"signatures":0}',
        canonical(sign(canonical(Root("", 0, "", "", "")), [])),
        canonical(sign(canonical(Root("", -1, "", "", "")), [])),
    ],
)
def test_a_line_that_is_no_root_is_said_and_no_crash(store: Store, line: bytes) -> None:
    write_lines(store, ROOTS, [line, *lines(store, ROOTS)])
    assert problems(store)[0] == (
        f"{ROOTS}: line 1 is no root of the log. Restore the file from a backup. What follows it was not checked."
    )


def test_a_root_in_other_bytes_than_ours_is_none(store: Store) -> None:
    [line] = lines(store, ROOTS)
    assert parse(line, "it").by == {OWN.key_id}
    doubled = json.loads(line)
    doubled["signatures"] *= 2
    named = json.loads(line)
    named["signatures"][0]["keyid"] = "not hex"
    more = json.loads(line) | {"more": 1}
    for other in (b" " + line, json.dumps(json.loads(line)).encode(), *map(canonical, (doubled, named, more))):
        with pytest.raises(EvidenceError, match="it is no root"):
            parse(other, "it")


def test_an_envelope_of_another_type_is_refused() -> None:
    envelope = sign(b"{}", [OWN])
    assert opened(envelope).by == {OWN.key_id}
    with pytest.raises(EvidenceError):
        opened({**envelope, "payloadType": "text/plain"})


@pytest.mark.parametrize("root", ["", "0" * 64])
def test_an_unsigned_root_over_more_than_there_is_is_no_crash(folder: Path, root: str) -> None:
    store = make_store(folder)
    store.log.roots.append(Root("", 5, root, "", ""), [])
    assert problems(store)[0] == f"{LOG}: has 0 entries, and 5 were signed: entries are missing"


# --- keys and their time ------------------------------------------------------------------------------------------


def handed_over(store: Store) -> Store:
    """Hand the log of `store` from OWN to NEW; return the store as the new key's owner has it."""
    rotate(store.log, NEW, run="keys rotate")
    return as_stranger(store, NEW)


def test_after_a_handover_old_roots_hold_and_new_ones_are_the_new_keys(store: Store) -> None:
    new = handed_over(store)
    append(new, n=2)
    seal(new.log)
    found = verify(new)
    assert (found.problems, found.signed, found.keys) == ((), 5, (OWN.key_id, NEW.key_id))
    assert [parse(line, "").by for line in lines(store, ROOTS)] == [
        {OWN.key_id},
        {OWN.key_id, NEW.key_id},
        {NEW.key_id},
    ]
    without = verify(as_stranger(store))
    assert without.ok
    assert any(f"Signed with the key {NEW.key_id}" in note for note in without.notes)


def test_an_expired_key_is_refused(store: Store) -> None:
    new = handed_over(store)
    with pytest.raises(EvidenceError, match="it was handed over to the key"):
        append(store, n=2)
    append(new, n=2)
    sign_root(new, [OWN])
    assert problems(new) == [f"{ROOTS}: root 3: is signed with an expired key, {OWN.key_id[:16]}..."]
    assert any("the key that project.yaml names is expired" in p for p in problems(store))


def test_a_key_that_nobody_handed_over_is_unknown_but_to_who_has_it(store: Store) -> None:
    """The key was lost, or somebody took the store over: only who knows the new key otherwise can tell."""
    rotate(as_stranger(store).log, NEW, run="keys rotate")
    new = as_stranger(store, NEW)
    append(new)
    seal(new.log)
    assert verify(new).ok
    unknown = f"{LOG}: entry 3: the key {NEW.key_id[:16]}... was not handed over by the one before: it is unknown"
    assert problems(as_stranger(store)) == [unknown]


def test_a_whole_store_made_by_somebody_else_is_not_the_projects(folder: Path) -> None:
    foreign = make_store(folder, FOREIGN)
    commit(foreign)
    seal(foreign.log)
    assert verify(foreign).ok
    found = problems(as_stranger(foreign, OWN))
    assert f"the key that project.yaml names is not known to the log; the log's is {FOREIGN.key_id[:16]}..." in found[0]


def test_a_signed_log_without_any_root_needs_the_key(store: Store) -> None:
    (store.root / ROOTS).unlink()
    assert verify(store).ok  # its writers' marks hold
    assert problems(as_stranger(store)) == [
        f"{ROOTS}: holds no signed root, and the key that would tell the log's writers is not here"
    ]


def test_a_publisher_killed_at_any_step_leaves_a_log_that_verifies_and_goes_on(store: Store, folder: Path) -> None:
    shutil.copytree(store.root, folder / "before")
    for step in range(100):
        shutil.rmtree(store.root)
        shutil.copytree(folder / "before", store.root)
        killed = dies_at(step, store.root / "log", partial(seal, store.log))
        assert verify(store).ok, (step, problems(store))
        append(store, n=2)
        seal(store.log)
        assert verify(store).signed == 4
        if not killed:
            break
    assert 3 < step < 99


def test_a_handover_killed_at_any_step_is_made_again(store: Store, folder: Path) -> None:
    """In the middle of it, the log's owner is neither key: the same call finishes it."""
    shutil.copytree(store.root, folder / "before")
    unfinished = 0
    for step in range(100):
        shutil.rmtree(store.root)
        shutil.copytree(folder / "before", store.root)
        killed = dies_at(step, store.root / "log", partial(rotate, store.log, NEW, run="r"))
        new = as_stranger(store, NEW)
        if verify(new).problems:
            unfinished += bool(verify(store).problems)
            rotate(store.log, NEW, run="r")
        append(new, n=3)
        seal(new.log)
        found = verify(new)
        assert (found.ok, found.signed, found.keys[-1]) == (True, found.entries, NEW.key_id), (step, found.problems)
        assert verify(as_stranger(store)).ok  # it was handed over: who knows neither key sees no unknown one
        if not killed:
            break
    assert unfinished > 0
    assert step < 99
