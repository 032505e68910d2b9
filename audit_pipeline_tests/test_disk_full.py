"""A disk that is full, wherever a model-night meets it: said, nothing half-written, nothing lost, completed later.

The log, a commit, the outbox and the published database alone: in the tests of those parts.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_pipeline.cli import main
from audit_pipeline.config import Project, load_project
from audit_pipeline.errors import ExitCode, StorageError
from audit_pipeline.evidence import Store, verify
from audit_pipeline.pipeline import Audited, audit_model_night
from audit_pipeline.records import Column, Relation, RunContext, Stage
from audit_pipeline.snapshot import take
from audit_pipeline.vault import Vault
from audit_pipeline_tests.hardship import PAGE, fill, small_disk
from audit_pipeline_tests.small_project import NIGHTS, build

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
NIGHT = NIGHTS[0]
FOLDERS = ("evidence", "artifacts", "log")


@dataclass(frozen=True)
class Small:
    """A project on a disk of its own, and the digest its night has where there is room."""

    disk: Path
    project: Project
    digest: str

    @property
    def store(self) -> Store:
        return Store.of(self.project)

    def audit_full_from(self, stage: Stage, *, leave: int = 0) -> Audited:
        """Audit on a disk that is full, but for `leave` bytes, as soon as `stage` begins."""

        def on_stage(begun: Stage) -> None:
            if begun is stage:
                fill(self.disk, leave=leave)

        try:
            return audit_model_night(self.project, "churn", NIGHT, run=RUN, newest=NIGHT, on_stage=on_stage)
        finally:
            (self.disk / "filler").unlink()

    def assert_nothing_is_left(self) -> None:
        """After the sweep with which a run begins, the store is as if nothing had been tried."""
        assert list(self.store.log.entries()) == []
        self.store.sweep_if_alone()
        assert verify(self.store).problems == ()
        root = self.project.layout.audit
        assert [path for name in FOLDERS for path in (root / name).rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    built = build(tmp_path_factory.mktemp("roomy") / "p", nights=[NIGHT], labelled=[NIGHT], models=["churn"])
    with small_disk(24_000) as disk:
        shutil.copytree(built, disk / "p")
        roomy = audit_model_night(load_project(built), "churn", NIGHT, run=RUN, newest=NIGHT)
        yield Small(disk, load_project(disk / "p"), roomy.committed.result_digest)


@pytest.mark.acceptance
def test_at_whatever_stage_it_is_said_and_later_completed(small: Small) -> None:
    for stage in Stage:
        with pytest.raises(StorageError, match=r"was not written: the disk is full\. What stood before is not lost"):
            small.audit_full_from(stage)
        small.assert_nothing_is_left()
    done = audit_model_night(small.project, "churn", NIGHT, run=RUN, newest=NIGHT)
    assert done.committed.result_digest == small.digest
    assert verify(small.store).ok
    shutil.rmtree(small.project.layout.audit / "log")  # for the next test
    shutil.rmtree(small.project.layout.audit / "evidence")


@pytest.mark.acceptance
def test_with_ever_more_room_it_fails_ever_later_and_never_in_part(small: Small) -> None:
    """Inputs, staging, snapshot, references, pages of the report: each is met on the way."""
    for folder in (*FOLDERS, "snapshots", "inputs", ".cache"):
        shutil.rmtree(small.project.layout.audit / folder, ignore_errors=True)
    failed = 0
    for pages in (4**power for power in range(8)):
        try:
            done = small.audit_full_from(Stage.SNAPSHOT, leave=pages * PAGE)
            break
        except StorageError as error:
            assert error.why == "the disk is full"
            failed += 1
            small.assert_nothing_is_left()
    assert failed >= 4
    assert done.committed.result_digest == small.digest
    assert verify(small.store).ok


def test_rows_that_spill_and_find_no_room_are_no_fault_of_their_source() -> None:
    """A million rows in disorder do not fit into 40 MB of memory, and their sort not onto 12 MB of disk."""
    sql = "select hash(i)::varchar as id, random() as x from range(1000000) t(i)"
    relation = Relation("log.csv", "csv", (), sql, ("id", "x"), "a" * 64, 0)
    columns = (Column("id", "category", "row_id", "none"), Column("x", "number", "feature", "none"))
    with small_disk(30_000) as disk:
        with pytest.raises(StorageError, match="the disk is full"):
            take(
                relation,
                columns,
                vault=Vault(disk),
                place="snapshots/m/2026-03-01",
                suffix="",
                key=None,
                threads=1,
                memory="40MB",
            )
        assert [path for path in disk.rglob("*") if path.is_file()] == []


@pytest.mark.acceptance
def test_a_run_on_a_full_disk_says_so_and_the_same_command_completes_it(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(root: Path) -> int:
        monkeypatch.setattr(sys, "argv", ["audit-pipeline", "--project", str(root), "run"])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    with small_disk(60_000) as disk:
        shutil.copytree(small.project.root, disk / "p", ignore=shutil.ignore_patterns("audit"))
        shutil.copytree(small.project.root / "audit" / "keys", disk / "p" / "audit" / "keys")
        fill(disk, leave=3_000_000)  # room for Dagster's storage, not for the night's pages
        assert run(disk / "p") in (ExitCode.NOT_EVALUATED, ExitCode.NOT_DELIVERED)
        assert "the disk is full" in capsys.readouterr().err.lower()
        (disk / "filler").unlink()
        assert run(disk / "p") == ExitCode.PASSED, capsys.readouterr().err
        project = load_project(disk / "p")
        entry = Store(project.layout).head("churn", NIGHT)
        assert entry is not None
        assert entry.body["result_digest"] == small.digest
        assert verify(Store.of(project)).ok
