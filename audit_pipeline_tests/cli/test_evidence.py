"""`verify`, `keys rotate`, `review` and `export` as they are called."""

import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from audit_pipeline.config import load_project
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verifier import check
from audit_pipeline.fleet import publish_store
from audit_pipeline_tests import builders
from audit_pipeline_tests.cli.conftest import Call, keys, published
from audit_pipeline_tests.config import small

KEYS = keys("signing")
OLD = builders.make_key(1).key_id


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed project with one published model-night."""
    return published(tmp_path_factory.mktemp("signing"), key="signing")


def key_file(root: Path) -> Path:
    return root / "audit" / "keys" / "signing.key"


def test_verify_says_root_key_and_what_nothing_protects_against(call: Call, root: Path) -> None:
    ended = call("--project", root, "verify")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "Verified: 2 log entries, 1 records, 6 files, 0 problems.")
    assert f"Signed: 2 of 2 entries, by the key {OLD}" in ended.out
    assert "Not protected against rollback" in ended.err
    seen = json.loads(call("--project", root, "verify", "--json").out)["root"]
    later = call("--project", root, "verify", "--since", seen.upper())
    assert (later.code, "rollback" in later.err) == (0, False)
    assert call("--project", root, "verify", "--since", "f" * 64).code == 1
    nowhere = call("--project", root, "verify", "--since", "nowhere")
    assert (nowhere.code, "neither a root (64 hex digits) nor a file" in nowhere.err) == (2, True)


def test_verify_needs_no_key_and_says_what_it_does_not_know_then(call: Call, root: Path) -> None:
    key_file(root).unlink()
    ended = call("--project", root, "verify")
    assert ended.code == 0
    assert "The signing key is not at 'file:audit/keys/signing.key'" in ended.err
    assert f"Signed with the key {OLD}: it is known by the log only" in ended.err


def test_verify_holds_the_log_against_the_projects_anchor(call: Call, root: Path) -> None:
    with (root / "project.yaml").open("a") as file:
        file.write("anchor: {file: anchor.jsonl}\n")
    assert "anchor.jsonl' is not there: nothing was held against it" in call("--project", root, "verify").err
    shutil.copy(root / "audit/log/roots.jsonl", root / "anchor.jsonl")
    ended = call("--project", root, "verify")
    assert (ended.code, "rollback" in ended.err) == (0, False)
    for name in ("roots.jsonl", "entries.jsonl", "tree"):
        (root / "audit/log" / name).unlink()
    assert "was cut or replaced" in call("--project", root, "verify").err


def test_a_key_is_handed_over_and_the_old_one_is_gone(call: Call, root: Path) -> None:
    before = key_file(root).read_text()
    ended = call("--project", root, "keys", "rotate", "--json")
    assert ended.code == 0, ended.err
    done = json.loads(ended.out)
    assert (done["before"], done["reference"]) == (OLD, "file:audit/keys/signing.key")
    assert key_file(root).read_text() not in before
    assert stat.S_IMODE(key_file(root).stat().st_mode) == 0o600
    assert [path.name for path in key_file(root).parent.iterdir()] == ["signing.key"]
    builders.commit(Store.of(load_project(root)), model_id="risk", psi=0.4)
    publish_store(load_project(root))
    ended = call("--project", root, "verify", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["keys"] == [OLD, done["key_id"]]
    key_file(root).write_text(before)
    assert "the key that project.yaml names is expired" in call("--project", root, "verify").err


def test_a_handover_that_died_after_it_was_signed_is_finished(call: Call, root: Path) -> None:
    assert call("--project", root, "keys", "rotate").code == 0
    new = key_file(root).rename(key_file(root).with_name("signing.key.next"))
    key_file(root).write_text("01" * 32)  # as if its program had died before the file took its place
    entries = (root / "audit/log/entries.jsonl").read_bytes()
    assert call("--project", root, "keys", "rotate").code == 0
    assert (root / "audit/log/entries.jsonl").read_bytes() == entries
    assert not new.exists()
    assert call("--project", root, "verify").code == 0


def test_a_key_elsewhere_is_named_and_the_user_told_to_name_it_too(
    call: Call, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_KEY", "02" * 32)
    ended = call("--project", root, "keys", "rotate", "--to", "env:NEW_KEY")
    assert ended.code == 0
    assert builders.make_key(2).key_id in ended.out
    assert "Set `keys.signing: env:NEW_KEY` in project.yaml" in ended.err
    assert key_file(root).read_text() == "01" * 32
    text = (root / "project.yaml").read_text()
    (root / "project.yaml").write_text(text.replace("file:audit/keys/signing.key", "env:NEW_KEY"))
    assert call("--project", root, "verify").code == 0
    refused = call("--project", root, "keys", "rotate")
    assert (refused.code, "which this program cannot write" in refused.err) == (2, True)


def test_a_lost_key_is_replaced_and_third_parties_are_told(call: Call, root: Path) -> None:
    key_file(root).unlink()
    refused = call("--project", root, "keys", "rotate")
    assert (refused.code, "The signing key is not at" in refused.err) == (2, True)
    assert call("--project", root, "keys", "rotate", "--lost").code == 0
    assert call("--project", root, "verify").code == 0
    key_file(root).unlink()
    assert "was not handed over by the one before: it is unknown" in call("--project", root, "verify").err


@pytest.mark.parametrize("command", ["rotate", "introduce"])
def test_a_project_without_a_key_has_none_to_sign_with(call: Call, audited: Path, command: str) -> None:
    refused = call("--project", audited, "keys", command)
    assert (refused.code, "keys.signing: is not set" in refused.err) == (2, True)


def test_a_log_without_a_key_is_signed_when_it_is_said_so(call: Call, audited: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(audited, tmp_path / "p"))
    (root / "project.yaml").write_text(small.PROJECT + KEYS)
    key_file(root).parent.mkdir()
    key_file(root).write_text("01" * 32)
    assert call("--project", root, "rebuild").code == 4
    ended = call("--project", root, "keys", "introduce")
    assert (ended.code, ended.out) == (0, f"The log is signed with the key {OLD} from now on.\n")
    assert call("--project", root, "verify").code == 0
    again = call("--project", root, "keys", "introduce")
    assert (again.code, "the log has one" in again.err) == (2, True)


def test_a_review_is_signed_shown_and_stays_with_its_record(call: Call, root: Path) -> None:
    words = ("review", "risk", "2026-07-01", "--as", "approved", "--reason", "Known.", "--by", "Ada B.")
    ended = call("--project", root, *words)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Ada B. approved risk 2026-07-01 (WARN) at 20")
    sql = "select meaning, name, reason, verdict, root_size from audit.review join audit.evidence_log using (log_index)"
    [found] = json.loads(call("--project", root, "query", sql, "--json").out)
    assert list(found.values()) == ["approved", "Ada B.", "Known.", "WARN", 3]
    shown = json.loads(call("--project", root, "show", "risk", "2026-07-01", "--json").out)["reviews"]
    assert [(r["meaning"], r["superseded"]) for r in shown] == [("approved", False)]
    builders.commit(Store.of(load_project(root)), model_id="risk", psi=0.4)
    publish_store(load_project(root))
    shown = json.loads(call("--project", root, "show", "risk", "2026-07-01", "--json").out)["reviews"]
    assert [(r["meaning"], r["superseded"]) for r in shown] == [("approved", True)]
    assert call("--project", root, "verify").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("review risk 2026-07-01 --as liked --reason x", "one of reviewed, approved, rejected"),
        ("review risk 2026-07-09 --as approved --reason x", "No audit of 'risk' on 2026-07-09 to sign"),
        ("export risk 2026-13-01 -o p.zip", "is neither YYYY-MM-DD nor FROM..TO"),
        ("export risk yesterday -o p.zip", "is neither YYYY-MM-DD nor FROM..TO"),
    ],
)
def test_what_cannot_be_signed_or_exported_is_usage(call: Call, root: Path, words: str, message: str) -> None:
    ended = call("--project", root, *words.split())
    assert ended.code == 2
    assert message in " ".join(ended.err.replace("│", " ").split())


@pytest.mark.parametrize("nights", ["2026-07-01", "2026-06-01..2026-07-31"])
def test_an_export_is_checked_by_its_own_verifier(call: Call, root: Path, tmp_path: Path, nights: str) -> None:
    ended = call("--project", root, "export", "risk", nights, "-o", tmp_path / "pack.zip")
    assert ended.code == 0, ended.err
    assert ended.out.endswith("1 records, 5 files; 1 files were left out.\n")
    assert f"Key: {OLD}" in ended.err
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        lines, signed = check(pack, OLD)
    assert signed
    assert any(line.startswith("risk 2026-07-01: WARN") for line in lines)


def test_no_pack_without_a_record(call: Call, root: Path, tmp_path: Path) -> None:
    ended = call("--project", root, "export", "risk", "2020-01-01", "-o", tmp_path / "pack.zip")
    assert (ended.code, "No record of 'risk' from 2020-01-01" in ended.err) == (1, True)
