"""The store: a commit is made once and whole, what dead runs left is set aside, and nothing else is ever touched."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence import Store, result_digest, verify
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.history import history_of
from audit_pipeline.evidence.past import Past
from audit_pipeline.records import Outcome
from audit_pipeline_tests.builders import (
    NIGHT,
    commit,
    commit_result,
    make_result,
    make_store,
    named_files,
    nights,
    session,
    without_data,
)
from audit_pipeline_tests.hardship import dies_at, ended, in_child, killed_after, quick_folder, small_disk

EVIDENCE = ("evidence", "snapshots", "inputs", "artifacts")


@pytest.fixture
def quick() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def store(quick: Path) -> Store:
    return make_store(quick)


def files(store: Store, *folders: str) -> dict[str, bytes]:
    """Return every file of the evidence folders with its content."""
    found = (p for folder in folders or EVIDENCE for p in (store.root / folder).rglob("*") if p.is_file())
    return {p.relative_to(store.root).as_posix(): p.read_bytes() for p in found}


def quarantined(store: Store) -> list[str]:
    folder = store.layout.quarantine
    found = folder.iterdir() if folder.exists() else ()
    return sorted(p.name.partition("-")[2] for p in found if ".reason.txt" not in p.name)


def test_a_commit_names_every_file_and_the_digests_are_those_of_the_bytes(store: Store) -> None:
    with session(store, "churn", NIGHT) as rendered:
        result = make_result(store)
        made = commit_result(store, result, rendered)
    assert made.new
    assert made.result_digest == result_digest(result) == sha256(canonical(result))
    record = store.read_record("churn", "2026-07-01", made.record)
    assert record["execution"]["supersedes"] is None
    assert sorted(f["path"] for f in record["execution"]["artifacts"]) == sorted(f.path for f in made.artifacts)
    for file in named_files(store, made, result):
        data = (store.root / file.path).read_bytes()
        assert (sha256(data), len(data)) == (file.sha256, file.bytes)
    [entry] = store.log.entries()
    assert (entry.kind, entry.model_id, entry.night, entry.digest) == ("record", "churn", "2026-07-01", made.record)
    assert entry.body == {
        "result_digest": made.result_digest,
        "verdict": "WARN",
        "owner": "team",
        "run_id": "run-1",
    }
    assert verify(store).ok
    assert verify(store).files == 1 + len(named_files(store, made, result))


def test_the_same_result_again_is_no_new_record(store: Store) -> None:
    first = commit(store, run_id="run-1")
    before = files(store)
    again = commit(store, run_id="run-2", page="rendered anew")
    assert again == replace(first, new=False)
    assert files(store) == before
    assert len(list(store.log.entries())) == 1
    assert not (store.root / ".work").exists() or not any((store.root / ".work").iterdir())


def test_another_result_supersedes_and_the_old_one_stays_provable(store: Store) -> None:
    made = [commit(store, psi=psi, run_id=f"run-{psi}") for psi in (0.1, 0.2, 0.3)]
    records = [store.read_record("churn", "2026-07-01", m.record) for m in made]
    assert [r["execution"]["supersedes"] for r in records] == [None, made[0].record, made[1].record]
    head = store.head("churn", NIGHT)
    assert head is not None
    assert head.digest == made[2].record
    assert store.heads() == {("churn", "2026-07-01"): head}
    assert verify(store).ok


def test_a_result_that_comes_back_is_a_new_record_on_the_files_rendered_then(store: Store) -> None:
    first, other, back = commit(store, psi=0.1), commit(store, psi=0.2), commit(store, psi=0.1, run_id="run-2")
    assert back.new
    assert back.record not in (first.record, other.record)
    assert (back.result_digest, back.artifacts) == (first.result_digest, first.artifacts)
    assert store.read_record("churn", "2026-07-01", back.record)["execution"]["supersedes"] == other.record
    assert verify(store).ok


def test_what_a_dead_run_rendered_does_not_become_evidence_of_the_next(store: Store) -> None:
    """It need not be swept first: another run may be at work all night."""
    first = commit(store, psi=0.1)
    place = Path(first.artifacts[0].path).parent
    (store.root / "log" / "entries.jsonl").unlink()  # its run died just before the entry
    (store.root / place / "half").write_text("of a page")
    again = commit(store, psi=0.1, page="rendered anew")
    assert again.artifacts != first.artifacts
    assert "rendered anew" in (store.root / place / "report.html").read_text()
    assert not (store.root / place / "half").exists()
    [aside] = [p for p in store.layout.quarantine.iterdir() if p.is_dir()]
    assert {p.name for p in aside.iterdir()} == {"report.html", "evidently.json", "half"}


def test_a_night_without_data_is_evidence_too(store: Store) -> None:
    with session(store, "churn", NIGHT) as rendered:
        commit_result(store, without_data(make_result(store)), rendered)
    (store.root / "snapshots").rename(store.root / "elsewhere")  # the builder wrote one that nothing names
    assert verify(store).ok


def test_a_model_may_be_called_what_our_own_locks_are_called(store: Store) -> None:
    for model_id in ("store", "publish", "alert", "model_night"):
        commit(store, model_id=model_id)
    assert verify(store).records == 4


def test_numbers_beyond_whole_floats_can_be_verified(store: Store) -> None:
    # 1e17 is written as 100000000000000000; read as an int it has no canonical form, and `verify` would stumble
    commit(store, psi=1e17)
    assert verify(store).ok


def test_one_writer_per_model_night(store: Store) -> None:
    ready, go = os.pipe()

    def hold() -> None:
        with store.model_night("churn", NIGHT):
            os.write(go, b"!")
            signal.pause()

    pid = in_child(hold)
    os.close(go)  # so that a child that died early is seen as the end of the pipe
    assert os.read(ready, 1) == b"!"
    waiting = in_child(lambda: commit(store))
    with store.model_night("churn", nights(2)[1]), store.model_night("spend", NIGHT):
        pass  # other nights and models are free
    time.sleep(0.1)
    assert list(store.log.entries()) == []
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    assert ended(waiting) == 0  # a lock does not outlive its holder
    assert len(list(store.log.entries())) == 1


def test_a_commit_killed_at_every_step_leaves_a_store_that_verifies_and_goes_on(quick: Path) -> None:
    """Files, record, log: whatever the step, a sweep leaves only evidence, and the next run makes its own."""
    step, logged = 0, []
    while True:
        store = make_store(quick / str(step))
        commit(store, psi=0.1)
        kept = files(store)

        def audit(store: Store = store) -> None:
            commit(store, psi=0.2, seed="another snapshot")

        killed = dies_at(step, store.root, audit)
        logged.append(len(list(store.log.entries())) - 1)
        store.sweep_if_alone()
        found = verify(store)
        assert found.ok, (step, found.problems)
        assert files(store).items() >= kept.items()
        assert not (store.root / ".work").exists() or not any((store.root / ".work").iterdir())

        commit(store, psi=0.2, seed="another snapshot")
        assert [e.index for e in store.log.entries()] == [0, 1]
        assert verify(store).ok
        if not killed:
            break
        step += 1
    # the log entry comes last: near the end of the steps, once, and never taken back
    assert logged == sorted(logged)
    assert step > 30
    assert logged.index(1) > step - 6


@pytest.mark.acceptance
def test_commits_killed_at_random_leave_a_store_that_verifies(store: Store) -> None:
    def audit() -> None:
        for night in nights(3) * 10_000:
            commit(store, night=night, psi=float(time.time_ns()))  # never the same result

    begun = time.monotonic()
    commit(store, model_id="spend")
    lasts = time.monotonic() - begun  # of one commit, on this machine now
    kills = 0
    while kills < 30 or len(list(store.log.entries())) < 10:
        # The child starts slowly on a busy machine: each round of thirty gives it more time.
        killed_after(lasts * (0.1 + kills % 30 / 6) * (1 + kills // 30), audit)
        kills += 1
        store.sweep_if_alone()
        found = verify(store)
        assert found.ok, found.problems
        assert kills < 300


def test_an_audit_that_fails_leaves_nothing_after_the_sweep(store: Store) -> None:
    with pytest.raises(RuntimeError), session(store, "churn", NIGHT):
        make_result(store)
        raise RuntimeError("a fault of the program")
    assert not verify(store).ok  # a snapshot and inputs that nothing names
    assert store.sweep_if_alone() == 3
    assert verify(store).ok
    assert files(store) == {}
    assert len(quarantined(store)) == 3
    assert store.sweep_if_alone() == 0


def test_nobody_sweeps_while_a_session_is_open(store: Store) -> None:
    """The files of a run at work are not logged yet: to a sweeper they look like leftovers."""
    killed_after(0.03, lambda: _stop_before_commit(store))
    ready, go = os.pipe()
    done, end = os.pipe()

    def audit() -> None:
        with session(store, "spend", NIGHT) as rendered:
            result = make_result(store, model_id="spend")
            os.write(go, b"!")
            os.read(done, 1)
            commit_result(store, result, rendered)

    pid = in_child(audit)
    os.close(go)
    assert os.read(ready, 1) == b"!"
    before = files(store)
    assert before
    assert store.sweep_if_alone() == 0
    assert files(store) == before
    found = verify(store)
    assert found.ok  # what is unlisted is not judged, and it says so
    assert any("A run is at work" in note for note in found.notes)
    os.write(end, b"!")
    assert ended(pid) == 0
    assert store.sweep_if_alone() > 0  # what the first one left, and nothing of the second
    assert verify(store).ok
    assert [e.model_id for e in store.log.entries()] == ["spend"]


def _stop_before_commit(store: Store) -> None:
    with session(store, "churn", NIGHT):
        make_result(store)
        signal.pause()


def test_a_sweep_touches_only_what_a_failed_session_can_have_left(store: Store) -> None:
    """A log that was cut, and a file somebody added, are for `verify` to report: sweeping would wipe out the trace."""
    for night in nights(3):
        commit(store, night=night)
    log = store.root / "log" / "entries.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    (store.root / "inputs" / "added").write_text("by hand")
    time.sleep(0.02)
    killed_after(0.05, lambda: _stop_before_commit(store))
    before = files(store)
    assert store.sweep_if_alone() == 0  # the dead run's night is audited already: its files are evidence
    assert files(store) == before
    lost = {p.path.split("/")[0] for p in verify(store).problems}
    assert lost == {"artifacts", "evidence", "snapshots", "inputs"}


def test_nothing_is_swept_in_a_store_with_a_damaged_record(store: Store) -> None:
    """Which files a lost record names cannot be told: they must not end up in quarantine."""
    made = commit(store)
    killed_after(0.05, lambda: _stop_before_commit(store))
    path = store.record_path("churn", "2026-07-01", made.record)
    data = path.read_bytes()
    path.unlink()
    before = files(store)
    assert store.sweep_if_alone() == 0
    assert files(store) == before
    path.write_bytes(data)  # restored from the backup
    store.sweep_if_alone()
    assert verify(store).ok


def test_a_sweep_of_a_project_without_evidence_makes_nothing(store: Store) -> None:
    assert store.sweep_if_alone() == 0
    assert not store.root.exists()


def test_an_input_that_was_changed_is_refused_instead_of_being_built_upon(store: Store) -> None:
    ref = store.put_input("suite", b"expectations", media_type="application/yaml")
    assert store.put_input("suite", b"expectations", media_type="application/yaml") == ref
    (store.root / ref.path).write_bytes(b"others")
    with pytest.raises(EvidenceError, match=f"{ref.path} was changed"):
        store.put_input("suite", b"expectations", media_type="application/yaml")


def test_a_record_that_was_changed_or_lost_is_not_read(store: Store) -> None:
    made = commit(store)
    path = store.record_path("churn", "2026-07-01", made.record)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"WARN"', b'"PASS"'))
    with pytest.raises(EvidenceError, match=f"{made.record}.json was changed"):
        store.read_record("churn", "2026-07-01", made.record)
    with pytest.raises(EvidenceError, match="was changed"):
        commit(store)  # the newest record is this result, but it can no longer be vouched for
    path.unlink()
    with pytest.raises(EvidenceError, match="cannot be read: No such file"):
        store.read_record("churn", "2026-07-01", made.record)


def test_history_is_of_the_newest_records_of_earlier_nights_oldest_first(store: Store) -> None:
    days = nights(40)
    for i, night in enumerate(days):
        commit(store, night=night, psi=None if i == 38 else 0.125, verdict=Outcome.PASS)
    commit(store, night=days[39], psi=0.5, verdict=Outcome.FAIL)  # supersedes
    commit(store, model_id="spend", night=days[0])
    found = history_of(Past(store, "churn", before=date(2026, 8, 10)))
    assert [p.night for p in found] == days[10:]
    assert [(p.verdict, p.worst_psi, p.worst_psi_column, p.metric) for p in found[-3:]] == [
        (Outcome.PASS, 0.125, "age", 0.75),
        (Outcome.PASS, None, None, 0.75),  # not evaluated: no number, and not 0
        (Outcome.FAIL, 0.5, "age", 0.75),
    ]
    assert history_of(Past(store, "churn", before=days[0])) == ()


def test_a_damaged_record_of_the_past_leaves_its_verdict_and_no_numbers(store: Store) -> None:
    made = [commit(store, night=night) for night in nights(2)]
    path = store.record_path("churn", "2026-07-01", made[0].record)
    path.write_bytes(path.read_bytes().replace(b"0.125", b"0.001"))
    first, second = history_of(Past(store, "churn", before=nights(3)[2]))
    assert (first.verdict, first.worst_psi, first.metric) == (Outcome.WARN, None, None)
    assert (second.verdict, second.worst_psi, second.metric) == (Outcome.WARN, 0.125, 0.75)


def test_a_full_disk_leaves_no_record_in_the_log_and_nothing_that_verify_minds() -> None:
    with small_disk(256) as disk:
        store = make_store(disk)
        made = 0
        with pytest.raises((EvidenceError, OSError), match=r"the disk is full|No space left"):
            for night in nights(200):
                commit(store, night=night)
                made += 1
        assert made > 2
        assert len(list(store.log.entries())) == made
        (disk / "room").touch()
        subprocess.run(["mount", "-o", "remount,size=1024k", str(disk)], check=True)
        store.sweep_if_alone()
        assert verify(store).ok
        commit(store, night=nights(made + 1)[-1])
        assert verify(store).records == made + 1


def test_a_copy_that_nobody_may_write_can_be_verified() -> None:
    with small_disk(512) as disk:
        store = make_store(disk)
        commit(store)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        found = verify(store)
        assert found.ok
        assert not any("at work" in note for note in found.notes)
        (lock,) = (disk / "audit" / ".locks").glob("store")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        lock.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert verify(store).ok  # not even a lock file can be made
