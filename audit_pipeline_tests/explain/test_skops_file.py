"""Only the reviewed bytes are opened, and only reviewed types are made."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from audit_pipeline.config.model import Artefact
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain import load, pinned_digest

HEX = "ab" * 32
TARGET = Path("payload-ran")  # below the test's own folder


class OnState:
    """A payload that acts when its state is restored."""

    def __init__(self) -> None:
        self.here = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        TARGET.write_text("ran")


class OnReduce:
    """A payload in the manner of pickle: unpickling calls what `__reduce__` names."""

    def __reduce__(self) -> Any:
        return Path.touch, (TARGET,)


def written(folder: Path, model: Any) -> tuple[Path, str]:
    data = skops.io.dumps(model)
    file = folder / "model.skops"
    file.write_bytes(data)
    return file, hashlib.sha256(data).hexdigest()


def fitted() -> LogisticRegression:
    return LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def test_the_payload_would_run_if_it_were_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the control: without it the refusals below could pass for a payload that is harmless
    monkeypatch.chdir(tmp_path)
    file, sha256 = written(tmp_path, Pipeline([("x", OnState())]))
    load(file, sha256=sha256, trusted=skops.io.get_untrusted_types(file=file), name="m")
    assert TARGET.exists()


@pytest.mark.parametrize("payload", [OnState, OnReduce])
def test_a_payload_is_refused_and_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: type) -> None:
    monkeypatch.chdir(tmp_path)
    file, sha256 = written(tmp_path, Pipeline([("x", payload())]))
    with pytest.raises(UntrustedModelError) as refused:
        load(file, sha256=sha256, trusted=["numpy.dtype"], name="models/m.skops")
    assert any(payload.__name__ in name for name in refused.value.types)
    assert "models/m.skops" in str(refused.value)
    assert not TARGET.exists()


def test_one_changed_byte_is_refused_before_anything_is_parsed(tmp_path: Path) -> None:
    file, sha256 = written(tmp_path, fitted())
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    # in a fresh process, so that `skops` in sys.modules would show that the file had been looked into
    code = f"""
import sys
from pathlib import Path
from audit_pipeline.errors import ModelDigestError
from audit_pipeline.explain import load
try:
    load(Path({str(file)!r}), sha256={sha256!r}, trusted=["numpy.dtype"], name="m")
except ModelDigestError:
    print("refused", [m for m in ("skops", "sklearn") if m in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "refused []"


def test_the_right_bytes_load_and_predict_the_same(tmp_path: Path) -> None:
    model = fitted()
    file, sha256 = written(tmp_path, model)
    loaded = load(file, sha256=sha256.upper(), trusted=["numpy.dtype"], name="m")
    assert (loaded.predict_proba([[0.5], [9.0]]) == model.predict_proba([[0.5], [9.0]])).all()


def test_an_empty_reviewed_list_trusts_nothing_beyond_skops_own(tmp_path: Path) -> None:
    model = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    file, sha256 = written(tmp_path, model)
    with pytest.raises(UntrustedModelError, match=r"sklearn\.tree\._tree\.Tree"):
        load(file, sha256=sha256, trusted=[], name="m")


def test_bytes_that_are_no_skops_file(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    file.write_bytes(b"patient 4711")
    with pytest.raises(ExplainError, match="raised BadZipFile") as fault:
        load(file, sha256=hashlib.sha256(b"patient 4711").hexdigest(), trusted=[], name="m")
    assert "4711" not in str(fault.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match="is missing"):
        load(tmp_path / "none.skops", sha256=HEX, trusted=[], name="m")


def test_the_digest_is_compared_whole(tmp_path: Path) -> None:
    file, sha256 = written(tmp_path, fitted())
    with pytest.raises(ModelDigestError):
        load(file, sha256=sha256[:-1] + ("0" if sha256[-1] != "0" else "1"), trusted=["numpy.dtype"], name="m")


def artefact(pin: str) -> Artefact:
    return Artefact(path="m.skops", sha256=pin)


def test_a_pin_is_itself_or_a_sha256sum_file(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "m.sha256").write_text(f"{HEX.upper()}  m.skops\n")
    (tmp_path / "escaped.sha256").write_text(f"\\{HEX}  odd\\nname\n")
    assert pinned_digest(artefact(HEX), tmp_path) == HEX
    assert pinned_digest(artefact("file:release/m.sha256"), tmp_path) == HEX
    assert pinned_digest(artefact("file:escaped.sha256"), tmp_path) == HEX


@pytest.mark.parametrize("text", ["", "ab" * 31 + "  m", "ab" * 64 + "  m", "zz" * 32, "m  " + HEX])
def test_a_malformed_sha256sum_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.sha256").write_text(text)
    with pytest.raises(ExplainError, match=r"'m\.sha256' does not begin with a sha256"):
        pinned_digest(artefact("file:m.sha256"), tmp_path)


def test_a_missing_sha256sum_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match=r"'m\.sha256' is missing"):
        pinned_digest(artefact("file:m.sha256"), tmp_path)


def test_importing_the_stage_is_light() -> None:
    code = (
        "import sys, audit_pipeline.explain; "
        "print([m for m in ('shap', 'sklearn', 'skops', 'pandas', 'duckdb') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
