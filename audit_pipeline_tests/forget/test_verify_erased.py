"""What `verify` says of files from which rows were erased, and attacks that hide behind an erasure."""

import json
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.config import Project, load_project
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.evidence.canonical import sha256
from audit_pipeline.evidence.entry import line_of
from audit_pipeline.evidence.export import export
from audit_pipeline.evidence.verifier import check
from audit_pipeline.forget import erase
from audit_pipeline.forget.find import find
from audit_pipeline.forget.named import Person, known
from audit_pipeline.records import RowGroup
from audit_pipeline.row_groups import row_groups
from audit_pipeline.snapshot.footer import ending, read_footer
from audit_pipeline_tests.builders import nights
from audit_pipeline_tests.forget import light
from audit_pipeline_tests.hardship import quick_folder

N1, N2 = nights(2)
ASKED: dict[str, Any] = {"reason": "asked for", "by": "officer"}
Body = dict[str, Any]


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """Two nights; p5 (row group 1) was erased; the log is signed. The files as they were stand in `before`."""
    with quick_folder() as folder:
        project = light.project(folder / "p")
        store = Store.of(project)
        for night in (N1, N2):
            light.commit(store, night)
        shutil.copytree(store.root / "snapshots", folder / "p" / "before")
        assert erase(project, "p5", **ASKED).rows == 4
        seal(store.log)
        assert verify(store).ok
        yield folder / "p"


@pytest.fixture
def project(template: Path) -> Iterator[Project]:
    with quick_folder() as folder:
        yield load_project(Path(shutil.copytree(template, folder / "p")))


@pytest.fixture
def store(project: Project) -> Store:
    return Store.of(project)


def before(store: Store) -> Path:
    """Return the first night's snapshot as it was frozen."""
    return next((store.root.parent / "before" / "risk" / str(N1)).iterdir())


def found(store: Store) -> str:
    """Return what is wrong, in one text; nothing else than this night's snapshot may be."""
    problems = verify(store).problems
    paths = {p.path for p in problems}
    assert paths <= {light.snapshot_of(store, N1).relative_to(store.root).as_posix()}, problems
    return "; ".join(p.message for p in problems)


def insider(store: Store, change: Callable[[Body], None]) -> None:
    """Change the entry on the first night's snapshot, and sign everything anew, as only who has the key can."""
    log = store.root / "log" / "entries.jsonl"
    made = []
    for line in log.read_bytes().splitlines():
        entry = json.loads(line)
        writer = entry.pop("writer")
        if entry["kind"] == "erasure" and f"snapshots/risk/{N1}/" in entry["body"]["path"]:
            change(entry["body"])
        made.append(line_of(entry, run=writer["run"], key=store.log.key) + b"\n")
    log.write_bytes(b"".join(made))
    (store.root / "log" / "roots.jsonl").unlink()
    (store.root / "log" / "tree").unlink()
    seal(store.log)


def replaced(store: Store, data: bytes, groups: list[Body] | None = None) -> Callable[[Body], None]:
    """Put `data` in place of the erased file, and return the change of the entry that fits it."""
    file = light.snapshot_of(store, N1)
    file.write_bytes(data)
    there = row_groups(file)

    def change(body: Body) -> None:
        body["new_sha256"], body["bytes"] = sha256(data), len(data)
        for group, now in zip(groups or body["groups"], there, strict=False):
            group |= {"offset": now.offset, "length": now.length, "sha256": now.sha256, "rows": now.rows}
        if groups:
            body["groups"] = groups

    return change


def erased(store: Store) -> Any:
    return pq.read_table(light.snapshot_of(store, N1))


def as_file(*groups: Any) -> bytes:
    """Return a Parquet file with exactly these tables as row groups."""
    buffer = BytesIO()
    with pq.ParquetWriter(buffer, groups[0].schema, compression="zstd", store_schema=False) as out:
        for group in groups:
            out.write_table(group)
    return buffer.getvalue()


