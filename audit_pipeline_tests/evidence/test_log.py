"""The log only grows: many writers, writers that die, clocks that jump, lines that are no entries."""

import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence import Log, SigningKey, Store, seal, verify
from audit_pipeline.evidence.canonical import sha256
from audit_pipeline.evidence.entry import line_of
from audit_pipeline_tests.builders import make_key, make_store
from audit_pipeline_tests.hardship import dies_at, ended, in_child, small_disk, with_files_up_to


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path)


def file_of(store: Store) -> Path:
    return store.root / "log" / "entries.jsonl"


def append(log: Log, digest: str = "d" * 64, **body: Any) -> None:
    log.append("alert", model_id="", night="", digest=digest, body=body)


def quarantined(store: Store) -> list[bytes]:
    folder = store.layout.quarantine
    return [p.read_bytes() for p in folder.glob("*") if ".reason.txt" not in p.name] if folder.exists() else []


@pytest.mark.parametrize("key", [None, make_key()])
def test_a_line_is_what_its_definition_gives(tmp_path: Path, key: SigningKey | None) -> None:
    store = make_store(tmp_path, key)
    store.log.append("alert", model_id="", night="", digest="d" * 64, body={"n": 1}, run="run-1")
    line = file_of(store).read_bytes().splitlines()[-1]
    said = json.loads(line)
    writer = said.pop("writer")
    # only text and small integers stand in it: sorted keys without spaces are its RFC 8785 form
    text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    assert (said["kind"], said["body"], writer["run"]) == ("alert", {"n": 1}, "run-1")
    mark = ""
    if key:
        secret = hmac.digest(bytes([1]) * 32, b"audit-pipeline: writers of the log", "sha256")
        mark = hmac.new(hmac.digest(secret, b"run-1", "sha256"), text, "sha256").hexdigest()
    assert writer == {"run": "run-1", "key": key.key_id if key else "", "mac": mark}
    [*_, entry] = store.log.entries()
    assert entry.leaf == sha256(b"\x00" + line)


def test_an_empty_log_has_no_entries_and_verifies(store: Store) -> None:
    assert list(store.log.entries()) == []
    found = verify(store)
    assert found.ok
    assert (found.entries, found.records, found.root) == (0, 0, sha256(b""))
    assert seal(store.log) is None
    assert not (store.root / "log" / "roots.jsonl").exists()


def test_many_writers_at_once_lose_nothing(store: Store) -> None:
    def write(name: str) -> None:
        for n in range(25):
            append(store.log, writer=name, n=n)

    children = [in_child(partial(write, str(i))) for i in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    entries = list(store.log.entries())
    assert [e.index for e in entries] == list(range(100))
    for i in range(4):  # and each writer's own entries stand in its order
        assert [e.body["n"] for e in entries if e.body["writer"] == str(i)] == list(range(25))
    assert verify(store).ok


def test_a_reader_meets_whole_entries_only_while_a_writer_is_at_work(store: Store) -> None:
    append(store.log, n=0)

    def write() -> None:
        for n in range(1, 100):
            append(store.log, n=n, text="x" * 2000)

    child = in_child(write)
    seen, until = 0, time.monotonic() + 30
    while seen < 100 and time.monotonic() < until:
        entries = list(store.log.entries())
        assert [e.body["n"] for e in entries] == list(range(len(entries)))
        assert len(entries) >= seen
        seen = len(entries)
    assert ended(child) == 0
    assert seen == 100


@pytest.mark.parametrize("kept", [1, 40, -1])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_torn_last_line_is_set_aside_and_the_log_goes_on(store: Store, before: int, kept: int) -> None:
    for n in range(before):
        append(store.log, n=n)
    whole = file_of(store).read_bytes() if before else b""
    append(store.log, n="torn")
    torn = file_of(store).read_bytes()[len(whole) : kept if kept < 0 else len(whole) + kept]
    file_of(store).write_bytes(whole + torn)

    assert [e.body["n"] for e in store.log.entries()] == list(range(before))
    assert any("last line of the log is not finished" in note for note in verify(store).notes)
    append(store.log, n="next")
    assert [e.body["n"] for e in store.log.entries()] == [*range(before), "next"]
    assert [e.index for e in store.log.entries()] == list(range(before + 1))
    assert quarantined(store) == [torn]
    found = verify(store)
    assert found.ok
    assert not any("not finished" in note for note in found.notes)


def test_lines_longer_than_a_block_are_found_from_the_end(store: Store) -> None:
    append(store.log, n=0)
    append(store.log, n=1, text="x" * 300_000)
    append(store.log, n=2, text="y" * 300_000)
    with file_of(store).open("ab") as file:
        file.write(b"z" * 400_000)  # a torn line, longer still
    append(store.log, n=3)
    assert [e.body["n"] for e in store.log.entries()] == [0, 1, 2, 3]
    assert quarantined(store) == [b"z" * 400_000]
    assert verify(store).ok


def test_a_writer_killed_at_any_step_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    step = 0
    while True:
        store = make_store(tmp_path / str(step))
        append(store.log, n=0)
        with file_of(store).open("ab") as file:
            file.write(b'{"body"')  # so that setting aside is among the steps
        killed = dies_at(step, store.root, partial(append, store.log, n=1))
        found = [e.body["n"] for e in store.log.entries()]
        assert found in ([0], [0, 1])
        append(store.log, n=2)
        assert [e.body["n"] for e in store.log.entries()] == [*found, 2]
        assert set(quarantined(store)) == {b'{"body"'}
        assert verify(store).ok
        if not killed:
            break
        step += 1
    assert step > 10


def test_a_clock_that_jumps_back_does_not_reorder(store: Store) -> None:
    append(store.log, n=0)
    [first] = store.log.entries()
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="microseconds")
    content = {name: getattr(first, name) for name in ("kind", "model_id", "night", "digest")}
    line = line_of({**content, "index": 1, "time": ahead, "body": {"n": 1}}, run="", key=None)
    with file_of(store).open("ab") as file:
        file.write(line + b"\n")  # a writer whose clock was ahead
    append(store.log, n=2)
    entries = list(store.log.entries())
    assert [e.body["n"] for e in entries] == [0, 1, 2]
    assert entries[2].time < entries[1].time
    seal(store.log)
    assert verify(store).ok


