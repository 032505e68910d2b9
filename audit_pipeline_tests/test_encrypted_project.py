"""A project whose files are encrypted: the same results, no row in any byte of the store, all promises kept."""

import os
import re
import shutil
import signal
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline import lineage
from audit_pipeline.cipher import HEADER
from audit_pipeline.config import Project, load_project
from audit_pipeline.errors import EncryptedError, KeyMissingError, MemoryRoomError
from audit_pipeline.evidence import Store, verify
from audit_pipeline.evidence.export import export
from audit_pipeline.fleet import publish_store
from audit_pipeline.gather import require_keys
from audit_pipeline.keys import rewrap
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext, Stage
from audit_pipeline.replay import ReplayOutcome, replay
from audit_pipeline.vault import Vault
from audit_pipeline_tests.hardship import dies_at, ended, in_child
from audit_pipeline_tests.small_project import MODELS, NIGHTS

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
N1, N2 = NIGHTS[:2]
KEY = "audit/keys/encryption.key"


def switch_on(root: Path, tmpfs: Path, **limits: str) -> Project:
    """Let the project in `root` encrypt, and decrypt in `tmpfs`."""
    text = (root / "project.yaml").read_text()
    text = text.replace("keys: {", f'keys: {{encryption: "file:{KEY}", ')
    more = "".join(f", {key}: {value}" for key, value in limits.items())
    (root / "project.yaml").write_text(text.replace("memory: 256MB", f"memory: 256MB, tmpfs: {tmpfs}{more}"))
    (root / KEY).write_text("e7" * 32)
    return load_project(root)


