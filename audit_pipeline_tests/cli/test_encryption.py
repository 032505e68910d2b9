"""`verify`, `keys rewrap`, `replay` and `export` on a project whose files are encrypted."""

import json
from pathlib import Path

import pytest

from audit_pipeline_tests import builders
from audit_pipeline_tests.cli.conftest import Call, keys, published

KEYS = keys("encryption")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one published model-night, whose inputs are encrypted."""
    return published(tmp_path_factory.mktemp("encryption"), key="encryption")


def test_verify_without_the_key_says_what_it_did_not_check(call: Call, root: Path) -> None:
    ended = call("--project", root, "verify")
    assert (ended.code, "encrypted" in ended.err) == (0, False)
    (root / "audit/keys/encryption.key").unlink()
    ended = call("--project", root, "verify")
    assert ended.code == 0
    assert "2 files are encrypted and their key is not at hand" in ended.err


def test_the_key_is_exchanged_and_the_files_stay(call: Call, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {path: path.read_bytes() for path in root.rglob("*.enc")}
    ended = call("--project", root, "keys", "rewrap", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["files"] == len(files) == 2
    assert call("--project", root, "verify").code == 0
    monkeypatch.setenv("NEW_KEY", "02" * 32)
    ended = call("--project", root, "keys", "rewrap", "--to", "env:NEW_KEY")
    assert (ended.code, "opens 2 encrypted files from now on" in ended.out) == (0, True)
    assert "Set `keys.encryption: env:NEW_KEY` in project.yaml" in ended.err
    assert {path: path.read_bytes() for path in files} == files
    text = (root / "project.yaml").read_text()
    (root / "project.yaml").write_text(text.replace("file:audit/keys/encryption.key", "env:NEW_KEY"))
    assert call("--project", root, "verify").code == 0
    ended = call("--project", root, "keys", "rewrap")
    assert (ended.code, "which this program cannot write" in ended.err) == (2, True)


def test_what_needs_the_rows_says_which_key_is_missing(call: Call, root: Path, tmp_path: Path) -> None:
    (root / "audit/keys/encryption.key").unlink()
    for command in (("export", "risk", builders.NIGHT, "-o", tmp_path / "pack.zip"), ("keys", "rewrap")):
        ended = call("--project", root, *command)
        assert ended.code == 2
        assert "The encryption key is not at 'file:audit/keys/encryption.key'" in ended.err


def test_a_project_without_a_key_has_none_to_exchange(call: Call, root: Path) -> None:
    text = (root / "project.yaml").read_text()
    (root / "project.yaml").write_text(text.replace(KEYS, ""))
    ended = call("--project", root, "keys", "rewrap")
    assert (ended.code, "keys.encryption: is not set" in ended.err) == (2, True)
    ended = call("--project", root, "export", "risk", builders.NIGHT, "-o", root / "pack.zip")
    assert (ended.code, "is encrypted and project.yaml names no `keys.encryption`" in ended.err) == (2, True)
