"""The inbox: whatever form a file has, every event in it is taken once, and what is none is named."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.lineage import inbox, store
from audit_pipeline.lineage.inbox import Taken, read_inbox


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventTime": "2026-07-01T00:00:00Z",
        "eventType": "COMPLETE",
        "run": {"runId": str(uuid.UUID(int=number)), "facets": {"text": {"said": 'a "quoted" \\ {brace] é\u2028'}}},
        "job": {"namespace": "airflow", "name": "dag.task"},
        "inputs": [],
        "outputs": [{"namespace": "file", "name": "/x"}],
        **more,
    }


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


ONE, TWO, THREE = event(1), event(2), event(3)
FORMS = {
    "lines": lines(ONE, TWO, THREE),
    "lines, the last without its end": lines(ONE, TWO, THREE)[:-1],
    "lines of Windows, with a mark": b"\xef\xbb\xbf" + lines(ONE, TWO, THREE).replace(b"\n", b"\r\n"),
    "an array": json.dumps([ONE, TWO, THREE]).encode(),
    "an array over lines": json.dumps([ONE, TWO, THREE], indent=2).encode(),
    "an array of lines": b"[\n" + b",\n".join(json.dumps(e).encode() for e in (ONE, TWO, THREE)) + b"\n]\n",
    "objects over lines": b"".join(json.dumps(e, indent=4, ensure_ascii=False).encode() for e in (ONE, TWO, THREE)),
    "no indent": b"\n".join(json.dumps(e, indent=0).encode() for e in (ONE, TWO, THREE)),
    "records with a separator": b"".join(b"\x1e" + json.dumps(e).encode() for e in (ONE, TWO, THREE)),
}


def drop(folder: Path, name: str, data: bytes) -> Path:
    file = folder / "inbox" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def load(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    return store.load(connection, folder / "outbox", folder / "inbox")


def refused(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    return connection.execute(
        "select file, byte_offset, bytes, sha256, reason from lineage.quarantine order by all"
    ).fetchall()


def runs(connection: duckdb.DuckDBPyConnection) -> list[int]:
    return sorted(uuid.UUID(run).int for (run,) in connection.execute("select run_id from lineage.run").fetchall())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_events(form: str, tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    drop(tmp_path, "events.json", FORMS[form])
    assert load(connection, tmp_path) == 3
    assert (runs(connection), refused(connection)) == ([1, 2, 3], [])
    drop(tmp_path, "spark/again.ndjson", FORMS["an array over lines"])  # the same, under another name
    assert load(connection, tmp_path) == 0


def read(folder: Path, taken: dict[str, Taken]) -> tuple[list[bytes], dict[str, Taken]]:
    parts = list(read_inbox(folder, taken))
    return [line.data for part in parts for line in part.lines], taken | {part.file: part.taken for part in parts}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_was_cut_anywhere_is_read_on_when_the_rest_arrives(form: str, tmp_path: Path) -> None:
    # at every byte of the file, a look at it must neither refuse the beginning of an event nor take it twice
    expected = [ONE, TWO, THREE]
    whole = FORMS[form]
    file = tmp_path / "events"
    taken: dict[str, Taken] = {}
    seen: list[bytes] = []
    for length in range(0, len(whole) + 1, 7):
        file.write_bytes(whole[:length])
        os.utime(file, ns=(length, length))
        found, taken = read(tmp_path, taken)
        seen += found
    file.write_bytes(whole)
    found, taken = read(tmp_path, taken)
    assert [json.loads(data) for data in seen + found] == expected
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        found, _ = read(tmp_path, {})
        assert [json.loads(data) for data in found] == expected[: len(found)]


GARBAGE = [
    b"oops",
    b'{"a": 1, "b',
    b'{"a": {',
    b"\xff\xfe\x00",
    b'"text"',
    b"17",
    b"null",
    b'{"a" 1}',
    b"}",
    b'{"a":tru}',
    b"<x/>",
]
LINES = st.lists(st.one_of(st.sampled_from(GARBAGE), st.integers(1, 9)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_whatever_stands_between_events_every_byte_is_a_piece_or_nothing(given_lines: list[Any]) -> None:
    given_lines = [*given_lines, 10]  # the last is whole
    texts = [json.dumps(event(line)).encode() if isinstance(line, int) else line for line in given_lines]
    data = b"".join(text + b"\n" for text in texts)
    pieces, length = inbox._pieces(data)
    assert length == len(data)  # each line has its end: nothing waits
    covered = bytearray(len(data))
    for start, end in pieces:
        assert not any(covered[start:end])
        covered[start:end] = b"x" * (end - start)
    left = bytes(byte for byte, taken in zip(data, covered, strict=True) if not taken)
    assert not left.strip(b" \n\r\t,[]\x1e\xef\xbb\xbf")
    whole = [line for line in given_lines if isinstance(line, int)]
    found = [data[start:end] for start, end in pieces]
    assert [json.loads(piece) for piece in found if piece.startswith(b'{"eventTime"')] == [event(n) for n in whole]


def test_what_is_no_event_is_named_by_place_and_digest(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    broken = b'{\n  "eventTime": "2026",\n  "run": oops\n}\n'
    drop(tmp_path, "a.json", broken + lines(ONE))
    drop(tmp_path, "b.json", json.dumps({"eventTime": "2026-07-01T00:00:00Z", "job": {"name": "x"}}).encode())
    drop(
        tmp_path, "c.json", json.dumps([{"eventTime": "2026-07-01T00:00:00Z", "dataset": {"name": "x"}}, TWO]).encode()
    )
    drop(tmp_path, "d.json", json.dumps({**THREE, "pad": "x" * 5_000_000}).encode())
    assert load(connection, tmp_path) == 2
    found = {file: (offset, size, reason) for file, offset, size, _, reason in refused(connection)}
    assert found["inbox/a.json"] == (0, len(broken), "not JSON, or a number out of range")
    assert "JobEvent" in found["inbox/b.json"][2]
    assert found["inbox/c.json"][0] == 1 and "DatasetEvent" in found["inbox/c.json"][2]
    assert "longer than" in found["inbox/d.json"][2]
    assert refused(connection)[0][3] == hashlib.sha256(broken).hexdigest()


def test_an_unended_file_waits_and_is_named_until_its_end_arrives(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    whole = json.dumps(ONE, indent=2).encode()
    file = drop(tmp_path, "late.json", whole[:100])
    for _ in range(2):
        assert load(connection, tmp_path) == 0
        assert refused(connection) == [("inbox/late.json", 0, 100, None, inbox.UNENDED)]
    file.write_bytes(whole)
    assert load(connection, tmp_path) == 1
    assert refused(connection) == []


def test_a_file_that_was_replaced_is_read_from_its_start(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    drop(tmp_path, "newest.json", json.dumps(ONE).encode())
    assert load(connection, tmp_path) == 1
    drop(tmp_path, "newest.json", json.dumps(TWO, indent=3).encode())  # longer
    assert load(connection, tmp_path) == 1
    drop(tmp_path, "newest.json", json.dumps(THREE).encode())  # shorter
    assert load(connection, tmp_path) == 1
    assert (runs(connection), refused(connection)) == ([1, 2, 3], [])


def test_hidden_and_temporary_names_are_left_alone(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    for name in (".x.json", "x.json.tmp", "x.part", "_temporary/x.json", ".hidden/x.json", "x.json~"):
        drop(tmp_path, name, lines(ONE))
    os.mkfifo(tmp_path / "inbox" / "pipe")
    (tmp_path / "inbox" / "gone.json").symlink_to("nowhere")
    assert load(connection, tmp_path) == 0
    (tmp_path / "inbox" / "x.json.tmp").rename(tmp_path / "inbox" / "x.json")
    assert load(connection, tmp_path) == 1


def test_a_file_that_cannot_be_read_is_named_and_tried_again(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    file = tmp_path / "inbox" / "x.json"
    file.parent.mkdir()
    file.symlink_to("/proc/self/mem")  # opens, and cannot be read from its start, whoever one is
    assert load(connection, tmp_path) == 0
    [(name, _, _, digest, reason)] = refused(connection)
    assert (name, digest) == ("inbox/x.json", None) and "cannot be read" in reason
    file.unlink()
    file.write_bytes(lines(ONE))
    assert load(connection, tmp_path) == 1
    assert refused(connection) == []


def test_a_name_that_is_no_text_is_taken(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / os.fsdecode(b"\xff.json")).write_bytes(lines(ONE))
    assert load(connection, tmp_path) == 1
    assert load(connection, tmp_path) == 0


def test_an_endless_line_is_refused_and_what_follows_is_taken(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "CHUNK", 4_096)  # bytes read at a time; an object of 20 kB is then endless
    drop(tmp_path, "x.json", lines({"pad": "x" * 20_000}) + lines(*(event(n) for n in range(1, 40))))
    assert load(connection, tmp_path) == 39
    assert {reason for *_, reason in refused(connection)} == {"not JSON, or a number out of range"}
    assert sum(size for _, _, size, _, _ in refused(connection)) >= 20_000


def test_marks_change_with_the_file(tmp_path: Path) -> None:
    file = drop(tmp_path, "a/x.json", lines(ONE))
    drop(tmp_path, ".y.json", lines(ONE))
    before = inbox.inbox_marks(tmp_path / "inbox")
    assert list(before) == ["inbox/a/x.json"]
    file.write_bytes(lines(TWO))
    os.utime(file, ns=(1, 1))
    assert inbox.inbox_marks(tmp_path / "inbox") != before
    assert inbox.inbox_marks(tmp_path / "none") == {}
