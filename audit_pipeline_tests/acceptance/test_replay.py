"""The demo's model-nights come out again from four folders of its store: no project, no sources, no Dagster."""

import json
import shutil
from pathlib import Path

import pytest

from audit_pipeline_tests.acceptance.conftest import Demo
from audit_pipeline_tests.cli.conftest import Call, call  # noqa: F401 (fixture)

pytestmark = pytest.mark.acceptance
NEEDED = ("evidence", "snapshots", "inputs", "log")
FEW = [
    (m, n) for m in ("high_utilizer", "inpatient_admission", "outpatient_visits") for n in ("2026-01-01", "2026-01-08")
]


@pytest.mark.parametrize("asked", [FEW, pytest.param([()], marks=pytest.mark.soak)], ids=["two nights", "all"])
def test_every_result_digest_comes_out_again(
    demo: Demo,
    tmp_path: Path,
    call: Call,  # noqa: F811
    asked: list[tuple[str, ...]],
) -> None:
    for folder in NEEDED:
        shutil.copytree(demo.root / "audit" / folder, tmp_path / "audit" / folder)
    replays = []
    for words in asked:
        said = call("--project", tmp_path, "replay", *words, "--json")
        assert said.code == 0, said.err[-2000:]
        replays += json.loads(said.out)["replays"]
    assert {(one["outcome"], one["reason"]) for one in replays} == {("REPLAYED", "The same result_digest came out.")}
    assert [one["replayed_digest"] for one in replays] == [one["result_digest"] for one in replays]
    assert len(replays) == (len(FEW) if asked is FEW else 30)
