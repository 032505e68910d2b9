"""The demo's model-nights come out again from four folders of its store: no project, no sources, no Dagster."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from audit_pipeline.cli import main
from audit_pipeline_tests.acceptance.conftest import Demo

pytestmark = pytest.mark.acceptance
NEEDED = ("evidence", "snapshots", "inputs", "log")


@pytest.mark.parametrize(
    ("model", "nights"), [("high_utilizer", 10), pytest.param(None, 30, marks=pytest.mark.soak)], ids=str
)
def test_every_result_digest_comes_out_again(
    demo: Demo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    model: str | None,
    nights: int,
) -> None:
    for folder in NEEDED:
        shutil.copytree(demo.root / "audit" / folder, tmp_path / "audit" / folder)
    words = ["--project", str(tmp_path), "replay", *([model] if model else []), "--json"]
    monkeypatch.setattr(sys, "argv", ["audit-pipeline", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err[-2000:]
    replays = json.loads(said.out)["replays"]
    assert {(one["outcome"], one["reason"]) for one in replays} == {("REPLAYED", "The same result_digest came out.")}
    assert [one["replayed_digest"] for one in replays] == [one["result_digest"] for one in replays]
    assert len(replays) == nights
