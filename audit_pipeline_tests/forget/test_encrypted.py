"""Erasing and purging where files with rows are encrypted: the same, and no row on the disk at any moment."""

import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.config import Project
from audit_pipeline.durable import file_sha256
from audit_pipeline.errors import KeyMissingError
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.evidence.canonical import sha256
from audit_pipeline.evidence.export import export
from audit_pipeline.forget import erase, purge
from audit_pipeline.snapshot import pseudonym
from audit_pipeline_tests.builders import nights
from audit_pipeline_tests.forget import light
from audit_pipeline_tests.hardship import dies_at, quick_folder

TODAY = datetime.now(UTC)
N1, N2 = nights(2, first=TODAY.date() - timedelta(days=9))
ASKED: dict[str, Any] = {"reason": "asked for", "by": "officer"}
RETENTION = "retention: {snapshots: 20 days, inputs: 20 days}\n"


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with quick_folder() as folder:
        project = light.project(folder / "p", more=RETENTION)
        file = project.root / "project.yaml"
        file.write_text(file.read_text().replace("keys: {", 'keys: {encryption: "file:audit/keys/encryption.key", '))
        (project.root / "audit" / "keys" / "encryption.key").write_text("e7" * 32)
        project = light.load(project.root)
        for night in (N1, N2):
            light.commit(Store.of(project), night)
        seal(Store.of(project).log)
        assert verify(Store.of(project)).ok
        yield project.root


@pytest.fixture
def project(template: Path) -> Iterator[Project]:
    with quick_folder() as folder:
        yield light.load(Path(shutil.copytree(template, folder / "p")))


def in_clear(store: Store) -> list[str]:
    """Return the files that hold rows a thief of the disk could read."""
    found = (p for p in store.root.rglob("*") if p.is_file() and p.read_bytes()[:4] == b"PAR1")
    return [p.relative_to(store.root).as_posix() for p in found]


def without_key(project: Project) -> Store:
    return Store(project.layout, Store.of(project).log.key)


def test_a_person_is_erased_and_verify_passes_with_and_without_the_key(project: Project) -> None:
    store = Store.of(project)
    keys = {p: p.read_bytes() for p in store.root.glob("*/**/*.key")}
    done = erase(project, "p5", **ASKED)
    assert (done.rows, done.unsearched) == (4, ())
    assert all(people == {*light.PEOPLE} - {"p5"} for people in light.people_in(store).values())
    assert in_clear(store) == []
    assert {p: p.read_bytes() for p in keys} == keys
    for one in (store, without_key(project)):
        found = verify(one)
        assert found.ok, found.problems
    erase(project, "p6", **ASKED)
    assert verify(without_key(project)).ok
    assert not any(pseudonym("p5", light.KEY).encode() in p.read_bytes() for p in store.root.rglob("*") if p.is_file())


def test_an_encrypted_file_put_back_or_changed_is_found_with_and_without_the_key(project: Project) -> None:
    store = Store.of(project)
    [snapshot] = [p for p in light.people_in(store) if str(N1) in p]
    file = store.vault.where(snapshot)
    before = file.read_bytes()
    erase(project, "p5", **ASKED)
    file.write_bytes(before)
    [said] = [p.message for p in verify(store).problems]
    assert "is the file from before the erasure" in said
    [said] = [p.message for p in verify(without_key(project)).problems]
    assert "sha256 of its encrypted form is not the one that the erasure in entry" in said
    assert erase(project, "p5", **ASKED).rows == 1
    assert verify(store).ok


@pytest.mark.acceptance
def test_killed_at_some_steps_it_is_ended_by_the_next_run_without_the_key(template: Path) -> None:
    light.commit(Store.of(light.load(template)), N1)  # loads what the children need
    step, killed, ended = 0, True, 0
    with quick_folder() as folder:
        while killed:
            project = light.load(Path(shutil.copytree(template, folder / str(step))))
            store = Store.of(project)

            def work(project: Project = project) -> None:
                erase(project, "p5", **ASKED)

            killed = dies_at(step, store.root, work)
            logged = [e.body for e in store.log.entries() if e.kind == "erasure"]
            waiting = [b for b in logged if file_sha256(store.vault.where(b["path"])) != b["encrypted"]]
            assert in_clear(store) == []
            without_key(project).sweep_if_alone()
            assert all(file_sha256(store.vault.where(b["path"])) == b["encrypted"] for b in logged)
            ended += len(waiting)
            assert verify(store).ok
            work()
            assert all("p5" not in people for people in light.people_in(store).values())
            assert verify(store).ok
            shutil.rmtree(project.root)
            step += 5
    assert step > 60
    assert ended > 0  # kills between the log and the file were among them


def test_a_purged_file_takes_its_wrapped_key_with_it(project: Project) -> None:
    store = Store.of(project)
    done = purge(project, by="officer", now=TODAY + timedelta(days=30))
    assert {f.kind for f in done.files} == {"snapshots", "inputs"}
    assert not list((store.root / "snapshots").rglob("*"))
    assert not list((store.root / "inputs").rglob("*"))
    assert (store.root / "keys" / "encryption.key").exists()
    for one in (store, without_key(project)):
        assert verify(one).ok


def test_without_the_key_nothing_is_searched_and_it_says_so(project: Project) -> None:
    (project.root / "audit/keys/encryption.key").unlink()
    with pytest.raises(KeyMissingError, match="encryption"):
        erase(project, "p5", **ASKED)


def test_a_file_that_does_not_decrypt_is_named_as_not_searched(project: Project) -> None:
    store = Store.of(project)
    [snapshot] = [p for p in light.people_in(store) if str(N1) in p]
    file = store.vault.where(snapshot)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    done = erase(project, "p5", **ASKED)
    unsearched = dict(done.unsearched)
    assert unsearched.pop(snapshot) == "cannot be decrypted"
    [(labels, why)] = unsearched.items()  # of that night: only its snapshot says which row ids are the person's
    assert (labels.startswith("inputs/"), "gone or cannot be read" in why) == (True, True)
    assert done.rows == 2  # the other night's snapshot and labels


def test_a_purged_file_that_is_there_again_goes_into_the_pack(project: Project, tmp_path: Path) -> None:
    store = Store.of(project)
    entry = next(iter(store.heads().values()))
    name = store.read_record(entry.model_id, entry.night, entry.digest)["result"]["snapshot"]["path"]
    rows = b"".join(store.vault.chunks(name))
    purge(project, by="officer", now=TODAY + timedelta(days=30))
    seal(store.log)
    night = date.fromisoformat(entry.night)
    for there in (False, True):
        if there:
            store.vault.put(name, rows, sha256(rows))
        export(store, tmp_path / "pack.zip", entry.model_id, first=night, last=night, with_rows=True)
        with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
            assert (f"files/{name}" in pack.namelist()) is there
