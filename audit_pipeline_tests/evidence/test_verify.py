"""Attacks on a store: each is found, and said with the file it was made on."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from audit_pipeline.errors import EvidenceError
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.evidence.canonical import canonical, sha256
from audit_pipeline.evidence.entry import line_of
from audit_pipeline.row_groups import row_groups
from audit_pipeline_tests.builders import NIGHT, commit, make_key, make_store, nights
from audit_pipeline_tests.hardship import quick_folder

KINDS = {
    "record": "evidence/spend/2026-07-02/*.json",
    "snapshot": "snapshots/spend/2026-07-02/*.parquet",
    "input": "inputs/*",
    "page": "artifacts/spend/2026-07-02/*/report.html",
    "json": "artifacts/spend/2026-07-02/*/evidently.json",
}
LOG, ROOTS = "log/entries.jsonl", "log/roots.jsonl"


@pytest.fixture(scope="module")
def template() -> Iterator[Store]:
    """Two models, three nights, and one night made twice: a key, seven records, an alert: nine entries, and a root."""
    with quick_folder() as folder:
        store = make_store(folder, make_key())
        for night in nights(3):
            for model_id in ("churn", "spend"):
                commit(store, model_id=model_id, night=night)
        commit(store, model_id="spend", night=NIGHT, psi=0.5)
        store.log.append("alert", model_id="", night="", digest=sha256(b"{}"), body={})
        seal(store.log)
        assert verify(store).ok
        yield store


@pytest.fixture
def store(template: Store) -> Iterator[Store]:
    """A copy of it that a test may attack."""
    with quick_folder() as folder:
        shutil.copytree(template.root, folder / "audit")
        yield make_store(folder, make_key())


def one(store: Store, kind: str) -> Path:
    return min(store.root.glob(KINDS[kind]))


def name_of(store: Store, path: Path) -> str:
    return path.relative_to(store.root).as_posix()


def flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def problems(store: Store, **options: Any) -> dict[str, str]:
    """Return the problems by path; several on one path are joined."""
    found: dict[str, str] = {}
    for problem in verify(store, **options).problems:
        found[problem.path] = f"{found.get(problem.path, '')} {problem.message}".strip()
    return found


def lines(store: Store) -> list[bytes]:
    return (store.root / LOG).read_bytes().splitlines(keepends=True)


def write_lines(store: Store, changed: list[bytes]) -> None:
    (store.root / LOG).write_bytes(b"".join(changed))


def rewritten(store: Store, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change entries as one who knows the program would, with the marks of writers and all, but no root."""
    entries = [json.loads(line) for line in lines(store)]
    change(entries)
    made = []
    for index, entry in enumerate(entries):
        content = {name: said for name, said in entry.items() if name != "writer"} | {"index": index}
        made.append(line_of(content, run=entry["writer"]["run"], key=store.log.key) + b"\n")
    write_lines(store, made)


