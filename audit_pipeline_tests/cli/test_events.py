"""`lineage validate|export|relay` and what `status` says of the relay, as commands."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from audit_pipeline.config import load_project
from audit_pipeline.fleet import publish_store
from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.lineage.problems import tell_problems
from audit_pipeline_tests import builders
from audit_pipeline_tests.cli.conftest import Call
from audit_pipeline_tests.config import small
from audit_pipeline_tests.consumer import consumer
from audit_pipeline_tests.lineage.conftest import tables, write
from audit_pipeline_tests.lineage.traces import trace

NIGHTS = builders.nights(2)
EVENTS = [event for night in NIGHTS for event in events_of(trace("risk", night))]
Traced = Callable[[str], Path]


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    """A published project with two model-nights and their 24 events; what is given is added to project.yaml."""

    def make(more: str = "") -> Path:
        root = small.write(tmp_path / "project", project=small.PROJECT + more)
        made = builders.make_store(root)
        for night in NIGHTS:
            builders.commit(made, model_id="risk", night=night)
        write(root / "audit" / "lineage" / "outbox", "1-1.jsonl", EVENTS)
        publish_store(load_project(root))
        return root

    return make


def relay_to(url: str) -> str:
    return f"lineage: {{relay: {{url: '{url}', timeout_s: 1}}}}\n"


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let `data` be what comes in on standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_all_events_of_a_project_are_valid(call: Call, traced: Traced) -> None:
    ended = call("--project", traced(""), "lineage", "validate")
    assert (ended.code, ended.out, ended.err) == (0, "24 events, 0 violations\n", "")


def test_a_violation_is_one_line_with_its_place(
    call: Call, traced: Traced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [canonical(event) for event in EVENTS[:12]]
    lines[4] = b'{"torn": '
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(lines))
    give(monkeypatch, file.read_bytes())
    for given, name in ((file, str(file)), ("-", "-")):
        ended = call("--project", tmp_path / "none", "lineage", "validate", given)
        assert (ended.code, ended.err) == (1, "")
        first, second, last = ended.out.splitlines()
        assert first.startswith(f"{name}:5: $: not JSON: ")
        assert second.endswith(": 0 START events, exactly one is needed")
        assert last == "12 events, 2 violations"
    assert len(call("lineage", "validate", file, "--no-strict").out.splitlines()) == 2
    found = json.loads(call("lineage", "validate", file, "--json").out)
    assert (found["events"], found["ok"], len(found["violations"])) == (12, False, 2)
    assert found["violations"][0]["where"] == f"{file}:5"


def test_nothing_to_validate_has_not_passed(call: Call, traced: Traced, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n \n")
    ended = call("lineage", "validate", tmp_path / "empty")
    assert (ended.code, ended.out) == (2, "")
    assert "nothing was checked, and nothing has passed" in ended.err
    assert call("lineage", "validate", tmp_path / "missing").err == (
        f"'{tmp_path / 'missing'}': No such file or directory.\n"
    )
    assert call("lineage", "validate", tmp_path / "missing").code == 2
    assert call("--project", small.write(tmp_path / "new"), "lineage", "validate").code == 3
    assert call("--project", tmp_path / "none", "lineage", "validate").code == 2


def test_what_is_exported_makes_the_same_lineage(traced: Traced, tmp_path: Path) -> None:
    root, file = traced(""), tmp_path / "out" / "events.jsonl"
    file.parent.mkdir()
    command = [sys.executable, "-m", "audit_pipeline", "--project", str(root), "lineage", "export"]
    ended = subprocess.run(command, capture_output=True, check=True)
    assert (ended.stderr, len(ended.stdout.splitlines())) == (b"24 events\n", 24)
    subprocess.run([*command, "-o", str(file)], capture_output=True, check=True)
    assert file.read_bytes() == ended.stdout
    with duckdb.connect() as fresh, duckdb.connect(str(root / "audit" / "audit.duckdb"), read_only=True) as published:
        store.load(fresh, file.parent)
        found, expected = tables(fresh), tables(published)
    del found["loaded"], expected["loaded"]
    assert found == expected


def test_an_export_of_some_nights_and_its_refusals(call: Call, traced: Traced, tmp_path: Path) -> None:
    root, file = traced(""), tmp_path / "some"
    export = ("--project", root, "lineage", "export", "-o", file)
    assert call(*export, "--as-of", NIGHTS[0]).err == "12 events\n"
    assert {json.loads(line)["run"]["facets"]["audit_stage"]["night"] for line in file.open()} == {str(NIGHTS[0])}
    assert call(*export, "--model", "risk", "--from", NIGHTS[1], "--to", NIGHTS[1]).err == "12 events\n"
    file.unlink()
    ended = call(*export, "--model", "rsik")
    assert (ended.code, file.exists()) == (2, False)
    assert "Did you mean 'risk'?" in ended.err
    assert call(*export, "--from", NIGHTS[1], "--to", NIGHTS[0]).code == 2


def test_a_reader_of_an_export_that_has_seen_enough(traced: Traced) -> None:
    command = f"set -o pipefail; {sys.executable} -m audit_pipeline --project {traced('')} lineage export | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert ended.returncode == 0
    assert json.loads(ended.stdout) in EVENTS
    assert b"Traceback" not in ended.stderr and b"BrokenPipe" not in ended.stderr


def test_relay_sends_all_and_status_says_how_far_it_is(call: Call, traced: Traced) -> None:
    with consumer() as sink:
        root = traced(relay_to(sink.url))
        line = call("--project", root, "status").out.splitlines()[-1]
        assert line == f"Lineage relay: {sink.url} is 24 events behind; it refused 0."
        sink.answer = lambda event: 422 if event == EVENTS[3] else 503 if event == EVENTS[8] else 201
        ended = call("--project", root, "lineage", "relay")
        assert (ended.code, ended.out.splitlines()[-1]) == (4, "7 sent, 1 refused, 16 waiting")
        assert ended.out.startswith("1-1.jsonl, byte ") and "refused with status 422" in ended.out
        assert ended.err == f"{sink.url} answered with status 503.\n"
        sink.answer = lambda _: 201
        done = json.loads(call("--project", root, "lineage", "relay", "--json").out)
        assert (done["sent"], done["refused"], done["behind"]) == (16, [], {"waiting": 0, "refused": 1})
        ended = call("--project", root, "lineage", "relay")
        assert (ended.code, ended.out) == (0, "0 sent, 0 refused, 0 waiting\n")
    told = json.loads(call("--project", root, "status", "--json").out)["relay"]
    assert told == {"url": sink.url, "waiting": 0, "refused": 1}
    assert call("--project", root, "status").out.splitlines()[-1].endswith("is told everything; it refused 1.")


def test_without_a_consumer_relay_is_wrong_usage_and_status_is_silent(call: Call, traced: Traced) -> None:
    root = traced("")
    ended = call("--project", root, "lineage", "relay")
    assert (ended.code, ended.out) == (2, "")
    assert "No consumer of lineage is configured" in ended.err
    assert "relay" not in call("--project", root, "status").out
    assert json.loads(call("--project", root, "status", "--json").out)["relay"] is None
    (root / "project.yaml").write_text("no: project\n")  # status answers all the same
    assert call("--project", root, "status").code == 0


def test_status_says_what_the_lineage_lacks(call: Call, traced: Traced) -> None:
    root = traced("")
    layout = load_project(root).layout
    tell_problems(layout, ("Run 1: its log cannot be read.", "Run 2: the same."))
    assert "Lineage is incomplete: Run 1: its log cannot be read. (2 in all" in call("--project", root, "status").out
    assert len(json.loads(call("--project", root, "status", "--json").out)["lineage_problems"]) == 2
    tell_problems(layout, ())
    assert "Lineage is incomplete" not in call("--project", root, "status").out
