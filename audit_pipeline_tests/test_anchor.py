"""A second place for the log's roots: it gets each, it notices a rollback, and its failure harms nothing."""

from pathlib import Path

import pytest

from audit_pipeline.anchor import anchor_roots
from audit_pipeline.config import Project, load_project
from audit_pipeline.errors import StorageError
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.fleet import publish_store
from audit_pipeline_tests.builders import commit, make_key, nights
from audit_pipeline_tests.config import small
from audit_pipeline_tests.hardship import full, small_disk
from audit_pipeline_tests.receiver import receiver

KEYS = 'keys: {signing: "file:signing.key"}\n'
MADE = nights(3)


def project(root: Path, anchor: str) -> Project:
    """A signed project with one record and one root."""
    small.write(root, project=f"{small.PROJECT}{KEYS}anchor: {anchor}\n")
    (root / "signing.key").write_text("01" * 32)
    made = load_project(root)
    assert Store.of(made).log.key.key_id == make_key(1).key_id  # type: ignore[union-attr]
    more(made, 0)
    return made


def more(project: Project, night: int) -> None:
    store = Store.of(project)
    commit(store, model_id="risk", night=MADE[night])
    seal(store.log)


def roots(project: Project) -> bytes:
    return (project.layout.audit / "log" / "roots.jsonl").read_bytes()


def test_a_file_gets_every_root_in_order_however_late(tmp_path: Path) -> None:
    anchor = tmp_path / "elsewhere" / "roots.jsonl"
    made = project(tmp_path / "p", f"{{file: {anchor}}}")
    [problem] = anchor_roots(made)
    assert problem == f"The anchor '{anchor}' did not get the log's roots: No such file or directory."
    anchor.parent.mkdir()
    more(made, 1)
    assert anchor_roots(made) == []
    assert anchor.read_bytes() == roots(made)
    assert anchor.read_bytes().count(b"\n") == 2
    assert anchor_roots(made) == []
    anchor.write_bytes(roots(made)[:-40])  # its writer died
    more(made, 2)
    assert anchor_roots(made) == []
    assert anchor.read_bytes() == roots(made)
    assert verify(Store.of(made), since=anchor).ok


def test_a_disk_that_is_full_at_the_root_or_at_the_anchor_costs_neither(tmp_path: Path) -> None:
    with small_disk(400) as disk, small_disk(64) as elsewhere:
        made = project(disk / "p", f"{{file: {elsewhere / 'roots.jsonl'}}}")
        commit(Store.of(made), model_id="risk", night=MADE[1])
        before = roots(made)
        log = Store.of(made).log
        with full(disk), pytest.raises(StorageError, match="the disk is full"):
            for _ in range(100):  # what is left of the last pages may hold a root or two
                log.append("alert", model_id="", night="", digest="", body={})
                seal(log)
        assert roots(made).startswith(before)
        seal(log)
        with full(elsewhere):
            [problem] = anchor_roots(made)
        assert problem.endswith("did not get the log's roots: No space left on device.")
        assert anchor_roots(made) == []
        assert (elsewhere / "roots.jsonl").read_bytes() == roots(made)
        assert verify(Store.of(made), since=elsewhere / "roots.jsonl").ok


def test_a_log_that_was_rolled_back_is_not_hidden_by_going_on(tmp_path: Path) -> None:
    anchor = tmp_path / "roots.jsonl"
    made = project(tmp_path / "p", f"{{file: {anchor}}}")
    log = made.layout.audit / "log"
    before = {path: path.read_bytes() for path in log.iterdir() if path.is_file()}
    more(made, 1)
    assert anchor_roots(made) == []
    kept = anchor.read_bytes()
    for path, data in before.items():
        path.write_bytes(data)
    more(made, 2)
    [problem] = anchor_roots(made)
    assert "it holds roots that log/roots.jsonl does not: the log was rolled back" in problem
    assert anchor.read_bytes() == kept
    assert any("seen earlier" in p.message for p in verify(Store.of(made), since=anchor).problems)


def test_a_channel_gets_the_newest_root_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(tmp_path / "p", "{channel: pager}")
    monkeypatch.delenv("PAGER_URL", raising=False)
    [problem] = anchor_roots(made)
    assert "address of channel pager" in problem
    monkeypatch.setenv("PAGER_URL", "json://127.0.0.1:9/")  # nobody listens
    [problem] = anchor_roots(made)
    assert "did not take the message" in problem
    with receiver() as there:
        monkeypatch.setenv("PAGER_URL", there.url)
        more(made, 1)
        assert anchor_roots(made) == []
        assert anchor_roots(made) == []
        more(made, 2)
        assert anchor_roots(made) == []
    assert [m["message"].encode() for m in there.received] == roots(made).splitlines()[1:]
    root = verify(Store.of(made)).root
    assert there.received[-1]["title"] == f"[hospital] root of the audit log: 4 entries, {root}"


@pytest.mark.parametrize(
    ("anchor", "fault"),
    [
        ("{}", "names neither `file` nor `channel`"),
        ("{channel: pagr}", "'pagr' is not in `channels`. Did you mean 'pager'?"),
    ],
)
def test_an_anchor_that_is_none_is_a_fault(tmp_path: Path, anchor: str, fault: str) -> None:
    small.write(tmp_path, project=f"{small.PROJECT}anchor: {anchor}\n")
    assert any(fault in found for found in small.faults(tmp_path))


def test_the_published_log_names_the_root_over_each_entry(tmp_path: Path) -> None:
    from audit_pipeline.publish import query

    made = project(tmp_path, "{file: anchor.jsonl}")
    publish_store(made)
    more(made, 1)
    publish_store(made)
    found = query(made.layout, "select log_index, kind, leaf, root_size, root, key_id from audit.evidence_log").rows
    entries, (first, second) = list(Store(made.layout).log.entries()), Store(made.layout).log.roots.all()
    key = make_key(1).key_id
    assert found == [
        (0, "key", entries[0].leaf, 2, first.root, key),
        (1, "record", entries[1].leaf, 2, first.root, key),
        (2, "record", entries[2].leaf, 3, second.root, key),
    ]
