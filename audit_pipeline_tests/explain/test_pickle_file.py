"""A pickle is opened by a process that can do no harm, and only as far as its names were reviewed."""

import ctypes
import io
import json
import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from audit_pipeline.config.model import Artefact
from audit_pipeline.errors import ExplainError, UntrustedModelError
from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.inputs import predictor, table
from audit_pipeline.explain.models import pickle_child, pickle_file, pickle_names
from audit_pipeline.explain.models.foreign import Numbers
from audit_pipeline.explain.models.pickle_names import imported, unfolded
from audit_pipeline.explain.models.pickle_process import out_of_sight
from audit_pipeline_tests.explain.kit import night, outcome, people


def namespaces() -> bool:
    """Whether this system permits what the loading process asks for."""
    prefix = ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--ipc", "--fork", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(prefix, capture_output=True, check=False).returncode == 0


permitted = pytest.mark.skipif(not namespaces(), reason="this system does not permit user namespaces")
EXTRA = ("builtins.slice", "numpy._core.multiarray._reconstruct")  # in arrays of objects, which joblib pickles apart


class Calls:
    """Unpickling it calls `function(*given)`."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.function, self.given = function, given

    def __reduce__(self) -> Any:
        return self.function, self.given


def model(frame: pd.DataFrame) -> Any:
    numbers, text = ["age", "visits", "smoker"], ["site", "site_b"]
    pre = ColumnTransformer([("n", SimpleImputer(), numbers), ("c", OneHotEncoder(handle_unknown="ignore"), text)])
    return make_pipeline(pre, LogisticRegression(max_iter=1_000)).fit(frame, outcome(frame))


def read(data: bytes, *trusted: str, seconds: int = 60) -> Any:
    return pickle_file.read(data, trusted, "models/m.pkl", budget=Budget(seconds))


def listed(stream: bytes) -> set[str]:
    return imported(stream, budget=Budget(60))


@permitted
@pytest.mark.acceptance
@pytest.mark.parametrize("compress", [None, 0, 3])
def test_a_reviewed_pickle_is_explained(tmp_path: Path, compress: int | None) -> None:
    frame = people(120)
    made, file = model(frame), io.BytesIO()
    pickle.dump(made, file) if compress is None else joblib.dump(made, file, compress=compress)
    data = file.getvalue()
    names = {*listed(unfolded(pickle.dumps(made), "m")), *listed(unfolded(data, "m")), *EXTRA}
    found = night(tmp_path, made, frame, data=data, kind="pickle", trusted=sorted(names)).explain(rows=60)
    assert (found.reason, found.agreement, found.n) == (None, 0.0, 60)
    assert found.additivity_error is not None
    assert found.additivity_error < 1e-12
    assert {i.feature for i in found.importances} == set(frame)


@pytest.mark.parametrize("trusted", [[], ["sklearn.linear_model._logistic.LogisticRegression"]])
def test_a_payload_is_refused_and_nothing_runs(tmp_path: Path, trusted: list[str]) -> None:
    target = tmp_path / "payload-ran"
    data = pickle.dumps(Calls(os.system, f"touch {target}"))
    pickle.loads(data)
    assert target.exists()  # the control: it is no harmless payload
    target.unlink()
    with pytest.raises(UntrustedModelError, match=r"models/m\.pkl.*posix\.system"):
        read(data, *trusted)
    assert not target.exists()


@permitted
def test_a_name_that_the_opcodes_hide_is_refused_when_it_is_imported(tmp_path: Path) -> None:
    target = tmp_path / "payload-ran"
    inner = pickle.dumps(Calls(os.system, f"touch {target}"))
    hidden = pickle.dumps(Calls(pickle.loads, inner))
    assert listed(hidden) == {"_pickle.loads"}
    # arrays of objects are pickles inside joblib's stream, behind the end of what can be listed
    file = io.BytesIO()
    joblib.dump([np.zeros(3), np.array([Calls(os.system, f"touch {target}")], dtype=object)], file)
    names = listed(file.getvalue())
    assert "posix.system" not in names
    with pytest.raises(UntrustedModelError, match=r"posix\.system|_reconstruct"):
        read(file.getvalue(), *names, *EXTRA[:1])
    with pytest.raises(UntrustedModelError, match=r"posix\.system"):
        read(file.getvalue(), *names, *EXTRA)
    assert not target.exists()


SEEN = """
exec('''def tried(f):
    try: return repr(f())
    except BaseException as error: return type(error).__name__''', globals()) or (
lambda os, socket, types: types.SimpleNamespace(predict=len, feature_names_in_=[
    str(sorted(os.environ)),
    tried(lambda: os.listdir({secret!r})),
    tried(lambda: open({target!r}, "w")),
    tried(lambda: os.mkdir("/new")),
    tried(lambda: os.kill({pid}, 0)),
    str(os.path.exists("/proc")),
    str(socket.if_nameindex()),
    tried(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
    tried(lambda: os.chroot("/usr")),
]))(__import__("os"), __import__("socket"), __import__("types"))
"""


@permitted
def test_even_trusted_code_sees_and_reaches_nothing(tmp_path: Path) -> None:
    # the reviewer's worst mistake: `eval` is trusted. What it saw comes back as the names of the features.
    (tmp_path / "signing.key").write_text("secret")
    target = tmp_path / "payload-ran"
    code = SEEN.format(secret=str(tmp_path), target=str(target), pid=os.getpid())
    os.environ["AUDIT_SECRET_OF_THIS_TEST"] = "secret"
    try:
        names = read(pickle.dumps(Calls(eval, code)), "builtins.eval").feature_names_in_
    finally:
        del os.environ["AUDIT_SECRET_OF_THIS_TEST"]
    environment, listed, written, made, signalled, proc, interfaces, connected, rooted = names
    assert "AUDIT_SECRET_OF_THIS_TEST" not in environment
    assert (listed, written, made) == ("FileNotFoundError", "FileNotFoundError", "OSError")  # read-only
    assert (signalled, proc) == ("ProcessLookupError", "False")  # nobody else is there
    assert interfaces == "[(1, 'lo')]"
    assert connected == "OSError"
    assert rooted == "PermissionError"
    assert not target.exists()


@permitted
def test_a_model_that_hangs_is_ended_with_its_time_and_the_night_goes_on(tmp_path: Path) -> None:
    hangs = "__import__('types').SimpleNamespace(predict=lambda rows: [None for _ in iter(int, 1)])"
    data, frame = pickle.dumps(Calls(eval, hangs)), people(60)
    given: dict[str, Any] = {"kind": "pickle", "trusted": ["builtins.eval"], "seconds": 1}
    found = night(tmp_path, None, frame, score=np.full(60, 0.5), data=data, **given).explain()
    assert "The model is slower than its budget of 1 s." in str(found.reason)
    assert (found.importances, found.agreement) == ((), None)


def test_a_stream_without_end_is_read_within_the_budget() -> None:
    endless = b"\x80\x04" + b"N0" * 4_000_000 + b"N."  # 8 KB once it is compressed; read to its end in some 3 s
    with pytest.raises(ExplainError, match="slower than its budget of 1 s"):
        imported(endless, budget=Budget(1))


def test_what_is_kept_of_the_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_names, "MOST_TEXTS", 3)
    monkeypatch.setattr(pickle_names, "MOST_NAMES", 2)
    text = b"\x8c\x01a\x94"  # SHORT_BINUNICODE "a", MEMOIZE
    assert listed(b"\x80\x04" + 2 * text + b"\x93.") == {"a.a"}
    assert listed(b"\x80\x04" + 3 * text + b"\x93.") == set()  # the loading process judges what follows
    assert listed(b"\x80\x04cm\na\ncm\nb\ncm\nc\n.") == {"m.a", "m.b"}


@given(st.lists(st.sampled_from([dict, OrderedDict, Path, people, LogisticRegression, "text", 3]), max_size=12))
def test_the_names_are_those_that_unpickling_asks_for(made: list[Any]) -> None:
    asked: set[str] = set()

    class Asks(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            asked.add(f"{module}.{name}")
            return super().find_class(module, name)

    for protocol in range(2, 6):
        stream = pickle.dumps([*made, [str(thing) for thing in made]], protocol)
        asked.clear()
        Asks(io.BytesIO(stream)).load()
        assert listed(stream) == asked


KEYS = """
exec('''
import ctypes
libc, found = ctypes.CDLL(None), ctypes.create_string_buffer(40)
key = libc.syscall({keyctl}, 10, -3, b"user", b"audit-test", 0)
libc.syscall({keyctl}, 11, key, found, 40)
''', globals()) or __import__("types").SimpleNamespace(predict=len, feature_names_in_=[found.value.decode()])
"""


def secret_of_the_session(keyctl: int) -> str:
    """Put a secret into a session keyring of this thread's own, and return what a pickle then reads."""
    libc = ctypes.CDLL(None)
    add_key = {250: 248, 219: 217}[keyctl]
    if libc.syscall(keyctl, 1, None) < 0 or libc.syscall(add_key, b"user", b"audit-test", b"secret", 6, -3) < 0:
        pytest.skip("this system has no keyrings")
    held = ctypes.create_string_buffer(40)
    key = libc.syscall(keyctl, 10, -3, b"user", b"audit-test", 0)
    assert libc.syscall(keyctl, 11, key, held, 40) == 6  # the control: it can be read
    assert held.value == b"secret"
    data = pickle.dumps(Calls(eval, KEYS.format(keyctl=keyctl)))
    return str(read(data, "builtins.eval").feature_names_in_[0])


@permitted
def test_the_keys_of_the_session_are_not_seen() -> None:
    keyctl = pickle_child.KEYCTL[os.uname().machine]
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(secret_of_the_session, keyctl).result() == ""


OUTLIVES = """
exec('''
import ctypes, os, signal, time
ctypes.CDLL(None).prctl(1, 0)  # no end with its parent
for number in range(1, 65):
    try: os.kill(1, number)
    except OSError: pass
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
''') or __import__("types").SimpleNamespace(predict=lambda rows: __import__("time").sleep(600), n_features_in_=1)
"""


def begun_by(pid: int) -> list[int]:
    """Return the processes that `pid` began, and those that they began."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(pid for child in children for pid in begun_by(child))]


@permitted
def test_nothing_that_a_pickle_began_outlives_its_time() -> None:
    made = read(pickle.dumps(Calls(eval, OUTLIVES)), "builtins.eval", seconds=3)
    pids = begun_by(made._number.__self__._process._process.pid)
    assert len(pids) == 3  # the first of the namespace, the model's, and the one that left its session
    handles = [os.pidfd_open(pid) for pid in pids]
    try:
        with pytest.raises(ExplainError, match="slower than its budget"):
            made.predict(np.zeros((3, 1)))
        assert [select.select([handle], [], [], 5)[0] for handle in handles] == [[handle] for handle in handles]
    finally:
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)


LIES = '''exec("""
import os
for handle in range(3, 10):
    try: os.write(handle, bytes([255]) * 64)
    except OSError: pass
""")'''  # into the pipe of the answers: a message of 2^64 - 1 bytes


@permitted
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (LIES, "must hold one object with `predict`"),
        ("3", "must hold one object with `predict`"),
        ("__import__('os')._exit(9)", "must hold one object with `predict`"),
        ("[].patient_4711", "raised AttributeError"),
    ],
)
def test_what_is_no_model_is_said_without_its_values(code: str, said: str) -> None:
    with pytest.raises(ExplainError, match=said) as refused:
        read(pickle.dumps(Calls(eval, code)), "builtins.eval")
    assert "4711" not in str(refused.value)


SPEAKS = """exec(r'''
import os
for handle in range(3, 10):
    try: os.write(handle, len({said!r}).to_bytes(8, "little") + {said!r})
    except OSError: pass
os._exit(0)
''')"""
MODEL = {"names": None, "width": 1, "classes": 2, "probability": True, "number": True}
ESCAPES = "\x1b[31mPASS: reviewed\n"


@permitted
@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"refused": ESCAPES}, "outside `artefact.trusted`: what is no name in Python."),
        ({"refused": "a" * 201}, "outside `artefact.trusted`: what is no name in Python."),
        ({**MODEL, "names": [ESCAPES]}, "in unprintable or more than 200 characters"),
        ({**MODEL, "names": ["a" * 201]}, "in unprintable or more than 200 characters"),
        ({**MODEL, "width": float("inf")}, "Loading the model file 'models/m.pkl' raised an error"),
        (b"[" * 900_000, "Loading the model file 'models/m.pkl' raised an error"),
        (json.dumps(MODEL).encode()[:-1] + b',"width":' + b"9" * 4_000 + b"}", None),
    ],
)
def test_a_pickle_writes_no_text_of_its_own_into_an_error(said: Any, error: str | None) -> None:
    message = said if isinstance(said, bytes) else json.dumps(said).encode()
    data = pickle.dumps(Calls(eval, SPEAKS.format(said=message)))
    if error is None:
        assert read(data, "builtins.eval").n_features_in_ == 1_000_000
        return
    with pytest.raises(ExplainError) as refused:
        read(data, "builtins.eval")
    assert error in str(refused.value)
    assert str(refused.value).isprintable()


def test_an_imported_name_is_shown_only_if_it_is_one() -> None:
    with pytest.raises(UntrustedModelError) as refused:
        read(b"\x80\x04cos\nsystem\nc\x1b[2J\nowned\n.")
    assert refused.value.types == ["os.system", "what is no name in Python"]


def test_of_the_columns_that_lack_five_are_named() -> None:
    made = Numbers(len, names=tuple("abcdefg"), width=None)  # type: ignore[arg-type]
    with pytest.raises(ExplainError, match=r"lacks: b, c, d, e, f and 1 more\."):
        predictor(made, features=("a",), known={"a": "number"}, task="regression")


def test_a_project_among_the_folders_that_a_pickle_sees_gets_none_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `python -m venv .` in the project: what the process sees of the interpreter is the project itself
    environment, target = tmp_path / "environment", tmp_path / "payload-ran"
    (environment / "project").mkdir(parents=True)
    (tmp_path / "link").symlink_to(environment)
    data = pickle.dumps(Calls(os.system, f"touch {target}"))
    frame = people(60)
    given: dict[str, Any] = {"kind": "pickle", "trusted": ["posix.system"], "score": np.full(60, 0.5), "data": data}
    made = night(environment / "project", None, frame, **given)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "link"))
    assert "lies in a folder of the interpreter or the system" in str(made.explain().reason)
    assert not target.exists()
    out_of_sight(tmp_path / "environment-2" / "m.pkl")  # beside it


SHORT = "lambda rows: [1.0]"
TELLS = "lambda rows: (_ for _ in ()).throw(type('patient4711', (Exception,), {})())"


@permitted
@pytest.mark.parametrize(
    ("predict", "said"), [(SHORT, "raised ValueError on rows"), (TELLS, "raised an error on rows")]
)
def test_answers_that_are_no_numbers_say_nothing_of_the_rows(predict: str, said: str) -> None:
    liar = f"__import__('types').SimpleNamespace(predict={predict}, n_features_in_=1)"
    made = read(pickle.dumps(Calls(eval, liar)), "builtins.eval")
    with pytest.raises(ExplainError, match=said):
        made.predict(np.zeros((3, 1)))


TEXTS = st.one_of(st.text(max_size=5), st.just(np.nan))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.integers(-(2**62), 2**62), st.booleans(), TEXTS), min_size=1, max_size=8))
def test_rows_arrive_as_they_were_sent(rows: list[tuple[float, int, bool, Any]]) -> None:
    number, whole, yes, text = zip(*rows, strict=True)
    sent = table(
        {
            "number": np.array(number),
            "whole": np.array(whole),
            "yes": np.array(yes),
            "day": np.array(whole).astype("M8[us]"),
            "text": np.array(text, dtype=object),
        }
    )
    head, body = pickle_file.request(sent, named=True)
    pd.testing.assert_frame_equal(pickle_child.table(json.loads(head), body), sent)
    matrix = sent[["number", "text"]].to_numpy(dtype=object)
    head, body = pickle_file.request(matrix, named=False)
    arrived = pickle_child.table(json.loads(head), body)
    assert arrived.dtype == object
    pd.testing.assert_frame_equal(pd.DataFrame(arrived), pd.DataFrame(matrix))


@pytest.mark.parametrize("data", [b"", b"patient 4711", b"\x1f\x8bpatient 4711", b"\x80"])
def test_bytes_that_are_no_pickle(data: bytes) -> None:
    with pytest.raises(ExplainError) as refused:
        read(data)
    assert "4711" not in str(refused.value)


def test_a_system_that_cannot_cut_off_gets_no_pickle_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a process that has already used up its user namespaces stands for a system without them
    target = tmp_path / "payload-ran"
    code = f"""
import ctypes, pathlib, pickle, sys
libc = ctypes.CDLL(None)
assert libc.unshare(0x10000000) == 0
pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("0")
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.models import pickle_file
from audit_pipeline.explain.budget import Budget
try:
    pickle_file.read({pickle.dumps(Calls(os.system, f"touch {target}"))!r}, ("posix.system",), "m", budget=Budget(60))
except ExplainError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if "max_user_namespaces" in out.stderr or "AssertionError" in out.stderr:
        pytest.skip("this system does not let a test take user namespaces away")
    assert "does not permit a process to be cut off" in out.stdout, out.stderr
    assert not target.exists()


def test_the_configuration_of_a_pickle_names_its_bytes() -> None:
    with pytest.raises(ValueError, match="the 64 hex digits themselves"):
        Artefact(path="m.pkl", format="pickle", sha256="file:m.sha256")
    with pytest.raises(ValueError, match="holds data only"):
        Artefact(path="m.onnx", format="onnx", sha256="ab" * 32, trusted=("x.y",))
