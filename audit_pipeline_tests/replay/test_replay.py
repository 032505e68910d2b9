"""A past model-night comes out again from the store alone; whatever differs is named, the likely cause first."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_pipeline.config import Layout, Project, load_project
from audit_pipeline.durable import file_sha256
from audit_pipeline.engines import code_digest
from audit_pipeline.evidence import LogEntry, SigningKey, Store, verify
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import RunContext
from audit_pipeline.replay import ReplayOutcome, replay
from audit_pipeline_tests.small_project import NIGHTS, ROWS, build, write_labels, write_log

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
N1, N2, N3, N4, N5 = NIGHTS
POLICY = "policy: {drift: {psi: {warn: 0.1, fail: 9}, persist: {nights: 2, of: 3}}, explanation: {agreement: {}}}\n"
REPLAYED, DIFFERS, NOT_REPLAYABLE = ReplayOutcome
KEY = SigningKey(b"\xc3" * 32)  # the project's: for tests that write into the log, a replay needs none
Record = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """A store, and the project as it was changed later; its files, keys and sources are gone."""

    root: Path
    present: Project

    @property
    def store(self) -> Store:
        return Store(Layout(root=self.root), KEY)


def rewrite(file: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, file.read_text())
    assert count == 1
    file.write_text(text)


def audit_hard_night(project: Project) -> None:
    """N5: outcomes without their column, no reference, another artefact than the pinned one."""
    write_log(project.root, "churn", N5)
    labels = write_labels(project.root, N5)
    labels.write_text(labels.read_text().replace("outcome", "other", 1))
    artefact, reference = (project.root / "input" / name for name in ("churn.skops", "churn_reference.parquet"))
    held = reference.rename(reference.with_suffix(".away"))
    artefact.write_bytes(artefact.read_bytes() + b"more")
    result = audit_model_night(project, "churn", N5, run=RUN, newest=N5).result
    assert {f.name for f in result.decision.findings} >= {"labels", "drift", "model_digest"}
    held.rename(reference)
    artefact.write_bytes(artefact.read_bytes()[:-4])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """`churn`: labelled, a warning that stays, an earlier night restated, one that did not come, one that is hard."""
    root = build(tmp_path_factory.mktemp("replay") / "p", nights=[N1, N2], labelled=[N1])
    rewrite(root / "models" / "churn.yaml", r"policy: .*\n", POLICY)
    project = load_project(root)
    for night in (N2, N3):
        moved = np.random.default_rng(night.toordinal()).poisson(4.2, ROWS).astype(float)
        write_log(root, "churn", night, visits=moved)
    for night in (N1, N2, N3, N4):
        audit_model_night(project, "churn", night, run=RUN, newest=N4)
    for night in (N1, N2):
        audit_model_night(project, "spend", night, run=RUN, newest=N4)
    audit_hard_night(project)
    write_labels(root, N2)
    assert audit_model_night(project, "churn", N2, run=RUN, newest=N4).committed.new
    rewrite(root / "models" / "churn.yaml", "warn: 0.1", "warn: 0.2")
    rewrite(root / "models" / "churn.yaml", 'version: "1"', 'version: "2"')
    rewrite(root / "expectations" / "churn.yaml", "max_value: 120", "max_value: 110")
    rewrite(root / "project.yaml", "explain_rows: 100", "explain_rows: 200")
    present = load_project(root)
    for path in root.iterdir():
        if path.name != "audit":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(root / "audit" / "keys")
    return Kept(root, present)


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Store:
    shutil.copytree(kept.root, tmp_path / "p")
    return Store(Layout(root=tmp_path / "p"), KEY)


def head(store: Store, model: str, night: date) -> LogEntry:
    entry = store.head(model, night)
    assert entry is not None
    return entry


def record_of(store: Store, entry: LogEntry) -> Record:
    return store.read_record(entry.model_id, entry.night, entry.digest)


def file_of(store: Store, entry: LogEntry, role: str) -> Path:
    result = record_of(store, entry)["result"]
    files = [result["snapshot"] | {"role": "snapshot"}, *result["inputs"]]
    return Path(store.root, next(file["path"] for file in files if file["role"] == role))


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def as_written_by_another(store: Store, entry: LogEntry, change: Callable[[Record], object]) -> LogEntry:
    """Log the record of `entry` as another version of the program would have written it: whole, and with a change."""
    record = record_of(store, entry)
    change(record)
    record["result_digest"] = sha256(canonical(record["result"]))
    digest, body = sha256(canonical(record)), entry.body | {"result_digest": record["result_digest"]}
    store.record_path(entry.model_id, entry.night, digest).write_bytes(canonical(record))
    return store.log.append("record", model_id=entry.model_id, night=entry.night, digest=digest, body=body)


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p.relative_to(root)): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in root.rglob("*")}


def test_every_record_comes_out_again_without_its_project_and_nothing_is_written(kept: Kept) -> None:
    before = tree(kept.root)
    chosen = [e for key, e in kept.store.heads().items() if key != ("churn", str(N2))]  # that night is like the third
    done = {e.digest: replay(kept.store, e, present=kept.present) for e in chosen}
    assert [(one.model_id, one.night, one.outcome) for one in done.values() if one.outcome is not REPLAYED] == []
    assert [one.replayed_digest for one in done.values()] == [one.result_digest for one in done.values()]
    assert len(done) == 6
    assert tree(kept.root) == before
    # what the project says today is told key by key, and was not used
    between = "expectations/churn.yaml: expect_column_values_to_be_between(age).kwargs.max_value"
    since = done[head(kept.store, "churn", N3).digest].changed_since
    assert {(d.where, d.recorded, d.found) for d in since} == {
        ("project.yaml: limits.explain_rows", 100, 200),
        ("models/churn.yaml: version", "1", "2"),
        ("models/churn.yaml: policy.drift.psi.warn", 0.1, 0.2),
        (between, 120, 110),
    }
    # what is hard about them: an earlier night that says something else today, outcomes, no log, a window
    third = record_of(kept.store, head(kept.store, "churn", N3))["result"]
    assert [night for night, _ in third["look_back"]] == [str(N2), str(N1)]
    assert third["look_back"][0][1] != head(kept.store, "churn", N2).body["result_digest"]
    assert record_of(kept.store, head(kept.store, "churn", N1))["result"]["performance"]["maturity"] == "final"
    assert record_of(kept.store, head(kept.store, "churn", N4))["result"]["snapshot"] is None
    assert record_of(kept.store, head(kept.store, "spend", N2))["result"]["look_back"] != []


@pytest.mark.parametrize("role", ["snapshot", "model_config", "suite", "reference", "labels", "model"])
def test_a_changed_byte_of_what_it_stands_on_is_named(copy: Store, role: str) -> None:
    entry = head(copy, "churn", N1)
    file = file_of(copy, entry, role)
    flip(file, 100)
    done = replay(copy, entry)
    assert (done.outcome, done.replayed_digest) == (DIFFERS, None)
    [difference] = done.differences
    path = file.relative_to(copy.root).as_posix()
    assert (difference.kind, difference.where) == (
        ("snapshot", path) if role == "snapshot" else ("input", f"{role} {path}")
    )
    assert ("row group 0 was changed" in str(difference.found)) is (role == "snapshot")
    assert path in done.reason


def test_a_file_that_is_gone_makes_it_not_replayable(copy: Store) -> None:
    entry = head(copy, "churn", N1)
    file_of(copy, entry, "labels").unlink()
    done = replay(copy, entry)
    assert done.outcome is NOT_REPLAYABLE
    assert re.search(r"inputs/\w{64} is missing", done.reason)


def test_after_an_erasure_it_says_how_many_rows_are_gone(copy: Store) -> None:
    entry = head(copy, "churn", N1)
    file = file_of(copy, entry, "snapshot")
    for rows, left in ((7, b"what one erasure left"), (5, b"what the next one left")):
        body = {"path": file.relative_to(copy.root).as_posix(), "rows": rows, "sha256": file_sha256(file)}
        file.write_bytes(left)
        body |= {"new_sha256": sha256(left), "bytes": len(left), "groups": []}
        body |= {"encrypted_before": "", "encrypted": ""}
        copy.log.append("erasure", model_id="churn", night=str(N1), digest=sha256(left), body=body)
    done = replay(copy, entry)
    assert (done.outcome, done.differences) == (NOT_REPLAYABLE, ())
    assert "12 rows of snapshots/churn/2026-03-01/" in done.reason
    file.write_bytes(b"an alteration behind the erasure")
    assert replay(copy, entry).outcome is DIFFERS


def test_an_earlier_record_that_was_changed_or_is_not_in_the_log_is_named(copy: Store) -> None:
    entry = head(copy, "churn", N3)
    other = as_written_by_another(copy, entry, lambda r: r["result"]["look_back"][0].__setitem__(1, "0" * 64))
    gone = replay(copy, other)
    assert (gone.outcome, "record of 2026-03-02" in gone.reason) == (NOT_REPLAYABLE, True)
    flip(copy.record_path("churn", str(N1), head(copy, "churn", N1).digest), 100)
    done = replay(copy, entry)
    assert done.outcome is DIFFERS
    assert [(d.kind, d.where) for d in done.differences] == [("look_back", str(N1))]


def test_its_own_record_is_not_believed_when_it_was_changed(copy: Store) -> None:
    entry = head(copy, "spend", N1)
    flip(copy.record_path("spend", str(N1), entry.digest), 100)
    done = replay(copy, entry)
    assert (done.outcome, done.differences[0].kind) == (DIFFERS, "record")


def test_equal_numbers_of_another_package_and_program_are_replayed_and_both_are_named(copy: Store) -> None:
    def older(record: Record) -> None:
        record["result"]["engines"] = [[n, "1.9" if n == "duckdb" else v] for n, v in record["result"]["engines"]]
        record["execution"]["code"] = "0" * 64
        del record["result"]["fairness"]  # a form without a field that came later

    done = replay(copy, as_written_by_another(copy, head(copy, "spend", N1), older))
    assert done.outcome is REPLAYED
    assert done.replayed_digest != done.result_digest
    assert [(d.kind, d.where, d.recorded) for d in done.differences] == [
        ("engine", "duckdb", "1.9"),
        ("code", "", "0" * 64),
        ("form", "fairness", "absent"),
    ]
    assert done.differences[1].found == code_digest()
    assert done.reason.startswith("Every recorded value came out, of another program: engine duckdb: 1.9 -> ")


def test_a_field_that_was_taken_out_is_a_difference_when_the_program_is_the_same(copy: Store) -> None:
    entry = head(copy, "spend", N1)
    done = replay(copy, as_written_by_another(copy, entry, lambda record: record["result"].pop("fairness")))
    assert (done.outcome, done.reason) == (DIFFERS, "form fairness: absent -> a field.")


def test_a_result_that_is_not_the_one_the_log_names_is_not_compared_with_it(copy: Store) -> None:
    entry = head(copy, "spend", N1)
    record = record_of(copy, entry)
    record["result"]["profile"][1]["mean"] += 1  # a forged number under the digest of the true one
    digest = sha256(canonical(record))
    copy.record_path("spend", str(N1), digest).write_bytes(canonical(record))
    forged = copy.log.append("record", model_id="spend", night=str(N1), digest=digest, body=entry.body)
    done = replay(copy, forged)
    assert (done.outcome, done.reason) == (DIFFERS, "Its result is not the one that the log names.")


def test_a_number_that_does_not_come_out_again_is_named_after_its_likely_causes(copy: Store) -> None:
    def other(record: Record) -> None:
        record["result"]["engines"][1][1] = "1.9"
        record["result"]["profile"][1]["mean"] += 1

    entry = head(copy, "spend", N1)
    mean = record_of(copy, entry)["result"]["profile"][1]["mean"]
    done = replay(copy, as_written_by_another(copy, entry, other))
    assert done.outcome is DIFFERS
    assert [(d.kind, d.where) for d in done.differences] == [("engine", "duckdb"), ("result", "profile[1].mean")]
    assert (done.differences[1].recorded, done.differences[1].found) == (mean + 1, mean)
    assert done.reason.endswith(f"First value: result profile[1].mean: {mean + 1} -> {mean}.")


def unknown_limit(record: Record) -> None:
    record["result"]["circumstances"]["limits"].append(["a_limit_of_the_future", 7])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda record: record["result"].pop("circumstances"), "did not note all it depends on"),
        (lambda record: record["result"].pop("inputs"), "not of a form that this version reads"),
        (unknown_limit, "a_limit_of_the_future"),
    ],
)
def test_a_record_of_another_form_is_not_replayable(copy: Store, change: Callable[[Record], object], why: str) -> None:
    done = replay(copy, as_written_by_another(copy, head(copy, "spend", N1), change))
    assert done.outcome is NOT_REPLAYABLE
    assert why in done.reason


def test_a_record_says_which_code_and_machine_made_it_outside_of_its_result(kept: Kept) -> None:
    record = record_of(kept.store, head(kept.store, "spend", N1))
    assert record["execution"]["code"] == code_digest()
    assert record["execution"]["resources"] == {"threads": 1, "memory": "256MB"}
    assert "CPython" in record["execution"]["platform"]
    assert "256MB" not in json.dumps(record["result"])
    assert verify(kept.store).ok