def entry_with(**changed: Any) -> bytes:
    texts = dict.fromkeys(("time", "kind", "model_id", "night", "digest"), "")
    writer = {"run": "", "key": "", "mac": ""}
    said = {"index": 1, "body": {}, **texts, "writer": writer, **changed}
    return json.dumps(said, separators=(",", ":")).encode()


BAD = {
    "garbage": b"\x00\xff garbage",
    "blank": b"",
    "a list": b"[]",
    "null": b"null",
    "too deep": b"[" * 100_000,
    "a key too many": entry_with(more=1),
    "a key too few": b'{"index": 1}',
    "a body that is none": entry_with(body=[]),
    "an index that is none": entry_with(index="1"),
    "a truth for an index": entry_with(index=True),
    "a writer that is none": entry_with(writer={"run": "", "key": ""}),
    "a writer of another type": entry_with(writer={"run": "", "key": "", "mac": 1}),
    "no number": entry_with().replace(b'"index":1', b'"index":NaN'),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_line_in_the_middle_that_is_no_entry_is_an_error_that_names_it(store: Store, bad: bytes) -> None:
    for n in range(4):
        append(store.log, n=n)
    lines = file_of(store).read_bytes().split(b"\n")
    file_of(store).write_bytes(b"\n".join([*lines[:2], bad, *lines[3:]]))
    with pytest.raises(EvidenceError, match="line 3 is no log entry"):
        list(store.log.entries())
    found = verify(store)
    assert [(p.path, p.message[:28]) for p in found.problems] == [("log/entries.jsonl", "line 3 is no log entry. Rest")]
    assert found.entries == 2  # what stands before it was checked


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_nothing_is_appended_to_a_last_line_that_is_no_entry(store: Store, bad: bytes) -> None:
    append(store.log, n=0)
    damaged = file_of(store).read_bytes() + bad + b"\n"
    file_of(store).write_bytes(damaged)
    with pytest.raises(EvidenceError, match="the last line is no log entry"):
        append(store.log, n=1)
    assert file_of(store).read_bytes() == damaged


def test_a_full_disk_is_an_evidence_error_and_the_log_goes_on_once_there_is_room(store: Store) -> None:
    append(store.log, n=0)
    size = file_of(store).stat().st_size

    def too_much() -> None:
        with pytest.raises(EvidenceError, match=r"'entries.jsonl' was not written"):
            append(store.log, n=1)

    with_files_up_to(size + 10, too_much)  # ten bytes of the line fit
    assert file_of(store).stat().st_size == size + 10
    assert [e.body["n"] for e in store.log.entries()] == [0]
    append(store.log, n=2)
    assert [(e.index, e.body["n"]) for e in store.log.entries()] == [(0, 0), (1, 2)]
    assert [len(torn) for torn in quarantined(store)] == [10]


def test_a_really_full_disk_loses_no_entry() -> None:
    with small_disk(64) as disk:
        store = make_store(disk)
        written = 0
        with pytest.raises(EvidenceError, match="the disk is full"):
            while True:
                append(store.log, n=written, text="x" * 5000)
                written += 1
        assert written > 3
        assert [e.body["n"] for e in store.log.entries()] == list(range(written))


def test_rare_entries_are_found_among_many(tmp_path: Path) -> None:
    """By their bytes, which others may hold in their texts; a torn line is none."""
    log = Log(tmp_path / "log", tmp_path / "quarantine")
    assert list(log.of_kind("purge")) == []
    kinds = ["record", "purge", "purge", "review", "record", "purge"]
    for i, kind in enumerate(kinds):
        body = {"reason": '"kind":"purge"', "of": {"kind": "purge"}, "i": i}
        log.append(kind, model_id="m", night="2026-07-01", digest="0" * 64, body=body)
    with log.lines.file.open("ab") as file:
        file.write(b'{"kind":"purge"')
    assert [e.index for e in log.of_kind("purge")] == [1, 2, 5]
    assert list(log.of_kind("purge")) == [e for e in log.entries() if e.kind == "purge"]
    assert [number for number, _ in log.lines.having(b'"i":4')] == [4]