def test_untouched_row_groups_keep_their_bytes_and_are_those_of_the_record(store: Store) -> None:
    was, now = before(store).read_bytes(), light.snapshot_of(store, N1).read_bytes()
    old, new = row_groups(before(store)), row_groups(light.snapshot_of(store, N1))

    def taken(data: bytes, group: RowGroup) -> bytes:
        return data[group.offset : group.offset + group.length]

    assert [taken(was, o) == taken(now, n) for o, n in zip(old, new, strict=True)] == [True, False, True]
    head = store.heads()["risk", str(N1)]
    recorded = store.read_record("risk", str(N1), head.digest)["result"]["snapshot"]["row_groups"]
    assert [g["sha256"] == n.sha256 for g, n in zip(recorded, new, strict=True)] == [True, False, True]
    assert [n.rows for n in new] == [4, 3, 4]
    assert erased(store).equals(light.frame(N1).filter(pa.array([i != 5 for i in range(12)])))


def test_erased_rows_that_are_put_back_are_found(store: Store) -> None:
    shutil.copyfile(before(store), light.snapshot_of(store, N1))
    assert "is the file from before the erasure in entry" in found(store)


def test_a_changed_byte_after_an_erasure_is_found_with_its_row_group(store: Store) -> None:
    file = light.snapshot_of(store, N1)
    data, group = bytearray(file.read_bytes()), row_groups(file)[2]
    data[group.offset + group.length // 2] ^= 1
    file.write_bytes(data)
    assert "is not what the erasure in entry" in found(store)
    assert "row group 2 was changed" in found(store)
    assert "row group 1" not in found(store)


def test_an_erasure_without_signature_is_no_erasure(project: Project, store: Store) -> None:
    """Who has no key can write a line and a file that fits it; the line has no mark."""
    outsider = Store(project.layout)
    last = store.root / "log" / "entries.jsonl"
    body = [json.loads(line)["body"] for line in last.read_bytes().splitlines() if b'"erasure"' in line][-1]
    body |= {"rows": 0, "sha256": body["new_sha256"], "reason": "forged"}
    content = {"index": last.read_bytes().count(b"\n"), "time": "2026-07-03T00:00:00+00:00", "kind": "erasure"}
    about = {"model_id": "risk", "night": str(N2), "digest": sha256(b"x"), "body": body}
    outsider.log.lines.append(line_of(content | about, run="erase", key=None))
    [fault] = [p for p in verify(store).problems if p.path.startswith("log/")]
    assert fault.message == "no known writer wrote it: it is not evidence"


def test_a_row_group_changed_that_the_entry_does_not_name(store: Store) -> None:
    table = erased(store)
    moved = table.set_column(2, "age", pa.array([0.0, *table["age"].to_pylist()[1:]]))
    data = as_file(moved[:4], moved[4:7], moved[7:])
    insider(store, replaced(store, data))
    assert "changes row group 0, from which no row was erased" in found(store)


def test_a_row_group_changed_that_the_entry_says_had_been_so(store: Store) -> None:
    """The entry claims that the group was already so: the record knows better."""
    table = erased(store)
    moved = table.set_column(2, "age", pa.array([0.0, *table["age"].to_pylist()[1:]]))
    change = replaced(store, as_file(moved[:4], moved[4:7], moved[7:]))

    def both(body: Body) -> None:
        change(body)
        body["groups"][0]["sha256_before"] = body["groups"][0]["sha256"]

    insider(store, both)
    assert "starts from another row group 0 than was there: an alteration is hidden in it" in found(store)


def test_more_rows_removed_than_said(store: Store) -> None:
    table = erased(store)
    change = replaced(store, as_file(table[:4], table[4:6], table[7:]))
    insider(store, change)
    assert "says that 1 rows were erased, and takes 2" in found(store)


def test_more_rows_removed_than_said_by_a_lie_about_the_group(store: Store) -> None:
    table = erased(store)
    change = replaced(store, as_file(table[:4], table[4:6], table[7:]))

    def lie(body: Body) -> None:
        change(body)
        body["groups"][1]["rows"] = 3

    insider(store, lie)
    assert "from row group 1 more rows are gone than" in found(store)


def test_a_group_swapped(store: Store) -> None:
    table = erased(store)
    change = replaced(store, as_file(table[7:], table[4:7], table[:4]))
    insider(store, change)
    assert "changes row group 0" in found(store)


def test_columns_swapped_in_the_footer_only(store: Store) -> None:
    """No digest of a row group covers the footer, which says which column is which."""
    table = erased(store).rename_columns(["person", "id", "age"])
    insider(store, replaced(store, as_file(table[:4], table[4:7], table[7:])))
    assert "hides that they were renamed or swapped" in found(store)


def test_a_file_changed_by_an_erasure_of_nothing(store: Store) -> None:
    """All rows are back, and the footer says something else of them."""
    was = before(store).read_bytes()
    footer = read_footer(BytesIO(was))
    footer[6] = (footer[6][0], b"another writer")
    whole = was[: row_groups(before(store))[-1].offset + row_groups(before(store))[-1].length]
    insider(store, replaced(store, whole + ending(footer)))
    assert "erases no row: an alteration is hidden in it" in found(store)


def test_a_group_dropped_from_the_entry_and_the_file(store: Store) -> None:
    table = erased(store)
    change = replaced(store, as_file(table[:4], table[4:7]))

    def drop(body: Body) -> None:
        body["groups"].pop()
        change(body)

    insider(store, drop)
    assert "starts from another row group 2 than was there" in found(store)


def test_a_group_added(store: Store) -> None:
    table = erased(store)
    change = replaced(store, as_file(table[:4], table[4:7], table[7:], table[:1]))
    insider(store, change)
    assert "one was swapped, added or dropped" in found(store)


def test_an_erasure_that_starts_from_a_changed_file_does_not_launder_it(project: Project, store: Store) -> None:
    file = light.snapshot_of(store, N1)
    moved = erased(store).set_column(2, "age", pa.array([float(i) for i in range(11)]))
    file.write_bytes(light.file_bytes(moved))
    erase(project, "p9", **ASKED)
    assert "starts from another file than the record names: the file had been changed before" in found(store)


@pytest.mark.parametrize("field", ["groups", "rows", "new_sha256"])
def test_an_entry_that_is_none_is_named(store: Store, field: str) -> None:
    insider(store, lambda body: body.__setitem__(field, None))
    messages = [p.message for p in verify(store).problems]
    assert "does not have the form of an erasure" in messages
    assert any(m.startswith("sha256 of") for m in messages)


def test_a_group_that_lost_all_rows_and_then_another_erasure(project: Project, store: Store) -> None:
    for person in ("p4", "p6", "p7", "p0"):
        erase(project, person, **ASKED)
    assert [g.rows for g in row_groups(light.snapshot_of(store, N1))] == [3, 4]
    assert found(store) == ""
    assert light.people_in(store)[light.snapshot_of(store, N1).relative_to(store.root).as_posix()] == {
        *("p1", "p2", "p3", "p8", "p9", "p10", "p11")
    }
    for person in light.PEOPLE:
        erase(project, person, **ASKED)
    assert pq.read_table(light.snapshot_of(store, N1)).num_rows == 0
    assert found(store) == ""


def test_a_column_that_held_numbers_once_and_pseudonyms_now_is_searched_for_both(store: Store) -> None:
    aside = store.layout.quarantine / "old.parquet"
    aside.parent.mkdir()
    pq.write_table(pa.table({"person": [41, 42, None]}), aside)
    everything = known(store)
    everything.persons["risk"].add(Person("person", "integer", masked=False))
    at = find(store, everything, "42", model_id=None, key=light.KEY)
    assert [(holding.path, holding.rows) for holding in at.holding] == [("quarantine/old.parquet", 1)]
    assert find(store, everything, "p9", model_id=None, key=light.KEY).holding[-1].path.startswith("snapshots/")


def test_a_pack_leaves_an_erased_file_out_and_tells_of_it(store: Store, tmp_path: Path) -> None:
    import zipfile

    export(store, tmp_path / "pack.zip", "risk", first=N1, last=N1, with_rows=True)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        lines, signed = check(pack, None)
        assert not [name for name in pack.namelist() if name.endswith(".parquet")]
    assert signed
    assert any("1 rows of snapshots/risk/2026-07-01/" in line and "asked for" in line for line in lines)
