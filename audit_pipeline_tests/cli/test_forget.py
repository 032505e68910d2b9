"""`erase` and `purge` as they are called."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_pipeline.evidence import Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.snapshot import pseudonym
from audit_pipeline_tests.builders import nights
from audit_pipeline_tests.cli.conftest import Call
from audit_pipeline_tests.forget import light

N1, N2 = nights(2, first=datetime.now(UTC).date() - timedelta(days=30))
RETENTION = "retention: {snapshots: 30 days, inputs: 30 days}\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = light.project(tmp_path_factory.mktemp("forget") / "p", more=RETENTION)
    for night in (N1, N2):
        light.commit(Store.of(project), night)
    publish_store(project)
    return project.root


def test_erase_lists_files_and_verify_passes(call: Call, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("--project", root, "erase", "--id", "-", "--reason", "asked for")
    monkeypatch.setattr("sys.stdin", io.StringIO("p5\n"))
    tried = call(*asked, "--dry-run")
    assert (tried.code, tried.out.splitlines()[-1]) == (0, "Would erase 4 rows in 4 files.")
    monkeypatch.setattr("sys.stdin", io.StringIO("p5\n"))
    done = call(*asked)
    assert (done.code, done.out.splitlines()[-1]) == (0, "Erased 4 rows in 4 files.")
    assert "erase the person there too" in done.err
    for text in (done.out, done.err, tried.out):
        assert pseudonym("p5", light.KEY) not in text
    verified = call("--project", root, "verify")
    assert verified.code == 0
    assert "4 files: rows were erased (1 in the file)." in verified.err
    assert "Signed: 7 of 7 entries" in verified.out  # key, two records, four erasures
    again = call("--project", root, "erase", "--id", "p5", "--reason", "asked for", "--json")
    assert (again.code, json.loads(again.out)["files"]) == (0, [])


def test_erase_refuses_in_a_sentence(call: Call, root: Path) -> None:
    named = call("--project", root, "erase", "--id", "p5", "--reason", "p5 asked")
    assert (named.code, "The reason holds the identifier" in named.err) == (2, True)
    unknown = call("--project", root, "erase", "--id", "p5", "--reason", "r", "--model", "rsk")
    assert (unknown.code, "Did you mean 'risk'?" in unknown.err) == (2, True)
    with Store.of(light.load(root)).session():
        busy = call("--project", root, "erase", "--id", "p5", "--reason", "r")
    assert (busy.code, "A run is at work" in busy.err) == (3, True)


def test_purge_lists_classes_and_verify_says_purged(call: Call, root: Path) -> None:
    tried = call("--project", root, "purge", "--dry-run")
    assert (tried.code, tried.out.splitlines()[-1]) == (0, "Would purge 2 files.")
    early = call("--project", root, "purge", "--night", N2)
    assert (early.code, f"keeps it until {N2 + timedelta(days=30)}" in early.err) == (2, True)
    done = call("--project", root, "purge", "--night", N1)
    assert (done.code, done.out.splitlines()[-1]) == (0, "Purged 2 files.")
    verified = call("--project", root, "verify")
    assert verified.code == 0
    assert "1 file: purged under class snapshots (30 days) on" in verified.err
    over = json.loads(call("--project", root, "purge", "--json").out)
    assert over["files"] == []
    assert {kept["why"] for kept in over["kept"]} == {"its time is not over", "no retention class"}


def test_purge_says_what_a_hold_keeps_and_what_was_changed(call: Call, root: Path) -> None:
    file = light.snapshot_of(Store.of(light.load(root)), N1)
    file.write_bytes(b"something else")
    changed = call("--project", root, "purge")
    assert (changed.code, "was changed: it is evidence of that, and stays" in changed.err) == (1, True)
    text = (root / "project.yaml").read_text()
    (root / "project.yaml").write_text(text + "holds: [{reason: matter 12}]\n")
    held = call("--project", root, "purge")
    assert (held.code, "A legal hold keeps it: matter 12" in held.err) == (0, True)
