"""`explain` on nights that were really audited: one person's answer, from what is frozen, and nobody else's data."""

import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from audit_pipeline.config import load_project
from audit_pipeline.evidence import Store
from audit_pipeline.forget import erase
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext
from audit_pipeline.snapshot import pseudonym
from audit_pipeline_tests.cli.conftest import Call, call
from audit_pipeline_tests.small_project import NIGHTS, PERSON, ROWS, build

__all__ = ["call"]  # the fixture

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
NIGHT = NIGHTS[0]
WHO, ROW = f"7.{PERSON}", f"{NIGHT}-0007"
KEY = bytes.fromhex("5a" * 32)


@pytest.fixture
def root(asked_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(asked_store, tmp_path / "p"))


def files(root: Path) -> set[Path]:
    return {path for path in (root / "audit").rglob("*") if path.is_file()}


def test_a_person_and_a_prediction_have_one_answer_and_it_holds_nobody_elses_data(
    call: Call, asked_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--project", asked_store, "explain", "churn", NIGHT, "--id")
    before = files(asked_store)
    by_row = call(*asked, ROW, "--json")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WHO}\n"))
    by_person = call(*asked, "-", "--json")
    assert (by_row.code, by_person.code) == (0, 0)
    assert by_row.out == by_person.out
    assert files(asked_store) == before
    answer = json.loads(by_row.out)
    log = pd.read_parquet(asked_store / "input" / "churn" / f"{NIGHT}.parquet")
    mine = log[log["request"] == ROW].iloc[0]
    [row] = answer["rows"]
    assert (row["row_id"], row["logged"], row["own"]) == (ROW, mine["score"], pytest.approx(mine["score"], abs=1e-12))
    assert {p["feature"]: p["value"] for p in row["contributions"]} == {"age": mine["age"], "visits": mine["visits"]}
    assert row["output"] == pytest.approx(row["base"] + sum(p["contribution"] for p in row["contributions"]))
    assert answer["unit"] == "log-odds"
    for other in log[log["request"] != ROW].itertuples():
        assert str(other.request) not in by_row.out
        assert pseudonym(str(other.person), KEY) not in by_row.out
        assert str(other.age) not in by_row.out
        assert str(other.score) not in by_row.out
    shown = call(*asked, WHO)
    assert f"churn {NIGHT}: {ROW}" in shown.out
    for text in (shown.out, shown.err, by_row.out, by_row.err):
        assert PERSON not in text
        assert pseudonym(WHO, KEY) not in text
    assert "Reasons for" in shown.out


def test_what_cannot_be_answered_is_one_sentence_and_a_code(call: Call, root: Path) -> None:
    asked = ("--project", root, "explain")
    nobody = call(*asked, "churn", NIGHT, "--id", "nobody@example.org")
    assert (nobody.code, nobody.out) == (2, "")
    assert "No row of the snapshot has that identifier. It is looked for in request and person" in nobody.err
    assert "nobody@" not in nobody.err
    night = call(*asked, "churn", NIGHTS[1], "--id", WHO)
    assert (night.code, "No record of 'churn' on 2026-03-02." in night.err) == (2, True)
    none = call(*asked, "spend", NIGHT, "--id", "01-0003")
    assert (none.code, "No model file stands behind the record" in none.err) == (3, True)
    key = root / "audit" / "keys" / "pseudonym.key"
    key.unlink()
    lost = call(*asked, "churn", NIGHT, "--id", WHO)
    assert (lost.code, "The pseudonym key is not at" in lost.err) == (2, True)
    key.write_text("5a" * 32)
    [model] = {row["path"] for row in inputs(root) if row["role"] == "model"}
    sealed = root / "audit" / f"{model}.enc"
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"\0")
    changed = call(*asked, "churn", NIGHT, "--id", WHO)
    assert (changed.code, "cannot be decrypted" in changed.err) == (1, True)


def inputs(root: Path) -> list[dict[str, str]]:
    store = Store.of(load_project(root))
    entry = store.heads()["churn", NIGHT.isoformat()]
    found: list[dict[str, str]] = store.read_record("churn", NIGHT.isoformat(), entry.digest)["result"]["inputs"]
    return found


def test_after_an_erasure_the_person_is_gone_and_the_others_have_their_answer(call: Call, root: Path) -> None:
    erase(load_project(root), WHO, reason="asked", by="officer")
    gone = call("--project", root, "explain", "churn", NIGHT, "--id", WHO)
    assert (gone.code, "Rows were erased from it since." in gone.err) == (2, True)
    there = call("--project", root, "explain", "churn", NIGHT, "--id", f"8.{PERSON}")
    assert there.code == 0
    assert "Fewer than 11 rows were erased from the snapshot since" in there.err


def audited_with(root: Path, column: str, *, of: str, becomes: str) -> pd.DataFrame:
    """Audit a night on which one request has another value in one column; return its log."""
    build(root, nights=[NIGHT], labelled=(), models=["churn"])
    path = root / "input" / "churn" / f"{NIGHT}.parquet"
    log = pd.read_parquet(path)
    log[column] = log[column].where(log["request"] != of, becomes)
    log.to_parquet(path)
    audit_model_night(load_project(root), "churn", NIGHT, run=RUN)
    return log


def test_an_identifier_of_one_persons_prediction_and_of_another_person_is_refused(call: Call, tmp_path: Path) -> None:
    root, request = tmp_path / "p", f"{NIGHT}-0009"
    log = audited_with(root, "person", of=f"{NIGHT}-0005", becomes=request)
    twice = call("--project", root, "explain", "churn", NIGHT, "--id", request)
    assert (twice.code, "stands in more than one of the columns request, person" in twice.err) == (2, True)
    assert request not in twice.err
    assert len(log) == ROWS


def test_a_row_id_of_several_rows_is_refused(call: Call, tmp_path: Path) -> None:
    """A night that was stopped for that can still be asked: one of the rows may be somebody else's."""
    root, request = tmp_path / "p", f"{NIGHT}-0007"
    audited_with(root, "request", of=f"{NIGHT}-0008", becomes=request)
    twice = call("--project", root, "explain", "churn", NIGHT, "--id", request)
    assert (twice.code, "Several rows of the snapshot have that identifier as their request" in twice.err) == (2, True)
    assert twice.out == ""
