"""What is deleted when: by class, by the last night that stands on it, never early, under a hold or in silence."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.config import Project, load_project
from audit_pipeline.config.retention import until
from audit_pipeline.due import due_nights
from audit_pipeline.errors import BusyError, EvidenceError, KeptError
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.export import export
from audit_pipeline.fleet import publish_store
from audit_pipeline.forget import Why, erase, purge
from audit_pipeline_tests.builders import nights
from audit_pipeline_tests.config import small
from audit_pipeline_tests.forget import light
from audit_pipeline_tests.hardship import quick_folder

TODAY = datetime.now(UTC)
N1, N2, N3 = DAYS = nights(3, first=TODAY.date() - timedelta(days=12))
RETENTION = "retention: {snapshots: 20 days, inputs: 20 days, artifacts: 40 days, evidence: 60 days}\n"


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """Three nights, all of them 10 to 12 days old."""
    with quick_folder() as folder:
        project = light.project(folder / "p", more=RETENTION)
        for night in DAYS:
            light.commit(Store.of(project), night)
        publish_store(project)
        yield folder / "p"


@pytest.fixture
def project(template: Path) -> Iterator[Project]:
    with quick_folder() as folder:
        yield load_project(Path(shutil.copytree(template, folder / "p")))


def after(night: date, days: int) -> datetime:
    """Return noon of the day so many days after a night."""
    return datetime.combine(night, datetime.min.time(), UTC) + timedelta(days=days, hours=12)


def held(project: Project, text: str) -> Project:
    """Return the project with legal holds."""
    file = project.root / "project.yaml"
    file.write_text(file.read_text() + text)
    return load_project(project.root)


def left(project: Project) -> set[tuple[str, str]]:
    """Return (class, night or "") of the files that are there."""
    found = set()
    for kind in ("snapshots", "inputs", "artifacts", "evidence"):
        for path in (project.layout.audit / kind).rglob("*"):
            if path.is_file():
                parts = path.relative_to(project.layout.audit).parts
                found.add((kind, parts[2] if kind != "inputs" else ""))
    return found


def test_a_file_goes_on_the_day_after_its_time_and_not_before(project: Project) -> None:
    assert purge(project, by="officer", now=after(N1, 19)).files == ()
    gone = purge(project, by="officer", now=after(N1, 20)).files
    assert {(file.kind, file.night) for file in gone} == {("snapshots", str(N1)), ("inputs", str(N1))}
    assert all(not (project.layout.audit / file.path).exists() for file in gone)
    assert ("snapshots", str(N2)) in left(project)
    assert verify(Store.of(project)).ok


def test_an_input_stays_until_the_last_night_that_stands_on_it(project: Project) -> None:
    [shared] = [
        path for path in (project.layout.audit / "inputs").iterdir() if path.read_bytes() == light.MODEL.encode()
    ]
    purge(project, by="officer", now=after(N3, 19))
    assert shared.exists()
    purge(project, by="officer", now=after(N3, 20))
    assert not shared.exists()
    assert {kind for kind, _ in left(project)} == {"artifacts", "evidence"}


def test_verify_says_purged_and_not_missing_and_a_missing_file_is_still_missing(project: Project) -> None:
    store = Store.of(project)
    day = after(N1, 20)
    purge(project, by="officer", now=day)
    found = verify(store)
    assert found.ok
    assert f"1 file: purged under class snapshots (20 days) on {day.date()}." in found.notes
    light.snapshot_of(store, N2).unlink()
    assert [p.message for p in verify(store).problems] == ["is missing: a record or the log names it"]


def test_records_go_last_and_the_log_keeps_their_entries(project: Project) -> None:
    store = Store.of(project)
    before = [e.digest for e in store.log.entries() if e.kind == "record"]
    purge(project, by="officer", now=after(N3, 59))
    assert left(project) == {("evidence", str(N3))}
    purge(project, by="officer", now=after(N3, 60))
    assert left(project) == set()
    assert [e.digest for e in store.log.entries() if e.kind == "record"] == before
    found = verify(store)
    assert (found.ok, found.records) == (True, 3)
    assert store.heads() == {}
    assert (project.layout.audit / "keys" / "signing.key").exists()


def test_the_database_forgets_purged_records_whether_carried_on_or_made_anew(project: Project) -> None:
    def published(*, anew: bool) -> dict[str, list[tuple[object, ...]]]:
        publish_store(project, anew=anew)
        with duckdb.connect(str(project.layout.database), read_only=True) as connection:
            return {
                name: sorted(connection.execute(f"from {name}").fetchall(), key=repr)
                for name in ("record", "model_night", "drift", "finding", "evidence_log", "snapshot")
            }

    assert len(published(anew=False)["record"]) == 3
    purge(project, by="officer", now=after(N2, 60))
    carried = published(anew=False)
    assert [row[0] for row in carried["record"]] == [Store.of(project).heads()["risk", str(N3)].digest]
    assert carried == published(anew=True)
    with duckdb.connect(str(project.layout.database), read_only=True) as connection:
        gone = connection.execute("select path from audit.purge").fetchall()
    assert {path for (path,) in gone} == {
        f["path"] for e in Store.of(project).log.of_kind("purge") for f in e.body["files"]
    }


def test_a_purged_night_is_not_due_again(project: Project) -> None:
    small_log = project.root / "logs" / f"{N1}.parquet"
    small_log.parent.mkdir()
    small_log.write_bytes(light.file_bytes(light.frame(N1)))
    purge(project, by="officer", now=after(N1, 60))
    asked = {"first": N1, "last": N1, "now": datetime.now(UTC)}
    assert due_nights(project, **asked) == []  # type: ignore[arg-type]
    assert [d.why for d in due_nights(project, force=True, **asked)] == ["new"]  # type: ignore[arg-type]


def test_asked_for_too_early_it_refuses_and_says_until_when(project: Project) -> None:
    with pytest.raises(KeptError) as told:
        purge(project, by="officer", night=N1, now=after(N1, 19))
    assert f"The class snapshots (20 days) keeps it until {N1 + timedelta(days=20)}." in str(told.value)
    assert told.value.exit_code == 2
    assert ("snapshots", str(N1)) in left(project)


def test_a_hold_keeps_what_is_due_and_what_is_asked_for(project: Project) -> None:
    project = held(project, f"holds: [{{model: risk, first: {N1}, last: {N1}, reason: matter 12}}]\n")
    done = purge(project, by="officer", now=after(N3, 60))
    assert {kept.reason for kept in done.kept_for(Why.HELD)} == {"A legal hold keeps it: matter 12"}
    assert left(project) == {("snapshots", str(N1)), ("inputs", ""), ("artifacts", str(N1)), ("evidence", str(N1))}
    assert verify(Store.of(project)).ok
    with pytest.raises(KeptError, match="A legal hold keeps it: matter 12"):
        purge(project, by="officer", night=N1, now=after(N3, 60))


def test_a_file_that_was_changed_stays_as_evidence_of_that(project: Project) -> None:
    file = light.snapshot_of(Store.of(project), N1)
    file.write_bytes(b"something else")
    done = purge(project, by="officer", now=after(N1, 20))
    [kept] = done.kept_for(Why.CHANGED)
    assert kept.path == file.relative_to(project.layout.audit).as_posix()
    assert file.exists()


def test_a_file_that_rows_were_erased_from_goes_as_it_is(project: Project) -> None:
    store = Store.of(project)
    erase(project, "p3", reason="asked for", by="officer")
    done = purge(project, by="officer", now=after(N1, 20))
    assert [f for f in done.files if f.kind == "snapshots"]
    assert verify(store).ok


def test_a_dry_run_deletes_and_logs_nothing(project: Project) -> None:
    store, before = Store.of(project), left(project)
    said = purge(project, by="officer", now=after(N3, 60), dry_run=True)
    assert (left(project), [e for e in store.log.entries() if e.kind == "purge"]) == (before, [])
    assert purge(project, by="officer", now=after(N3, 60)).files == said.files


def test_a_purge_before_its_time_is_found_even_when_it_is_logged_and_signed(project: Project) -> None:
    """Somebody with the key, and no patience."""
    store = Store.of(project)
    file = light.snapshot_of(store, N1)
    name, digest = file.relative_to(store.root).as_posix(), sha256(file.read_bytes())
    body = {"class": "snapshots", "kept": "20 days", "day": str(N1 + timedelta(days=3)), "by": "me"}
    body["files"] = [{"path": name, "sha256": digest, "bytes": 1}]  # type: ignore[assignment]
    store.log.append("purge", model_id="risk", night=str(N1), digest=sha256(canonical(body)), body=body, run="purge")
    seal(store.log)
    file.unlink()
    [problem] = verify(store).problems
    assert problem.path == name
    assert problem.message.endswith(", before its time")


def test_without_retention_nothing_ever_goes(project: Project) -> None:
    file = project.root / "project.yaml"
    file.write_text(file.read_text().replace(RETENTION, ""))
    done = purge(load_project(project.root), by="officer", now=after(N3, 36_500))
    assert done.files == ()
    assert {kept.why for kept in done.kept} == {Why.FOR_GOOD}


def test_while_a_run_is_at_work_or_the_clock_is_behind_the_log_it_refuses(project: Project) -> None:
    with Store.of(project).session(), pytest.raises(BusyError, match="`purge` has not begun"):
        purge(project, by="officer", now=after(N3, 60))
    with pytest.raises(EvidenceError, match=r"The clock says .* nothing was purged"):
        purge(project, by="officer", now=TODAY - timedelta(days=5))
    assert len(left(project)) == 10


def test_the_order_of_the_log_is_that_of_its_entries_whatever_the_clocks_say(project: Project) -> None:
    """A record whose writer's clock was years behind is still the newest."""
    store = Store.of(project)
    light.commit(store, N1, psi=0.3)
    file = store.log.lines.file
    *kept, last = file.read_bytes().splitlines()
    from audit_pipeline.evidence.entry import line_of

    entry = json.loads(last)
    writer = entry.pop("writer")
    moved = line_of(entry | {"time": "1999-01-01T00:00:00+00:00"}, run=writer["run"], key=store.log.key)
    file.write_bytes(b"\n".join([*kept, moved]) + b"\n")
    assert store.heads()["risk", str(N1)].index == len(kept)
    assert verify(store).ok


