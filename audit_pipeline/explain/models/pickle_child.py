"""Run by `python -I`, as a process of its own: cut off, it unpickles a model and answers for it in plain numbers.

It imports nothing of this package and gets nothing but its standard input. Before the first byte of the pickle is
read it stands in namespaces of its own (user, mount, network, process, IPC): it sees the interpreter, its packages
and the system's libraries, all read-only, no other file, no process, no interface; its capabilities are dropped. A
system that does not permit this gets no pickle loaded.

A message is 8 bytes of length, little-endian, and as many bytes. In: settings (JSON), the pickle, then requests, each
a header (JSON) and the columns' bytes. Out: JSON, or for a request float64.
"""

import ctypes
import errno
import io
import json
import os
import pickle
import resource
import select
import signal
import struct
import sys
from pathlib import Path
from typing import Any

UNSHARE = 0x10000000 | 0x00020000 | 0x40000000 | 0x20000000 | 0x08000000  # user, mount, network, process, IPC
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 0x40000, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1  # the number is the same on all machines
CAPABILITIES_V3 = 0x20080522
KEYCTL, KEYCTL_JOIN_SESSION_KEYRING = {"x86_64": 250, "aarch64": 219}, 1
NO_KEYRINGS = (errno.ENOSYS, errno.EPERM)
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
MEMORY = 8 * 1024**3  # bytes of address space
PROCESSES = 64  # and threads; the kernel does not hold root to it


class RefusedError(Exception):
    """A name outside the reviewed list."""


