"""The relay: in order, none lost, doubled only what was not acknowledged, whoever dies or refuses."""

import hashlib
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.config import Project, load_project
from audit_pipeline.durable import locked
from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.cursor import Cursor
from audit_pipeline.lineage.events import events_of
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.lineage.relay import behind, relay_events
from audit_pipeline_tests.config import small
from audit_pipeline_tests.consumer import consumer
from audit_pipeline_tests.hardship import dies_at, ended, in_child, killed_after, quick_folder, with_files_up_to
from audit_pipeline_tests.lineage.conftest import write
from audit_pipeline_tests.lineage.traces import trace

Events = list[dict[str, Any]]
FIRST, SECOND = (events_of(trace(night=date(2026, 7, day))) for day in (1, 2))
ALL = FIRST + SECOND  # 24 events, in order of time


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def to(root: Path, url: str, more: str = "") -> Project:
    """A project that sends to `url`."""
    relay = f"lineage: {{relay: {{url: '{url}'{more}}}}}\n"
    return load_project(small.write(root, project=small.PROJECT + relay))


def filled(root: Path, url: str, more: str = "") -> Project:
    """The same with 24 events of two writers in its outbox."""
    project = to(root, url, more)
    write(project.layout.outbox, "1-7.jsonl", FIRST)
    write(project.layout.outbox, "2-8.jsonl", SECOND)
    return project


def waiting(project: Project) -> tuple[int, int]:
    """Events that wait, and those that were refused."""
    assert project.config.lineage.relay
    found = behind(project.layout, project.config.lineage.relay)
    return found.waiting, found.refused


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def once_each_in_order(asked: Events) -> Events:
    """Leave out what came again directly after itself: the one event that was not acknowledged."""
    return [event for i, event in enumerate(asked) if i == 0 or event != asked[i - 1]]


def test_events_arrive_in_order_and_equal_and_once(tmp_path: Path) -> None:
    with consumer() as sink:
        project = filled(tmp_path, sink.url)
        assert waiting(project) == (24, 0)
        done = relay_events(project)
        assert (done.sent, done.refused, done.behind.waiting, done.trouble) == (24, (), 0, None)
        assert sink.taken == ALL
        assert relay_events(project).sent == 0
        assert (len(sink.asked), sink.paths, sink.connections) == (24, {"/api/v1/lineage"}, 1)
        write(project.layout.outbox, "3-9.jsonl", FIRST[:1])
        assert relay_events(project).sent == 1
    assert all("Authorization" not in headers for headers in sink.headers)


def test_a_dead_consumer_that_comes_back_gets_all_in_order(tmp_path: Path) -> None:
    port = free_port()
    project = filled(tmp_path, f"http://127.0.0.1:{port}")
    for _ in range(2):
        done = relay_events(project)
        assert (done.sent, done.behind.waiting) == (0, 24)
        assert done.trouble == f"http://127.0.0.1:{port} cannot be reached."
    with consumer(port=port) as sink:
        assert relay_events(project).trouble is None
    assert sink.taken == ALL


def fails_at(number: int, status: int) -> Callable[[dict[str, Any]], int]:
    """Answer with `status` when the event of that number comes for the first time."""
    left = [ALL[number]]

    def answer(event: dict[str, Any]) -> int:
        if left and event == left[0]:
            left.clear()
            return status
        return 201

    return answer


