"""What goes wrong on real machines, on purpose: processes that die at a given step, and disks that are full."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

Work = Callable[[], object]
PAGE = 4096  # bytes that a disk in memory gives at a time
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.listdir")


def in_child(work: Work) -> int:
    """Run `work` in a process of its own, for a minute at most; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(60)  # should the test fail before it ends the child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)  # never back into the test run
    raise AssertionError


def ended(pid: int) -> int:
    """Wait for a child; return its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dies_at(step: int, folder: Path, work: Work) -> bool:
    """Run `work` in a process that is killed at its `step`-th look at a file below `folder`; False: it was not."""

    def doomed() -> None:
        left = step

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in STEPS and str(folder) in str(arguments[0]):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()

    code = ended(in_child(doomed))
    assert code in (0, -signal.SIGKILL)
    return code != 0


def killed_after(seconds: float, work: Work, *, meanwhile: Callable[[], object] | None = None) -> None:
    """Run `work`, which has no end of its own, and kill it; call `meanwhile` again and again until then."""
    pid = in_child(work)
    until = time.monotonic() + seconds
    while meanwhile and time.monotonic() < until:
        meanwhile()
    time.sleep(max(until - time.monotonic(), 0))
    os.kill(pid, signal.SIGKILL)
    assert ended(pid) == -signal.SIGKILL


def with_files_up_to(size: int, work: Work) -> None:
    """Run `work` in a process that cannot make a file larger than `size` bytes."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        work()

    assert ended(in_child(limited)) == 0


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Yield a folder in memory where there is one: kills need no disk, and a busy one would only slow them down."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name).resolve()


@contextmanager
def small_disk(kilobytes: int) -> Iterator[Path]:
    """Yield a folder on a disk of its own; the test is skipped where one may not be mounted."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve() / "disk"
        place.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        try:
            subprocess.run(["mount", *options], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no leave to mount a small disk")
        try:
            yield place
        finally:
            with suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


def fill(disk: Path, *, leave: int = 0) -> None:
    """Write until nothing more goes on it, then give `leave` bytes back."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(PAGE)):
                pass
        except OSError:
            filler.truncate(max(filler.tell() - leave, 0))


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Have a disk that takes nothing more."""
    fill(disk)
    try:
        yield
    finally:
        (disk / "filler").unlink()