def test_a_pack_of_a_night_without_its_files_still_holds(project: Project, tmp_path: Path) -> None:
    import zipfile

    from audit_pipeline.evidence.verifier import check

    store = Store.of(project)
    purge(project, by="officer", now=after(N1, 40))
    seal(store.log)
    export(store, tmp_path / "pack.zip", "risk", first=N1, last=N1, with_rows=True)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        lines, signed = check(pack, None)
    assert signed
    assert any("files were purged under class artifacts (40 days)" in line for line in lines)


@pytest.mark.parametrize(
    ("night", "kept", "first"),
    [
        ("2026-08-31", "6 months", "2027-02-28"),  # February has no 31st
        ("2024-02-29", "1 years", "2025-02-28"),
        ("2024-02-29", "4 years", "2028-02-29"),
        ("2026-12-31", "1 days", "2027-01-01"),
        ("2026-01-15", "18 months", "2027-07-15"),
    ],
)
def test_until_by_the_calendar(night: str, kept: str, first: str) -> None:
    assert until(date.fromisoformat(night), kept) == date.fromisoformat(first)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 500), st.sampled_from(["days", "months", "years"]))
def test_a_longer_class_never_ends_before_a_shorter_one(night: date, number: int, unit: str) -> None:
    assert night < until(night, f"{number} {unit}") <= until(night, f"{number + 1} {unit}")


@pytest.mark.parametrize(
    ("given_text", "fault"),
    [
        ("retention: {snapshots: 400}", "must be text"),
        ("retention: {snapshots: soon}", "must be an amount such as 400 days"),
        ("retention: {evidence: 6 years}", "needs `snapshots` too"),
        (
            "retention: {snapshots: 7 years, inputs: 1 days, artifacts: 1 days, evidence: 6 years}",
            "is shorter than `snapshots`",
        ),
        ("holds: [{model: risk}]", "reason: is missing"),
        ("holds: [{reason: x, first: 2026-02-02, last: 2026-01-01}]", "is before first"),
    ],
)
def test_faults_of_retention_and_holds(tmp_path: Path, given_text: str, fault: str) -> None:
    root = small.write(tmp_path, project=small.PROJECT + given_text + "\n")
    assert any(fault in text for text in small.faults(root)), small.faults(root)
