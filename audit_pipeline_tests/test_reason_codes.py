"""Reasons kept for single rows: computed anew and equal, encrypted, proved, erased and purged, and told nowhere."""

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from audit_pipeline.config import ModelConfig, Project, load_project
from audit_pipeline.config.policy import ReasonCodesPolicy
from audit_pipeline.errors import ConfigError, ExplainError
from audit_pipeline.evidence import Store, verify
from audit_pipeline.evidence.export import export
from audit_pipeline.explain.called import rows_decided
from audit_pipeline.explain.engine_shap import attribute
from audit_pipeline.explain.reasons import Reasons, reasons
from audit_pipeline.explain.scored import scored_sample
from audit_pipeline.forget import erase, purge
from audit_pipeline.replay import ReplayOutcome, replay
from audit_pipeline_tests.explain.kit import Night, night, outcome, people
from audit_pipeline_tests.explain.test_explain import pipeline
from audit_pipeline_tests.small_project import NIGHTS, PERSON, SPEND, build

NIGHT = NIGHTS[0]
MINE = f"{NIGHT}-0007"


@pytest.fixture
def project(asked_store: Path, tmp_path: Path) -> Project:
    return load_project(Path(shutil.copytree(asked_store, tmp_path / "p")))


def told(project: Project) -> dict[str, Any]:
    """What the record says of the reasons."""
    store = Store.of(project)
    entry = store.heads()["churn", NIGHT.isoformat()]
    found: dict[str, Any] = store.read_record("churn", entry.night, entry.digest)["result"]["explanation"]
    codes: dict[str, Any] = found["reason_codes"]
    return codes


def kept(project: Project) -> pd.DataFrame:
    """The file, decrypted."""
    store = Store.of(project)
    with store.vault.session():
        return pd.read_parquet(store.vault.plain(told(project)["file"]["path"]))


def test_the_reason_of_every_yes_is_kept_encrypted_and_comes_out_again(project: Project) -> None:
    log = pd.read_parquet(project.root / "input" / "churn" / f"{NIGHT}.parquet")
    yes = log[log["score"] >= 0.5]
    codes, table, store = told(project), kept(project), Store.of(project)
    assert (codes["cases"], codes["rows"], codes["top"], codes["reason"]) == ("positive", len(yes), 1, None)
    assert list(table) == ["request", "reason_rank", "reason_feature", "reason_contribution"]
    assert set(table["request"]) <= set(yes["request"])
    assert len(table) > 0.9 * len(yes)  # a yes may be all the intercept's
    assert (table["reason_contribution"] > 0).all()
    assert MINE in set(table["request"])
    name = codes["file"]["path"]
    assert not (store.root / name).exists()
    assert (store.root / f"{name}.enc").exists()
    entry = store.heads()["churn", NIGHT.isoformat()]
    found = replay(store, entry)
    assert (found.outcome, found.reason) == (ReplayOutcome.REPLAYED, "The same result_digest came out.")
    assert verify(store).ok


def test_a_changed_file_and_a_missing_one_are_found(project: Project) -> None:
    store, name = Store.of(project), f"{told(project)['file']['path']}.enc"
    path = store.root / name
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert [p.path for p in verify(store).problems] == [told(project)["file"]["path"]]
    path.unlink()
    assert [p.message for p in verify(store).problems] == ["is missing: a record or the log names it"]


def test_an_erased_person_has_no_reason_left_and_what_is_left_is_proved(project: Project) -> None:
    before = kept(project)
    done = erase(project, f"7.{PERSON}", reason="asked", by="officer", model_id="churn")
    assert done.unsearched == ()
    assert told(project)["file"]["path"] in {file.path for file in done.files}
    after = kept(project)
    pd.testing.assert_frame_equal(after, before[before["request"] != MINE].reset_index(drop=True))
    found = verify(Store.of(project))
    assert found.ok, found.problems


def test_purge_takes_them_with_the_snapshots(project: Project) -> None:
    name = told(project)["file"]["path"]
    done = purge(project, by="officer", now=datetime.now(UTC))
    assert {file.kind for file in done.files if file.path == name} == {"snapshots"}
    store = Store.of(project)
    assert not store.vault.where(name).exists()
    assert not list((store.root / "snapshots").rglob("*.parquet*"))
    assert verify(store).ok


