"""The process that holds a pickled model, as its owner sees it: two pipes, a bound on time, and an end.

Whatever it says is taken as hostile: a message longer than it may be is none.
"""

import os
import selectors
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.models.pickle_child import visible

CHILD = Path(__file__).with_name("pickle_child.py")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
DESCRIPTION = 1_000_000  # bytes; what the process says of the model is never more
CHUNK = 1 << 20  # bytes read or written at once


def out_of_sight(*files: Path) -> None:
    """Hold `files`, which stand for the project they lie in, against the folders that the process sees.

    Raises:
        ExplainError: one of them lies there.
    """
    seen = [Path(folder).resolve() for folder in visible()]
    if any(file.resolve().is_relative_to(folder) for file in files for folder in seen):
        raise ExplainError(
            "The model file or the night's snapshot lies in a folder of the interpreter or the system, which a pickle "
            "sees, so the pickle was not loaded. Move the project, or its Python environment, elsewhere."
        )


class Process:
    """The process and its two pipes; ended with the last reference to it, or with its time."""

    def __init__(
        self,
        budget: Budget,
        *,
        command: Sequence[str] = (sys.executable, "-I", "-B", str(CHILD)),
        environment: Mapping[str, str] = ENVIRONMENT,
    ) -> None:
        self._budget = budget
        room = tempfile.TemporaryDirectory(prefix="audit-pickle-")
        self._process = subprocess.Popen(  # noqa: S603  (our own file, by the interpreter that runs)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may hold values
            cwd=room.name,
            env=environment,
            start_new_session=True,
        )
        weakref.finalize(self, _end, self._process, room)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    @property
    def _in(self) -> int:
        return self._process.stdin.fileno()  # type: ignore[union-attr]

    @property
    def _out(self) -> int:
        return self._process.stdout.fileno()  # type: ignore[union-attr]

    def send(self, *messages: bytes) -> None:
        """Write messages; a process that has ended says so in its answer."""
        with suppress(BrokenPipeError):
            for message in messages:
                rest = memoryview(len(message).to_bytes(8, "little") + message)
                while rest:
                    self._wait(self._in, selectors.EVENT_WRITE)
                    with suppress(BlockingIOError):
                        rest = rest[os.write(self._in, rest[:CHUNK]) :]

    def answer(self, *, most: int) -> bytes:
        """Return the next message, of at most `most` bytes; nothing when the process has ended or says more."""
        size = int.from_bytes(self._exactly(8), "little")
        return self._exactly(size) if size <= max(most, DESCRIPTION) else b""

    def _exactly(self, size: int) -> bytes:
        """Return `size` bytes, fewer when the process ended."""
        found = bytearray()
        while len(found) < size:
            self._wait(self._out, selectors.EVENT_READ)
            part = os.read(self._out, min(CHUNK, size - len(found)))
            if not part:
                break
            found += part
        return bytes(found)

    def _wait(self, pipe: int, event: int) -> None:
        """Wait until the pipe is ready, as long as there is time; then end the process."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(timeout=max(self._budget.left, 0)):
                self._process.kill()
                raise self._budget.over()


def _end(process: "subprocess.Popen[bytes]", room: "tempfile.TemporaryDirectory[str]") -> None:
    """End the process, and with it all that it began; what was mounted in its room went with it."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            pipe.close()  # type: ignore[union-attr]
    process.wait()
    room.cleanup()
