"""A planted person goes from every file of a store that really was audited; what is left is proved, the rest said."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.config import Project, load_project
from audit_pipeline.durable import locked
from audit_pipeline.errors import BusyError, ErasedError, KeptError, KeyMissingError, QueryError
from audit_pipeline.evidence import Store, verify
from audit_pipeline.fleet import publish_store
from audit_pipeline.forget import erase
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext
from audit_pipeline.replay import ReplayOutcome, replay
from audit_pipeline.snapshot import pseudonym
from audit_pipeline_tests.small_project import NIGHTS, PERSON, build, write_labels

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
N1, N2 = NIGHTS[:2]
WHO, NAME, BORN = f"7.{PERSON}", "Jane Planted-Doe", date(1931, 2, 28)
KEY = bytes.fromhex("5a" * 32)
COLUMNS = """\
  person: {type: category, privacy: direct_identifier, role: subject_id}
  name: {type: category, privacy: direct_identifier}
  born: {type: date, privacy: quasi_identifier}
"""
ASKED: dict[str, Any] = {"reason": "asked for on 3 May", "by": "officer"}


def plant(path: Path) -> None:
    """Give everybody a name and a day of birth; those of the person are nobody else's."""
    people = pd.read_parquet(path)
    names = [NAME if who == WHO else f"name {i}" for i, who in enumerate(people["person"])]
    born = [BORN if who == WHO else date(1940, 1, 1) + timedelta(days=i) for i, who in enumerate(people["person"])]
    people.assign(name=names, born=born).to_parquet(path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of `churn`, the first with labels; a reference file; everything signed and published."""
    root = build(tmp_path_factory.mktemp("person") / "p", nights=[N1, N2], labelled=[N1], models=["churn"])
    model = root / "models" / "churn.yaml"
    model.write_text(
        model.read_text().replace("  person: {type: category, privacy: direct_identifier, role: subject_id}\n", COLUMNS)
    )
    for path in (root / "input" / "churn_reference.parquet", *(root / "input" / "churn").iterdir()):
        plant(path)
    project = load_project(root)
    for night in (N1, N2):
        audit_model_night(project, "churn", night, run=RUN, newest=N2)
    publish_store(project)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    return load_project(Path(shutil.copytree(template, tmp_path / "p")))


def tables(root: Path) -> Iterator[tuple[str, Any]]:
    """Yield every file of the store that holds rows, read as values."""
    for path in sorted((root / "audit").rglob("*")):
        if path.is_file() and path.read_bytes()[:4] == b"PAR1":
            yield path.relative_to(root / "audit").as_posix(), pq.read_table(path)


def holds_values(root: Path, wanted: set[Any]) -> set[str]:
    """Return the files in which one of the values stands in some cell."""
    return {
        path for path, table in tables(root) for column in table.columns if wanted & set(column.unique().to_pylist())
    }


def holds_bytes(root: Path, *wanted: str) -> set[str]:
    """Return the files below `audit/`, keys aside, whose bytes hold one of the words."""
    files = (p for p in (root / "audit").rglob("*") if p.is_file() and "keys" not in p.parts)
    return {p.relative_to(root).as_posix() for p in files if any(word.encode() in p.read_bytes() for word in wanted)}


def entries(store: Store, kind: str = "erasure") -> list[Any]:
    return [entry for entry in store.log.entries() if entry.kind == kind]


def test_the_planted_person_is_in_no_file_afterwards_by_bytes_and_by_values(project: Project) -> None:
    root, store = project.root, Store.of(project)
    masked = pseudonym(WHO, KEY)
    mine = {masked, pseudonym(NAME, KEY), BORN, f"{N1}-0007", f"{N2}-0007", "reference-0007"}
    before = dict(tables(root))
    [labels] = [p for p, t in before.items() if t.column_names == ["request", "label"]]
    [reference] = [p for p, t in before.items() if "person" in t.column_names and p.startswith("inputs/")]
    snapshots = [p for p in before if p.startswith("snapshots/")]
    assert holds_values(root, mine) == {labels, reference, *snapshots}
    assert holds_values(root, {BORN}) == {reference, *snapshots}
    assert list((root / "audit/.cache/reference/churn").iterdir())  # sorted values, hers among them
    others = {path: table.num_rows for path, table in before.items()}

    done = erase(project, WHO, **ASKED)

    assert [(f.path, f.rows) for f in done.files] == [(p, 1) for p in (labels, reference, *snapshots)]
    assert done.unsearched == ()
    assert holds_values(root, mine) == set()
    assert holds_bytes(root, WHO, NAME, masked, pseudonym(NAME, KEY), "1931-02-28", "-0007") == set()
    assert not list((root / "audit/.cache/reference/churn").iterdir())
    after = dict(tables(root))
    assert {path: table.num_rows for path, table in after.items()} == {path: rows - 1 for path, rows in others.items()}
    for path, table in after.items():  # everybody else is there as before
        column = "request"
        expected = before[path].filter(pa.array([not v.endswith("-0007") for v in before[path][column].to_pylist()]))
        assert table.equals(expected)
    found = verify(store)
    assert found.ok, found.problems
    assert "4 files: rows were erased (1 in the file)." in found.notes
    publish_store(project)
    with duckdb.connect(str(project.layout.database), read_only=True) as connection:
        told = connection.execute("select path from audit.erasure order by log_index").fetchall()
    assert told == [(f.path,) for f in done.files]
    assert verify(store).signed == len(list(store.log.entries()))
    assert not (store.root / ".work").exists() or not list((store.root / ".work").glob("*.session"))


def test_the_entry_names_digests_rows_reason_and_account_and_not_the_person(project: Project) -> None:
    store = Store.of(project)
    done = erase(project, WHO, **ASKED)
    said = entries(store)
    assert [e.index for e in said] == [f.entry for f in done.files]
    record = store.read_record("churn", str(N1), store.heads()["churn", str(N1)].digest)
    snapshot = record["result"]["snapshot"]
    [entry] = [e for e in said if e.body["path"] == snapshot["path"]]
    assert (entry.model_id, entry.night) == ("churn", str(N1))
    assert entry.body["sha256"] == snapshot["sha256"]
    assert (entry.body["rows"], entry.body["reason"], entry.body["by"]) == (1, "asked for on 3 May", "officer")
    [group], [recorded] = entry.body["groups"], snapshot["row_groups"]
    assert (group["sha256_before"], group["rows_before"], group["rows"]) == (recorded["sha256"], 600, 599)
    assert not holds_bytes(project.root, WHO, pseudonym(WHO, KEY))


def test_a_night_that_lost_rows_is_not_replayable_and_the_report_stays(project: Project) -> None:
    store = Store.of(project)
    head = store.heads()["churn", str(N1)]
    erase(project, WHO, **ASKED)
    done = replay(store, head)
    assert done.outcome is ReplayOutcome.NOT_REPLAYABLE
    assert "1 row of snapshots/churn/2026-03-01/" in done.reason


def test_a_dry_run_says_the_same_and_changes_nothing(project: Project) -> None:
    audit = project.layout.audit
    before = {p: p.read_bytes() for p in audit.rglob("*") if p.is_file()}
    said = erase(project, WHO, dry_run=True, **ASKED)
    assert {p: p.read_bytes() for p in audit.rglob("*") if p.is_file()} == before
    done = erase(project, WHO, **ASKED)
    assert [(f.path, f.rows, f.groups) for f in said.files] == [(f.path, f.rows, f.groups) for f in done.files]
    assert erase(project, WHO, **ASKED).files == ()  # nothing is left, and nothing is logged
    assert len(entries(Store.of(project))) == len(done.files)


def test_a_second_person_goes_on_from_what_the_first_left(project: Project) -> None:
    store = Store.of(project)
    erase(project, WHO, **ASKED)
    erase(project, f"8.{PERSON}", **ASKED)
    assert verify(store).ok
    assert "2 rows of snapshots" in replay(store, store.heads()["churn", str(N1)]).reason
    assert holds_values(project.root, {pseudonym(f"8.{PERSON}", KEY)}) == set()


@pytest.mark.acceptance
def test_a_source_that_still_holds_the_person_is_not_taken_in_again(project: Project) -> None:
    erase(project, WHO, **ASKED)
    write_labels(project.root, N2)  # the night is due again
    with pytest.raises(ErasedError, match="still holds rows that were erased from snapshots/churn/2026-03-02/") as told:
        audit_model_night(project, "churn", N2, run=RUN, newest=N2)
    assert told.value.exit_code == 3
    assert Store.of(project).sweep_if_alone() > 0
    log = project.root / "input" / "churn" / f"{N2}.parquet"
    reference = project.root / "input" / "churn_reference.parquet"
    for path in (log, reference):
        people = pd.read_parquet(path)
        people[people["person"] != WHO].to_parquet(path)
    made = audit_model_night(project, "churn", N2, run=RUN, newest=N2)
    assert made.result.snapshot is not None
    assert (made.committed.new, made.result.snapshot.rows) == (True, 599)
    assert verify(Store.of(project)).ok


def test_what_lies_in_quarantine_is_searched_too(project: Project) -> None:
    store = Store.of(project)
    snapshot = store.root / next(path for path, _ in tables(project.root) if path.startswith("snapshots/"))
    aside = store.layout.quarantine / "0123456789ab-refused.parquet"
    aside.parent.mkdir(parents=True)
    shutil.copyfile(snapshot, aside)
    done = erase(project, WHO, **ASKED)
    assert f"quarantine/{aside.name}" in {f.path for f in done.files}
    assert holds_values(project.root, {pseudonym(WHO, KEY)}) == set()


@pytest.mark.acceptance
def test_rows_of_which_nobody_can_tell_whose_they_are_are_said(project: Project) -> None:
    """A reference without persons, as older versions froze it."""
    store = Store.of(project)
    reference = project.root / "input" / "churn_reference.parquet"
    pd.read_parquet(reference).drop(columns=["person"]).to_parquet(reference)
    made = audit_model_night(project, "churn", N1, run=RUN, newest=N2)
    [ref] = [r.path for r in made.result.inputs if r.role == "reference"]
    done = erase(project, WHO, **ASKED)
    assert dict(done.unsearched) == {ref: "has no column that says whose a row is (`role: subject_id`)"}
    assert verify(store).ok


def test_labels_whose_snapshot_is_gone_are_said(project: Project) -> None:
    """Only the snapshot says which row ids are the person's: after its purge nobody can tell."""
    store = Store.of(project)
    [entry] = [e for e in store.log.of_model("churn") if e.kind == "record" and e.night == N1.isoformat()]
    result = store.read_record("churn", entry.night, entry.digest)["result"]
    store.vault.where(result["snapshot"]["path"]).unlink()
    [labels] = [ref["path"] for ref in result["inputs"] if ref["role"] == "labels"]
    done = erase(project, WHO, **ASKED)
    assert "that tells whose these are is gone" in dict(done.unsearched)[labels]
    assert labels not in [file.path for file in done.files]


def test_a_legal_hold_refuses_before_anything_is_erased(project: Project) -> None:
    text = (project.root / "project.yaml").read_text()
    hold = "holds: [{model: churn, first: 2026-03-02, reason: matter 12}]\n"
    (project.root / "project.yaml").write_text(text + hold)
    with pytest.raises(KeptError, match=r"is under a legal hold \(matter 12\): nothing was erased") as told:
        erase(load_project(project.root), WHO, **ASKED)
    assert told.value.exit_code == 2
    assert entries(Store.of(project)) == []


def test_while_a_run_is_at_work_it_refuses(project: Project) -> None:
    with Store.of(project).session(), pytest.raises(BusyError, match="`erase` has not begun"):
        erase(project, WHO, **ASKED)
    with locked(project.layout.audit / ".locks" / "store", shared=True):
        assert erase(project, WHO, dry_run=True, **ASKED).rows == 4
    assert entries(Store.of(project)) == []


@pytest.mark.parametrize(
    ("who", "reason", "match"),
    [("", "r", "needs an identifier"), (WHO, " ", "and a reason"), (WHO, f"forget {WHO}", "holds the identifier")],
)
def test_what_would_erase_nothing_or_keep_the_person_in_the_log_is_refused(
    project: Project, who: str, reason: str, match: str
) -> None:
    with pytest.raises(QueryError, match=match) as told:
        erase(project, who, reason=reason, by="officer")
    assert WHO not in str(told.value)


def test_without_the_pseudonym_key_nobody_is_found_and_it_says_so(project: Project) -> None:
    (project.root / "audit/keys/pseudonym.key").unlink()
    with pytest.raises(KeyMissingError, match="pseudonym key"):
        erase(project, WHO, **ASKED)


def test_somebody_else_of_a_like_name_stays(project: Project) -> None:
    assert erase(project, f"07.{PERSON}", **ASKED).files == ()
    assert erase(project, WHO.upper(), **ASKED).files == ()
    assert json.dumps([e.kind for e in Store.of(project).log.entries()]).count("erasure") == 0