def test_no_row_id_is_published_or_leaves_with_a_pack(project: Project, tmp_path: Path) -> None:
    with duckdb.connect(str(project.layout.database), read_only=True) as connection:
        sql = "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
        tables = [name for (name,) in connection.execute(sql).fetchall()]
        rows = [str(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables]
        roles = [role for (role,) in connection.execute("SELECT role FROM artifact").fetchall()]
    assert "reason_codes" in roles
    assert not [table for table, text in zip(tables, rows, strict=True) if f"{NIGHT}-00" in text]
    export(Store.of(project), tmp_path / "pack.zip", "churn", first=NIGHT, last=NIGHT)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        assert not [name for name in pack.namelist() if "snapshots/" in name]


# --- which rows, and which reasons ---------------------------------------------------------------------------------


def asked(made: Night, **policy: Any) -> Reasons:
    wanted = ReasonCodesPolicy.model_validate(policy)
    return reasons(made.snapshot, made.artefact, made.config, wanted, sha256=made.sha256, seed=7, rows=2_000)


def test_cases_are_split_by_decision_and_reasons_are_the_largest_of_their_side(tmp_path: Path) -> None:
    frame = people(90)
    made = night(tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame)
    scores = pd.read_parquet(made.snapshot)["out"].to_numpy()
    yes, no, every = (asked(made, cases=cases, top=2) for cases in ("positive", "negative", "all"))
    assert (yes.cases, no.cases, every.cases) == (int((scores >= 0.5).sum()), int((scores < 0.5).sum()), 90)
    assert sorted(set(yes.row_ids) | set(no.row_ids)) == sorted(set(every.row_ids))
    assert min(yes.contributions) > 0 > max(no.contributions)
    scored = scored_sample(made.snapshot, made.artefact, made.config, sha256=made.sha256, seed=7, rows=2_000)
    values = attribute(scored.model, scored.frame, seed=7).values
    first = {row: c for row, rank, c in zip(yes.row_ids, yes.ranks, yes.contributions, strict=True) if rank == 1}
    for row, contribution in first.items():
        assert contribution == pytest.approx(values[int(row[1:])].max())


def test_a_logged_decision_counts_before_the_score(tmp_path: Path) -> None:
    frame = people(60)
    made = night(tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame)
    table = pd.read_parquet(made.snapshot)
    said = pd.Series([1.0] * 20 + [0.0] * 20 + [np.nan] * 20)  # where it is missing, the score says it
    table.assign(said=said).to_parquet(made.snapshot)
    columns = made.config.model_dump()["columns"] | {
        "said": {"type": "number", "privacy": "none", "role": "prediction"}
    }
    config = ModelConfig.model_validate(made.config.model_dump() | {"columns": columns})
    found = rows_decided(made.snapshot, ["row"], config, "positive", most=100)
    rest = table["row"][40:][table["out"][40:] >= 0.5]
    assert list(found["row"]) == [*table["row"][:20], *rest]


def test_more_cases_than_allowed_are_none_and_no_case_is_none(tmp_path: Path) -> None:
    frame = people(60)
    model = pipeline(LogisticRegression()).fit(frame, outcome(frame))
    made = night(tmp_path, model, frame)
    with pytest.raises(ExplainError, match=r"More than 59 rows have that decision \(`reason_codes.most`\)"):
        asked(made, cases="all", most=59)
    assert asked(made, cases="all", most=60).cases == 60
    quiet = night(tmp_path, model, frame, score=np.full(60, 0.1))
    assert asked(quiet, cases="positive") == Reasons(0, (), (), (), ())


def test_reasons_that_nothing_could_give_are_a_fault_of_the_configuration(tmp_path: Path) -> None:
    root = build(tmp_path / "p", nights=(), labelled=(), models=["spend"])
    spend = SPEND + "policy: {explanation: {reason_codes: {cases: positive}}}\n"
    (root / "models" / "spend.yaml").write_text(spend)
    with pytest.raises(ConfigError) as raised:
        load_project(root)
    assert "needs the model itself" in str(raised.value)
    assert "must be `all`: a regression model makes no decision" in str(raised.value)
