"""The outbox: what was acknowledged is there, once, whoever died."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage import outbox, store
from audit_pipeline.lineage.relay import in_order
from audit_pipeline_tests.hardship import small_disk

WRITER = """
import sys, time, uuid
from pathlib import Path
from audit_pipeline.lineage.outbox import append
folder, name = Path(sys.argv[1]), sys.argv[2]
for number in range(100000):
    events = [{"eventTime": "2026-07-01T00:00:00Z", "eventType": "START", "producer": name,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{number}/{i}"))},
        "job": {"namespace": "n", "name": name}, "inputs": [], "outputs": [], "pad": "x" * 500} for i in range(2)]
    append(folder, events)
    time.sleep(0.003)
    print("\\n".join(event["run"]["runId"] for event in events), flush=True)  # acknowledged
"""


def event(number: int) -> dict[str, Any]:
    return {"number": number, "text": "naïve"}


def test_killed_writers_lose_no_acknowledged_event_and_double_none(tmp_path: Path) -> None:
    folder, chance = tmp_path / "outbox", random.Random(7)
    acknowledged: set[str] = set()
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        for turn in range(2):
            writers = [
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, str(folder), f"{turn}-{i}"], stdout=subprocess.PIPE, text=True
                )
                for i in range(3)
            ]
            for writer in writers:
                assert writer.stdout
                acknowledged.add(writer.stdout.readline().strip())  # each is under way
            time.sleep(chance.uniform(0.05, 0.3))
            store.load(connection, folder)  # a loader at work meanwhile
            for writer in writers:
                writer.send_signal(signal.SIGKILL)
            for writer in writers:
                lines = writer.communicate()[0].split("\n")
                acknowledged.update(lines[:-1])  # the last may be torn in the pipe
        store.load(connection, folder)
        rows = connection.execute("select run_id, count(*) from lineage.event group by run_id").fetchall()
        assert connection.execute("select count(*) from lineage.quarantine").fetchall() == [(0,)]
    assert len(acknowledged) > 20
    assert acknowledged - {run for run, _ in rows} == set()
    assert {count for _, count in rows} == {1}


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "1-1.jsonl"
    file.write_bytes(b'{"a":1}\n{"b"')
    lines, offsets = outbox.read_new(tmp_path, {})
    assert [line.data for line in lines] == [b'{"a":1}']
    assert outbox.read_new(tmp_path, offsets) == ([], offsets)
    with file.open("ab") as more:
        more.write(b":2}\n")
    lines, offsets = outbox.read_new(tmp_path, offsets)
    assert [(line.data, line.offset) for line in lines] == [(b'{"b":2}', 8)]
    assert offsets == {"1-1.jsonl": 16}


def test_reading_in_small_bites_sees_every_line_once(tmp_path: Path) -> None:
    outbox.append(tmp_path, [event(i) for i in range(50)])
    (tmp_path / "0-0.jsonl").write_bytes(b'{"first":true}\n')
    offsets: dict[str, int] = {}
    seen = []
    while True:
        lines, offsets = outbox.read_new(tmp_path, offsets, limit=1)
        if not lines:
            break
        seen += [line.data for line in lines]
    assert seen == [b'{"first":true}', *(outbox.canonical(event(i)) for i in range(50))]


def test_a_fork_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    outbox.append(tmp_path, [event(1)])
    child = os.fork()
    if child == 0:
        outbox.append(tmp_path, [event(2)])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    outbox.append(tmp_path, [event(3)])
    found = sorted([json.loads(line)["number"] for line in f.read_text().splitlines()] for f in tmp_path.iterdir())
    assert found == [[1, 3], [2]]


def test_a_deleted_file_is_replaced_instead_of_swallowing_events(tmp_path: Path) -> None:
    outbox.append(tmp_path, [event(1)])
    for file in tmp_path.iterdir():
        file.unlink()
    outbox.append(tmp_path, [event(2)])
    assert [line.data for line in outbox.read_new(tmp_path, {})[0]] == [outbox.canonical(event(2))]


def test_a_folder_that_cannot_be_made_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LineageError, match="1 lineage events could not be written"):
        outbox.append(tmp_path / "file" / "outbox", [event(1)])


def test_a_full_disk_is_our_error_and_with_room_again_every_event_is_there_once() -> None:
    with small_disk(64) as disk:
        outbox.append(disk, [event(1)])
        long = [event(2) | {"pad": "x" * 100_000}]
        with pytest.raises(LineageError, match=r"1 lineage events could not be written.*No space left"):
            outbox.append(disk, long)
        subprocess.run(["mount", "-o", "remount,size=512k", str(disk)], check=True)
        outbox.append(disk, long)
        outbox.append(disk, [event(3)])
        read = [json.loads(line.data)["number"] for line in outbox.read_new(disk, {})[0]]
        assert read == [1, 2, 3]


def test_a_line_is_canonical(tmp_path: Path) -> None:
    outbox.append(tmp_path, [{"b": 1, "a": {"d": "é", "c": 2}}])
    assert outbox.read_new(tmp_path, {})[0][0].data == '{"a":{"c":2,"d":"é"},"b":1}'.encode()


def test_two_long_files_are_merged_by_time_from_end_to_end(tmp_path: Path) -> None:
    # 9 MB each, so that neither fits what is read in one go; minutes are dealt out in turn
    def event(minute: int) -> dict[str, Any]:
        return {
            "eventTime": f"2026-07-01T{minute // 60:02d}:{minute % 60:02d}:00Z",
            "eventType": "START",
            "run": {"runId": str(uuid.UUID(int=minute))},
            "job": {"namespace": "n", "name": "j"},
            "pad": "x" * 300_000,
        }

    for file, first in (("1-1.jsonl", 0), ("2-2.jsonl", 1)):
        (tmp_path / file).write_bytes(b"".join(outbox.canonical(event(2 * i + first)) + b"\n" for i in range(30)))
        assert (tmp_path / file).stat().st_size > outbox.CHUNK
    times = [read.event.time for read in in_order(tmp_path, {}) if read.event]
    assert len(times) == 60 and times == sorted(times)