def insider(store: Store, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change entries and sign the log anew, as only somebody with the key can."""
    rewritten(store, change)
    (store.root / ROOTS).unlink()
    (store.root / "log/tree").unlink()
    seal(store.log)


# --- single files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 0.5, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found_and_the_file_named(store: Store, kind: str, at: float) -> None:
    path = one(store, kind)
    flip(path, at if at in (0, -1) else path.stat().st_size // 2)  # type: ignore[arg-type]
    found = problems(store)
    assert list(found) == [name_of(store, path)]
    if kind == "record":
        assert found[name_of(store, path)] == "was changed: its sha256 is not the one in the log"
    else:
        assert found[name_of(store, path)].startswith(f"sha256 of {path.name} is not the one in its record")


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_file_is_found_and_named(store: Store, kind: str) -> None:
    path = one(store, kind)
    path.unlink()
    assert problems(store) == {name_of(store, path): "is missing: a record or the log names it"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_became_a_folder_is_missing(store: Store, kind: str) -> None:
    path = one(store, kind)
    path.unlink()
    path.mkdir()
    assert problems(store) == {name_of(store, path): "is missing: a record or the log names it"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"", b"more"])
def test_a_file_cut_or_grown_is_found(store: Store, kind: str, data: bytes) -> None:
    path = one(store, kind)
    path.write_bytes(path.read_bytes() + data if data else path.read_bytes()[:-1])
    assert list(problems(store)) == [name_of(store, path)]


@pytest.mark.parametrize(
    "name",
    [
        "evidence/spend/2026-07-02/" + "0" * 64 + ".json",
        "evidence/added",
        "snapshots/spend/2026-07-02/added.parquet",
        "snapshots/another/2026-07-02/added.parquet",
        "inputs/" + "0" * 64,
        "inputs/.hidden",
        "artifacts/spend/2026-07-02/added.html",
        "artifacts/spend/2026-07-02/folder/report.html",
    ],
)
def test_a_file_that_no_record_names_is_found(store: Store, name: str) -> None:
    (store.root / name).parent.mkdir(parents=True, exist_ok=True)
    (store.root / name).write_text("added")
    assert problems(store) == {name: "no logged record names it: it is not evidence"}


def test_a_file_beside_the_artifacts_of_a_record_is_found(store: Store) -> None:
    path = one(store, "page").with_name("evil.html")
    path.write_text("added")
    assert problems(store) == {name_of(store, path): "no logged record names it: it is not evidence"}


def test_a_name_that_is_no_text_can_be_reported(store: Store) -> None:
    (store.root / "inputs" / "\udcff").write_text("added")
    assert problems(store) == {"inputs/\\xff": "no logged record names it: it is not evidence"}


def test_a_link_that_leads_nowhere_is_found(store: Store) -> None:
    (store.root / "inputs" / "link").symlink_to("nowhere")
    assert problems(store) == {"inputs/link": "no logged record names it: it is not evidence"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_out_of_the_store_is_found_though_its_bytes_are_right(store: Store, kind: str) -> None:
    path = one(store, kind)
    outside = store.root.parent / "outside"
    shutil.copy(path, outside)
    path.unlink()
    path.symlink_to(outside)
    assert problems(store) == {name_of(store, path): "leads out of the store: what stands there is not evidence"}


def test_a_folder_that_leads_out_of_the_store_is_found(store: Store) -> None:
    folder = store.root / "snapshots" / "churn"
    shutil.move(folder, store.root.parent / "outside")
    folder.symlink_to(store.root.parent / "outside")
    found = problems(store)
    assert {m for p, m in found.items() if p.endswith(".parquet")} == {
        "leads out of the store: what stands there is not evidence"
    }


def test_a_ring_of_links_is_missing_and_not_a_crash(store: Store) -> None:
    path = one(store, "page")
    path.unlink()
    path.symlink_to(path)
    assert list(problems(store)) == [name_of(store, path)]


def test_the_row_groups_of_a_changed_snapshot_are_named(store: Store) -> None:
    path = one(store, "snapshot")
    record = json.loads(one(store, "record").read_bytes())
    second = record["result"]["snapshot"]["row_groups"][1]
    flip(path, second["offset"] + 5)
    messages = [p.message for p in verify(store).problems]
    assert messages[1:] == ["row group 1 was changed"]
    flip(path, 5)  # the first one begins at byte 4
    assert [p.message for p in verify(store).problems][1:] == ["row group 0 was changed", "row group 1 was changed"]


def test_the_row_groups_that_a_record_gets_are_those_that_verify_checks(tmp_path: Path) -> None:
    """A real Parquet file: the byte ranges of the snapshot stage are the ones that are compared."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "snapshot.parquet"
    pq.write_table(pa.table({"x": list(range(3000))}), path, row_group_size=1000)
    groups = row_groups(path)
    data = path.read_bytes()
    assert [sha256(data[g.offset : g.offset + g.length]) for g in groups] == [g.sha256 for g in groups]
    assert len(groups) == 3


# --- the log ------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_anywhere_in_the_log_is_found(store: Store) -> None:
    for name, last in ((LOG, 1), (ROOTS, 2)):  # a last root without its line feed is one that was not finished
        data = (store.root / name).read_bytes()
        for at in (*range(0, len(data), 193), len(data) - last):
            flip(store.root / name, at, bit=at % 7)
            found = verify(store)
            assert not found.ok, data[at - 20 : at + 20]
            assert found.problems[0].path.startswith("log/")
            (store.root / name).write_bytes(data)


def test_a_changed_entry_is_named(store: Store) -> None:
    changed = lines(store)
    changed[3] = changed[3].replace(b'"verdict":"WARN"', b'"verdict":"PASS"')
    write_lines(store, changed)
    assert problems(store) == {f"{LOG}: entry 3": "is not the one that was signed: it was changed or added"}
    (store.root / "log" / "tree").unlink()  # without the tree only the range between two roots can be told
    between = "entries 0 to 8 are not those that were signed: one was changed, added or reordered"
    assert problems(store) == {LOG: between}


def test_two_entries_that_changed_places_are_found(store: Store) -> None:
    entries = lines(store)
    write_lines(store, [*entries[:3], entries[4], entries[3], *entries[5:]])
    found = problems(store)
    assert list(found) == [f"{LOG}: entry {i}" for i in (3, 4, 5)]
    assert found[f"{LOG}: entry 3"] == (
        "carries index 4: an entry is missing, was added or was reordered "
        "is not the one that was signed: it stood at place 4: entries were dropped or reordered"
    )


def test_a_dropped_middle_entry_is_found(store: Store) -> None:
    entries = lines(store)
    write_lines(store, [*entries[:3], *entries[4:]])
    found = problems(store)
    assert found[LOG].startswith("has 8 entries, and 9 were signed: entries are missing")
    assert found[f"{LOG}: entry 3"].startswith("carries index 4")
    # what its record named is no evidence any more; the inputs belong to other records too
    assert {p.split("/")[0] for p in found if not p.startswith("log")} == {"evidence", "snapshots", "artifacts"}


def test_an_entry_given_twice_is_found(store: Store) -> None:
    entries = lines(store)
    write_lines(store, [*entries, entries[-1]])
    assert list(problems(store)) == [f"{LOG}: entry 9"]


def test_a_dropped_last_entry_is_found_by_the_root_over_it(store: Store) -> None:
    write_lines(store, lines(store)[:-1])
    assert problems(store)[LOG] == "has 8 entries, and 9 were signed: entries are missing"


def test_a_log_cut_with_its_roots_and_files_is_found_by_a_root_from_outside(store: Store, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.jsonl"
    before = {name: (store.root / name).read_bytes() for name in (LOG, ROOTS, "log/tree")}
    commit(store, model_id="last")
    seal(store.log)
    anchor.write_bytes((store.root / ROOTS).read_bytes())
    root = verify(store).root
    assert verify(store, since=root).ok
    assert verify(store, since=anchor).ok
    for name, data in before.items():
        (store.root / name).write_bytes(data)
    for path in [store.root / name for name in problems(store)]:
        path.unlink()
    assert verify(store).ok  # a whole older store: nothing in it can tell
    assert "Not protected against rollback" in verify(store).notes[0]
    assert problems(store, since=root) == {
        LOG: f"has no beginning with the root {root[:16]}...: it was cut or replaced"
    }
    seen = f"its first 10 entries do not give the root {root[:16]}... seen earlier: it was cut or replaced"
    assert problems(store, since=anchor) == {LOG: seen}


def test_a_root_seen_earlier_holds_while_the_log_grows(store: Store) -> None:
    root = verify(store).root
    commit(store, model_id="later")
    assert verify(store, since=root).ok
    assert verify(store, since=sha256(b"")).ok  # of the empty log
    assert not verify(store, since="f" * 64).ok


def test_a_file_of_roots_that_is_none_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text("{}\n")
    for name in ("anchor", "nowhere"):
        with pytest.raises(EvidenceError, match=f"{name}'"):
            verify(store, since=tmp_path / name)


def test_a_log_that_is_gone_leaves_files_that_nobody_vouches_for(store: Store) -> None:
    for path in (store.root / "log").iterdir():
        path.unlink()
    there = [p for folder in ("evidence", "snapshots", "inputs", "artifacts") for p in (store.root / folder).rglob("*")]
    unnamed = "no logged record names it: it is not evidence"
    assert problems(store) == {name_of(store, p): unnamed for p in there if p.is_file()}


def test_an_unsigned_log_shows_a_change_by_somebody_who_did_not_know(template: Store) -> None:
    with quick_folder() as folder:
        store = make_store(folder)
        commit(store)
        commit(store, model_id="spend")
        seal(store.log)
        assert verify(store).ok
        assert "Unsigned: no key signs this log" in " ".join(verify(store).notes)
        assert verify(store).signed == 0
        changed = lines(store)
        write_lines(store, [changed[0].replace(b"WARN", b"PASS"), changed[1]])
        assert problems(store) == {f"{LOG}: entry 0": "is not the one that was signed: it was changed or added"}


@pytest.mark.parametrize("field", ["time", "kind", "model_id", "night", "digest"])
def test_an_entry_edited_by_somebody_without_the_roots_key_is_found(store: Store, field: str) -> None:
    rewritten(store, lambda entries: entries[2].update({field: "2026-01-01"}))
    assert problems(store)[f"{LOG}: entry 2"].startswith("is not the one that was signed")


# --- records ------------------------------------------------------------------------------------------------------


def test_two_records_that_changed_places_are_found(store: Store) -> None:
    one_, other = (min(store.root.glob(f"evidence/churn/{night}/*.json")) for night in nights(2))
    first, second = one_.read_bytes(), other.read_bytes()
    one_.write_bytes(second)
    other.write_bytes(first)
    assert problems(store) == {
        name_of(store, path): "was changed: its sha256 is not the one in the log" for path in (one_, other)
    }


def test_records_moved_to_each_others_nights_are_found(store: Store) -> None:
    one_, other = (min(store.root.glob(f"evidence/churn/{night}/*.json")) for night in nights(2))
    one_.rename(other.with_name(one_.name))
    other.rename(one_.with_name(other.name))
    found = verify(store)
    assert {p.path: p.message for p in found.problems} == {
        name_of(store, path): "is missing: a record or the log names it" for path in (one_, other)
    }
    assert any("whether there are files that none names cannot be told" in note for note in found.notes)


def forge(store: Store, change: Callable[[dict[str, Any]], None]) -> tuple[str, str]:
    """Change a record and everything that follows from it but the log; return old and new digest."""
    path = one(store, "record")
    record = json.loads(path.read_bytes())
    change(record)
    record["result_digest"] = sha256(canonical(record["result"]))
    data = canonical(record)
    path.with_name(f"{sha256(data)}.json").write_bytes(data)
    path.unlink()
    return path.stem, sha256(data)


def new_digest(old: str, new: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            if entry["digest"] == old:
                entry["digest"] = new

    return change


def test_a_record_forged_with_its_page_and_its_digests_is_refused_by_the_root(store: Store) -> None:
    page = one(store, "page")
    page.write_text("<h1>all is well</h1>")

    def change(record: dict[str, Any]) -> None:
        record["result"]["decision"]["verdict"] = "PASS"
        for file in record["execution"]["artifacts"]:
            if file["path"].endswith("report.html"):
                file |= {"sha256": sha256(page.read_bytes()), "bytes": page.stat().st_size}

    old, new = forge(store, change)
    rewritten(store, new_digest(old, new))
    found = problems(store)
    where = next(i for i, line in enumerate(lines(store)) if new.encode() in line)
    assert found[f"{LOG}: entry {where}"] == "is not the one that was signed: it was changed or added"
    # the entry also holds the digest of the result, which the forger of only one field forgot
    name = f"evidence/spend/2026-07-02/{new}.json"
    assert found == found | {name: "its result_digest is not the digest of its result"}


def test_a_whole_log_made_anew_with_the_key_is_refused_by_a_root_from_outside(store: Store) -> None:
    root = verify(store).root
    old, new = forge(store, lambda record: record["execution"].update(host="elsewhere"))
    insider(store, new_digest(old, new))
    assert verify(store).ok  # whoever has the key can make a store that holds together
    assert list(problems(store, since=root)) == [LOG]


def test_a_record_by_another_run_than_its_entry_says_is_found(store: Store) -> None:
    old, new = forge(store, lambda record: record["execution"].update(run_id="run-9"))
    insider(store, new_digest(old, new))
    assert "by another run" in problems(store)[f"evidence/spend/2026-07-02/{new}.json"]


def test_a_record_of_another_model_night_is_found(store: Store) -> None:
    old, new = forge(store, lambda record: record["result"].update(night="2026-07-09"))
    insider(store, new_digest(old, new))
    assert "belongs to another model-night" in problems(store)[f"evidence/spend/2026-07-02/{new}.json"]


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "inputs/../../secret", "evidence/../../secret"])
def test_a_path_out_of_the_store_is_not_followed(store: Store, path: str) -> None:
    secret = store.root.parent / "secret"
    secret.write_text("a file of somebody else")
    digest = sha256(secret.read_bytes())
    old, new = forge(
        store,
        lambda record: record["result"]["inputs"].append(
            {"role": "suite", "path": path, "sha256": digest, "bytes": 1, "media_type": ""}
        ),
    )
    insider(store, new_digest(old, new))
    assert problems(store)[path] == "leads out of the store: what stands there is not evidence"


@pytest.mark.parametrize("where", ["model_id", "night"])
def test_an_entry_cannot_lead_out_of_the_store(store: Store, where: str) -> None:
    def change(entries: list[dict[str, Any]]) -> None:
        entries[1][where] = "../../../../../../../../etc"

    insider(store, change)
    assert "leads out of the store: what stands there is not evidence" in problems(store).values()


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b"[]",
        b"no json",
        b'{"result": {}, "execution": {}}',
        b'{"result": {"snapshot": null, "inputs": [{}]}, "execution": {"artifacts": []}}',
        b'{"result": {"snapshot": null, "inputs": [{"path": 1, "sha256": 2}]}, "execution": {"artifacts": []}}',
        b'{"result": {"snapshot": null, "inputs": []}, "execution": {"artifacts": []}, "result_digest": []}',
        b"[" * 100_000,
    ],
)
def test_a_record_that_is_none_is_a_problem_and_not_a_crash(store: Store, text: bytes) -> None:
    path = one(store, "record")
    path.with_name(f"{sha256(text)}.json").write_bytes(text)
    path.unlink()
    insider(store, new_digest(path.stem, sha256(text)))
    name = f"evidence/spend/2026-07-02/{sha256(text)}.json"
    assert problems(store)[name] == "does not have the form of a record"


