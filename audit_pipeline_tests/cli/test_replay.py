"""`replay`: which model-nights are meant, what is said of them, and the exit codes."""

import json
import shutil
from pathlib import Path

from audit_pipeline.errors import ExitCode
from audit_pipeline_tests.builders import make_store
from audit_pipeline_tests.cli.conftest import Call


def test_a_store_of_an_older_version_is_not_replayable_and_not_passed(call: Call, audited: Path) -> None:
    done = call("--project", audited, "replay")
    assert done.code == ExitCode.NOT_EVALUATED
    assert done.err.count("NOT_REPLAYABLE: It cannot be computed anew: its record is of a version") == 2
    assert done.out == "2 model-nights: 2 NOT_REPLAYABLE.\n"


def test_one_model_night_as_json(call: Call, audited: Path) -> None:
    done = call("--project", audited, "replay", "risk", "2026-07-02", "--json")
    assert done.code == ExitCode.NOT_EVALUATED
    [one] = json.loads(done.out)["replays"]
    assert (one["model_id"], one["night"], one["outcome"]) == ("risk", "2026-07-02", "NOT_REPLAYABLE")


def test_what_differs_counts_more_than_what_cannot_be_replayed(call: Call, audited: Path, tmp_path: Path) -> None:
    shutil.copytree(audited, tmp_path / "p")
    store = make_store(tmp_path / "p")
    entry = next(iter(store.log.entries()))
    path = store.record_path(entry.model_id, entry.night, entry.digest)
    path.write_bytes(path.read_bytes().replace(b"0.125", b"0.001"))
    (tmp_path / "p" / "project.yaml").write_text("no project any more")
    done = call("--project", tmp_path / "p", "replay", "risk")
    assert done.code == ExitCode.FAILED
    assert done.out == "2 model-nights: 1 DIFFERS, 1 NOT_REPLAYABLE.\n"
    assert "what changed in them since is not told" in done.err


def test_a_model_or_night_without_a_record_is_a_fault_of_the_call(call: Call, audited: Path) -> None:
    for words in (("nobody",), ("risk", "2020-01-01")):
        done = call("--project", audited, "replay", *words)
        assert done.code == ExitCode.USAGE
        assert "There are records of: risk." in done.err
