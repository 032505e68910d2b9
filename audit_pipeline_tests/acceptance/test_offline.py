"""A whole run in a network namespace without routes, in which every connection that Python tries is written down."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_pipeline.config import load_project
from audit_pipeline.errors import ExitCode
from audit_pipeline.evidence import Store, verify
from audit_pipeline_tests.acceptance.conftest import environment
from audit_pipeline_tests.small_project import NIGHTS, build

pytestmark = pytest.mark.acceptance
# Python runs it at the start of every process: those that are forked have it, and those that are spawned.
RECORDER = """
import os, sys

def hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        where = arguments[1]
        if not isinstance(where, tuple) or not isinstance(where[0], str):
            return  # a socket of the file system, or one that is connected
        host = where[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0] or "localhost"
    else:
        return
    handle = os.open(os.environ["TRIED"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(handle, f"{event} {host.decode() if isinstance(host, bytes) else host}\\n".encode())
    os.close(handle)

sys.addaudithook(hook)
"""


@dataclass(frozen=True)
class Offline:
    """A finished run, and the hosts that were asked for or connected to."""

    root: Path
    code: int
    err: str
    tried: list[str]
    without_routes: bool


def alone() -> list[str]:
    """Return how a program is begun in a network namespace of its own, or nothing where that is not permitted."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    return prefix if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0 else []


def recorded(folder: Path, *command: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run Python with the recorder; return how it ended, and each host it tried."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(RECORDER)
    tried = folder / "tried"
    tried.touch()
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    own = environment() | {"PYTHONPATH": paths, "TRIED": str(tried)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=own, check=False)
    return done, sorted({line.split(" ", 1)[1] for line in tried.read_text().splitlines()})


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    folder = tmp_path_factory.mktemp("offline")
    root = build(folder / "project", nights=NIGHTS[:1], labelled=NIGHTS[:1])
    prefix = alone()
    run = [*prefix, sys.executable, "-m", "audit_pipeline", "--project", str(root), "run"]
    done, tried = recorded(folder / "recorder", *run)
    return Offline(root, done.returncode, done.stderr, tried, bool(prefix))


def test_nothing_but_the_alert_is_tried_and_that_goes_to_loopback(offline: Offline) -> None:
    assert offline.tried == ["127.0.0.1"]  # the channel of the small project, at which nobody listens


def test_without_routes_everything_is_audited_and_proved(offline: Offline) -> None:
    if not offline.without_routes:
        pytest.skip("no leave to make a network namespace")
    assert offline.code == ExitCode.NOT_DELIVERED, offline.err[-2000:]  # that alert
    project = load_project(offline.root)
    verdicts = {key: entry.body["verdict"] for key, entry in Store(project.layout).heads().items()}
    assert verdicts == {("churn", str(NIGHTS[0])): "PASS", ("spend", str(NIGHTS[0])): "NOT_EVALUATED"}
    assert verify(Store.of(project)).ok
    assert project.layout.database.exists()


def test_the_recorder_sees_children_names_and_datagrams(tmp_path: Path) -> None:
    """A connection that were made would be found: 192.0.2.1 is reserved for documentation, and nobody is there."""
    code = """
import multiprocessing, socket

def call():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9))

if __name__ == "__main__":
    call()
    for way in ("fork", "spawn"):
        child = multiprocessing.get_context(way).Process(target=call)
        child.start()
        child.join()
    try:
        socket.getaddrinfo("home.invalid", 80)
    except OSError:
        pass
"""
    script = tmp_path / "caller.py"
    script.write_text(code)
    _, tried = recorded(tmp_path / "recorder", sys.executable, str(script))
    assert tried == ["192.0.2.1", "home.invalid"]
    assert (tmp_path / "recorder" / "tried").read_text().count("192.0.2.1") == 3