# --- what was asked for -------------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_checked_and_counted(store: Store) -> None:
    assert verify(store).records == 7
    assert verify(store, model_id="spend").records == 4
    assert verify(store, night="2026-07-01").records == 3
    assert verify(store, model_id="spend", night="2026-07-02").records == 1
    one(store, "page").unlink()
    assert not verify(store, model_id="spend", night="2026-07-02").ok
    assert verify(store, model_id="churn").ok


@pytest.mark.parametrize("options", [{"model_id": "nobody"}, {"night": "2020-01-01"}])
def test_what_has_no_record_has_not_been_verified(store: Store, options: dict[str, str]) -> None:
    [problem] = verify(store, **options).problems
    assert problem.message.startswith("no record of")


def test_a_changed_input_of_many_records_is_said_once(store: Store) -> None:
    flip(one(store, "input"), 0)
    assert len(verify(store).problems) == 1


# --- any order of all of it ---------------------------------------------------------------------------------------


class AnyHistory(RuleBasedStateMachine):
    """Commits, alerts, publications, deaths, strangers and sweeps in any order verify; a changed byte never does."""

    @initialize()
    def begin(self) -> None:
        self.context = quick_folder()
        self.store = make_store(self.context.__enter__(), make_key())
        self.seen: list[str] = []

    @rule(
        model_id=st.sampled_from(["a", "b"]), night=st.sampled_from(nights(2)), psi=st.sampled_from([None, 0.1, 1e20])
    )
    def audit(self, **what: Any) -> None:
        commit(self.store, **what)

    @rule(text=st.text(max_size=20))
    def alert(self, text: str) -> None:
        self.store.log.append("alert", model_id="", night="", digest="", body={"text": text})

    @rule()
    def publish(self) -> None:
        root = seal(self.store.log)
        assert (root is None) == (self.store.log.lines.count() == 0)

    @rule(kept=st.integers(1, 60), name=st.sampled_from([LOG, ROOTS]))
    def writer_dies(self, kept: int, name: str) -> None:
        (self.store.root / "log").mkdir(parents=True, exist_ok=True)
        with (self.store.root / name).open("ab") as file:
            file.write(b'{"body":{},"digest":"","index":12,"kind":"record","model_id":"","ni'[:kept])

    @rule(lost=st.integers(0, 200))
    def publisher_dies(self, lost: int) -> None:
        """The tree is no part of the proof: it may be cut anywhere, or be gone."""
        tree = self.store.root / "log" / "tree"
        if tree.exists():
            tree.write_bytes(tree.read_bytes()[:-lost])

    @rule(copied=st.booleans())
    def stranger(self, copied: bool) -> None:
        """Somebody without the key adds a line: one made up, or one of ours again."""
        there = lines(self.store) if (self.store.root / LOG).exists() else []
        if not self.store.log.lines.torn() and there:
            with (self.store.root / LOG).open("ab") as file:
                file.write(there[-1] if copied else line_of(json.loads(there[-1]), run="run-1", key=None) + b"\n")
            assert not verify(self.store).ok
        self.store.log.append("alert", model_id="", night="", digest="", body={})

    @rule()
    def sweep(self) -> None:
        self.store.sweep_if_alone()

    @rule(which=st.integers(0), at=st.integers(0), bit=st.integers(0, 7))
    def attack(self, which: int, at: int, bit: int) -> None:
        folders = ("evidence", "snapshots", "inputs", "artifacts", "log")
        found = (p for f in folders for p in (self.store.root / f).rglob("*") if p.is_file() and p.stat().st_size)
        there = sorted(path for path in found if path.name != "tree")  # a cache
        if not there:
            return
        path = there[which % len(there)]
        data = path.read_bytes()
        whole = data.rfind(b"\n") if path.suffix == ".jsonl" else len(data)  # a torn tail is no entry
        if whole <= 0:
            return
        flip(path, at % whole, bit)
        assert not verify(self.store, since=self.seen[-1] if self.seen else None).ok
        path.write_bytes(data)

    @invariant()
    def all_is_well(self) -> None:
        found = verify(self.store, since=self.seen[len(self.seen) // 2] if self.seen else None)
        assert found.ok, found.problems
        assert found.entries == len(list(self.store.log.entries()))
        if found.entries:
            self.seen.append(found.root)

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)


AnyHistory.TestCase.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=12)
TestAnyHistory = pytest.mark.dear(AnyHistory.TestCase)
