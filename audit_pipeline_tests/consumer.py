"""A local consumer of lineage that speaks Marquez's protocol: real HTTP, on loopback, as good as a test likes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], int]


class Consumer:
    """What was asked of it, and what it took."""

    def __init__(self, port: int, answer: Answer) -> None:
        self.port, self.url, self.answer = port, f"http://127.0.0.1:{port}", answer
        self.connections = 0
        self.asked: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()  # set when the block ends: a handler that never answers waits for it

    def silent(self, _: dict[str, Any]) -> int:
        """Never answer."""
        self.ended.wait()
        return 0


@contextmanager
def consumer(answer: Answer = lambda _: 201, *, port: int = 0, location: str | None = None) -> Iterator[Consumer]:
    """Listen until the end of the block.

    Args:
        answer: returns the status for an event; 0 hangs up without one.
        port: where; default a free one.
        location: header of every answer.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open, as those of a real server do

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append(event)
            here.paths.add(self.path)
            here.headers.append(dict(self.headers))
            status = here.answer(event)
            if not status:
                self.close_connection = True
                return
            if 200 <= status < 300:
                here.taken.append(event)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def handle(self) -> None:
            here.connections += 1
            try:
                super().handle()
            except ConnectionError:
                """The other side was killed, or waits no longer."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True  # an open connection does not hold up the end of a test
    server.block_on_close = False
    here = Consumer(server.server_port, answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield here
    finally:
        here.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
