"""An alert says what decided and what to do next; its channel's address is said nowhere."""

import json
import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from audit_pipeline.errors import ExitCode, NotifyError
from audit_pipeline.notify import Alarm, Message, compose, send
from audit_pipeline.records import Outcome

SECRET = "T0KEN-of-the-channel"
FAILED = Alarm(
    "churn",
    "2026-07-01",
    Outcome.FAIL,
    "FAIL, 2 findings in drift",
    ("PSI of age is 0.31 (limit 0.25).", "PSI of income is 3.1 (limit 0.25)."),
)
MISSING = Alarm("spend", "2026-07-02", Outcome.NOT_EVALUATED, "NOT_EVALUATED, missing night", ("No log.",))


def test_a_message_names_verdicts_reasons_and_the_next_step() -> None:
    message = compose("small", "The team", [FAILED, MISSING])
    assert message.title == "[small] model audit: 1 FAIL, 1 NOT_EVALUATED"
    assert message.body == (
        "For The team:\n"
        "\n"
        "FAIL churn 2026-07-01 (FAIL, 2 findings in drift)\n"
        "  - PSI of age is 0.31 (limit 0.25).\n"
        "  - PSI of income is 3.1 (limit 0.25).\n"
        "  audit-pipeline show churn 2026-07-01\n"
        "NOT_EVALUATED spend 2026-07-02 (NOT_EVALUATED, missing night)\n"
        "  - No log.\n"
        "  audit-pipeline show spend 2026-07-02"
    )


@pytest.mark.parametrize(
    ("alarms", "words"),
    [([FAILED], "1 FAIL"), ([FAILED, FAILED], "2 FAIL"), ([MISSING], "1 NOT_EVALUATED")],
)
def test_the_title_counts_only_what_there_is(alarms: list[Alarm], words: str) -> None:
    assert compose("small", "x", alarms).title == f"[small] model audit: {words}"


@pytest.mark.parametrize(
    ("count", "last"), [(3, "  - r2"), (4, "  - and 1 more finding"), (9, "  - and 6 more findings")]
)
def test_three_reasons_are_shown_and_the_rest_is_counted(count: int, last: str) -> None:
    alarm = Alarm("churn", "2026-07-01", Outcome.FAIL, "FAIL", tuple(f"r{i}" for i in range(count)))
    body = compose("small", "x", [alarm]).body.splitlines()
    assert body[3:6] == ["  - r0", "  - r1", "  - r2"]
    assert body[-2] == last


# --- a real server on this machine --------------------------------------------------------------------------------


class Channel(HTTPServer):
    """A channel that keeps what it is sent, and answers with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = status
        self.received: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/{SECRET}/?cto=2&rto=2"


class Answer(BaseHTTPRequestHandler):
    """Keeps one message."""

    server: Channel

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def channel(status: int) -> Iterator[Channel]:
    server = Channel(status)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def dead_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"json://127.0.0.1:{free.getsockname()[1]}/{SECRET}/?cto=2&rto=2"


def refused(url: str) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        send(url, Message("title", "body"))
    return caught.value


@pytest.fixture
def all_logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Record at the lowest level, the way a program that is being debugged does."""
    caplog.set_level(logging.NOTSET + 1)
    return caplog


def test_a_message_arrives_as_it_was_composed() -> None:
    message = compose("small", "The team", [FAILED])
    with channel(200) as server:
        send(server.url, message)
    [(path, body)] = server.received
    assert path.startswith(f"/{SECRET}")
    assert (body["title"], body["message"]) == (message.title, message.body)


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_a_channel_that_refuses_is_an_error(status: int, all_logs: pytest.LogCaptureFixture) -> None:
    with channel(status) as server:
        error = refused(server.url)
    assert len(server.received) == 1
    assert str(error) == "the channel did not take the message"
    assert SECRET not in all_logs.text


def test_a_channel_that_is_not_there_is_an_error(all_logs: pytest.LogCaptureFixture) -> None:
    error = refused(dead_port())
    assert str(error) == "the channel did not take the message"
    assert error.exit_code is ExitCode.NOT_DELIVERED
    assert SECRET not in all_logs.text


@pytest.mark.parametrize("url", ["", SECRET, f"nowhere://{SECRET}", f"json://[::1/{SECRET}", f"slack://{SECRET}"])
def test_an_address_that_is_none_is_an_error(url: str, all_logs: pytest.LogCaptureFixture) -> None:
    error = refused(url)
    assert str(error) == "the channel's address is of no service that Apprise knows"
    assert SECRET not in all_logs.text


def test_the_address_is_in_no_part_of_an_error_or_a_log(all_logs: pytest.LogCaptureFixture) -> None:
    url = dead_port()
    error = refused(url)
    shown = "".join(traceback.format_exception(error)) + str(error.args) + str(vars(error)) + all_logs.text
    port = url.split(":")[2].split("/")[0]
    assert SECRET not in shown
    assert port not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_delivered_message_leaves_no_address_in_the_log_either(all_logs: pytest.LogCaptureFixture) -> None:
    with channel(200) as server:
        send(server.url, Message("title", "body"))
    assert server.received
    assert SECRET not in all_logs.text
    logging.getLogger("urllib3").debug("heard again")  # the libraries are silent only while they send
    assert "heard again" in all_logs.text
