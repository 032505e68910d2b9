"""The demo as a stranger runs it: expected verdicts, nothing done twice, equal results, proof, rebuild, lineage."""

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from audit_pipeline.demo.incidents import expected
from audit_pipeline.demo.source import read
from audit_pipeline_tests.acceptance.conftest import Demo, program
from audit_pipeline_tests.cli.conftest import Call, call  # noqa: F401 (fixture)

pytestmark = pytest.mark.acceptance
SHARED = Path(__file__).parents[3] / "shared" / "openlineage" / "validate_events.py"
FACETS = Path(__file__).parents[2] / "audit_pipeline" / "lineage" / "facets"


def records(root: Path) -> dict[tuple[str, str], str]:
    """Return (model, night) -> result digest from the log, newest last."""
    lines = (root / "audit/log/entries.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return {(e["model_id"], e["night"]): e["body"]["result_digest"] for e in entries if e["kind"] == "record"}


def verdicts(root: Path) -> dict[tuple[str, str], str]:
    with duckdb.connect(str(root / "audit/audit.duckdb"), read_only=True) as con:
        rows = con.execute("select model_id, night::varchar, verdict from audit.model_night").fetchall()
    return {(model, night): verdict for model, night, verdict in rows}


def test_the_injected_model_nights_fail_and_no_other(demo: Demo) -> None:
    assert demo.ran.code == 0, demo.ran.err[-2000:]
    found = verdicts(demo.root)
    assert len(found) == 30
    failed = {key for key, verdict in found.items() if verdict == "FAIL"}
    assert failed == {(model, str(night)) for model, night in expected(demo.root)}
    others = [verdict for key, verdict in found.items() if key not in failed]
    assert others.count("PASS") >= len(others) / 2
    assert "NOT_EVALUATED" not in others


def test_the_last_lines_say_what_to_look_at(demo: Demo) -> None:
    assert demo.ran.out.count("report.html") == 3
    for line in demo.ran.out.splitlines():
        if line.strip().endswith("report.html"):
            assert Path(line.split()[-1]).stat().st_size > 10_000
    assert "--project" in demo.ran.out.rsplit("Next:", 1)[1]


def test_a_reader_never_met_a_lock(demo: Demo) -> None:
    opened, failed, *kinds = demo.reader.split()
    assert int(failed) == 0, kinds
    assert int(opened) >= 200


def test_again_nothing_is_done_twice(demo: Demo) -> None:
    before = (demo.root / "audit/log/entries.jsonl").read_bytes()
    again = program(demo.root, "demo")
    assert again.code == 0, again.err[-2000:]
    assert "Nothing is due" in again.err or "due" not in again.err.replace("model-nights are due", "due")
    assert (demo.root / "audit/log/entries.jsonl").read_bytes() == before


@pytest.mark.soak
def test_by_force_the_same_results_come_out(demo: Demo) -> None:
    before = records(demo.root)
    lines = (demo.root / "audit/log/entries.jsonl").read_bytes()
    forced = program(demo.root, "run", "--force", "--from", "2026-01-02", "--to", "2026-01-03", "--json")
    assert forced.code == 1, forced.err[-2000:]  # an injected night is among them
    audited = json.loads(forced.out)["audited"]
    assert len(audited) == 6
    assert all(line["result_digest"] == before[line["model_id"], line["night"]] for line in audited)
    assert (demo.root / "audit/log/entries.jsonl").read_bytes() == lines  # no new record for an equal result


def test_verify_passes_and_finds_a_changed_byte(demo: Demo, tmp_path: Path) -> None:
    assert program(demo.root, "verify").code == 0
    copy = tmp_path / "data"
    shutil.copytree(demo.root, copy)
    page = next((copy / "audit/artifacts/high_utilizer").rglob("report.html"))
    page.write_bytes(page.read_bytes().replace(b"FAIL", b"PASS", 1) + b" ")
    found = program(copy, "verify")
    assert found.code == 1
    assert "report.html" in found.err


def tables(root: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(root / "audit/audit.duckdb"), read_only=True) as con:
        names = con.execute("select schema_name, table_name from duckdb_tables() order by all").fetchall()
        return {
            f"{schema}.{table}": con.execute(f'select * from "{schema}"."{table}" order by all').fetchall()
            for schema, table in names
        }


def test_the_database_is_only_a_projection(demo: Demo, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(demo.root, copy)
    before = tables(copy)
    (copy / "audit/audit.duckdb").unlink()
    shutil.rmtree(copy / "audit/dagster")
    shutil.rmtree(copy / "audit/.build")
    assert program(copy, "rebuild").code == 0
    after = tables(copy)
    assert before.keys() == after.keys()
    for name, rows in before.items():
        assert rows == after[name], name


def test_every_lineage_event_is_valid_and_every_run_has_its_end(demo: Demo, tmp_path: Path) -> None:
    with duckdb.connect(str(demo.root / "audit/audit.duckdb"), read_only=True) as con:
        open_runs = con.execute("select count(*) from lineage.run where state = 'RUNNING'").fetchall()
        runs = con.execute("select count(*) from lineage.run").fetchall()
    assert open_runs == [(0,)]
    assert runs[0][0] >= 30 * 6
    if not SHARED.exists():
        pytest.skip("the official OpenLineage schemas are not beside this checkout")
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(f.read_bytes() for f in sorted((demo.root / "audit/lineage/outbox").glob("*.jsonl"))))
    checked = subprocess.run(
        [sys.executable, str(SHARED), str(events), "--strict", "--custom", str(FACETS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-2000:]


UNDONE: dict[str, Callable[[float], float]] = {  # unit of the contributions -> to what is logged
    "log-odds": lambda x: 1 / (1 + math.exp(-x)),
    "log of the expected count": math.exp,
    "probability": lambda x: x,
    "prediction": lambda x: x,
}


def test_each_model_says_why_of_one_prediction(demo: Demo, call: Call) -> None:  # noqa: F811
    for model, output in (
        ("high_utilizer", "score"),
        ("inpatient_admission", "score"),
        ("outpatient_visits", "prediction"),
    ):
        log = pd.read_parquet(demo.root / "input" / "logs" / model / "2026-01-02.parquet").iloc[3]
        ran = call("--project", demo.root, "explain", model, "2026-01-02", "--id", log["request_id"], "--json")
        assert ran.code == 0, ran.err[-2000:]
        answer = json.loads(ran.out)
        [row] = answer["rows"]
        assert (row["row_id"], row["logged"]) == (log["request_id"], log[output])
        total = row["base"] + sum(part["contribution"] for part in row["contributions"])
        assert UNDONE[answer["unit"]](total) == pytest.approx(log[output], abs=1e-6)
        assert log["person"] not in ran.out + ran.err


def test_no_person_stands_anywhere_in_the_store(demo: Demo) -> None:
    """The id of every person of the replay is searched in every byte below audit/, Dagster's storage included."""
    persons = {str(int(person)).encode() for person in read()["zper"].unique()}
    assert len(persons) > 5_000
    found = {}
    for path in (demo.root / "audit").rglob("*"):
        if path.is_file():
            words = set(_digit_runs(path.read_bytes()))
            hits = persons & words
            if len(hits) > 3:  # six digits turn up by chance in digests and numbers; a leak shows hundreds
                found[path.relative_to(demo.root).as_posix()] = len(hits)
    assert found == {}


def _digit_runs(data: bytes) -> list[bytes]:
    """Return the runs of exactly six digits that stand alone, not inside a longer word or number."""
    import re

    return re.findall(rb"(?<![0-9A-Za-z.])[0-9]{6}(?![0-9A-Za-z.])", data)