@pytest.mark.parametrize("status", [500, 503, 401, 403, 404, 405, 408, 409, 429, 304, 0])
def test_trouble_ends_the_call_and_the_next_begins_with_the_same_event(tmp_path: Path, status: int) -> None:
    with consumer(fails_at(5, status)) as sink:
        project = filled(tmp_path, sink.url)
        done = relay_events(project)
        assert (done.sent, done.refused, done.behind.waiting) == (5, (), 19)
        assert done.trouble and sink.url in done.trouble
        assert (f"status {status}" in done.trouble) == bool(status)
        assert relay_events(project).sent == 19
    assert sink.taken == ALL
    assert sink.asked == [*ALL[:6], *ALL[5:]]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_event_is_noted_without_its_content_and_passed_over(tmp_path: Path, status: int) -> None:
    with consumer(fails_at(5, status)) as sink:
        project = filled(tmp_path, sink.url)
        done = relay_events(project)
        assert (done.sent, done.behind.waiting, done.trouble) == (23, 0, None)
        [refusal] = done.refused
        data = (project.layout.outbox / refusal.file).read_bytes()[refusal.at :].splitlines()[0]
        assert json.loads(data) == ALL[5]
        assert (refusal.status, refusal.sha256) == (status, hashlib.sha256(data).hexdigest())
        write(project.layout.outbox, "3-9.jsonl", FIRST[:1])
        assert relay_events(project).refused == ()  # only what is new
    assert waiting(project) == (0, 1)  # and still on the list after the journal was folded
    assert sink.taken == [*ALL[:5], *ALL[6:], FIRST[0]]
    [journal] = project.layout.relayed.iterdir()
    assert "high_utilizer" not in journal.read_text()


def test_a_slow_consumer_is_given_up_in_time(tmp_path: Path) -> None:
    with consumer() as sink:
        sink.answer = sink.silent
        project = filled(tmp_path, sink.url, ", timeout_s: 0.2")
        begun = time.monotonic()
        done = relay_events(project)
        assert time.monotonic() - begun < 3  # one timeout, no second event, no retry
        assert (done.sent, done.trouble, len(sink.asked)) == (0, f"{sink.url} did not answer in time.", 1)
        sink.answer = lambda _: 201
        assert relay_events(project).sent == 24
    assert sink.taken == ALL