def main() -> None:
    """Cut this process off, load, answer until the input ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # what a model prints is no answer
    try:
        shut_in(libc, Path.cwd())
    except (OSError, AttributeError):
        say(sink, {"open": True})
        return
    settings, data = json.loads(heard(source)), heard(source)
    limited(settings["seconds"])
    try:
        model = loaded(data, frozenset(settings["trusted"]))
        say(sink, described(model))
    except RefusedError as error:
        say(sink, {"refused": str(error)})
        return
    except BaseException as error:  # noqa: BLE001 (the edge; a message may hold values, the class does not)
        say(sink, {"error": type(error).__name__})
        return
    while header := heard(source):
        try:
            rows = table(json.loads(header), heard(source))
            say(sink, answer(model, rows))
        except BaseException as error:  # noqa: BLE001 (as above)
            say(sink, {"error": type(error).__name__})


def shut_in(libc: Any, room: Path) -> None:
    """Enter namespaces in which there is nothing but the interpreter; the process that returns is another one.

    Raises:
        OSError: the system does not permit it.
        AttributeError: the C library lacks a call.
    """
    begun(libc)
    done(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    done(libc.mount(b"tmpfs", bytes(room), b"tmpfs", 0, b"size=1m,mode=700"))
    for path in visible():
        shown(libc, path, room)
    read_only = struct.pack("QQQQ", READ_ONLY, 0, 0, 0)
    done(libc.syscall(MOUNT_SETATTR, AT_FDCWD, bytes(room), AT_RECURSIVE, read_only, len(read_only)))
    os.chdir(room)
    done(libc.pivot_root(b".", b"."))
    done(libc.umount2(b".", MNT_DETACH))  # the old root lies over the new one
    os.chdir("/")
    without_keys(libc)
    done(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    done(libc.capset(struct.pack("Ii", CAPABILITIES_V3, 0), bytes(24)))
    watched(libc)


def without_keys(libc: Any) -> None:
    """Leave the kernel's keys of the session that audits for an empty keyring.

    Raises:
        OSError: the system does not permit it; one without keyrings, or that lets nobody at them, needs none.
    """
    number = KEYCTL.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "the number of the call is not known on this machine")
    if libc.syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None) < 0 and ctypes.get_errno() not in NO_KEYRINGS:
        raise OSError(ctypes.get_errno(), "refused")


def begun(libc: Any) -> None:
    """Go on as the first process of new namespaces: when it ends, the kernel ends all others in them."""
    user, group = os.getuid(), os.getgid()
    bound(libc, 0)
    done(libc.unshare(UNSHARE))
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", file).write_text(text, encoding="ascii")
    ours, theirs = os.pipe()
    if child := os.fork():
        ended(child)
    os.close(theirs)
    bound(libc, ours)
    os.close(ours)


def bound(libc: Any, pipe: int) -> None:
    """End this process with its parent, which holds the other end of `pipe`."""
    done(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    hung = select.poll()
    hung.register(pipe, 0)
    if hung.poll(0):  # it ended before the call
        os._exit(1)


def watched(libc: Any) -> None:
    """Go on as a second process; the first runs nothing of the pickle, and so nothing keeps it from its end."""
    done(libc.prctl(PR_SET_DUMPABLE, 0))  # the second may not trace the first
    if child := os.fork():
        # a first process gets no signal from within that it does not handle; Python handles this one
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        ended(child)


def ended(child: int) -> None:
    """Wait for `child`, and whatever it left behind, and end as it ended."""
    pid = status = 0
    while pid != child:
        pid, status = os.wait()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def visible() -> list[str]:
    """Return what may be seen, outer folders first and without what they hold."""
    found: list[str] = []
    for path in sorted({*SYSTEM, sys.prefix, sys.base_prefix}):
        if os.path.lexists(path) and not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
    return found


def shown(libc: Any, path: str, room: Path) -> None:
    """Bind `path` into `room`, at its own place; a link at the top stays a link."""
    target = room / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(path).is_symlink():
        target.symlink_to(Path(path).readlink())
        return
    if Path(path).is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    done(libc.mount(path.encode(), bytes(target), None, MS_BIND | MS_REC, None))


def done(code: int) -> None:
    """Hold a call of the system to its word."""
    if code != 0:
        raise OSError(ctypes.get_errno(), "refused")


def limited(seconds: int) -> None:
    """Bound time, memory and what may be written, which is nothing."""
    for kind, most in (
        (resource.RLIMIT_CPU, seconds + 1),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def loaded(data: bytes, trusted: frozenset[str]) -> Any:
    """Return the object in a pickle, or in a stream of joblib, made of trusted names only."""

    class Reviewed(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return held(super().find_class, module, name)

    def held(find: Any, module: str, name: str) -> Any:
        if f"{module}.{name}" not in trusted:
            raise RefusedError(f"{module}.{name}")
        return find(module, name)

    if b"joblib.numpy_pickle" not in data:
        return Reviewed(io.BytesIO(data)).load()
    from joblib import numpy_pickle

    class ReviewedArrays(numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return held(super().find_class, module, name)

    # arrays of objects are pickles inside the stream, which joblib reads with this function
    pickle.load = lambda file: Reviewed(file).load()  # type: ignore[assignment,misc]
    return ReviewedArrays("", io.BytesIO(data), True).load()


def described(model: Any) -> dict[str, Any]:
    """Say what the model is asked with, and whether it can answer."""
    if hasattr(model, "get_params"):  # threads may add floats in another order
        model.set_params(**{key: 1 for key in model.get_params() if key.rpartition("__")[2] == "n_jobs"})
    names, classes = getattr(model, "feature_names_in_", None), getattr(model, "classes_", None)
    width = getattr(model, "n_features_in_", None)
    return {
        "names": None if names is None else [str(name) for name in names],
        "width": None if width is None else int(width),
        "classes": None if classes is None else len(classes),
        "probability": callable(getattr(model, "predict_proba", None)),
        "number": callable(getattr(model, "predict", None)),
    }


def table(header: dict[str, Any], data: bytes) -> Any:
    """Return the rows of a request: a frame, or an array where the model was trained on one."""
    import numpy as np
    import pandas as pd

    columns, start = {}, 0
    for name, kind, values in header["columns"]:
        size = header["rows"] * np.dtype(kind).itemsize
        column = np.frombuffer(data[start : start + size], dtype=kind)
        start += size
        if values is not None:  # text, by its place in `values`; -1 is missing
            column = np.array([*values, np.nan], dtype=object)[column]
        columns[name] = pd.Series(column, dtype=column.dtype)
    frame = pd.DataFrame(columns)
    if header["named"]:
        return frame
    return frame.to_numpy(dtype=header["dtype"])


def answer(model: Any, rows: Any) -> bytes:
    """Return the model's number of each row as float64: of a classifier the probability of its second class."""
    import numpy as np

    found = model.predict_proba(rows)[:, 1] if hasattr(model, "predict_proba") else model.predict(rows)
    return np.asarray(found, dtype="<f8").reshape(len(rows)).tobytes()


def heard(source: Any) -> bytes:
    """Return the next message; nothing at the end of the input."""
    head = source.read(8)
    return source.read(int.from_bytes(head, "little")) if len(head) == 8 else b""


def say(sink: Any, message: dict[str, Any] | bytes) -> None:
    """Send a message: JSON begins with a brace, numbers with an N."""
    body = b"N" + message if isinstance(message, bytes) else json.dumps(message).encode()
    sink.write(len(body).to_bytes(8, "little") + body)
    sink.flush()


if __name__ == "__main__":
    main()