def audit(project: Project, model: str, night: date) -> str:
    audited = audit_model_night(project, model, night, run=RUN, newest=N2)
    lineage.append(project.layout.outbox, lineage.events_of(audited.trace))
    return audited.committed.result_digest


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def template(built: Path, memory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of both models, audited and published. Read only."""
    root = tmp_path_factory.mktemp("encrypted") / "project"
    shutil.copytree(built, root)
    project = switch_on(root, memory)
    for night in (N1, N2):
        for model in MODELS:
            audit(project, model, night)
    publish_store(project)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    shutil.copytree(template, tmp_path / "project")
    return load_project(tmp_path / "project")


def needles(root: Path) -> list[bytes]:
    """What one person's rows are known by: ids as text, a number as it is stored."""
    night = pd.read_parquet(root / "input/churn/2026-03-01.parquet").iloc[3]
    before = pd.read_parquet(root / "input/churn_reference.parquet").iloc[3]
    ages = [night["age"], before["age"]]
    numbers = [struct.pack("<d", age) for age in ages] + [repr(float(age)).encode() for age in ages]
    return [night["request"].encode(), before["request"].encode(), night["person"].encode(), b"01-0003", *numbers]


def found_in(folder: Path, wanted: list[bytes]) -> set[tuple[str, bytes]]:
    """Return where any of `wanted` stands: in a file's bytes, or in the values of a file that reads as Parquet."""
    found = set()
    for path in (p for p in folder.rglob("*") if p.is_file() and "keys" not in p.parts):
        data = path.read_bytes()
        try:
            table = pq.read_table(pa.BufferReader(data))
            data += repr(table.to_pydict()).encode()
            data += b"".join(struct.pack("<d", v) for c in table.columns if c.type == "double" for v in c.to_pylist())
        except (pa.ArrowException, OSError):
            pass
        found |= {(path.relative_to(folder).parts[0], needle) for needle in wanted if needle in data}
    return found


def problems(project: Project) -> dict[str, str]:
    return {p.path: p.message for p in verify(Store.of(project)).problems}


def encrypted(project: Project, pattern: str = "snapshots/churn/2026-03-01/*.enc") -> Path:
    return min(project.layout.audit.glob(pattern), key=lambda path: path.stat().st_size)


def digests(root: Path) -> dict[tuple[str, str], str]:
    return {k: e.body["result_digest"] for k, e in Store(load_project(root).layout).heads().items()}


def test_the_results_are_those_of_the_same_project_in_clear(template: Path, audited: Path) -> None:
    assert digests(template) == digests(audited)
    assert len(digests(template)) == 4


def test_no_row_stands_in_any_byte_of_the_store(template: Path, audited: Path, memory: Path) -> None:
    wanted = needles(template)
    assert found_in(template / "audit", wanted) == set()
    in_clear = found_in(audited / "audit", wanted)  # what the search finds where nothing is encrypted
    assert {needle for _, needle in in_clear} == {*wanted} - {wanted[2]}  # the person is a pseudonym in both
    assert {place for place, _ in in_clear} == {"snapshots", "inputs", ".cache"}
    names = [p.name for f in ("snapshots", "inputs") for p in (template / "audit" / f).rglob("*") if p.is_file()]
    assert {name.rpartition(".")[2] for name in names} == {"enc", "key"}
    assert [p.name for p in memory.rglob("*") if p.is_file() and not p.name.startswith(".lock")] == []


def test_verify_checks_both_forms_with_the_key_and_the_encrypted_one_without(project: Project) -> None:
    found = verify(Store.of(project))
    assert (found.ok, found.records) == (True, 4)
    assert not any("encrypted" in note for note in found.notes)
    (project.root / KEY).unlink()
    without = verify(Store.of(project))
    assert (without.ok, without.files) == (True, found.files)
    count = len(list(project.layout.audit.glob("**/*.enc")))
    assert any(note.startswith(f"{count} files are encrypted and their key is not at hand") for note in without.notes)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def spoil_key(path: Path) -> None:
    file = path.with_suffix(".key")
    file.write_bytes(re.sub(rb'"wrapped": "..', b'"wrapped": "zz', file.read_bytes()))


ATTACKS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "header": (lambda path: flip(path, 0), "its header was changed", "is not the one in its record"),
    "chunk": (lambda path: flip(path, HEADER.size + 5), "chunk 0 was changed", "is not the one in its record"),
    "cut": (cut, "cut off", "is not the one in its record"),
    "key": (spoil_key, "its wrapped key was changed", "its wrapped key was changed"),
    "no key": (lambda path: path.with_suffix(".key").unlink(), "is missing", "is missing"),
    "no file": (Path.unlink, "is missing: a record or the log names it", "is missing: a record or the log names it"),
    "in clear": (lambda path: path.with_suffix("").write_bytes(b"rows"), "stands there twice", "stands there twice"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_verify_finds_what_was_done_to_a_file_with_the_key_and_without(project: Project, attack: str) -> None:
    do, with_key, without_key = ATTACKS[attack]
    path = encrypted(project)
    name = path.relative_to(project.layout.audit).with_suffix("").as_posix()
    do(path)
    assert with_key in problems(project)[name]
    (project.root / KEY).unlink()
    found = problems(project)
    assert set(found) == {name}
    assert without_key in found[name]


def test_an_insider_who_encrypts_other_rows_is_found_and_the_row_group_named(project: Project) -> None:
    path = encrypted(project)
    vault = Vault.of(project.config, project.root)
    name = path.relative_to(project.layout.audit).with_suffix("").as_posix()
    data = bytearray(b"".join(vault.chunks(name)))
    data[100] ^= 1
    path.unlink()
    vault.put(name, bytes(data), verify.__name__)  # whatever it says
    messages = [p.message for p in verify(Store.of(project)).problems if p.path == name]
    assert "row group 0 was changed" in messages
    assert "the file was changed" in messages[0]


def test_a_lost_file_is_encrypted_again_and_the_record_still_holds(project: Project) -> None:
    path = encrypted(project)
    lost, before = path.read_bytes(), digests(project.root)
    path.unlink()
    audit(project, "churn", N1)
    assert path.read_bytes() != lost
    assert digests(project.root) == before
    found = verify(Store.of(project))
    assert found.ok
    assert "1 files hold what they should, and were encrypted again after the record was made." in found.notes
    (project.root / KEY).unlink()
    assert "with the key, `verify` tells whether it was changed" in " ".join(problems(project).values())


def test_a_past_night_is_replayed_in_memory_only(project: Project, memory: Path) -> None:
    store = Store(project.layout, vault=Vault.of(project.config, project.root))
    for entry in store.heads().values():
        assert replay(store, entry).outcome is ReplayOutcome.REPLAYED
    flip(encrypted(project), HEADER.size + 5)
    entry = store.heads()["churn", "2026-03-01"]
    differs = replay(store, entry)
    assert (differs.outcome, differs.differences[0].kind) == (ReplayOutcome.DIFFERS, "snapshot")
    assert "chunk 0 was changed" in differs.reason
    with pytest.raises(EncryptedError, match="names no `keys"):
        replay(Store(project.layout), store.heads()["spend", "2026-03-01"])


def test_a_pack_is_readable_and_needs_the_key(project: Project, tmp_path: Path) -> None:
    store = Store.of(project)
    export(store, tmp_path / "pack.zip", "churn", first=N1, last=N1, with_rows=True)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        [snapshot] = [name for name in pack.namelist() if name.startswith("files/snapshots/")]
        assert pq.read_table(pa.BufferReader(pack.read(snapshot))).num_rows == 600
        assert not [name for name in pack.namelist() if name.endswith((".enc", ".key"))]
    with pytest.raises(EncryptedError):
        export(Store(project.layout), tmp_path / "other.zip", "churn", first=N1, last=N1)
    assert not (tmp_path / "other.zip").exists()


def test_another_key_opens_the_same_files_and_the_old_one_none(project: Project) -> None:
    before = {p: p.read_bytes() for p in project.layout.audit.rglob("*.enc")}
    old = (project.root / KEY).read_text()
    done = rewrap(project)
    assert (done.files, done.reference) == (len(before), f"file:{KEY}")
    assert {p: p.read_bytes() for p in project.layout.audit.rglob("*.enc")} == before
    assert verify(Store.of(project)).ok
    assert audit(project, "churn", N2) == digests(project.root)["churn", "2026-03-02"]
    (project.root / KEY).write_text(old)
    with pytest.raises(EncryptedError, match=f"with the key {done.key_id}"):
        audit(project, "churn", N2)


def test_an_exchange_that_died_before_the_key_took_its_place_is_finished(project: Project) -> None:
    old = (project.root / KEY).read_text()
    done = rewrap(project)
    (project.root / KEY).rename(project.root / f"{KEY}.next")
    (project.root / KEY).write_text(old)
    assert rewrap(project) == done
    assert verify(Store.of(project)).ok


def test_a_project_that_begins_to_encrypt_keeps_what_it_has(two_nights: Project, memory: Path) -> None:
    before = {p: p.read_bytes() for f in ("snapshots", "inputs") for p in (two_nights.layout.audit / f).rglob("*.*")}
    project = switch_on(two_nights.root, memory)
    frame = pd.read_parquet(project.root / "input/churn/2026-03-02.parquet")
    frame.assign(visits=frame["visits"] + 1).to_parquet(project.root / "input/churn/2026-03-02.parquet")
    audit(project, "churn", N2)
    assert {p: p.read_bytes() for p in before} == before
    assert len(list(project.layout.audit.glob("snapshots/churn/2026-03-02/*.enc"))) == 1
    assert verify(Store.of(project)).ok
    store = Store.of(project)
    assert {replay(store, e).outcome for e in store.heads().values()} == {ReplayOutcome.REPLAYED}


def test_nothing_is_begun_without_key_or_tmpfs(built: Path, tmp_path: Path) -> None:
    project = switch_on(Path(shutil.copytree(built, tmp_path / "project")), tmp_path)
    with pytest.raises(MemoryRoomError, match=f"'{tmp_path}' is no tmpfs"):
        require_keys(project)
    with pytest.raises(MemoryRoomError):
        audit(project, "spend", N1)
    (project.root / KEY).unlink()
    with pytest.raises(KeyMissingError, match=f"The encryption key is not at 'file:{KEY}'"):
        require_keys(project)
    assert not list((project.layout.audit).rglob("inputs/*"))


@pytest.mark.acceptance
@pytest.mark.parametrize("when", [*(f"step {n}" for n in (3, 9, 15, 25)), "validation", "drift", "explanation"])
def test_a_killed_audit_leaves_no_row_on_the_disk_and_the_next_run_empties_the_memory(
    built: Path, tmp_path: Path, when: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        memory = Path(name)
        project = switch_on(Path(shutil.copytree(built, tmp_path / "project")), memory)
        wanted = needles(project.root)

        def killed(stage: Stage) -> None:
            if stage.value == when:
                os.kill(os.getpid(), signal.SIGKILL)

        def work() -> None:
            audit_model_night(project, "churn", N1, run=RUN, newest=N2, on_stage=killed)

        if when.startswith("step"):
            assert dies_at(int(when[5:]), project.layout.audit, work)
        else:
            assert ended(in_child(work)) == -signal.SIGKILL
            assert found_in(memory, wanted)  # it was killed while rows stood decrypted
        assert found_in(project.layout.audit, wanted) == set()

        def next_run() -> None:
            require_keys(project)
            Store.of(project).sweep_if_alone()
            os._exit(0 if not found_in(memory, wanted) and len(list(memory.glob("*/room-*"))) == 1 else 1)

        assert ended(in_child(next_run)) == 0
        assert audit(project, "churn", N1)
        assert verify(Store.of(project)).ok


def test_without_room_for_the_night_it_is_not_audited_and_still_due(built: Path, memory: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(built, tmp_path / "project"))
    large = pd.DataFrame({"claim": [f"{i:06d}" for i in range(200_000)]})
    values = pd.Series(range(200_000)).sample(frac=1, random_state=1).to_numpy() / 7
    large.assign(amount=values, forecast=values * 3).to_csv(root / "input/spend/2026-03-01.csv", index=False)
    project = switch_on(root, memory, decrypted="1MB")
    with pytest.raises(MemoryRoomError, match=r"1MB may\. Raise `limits.decrypted`"):
        audit(project, "spend", N1)
    assert Store.of(project).heads() == {}
