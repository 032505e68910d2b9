"""Three writers and a loader, each killed at random a hundred times: no acknowledged event lost, none doubled."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.lineage import store
from audit_pipeline_tests.lineage.conftest import tables

KILLS = 100
# Half of what a writer hands over goes through the outbox, half is appended to its file in the inbox. A name stands
# on its standard output only once its event is on the disk. It hands over a few and then waits for its end, so that the
# loader has time to load.
WRITER = """
import json, os, signal, sys, uuid
from pathlib import Path
from audit_pipeline.lineage.outbox import append
root, name = Path(sys.argv[1]), sys.argv[2]
(root / "inbox").mkdir(exist_ok=True)
dropped = os.open(root / "inbox" / name, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
for number in range(20):
    run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{number}"))
    ours = number % 2  # what the outbox writes and what the inbox writes are not each other's
    home = "/in" if ours else "/drop"
    other = {"identifiers": [{"namespace": "file", "name": f"{home}/{number}"}]}
    for kind in ("START", "COMPLETE"):
        event = {"eventTime": f"2026-07-{1 + number % 28:02d}T00:0{'12'[kind != 'START']}:00Z", "eventType": kind,
            "run": {"runId": run}, "job": {"namespace": "n" if ours else "theirs", "name": f"job{number % 7}"},
            "inputs": [{"namespace": "file", "name": home + "/{n}", "facets": {"symlinks": other}}],
            "outputs": [{"namespace": "file", "name": f"{home}/{number + 2}"}], "pad": "x" * 300}
        if ours:
            append(root / "outbox", [event])
        else:
            os.write(dropped, json.dumps(event, indent=number % 3).encode() + b"\\n")
            os.fsync(dropped)
        print(run, kind, flush=True)
signal.pause()
"""
LOADER = """
import sys
from pathlib import Path
import duckdb
from audit_pipeline.lineage import store
root = Path(sys.argv[1])
while True:
    with duckdb.connect(str(root / "store.duckdb")) as connection:
        store.load(connection, root / "outbox", root / "inbox")
        print("loaded", flush=True)
"""


class Process:
    """One process that says what it has done, a line each."""

    def __init__(self, code: str, *arguments: str) -> None:
        command = [sys.executable, "-c", code, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.out, self.said = self.process.stdout, b""

    def read(self, wait_s: float) -> int:
        """Read what it says for so long; return how much it has said so far."""
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0 and select.select([self.out], [], [], left)[0]:
            data = os.read(self.out.fileno(), 65536)
            if not data:
                break
            self.said += data
        return len(self.said)

    def kill(self) -> list[str]:
        """Kill it; return the whole lines it has said."""
        self.process.send_signal(signal.SIGKILL)
        self.said += self.process.communicate()[0]
        return self.said.decode().split("\n")[:-1]


@pytest.mark.acceptance
def test_a_hundred_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(5)
    processes = {f"w{n}": Process(WRITER, str(tmp_path), f"w{n}-0") for n in range(3)}
    processes["loader"] = Process(LOADER, str(tmp_path))
    acknowledged: set[str] = set()
    loads = 0
    names = [name for name in processes for _ in range(KILLS // 4)]
    chance.shuffle(names)
    for number, name in enumerate(names):
        victim = processes[name]
        while not victim.read(0.05):  # each has done something before it is killed
            assert victim.process.poll() is None
        victim.read(chance.uniform(0, 0.4))
        lines = victim.kill()
        if name == "loader":
            loads += len(lines)
            processes[name] = Process(LOADER, str(tmp_path))
        else:
            acknowledged.update(lines)
            processes[name] = Process(WRITER, str(tmp_path), f"{name}-{number}")
    for name, process in processes.items():
        lines = process.kill()
        acknowledged.update(lines if name != "loader" else [])
    assert len(acknowledged) > 300 and loads >= KILLS // 4
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        store.load(connection, tmp_path / "outbox", tmp_path / "inbox")
        found = connection.execute(
            "select run_id || ' ' || event_type, count(*) from lineage.event group by all"
        ).fetchall()
        kept = tables(connection)
    assert acknowledged - {name for name, _ in found} == set()
    assert {count for _, count in found} == {1}
    with duckdb.connect() as connection:
        store.load(connection, tmp_path / "outbox", tmp_path / "inbox")
        fresh = tables(connection)
    assert fresh["run_edge"] and fresh["symlink"]
    assert [table for table in fresh if table != "loaded" and kept[table] != fresh[table]] == []