def test_a_redirect_is_not_followed_and_nothing_passes_for_taken(tmp_path: Path) -> None:
    with consumer() as elsewhere, consumer(lambda _: 301, location=f"{elsewhere.url}/api/v1/lineage") as sink:
        done = relay_events(filled(tmp_path, sink.url))
    assert (done.sent, done.behind.waiting, elsewhere.connections) == (0, 24, 0)
    assert done.trouble and "redirects to another address" in done.trouble


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 40\r\n\r\ncut off",
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_an_answer_that_is_none_is_trouble_and_the_event_waits(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000_000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        done = relay_events(filled(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}"))
        thread.join()
    assert done.trouble and (done.sent, done.refused, done.behind.waiting) == (0, (), 24)


@pytest.mark.parametrize("host", ["a" * 70, "a..b", "nowhere.invalid"])
def test_a_host_that_is_none_is_trouble(tmp_path: Path, host: str) -> None:
    done = relay_events(filled(tmp_path, f"http://{host}"))
    assert done.trouble and done.trouble.startswith(f"http://{host} cannot be ")


def test_a_list_of_authorities_that_is_not_there_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    done = relay_events(filled(tmp_path, "https://127.0.0.1:9"))
    assert done.trouble and "cannot be sent to" in done.trouble


def test_the_path_of_the_address_is_kept(tmp_path: Path) -> None:
    with consumer() as sink:
        assert relay_events(filled(tmp_path, f"{sink.url}/behind/proxy")).sent == 24
    assert sink.paths == {"/behind/proxy/api/v1/lineage"}


@pytest.mark.parametrize("reference", ["env:RELAY_KEY", "file:audit/keys/relay.key"])
def test_the_key_is_sent_as_a_bearer_token_and_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    with consumer(fails_at(3, 401)) as sink:
        project = filled(tmp_path, sink.url, f", api_key: '{reference}'")
        done = relay_events(project)
        assert done.trouble and f"API key is not at '{reference}'" in done.trouble
        assert sink.connections == 0
        monkeypatch.setenv("RELAY_KEY", "s3cret-key")
        (tmp_path / "audit" / "keys").mkdir()
        (tmp_path / "audit" / "keys" / "relay.key").write_text("s3cret-key\n")
        done = relay_events(project)
    assert {headers["Authorization"] for headers in sink.headers} == {"Bearer s3cret-key"}
    assert done.trouble and "look at `lineage.relay.api_key`" in done.trouble
    [journal] = project.layout.relayed.iterdir()
    assert "s3cret" not in str(done) + journal.read_text()


def test_a_key_that_no_header_can_hold_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_KEY", "schlüssel")
    with consumer() as sink:
        done = relay_events(filled(tmp_path, sink.url, ", api_key: env:RELAY_KEY"))
    assert done.trouble and "no HTTP header" in done.trouble and "schl" not in done.trouble
    assert sink.connections == 0


def test_a_login_of_the_users_home_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "other")
    with consumer() as sink:
        assert relay_events(filled(tmp_path / "p", sink.url)).sent == 24
    assert all("Authorization" not in headers for headers in sink.headers)


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    with consumer() as sink:
        project = to(tmp_path, sink.url)
        write(project.layout.outbox, "1-7.jsonl", FIRST)
        file = project.layout.outbox / "1-7.jsonl"
        whole = file.read_bytes()
        file.write_bytes(whole[:-10])
        assert relay_events(project).sent == 11
        assert relay_events(project).sent == 0
        assert waiting(project) == (0, 0)
        file.write_bytes(whole)
        assert relay_events(project).sent == 1
    assert sink.taken == FIRST


def test_files_that_appear_meanwhile_are_sent_in_the_same_call(tmp_path: Path) -> None:
    with consumer() as sink:
        project = to(tmp_path, sink.url)
        write(project.layout.outbox, "1-7.jsonl", FIRST)

        def answer(event: dict[str, Any]) -> int:
            if event == FIRST[3]:
                write(project.layout.outbox, "2-8.jsonl", SECOND)
            return 201

        sink.answer = answer
        assert relay_events(project).sent == 24
    assert sink.taken == ALL


def test_an_end_does_not_overtake_its_start_in_a_newer_file(tmp_path: Path) -> None:
    # the process with the newer file was killed; one that lives since before wrote the ends of its runs
    with consumer() as sink:
        project = to(tmp_path, sink.url)
        write(project.layout.outbox, "1-7.jsonl", FIRST[1::2])
        write(project.layout.outbox, "2-8.jsonl", FIRST[::2])
        assert relay_events(project).sent == 12
    assert sorted(map(canonical, sink.taken)) == sorted(map(canonical, FIRST))
    seen: set[str] = set()
    for event in sink.taken:
        run = event["run"]["runId"]
        assert (event["eventType"] == "START") == (run not in seen)
        seen.add(run)


def test_what_is_no_event_is_noted_and_not_sent(tmp_path: Path) -> None:
    with consumer() as sink:
        project = to(tmp_path, sink.url)
        write(project.layout.outbox, "1-7.jsonl", [*FIRST[:2], {"no": "event"}, *FIRST[2:]])
        with (project.layout.outbox / "1-7.jsonl").open("ab") as file:
            file.write(b"no json\n\n")
        done = relay_events(project)
        assert (done.sent, [refusal.status for refusal in done.refused]) == (12, [None] * 3)
        assert relay_events(project).refused == ()
    assert sink.asked == FIRST


def test_a_call_with_a_budget_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    def slowly(_: dict[str, Any]) -> int:
        time.sleep(0.05)  # of the consumer: 24 events take longer than the budget
        return 201

    with consumer(slowly) as sink:
        project = filled(tmp_path, sink.url)
        done = relay_events(project, budget_s=0.2)
        assert 0 < done.sent < 24
        assert (done.trouble, done.behind.waiting) == (None, 24 - done.sent)
        relay_events(project)
    assert sink.taken == ALL


def test_one_relay_at_a_time(tmp_path: Path) -> None:
    with consumer() as sink:
        project = filled(tmp_path, sink.url)
        with locked(project.layout.audit / ".locks" / "relay"):
            done = relay_events(project)
        assert (done.sent, done.trouble) == (0, "another relay is at work on this project")
        assert sink.connections == 0
        assert relay_events(project).sent == 24


def test_another_consumer_is_told_everything_and_the_first_goes_on_where_it_was(tmp_path: Path) -> None:
    with consumer() as one, consumer() as other:
        assert relay_events(filled(tmp_path, one.url)).sent == 24
        assert relay_events(to(tmp_path, other.url)).sent == 24
        assert relay_events(to(tmp_path, f"{one.url}/")).sent == 0
    assert one.taken == other.taken == ALL


def test_without_a_consumer_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(LineageError, match="No consumer of lineage is configured"):
        relay_events(load_project(small.write(tmp_path)))


# Deaths


@pytest.mark.parametrize("number", [0, 7, 12, 23])
def test_killed_while_the_consumer_has_an_event_it_comes_twice_and_no_other(tmp_path: Path, number: int) -> None:
    child: list[int] = []
    known = threading.Event()

    def answer(event: dict[str, Any]) -> int:
        known.wait()
        if child and event == ALL[number]:
            os.kill(child.pop(), signal.SIGKILL)
        return 201

    with consumer(answer) as sink:
        project = filled(tmp_path, sink.url)
        pid = in_child(lambda: relay_events(project))
        child.append(pid)
        known.set()
        assert ended(pid) == -signal.SIGKILL
        relay_events(project)
    assert sink.asked == [*ALL[: number + 1], *ALL[number:]]


@pytest.mark.acceptance
def test_killed_at_random_moments_nothing_is_lost_and_only_what_was_not_acknowledged_is_doubled() -> None:
    chance, kills = random.Random(5), 12
    events = [event for day in range(1, 26) for event in events_of(trace(night=date(2026, 7, day)))]
    with quick_folder() as folder, consumer() as sink:
        project = to(folder, sink.url)
        for day in range(25):
            write(project.layout.outbox, f"{day + 10}-1.jsonl", events[day * 12 : day * 12 + 12])

        def work() -> None:
            while True:
                relay_events(project)

        relay_events(project, budget_s=0)  # imports are paid here: the children begin at once
        for _ in range(kills):
            killed_after(chance.uniform(0.01, 0.08), work)
        relay_events(project)
    assert once_each_in_order(sink.asked) == events
    assert len(sink.asked) <= len(events) + kills


def test_killed_at_any_step_of_its_files_nothing_is_lost() -> None:
    with quick_folder() as folder, consumer() as sink:
        project = filled(folder, sink.url)
        relay_events(project)
        [journal] = project.layout.relayed.iterdir()
        size = (project.layout.outbox / "1-7.jsonl").stat().st_size
        step, died = 0, True
        while died:
            sink.asked.clear()
            journal.write_text(json.dumps({"file": "1-7.jsonl", "to": size}) + "\n")  # the first file is done
            assert waiting(project)[0] == 12
            died = dies_at(step, folder, lambda: relay_events(project))
            relay_events(project)
            assert once_each_in_order(sink.asked) == SECOND
            assert len(sink.asked) <= len(SECOND) + 1
            step += 1
        assert step > 8  # lock, journal, both files of the outbox, and the folding


def test_a_journal_cut_at_any_byte_or_damaged_only_repeats(tmp_path: Path) -> None:
    with consumer(fails_at(2, 422)) as sink:
        project = filled(tmp_path, sink.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cursor, "_folded", lambda _: iter(()))  # a journal as a kill leaves it
            relay_events(project)
    [journal] = project.layout.relayed.iterdir()
    data = journal.read_bytes()
    reached = Cursor(journal).offsets
    assert len(data.splitlines()) == 24
    for cut in range(0, len(data), 3):
        journal.write_bytes(data[:cut])
        assert all(to <= reached[file] for file, to in Cursor(journal).offsets.items())
    journal.write_bytes(b"\xff{\n[1]\n{}\n" + data + b'{"file": "1-7.jsonl", "to": "x"}\n{"file"')
    assert Cursor(journal).offsets == reached
    assert len(Cursor(journal).refused) == 1


def test_a_disk_that_takes_no_journal_ends_the_call_with_its_reason(tmp_path: Path) -> None:
    with consumer() as sink:
        project = filled(tmp_path, sink.url)

        def on_a_full_disk() -> None:
            done = relay_events(project)
            assert done.trouble and "was not written" in done.trouble

        with_files_up_to(300, on_a_full_disk)  # about eight lines
        assert 0 < len(sink.asked) < 24
        relay_events(project)
    assert once_each_in_order(sink.asked) == ALL
