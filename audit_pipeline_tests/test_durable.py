"""Files are whole or not there, whenever their writer dies; locks die with their holder."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from audit_pipeline.durable import file_sha256, locked, move_aside, readable, storing, write_whole
from audit_pipeline.errors import EvidenceError
from audit_pipeline_tests.hardship import dies_at, ended, in_child, killed_after, small_disk, with_files_up_to

SIZE = 200_000  # bytes; several writes of the file system


def test_a_file_is_whole_at_whatever_step_its_writer_is_killed(tmp_path: Path) -> None:
    step, seen = 0, []
    while True:
        folder = tmp_path / str(step)
        target = folder / "a" / "file"
        if not dies_at(step, folder, partial(write_whole, target, b"x" * SIZE)):
            break
        seen.append(target.read_bytes() if target.exists() else None)
        step += 1
    # not there until the rename, and whole from then on: only the sync of the folder comes after it
    assert seen == [None] * (step - 1) + [b"x" * SIZE]
    assert step >= 7  # two folders made and synced, the temporary file opened, given its mode, renamed


def test_a_reader_sees_whole_files_only_while_writers_are_killed(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_whole(target, b"a" * SIZE)
    seen = set()

    def write() -> None:
        while True:
            for letter in (b"a", b"b"):
                write_whole(target, letter * SIZE)

    def read() -> None:
        data = target.read_bytes()
        assert len(data) == SIZE
        seen.add(data)

    for i in range(40):
        killed_after(0.005 + 0.0007 * i, write, meanwhile=read)
    assert seen == {b"a" * SIZE, b"b" * SIZE}


def test_a_limit_on_files_is_an_evidence_error_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")

    def write() -> None:
        with pytest.raises(EvidenceError, match="'file' was not written"):
            write_whole(target, b"x" * SIZE)

    with_files_up_to(SIZE // 2, write)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_a_full_disk_is_said_and_leaves_what_was_there() -> None:
    with small_disk(256) as disk:
        write_whole(disk / "file", b"old")
        with pytest.raises(EvidenceError, match="the disk is full"):
            write_whole(disk / "file", b"x" * 400_000)
        assert [path.name for path in disk.iterdir()] == ["file"]
        assert (disk / "file").read_bytes() == b"old"
        write_whole(disk / "file", b"new")  # and it goes on once there is room
        assert (disk / "file").read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_is_an_evidence_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where a folder should be")
    with pytest.raises(EvidenceError, match="'file' was not written"):
        write_whole(tmp_path / "a" / "file", b"x")


def test_an_error_of_ours_passes_through_unchanged() -> None:
    with pytest.raises(EvidenceError, match="as it was"), storing("file"):
        raise EvidenceError("as it was")


def test_the_mode_is_that_of_the_file_from_its_first_moment(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", b"k", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_the_digest_of_a_file_larger_than_a_block(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a" * 1_000_000)
    # printf 'a%.0s' {1..1000000} | sha256sum, the third test vector of FIPS 180-2
    assert file_sha256(tmp_path / "file") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


@pytest.mark.parametrize("name", ["report.html", "n" * 255, os.fsdecode(b"not utf-8 \xff")])
def test_what_is_moved_aside_is_kept_with_the_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / "folder" / name
    path.parent.mkdir()
    path.write_bytes(b"content")
    move_aside(path, tmp_path / "quarantine", "because")
    kept = {p.name.endswith(".reason.txt"): p.read_bytes() for p in (tmp_path / "quarantine").iterdir()}
    assert kept == {False: b"content", True: f"{readable(path)}: because\n".encode()}
    assert not path.exists()


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    ready, go = os.pipe()

    def hold() -> None:
        with locked(tmp_path / "lock"):
            os.write(go, b"!")
            signal.pause()

    pid = in_child(hold)
    os.close(go)  # so that a child that died early is seen as the end of the pipe
    assert os.read(ready, 1) == b"!"
    with locked(tmp_path / "lock", wait=False) as taken:
        assert not taken
    with locked(tmp_path / "lock", shared=True, wait=False) as taken:
        assert not taken
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    with locked(tmp_path / "lock", wait=False) as taken:
        assert taken


def test_many_may_share_a_lock_and_one_alone_may_own_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, shared=True), locked(path, shared=True, wait=False) as second:
        assert second
        with locked(path, wait=False) as alone:
            assert not alone
    with locked(path, wait=False) as alone:
        assert alone


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="inside"), locked(tmp_path / "lock"):
        raise RuntimeError("inside")
    with locked(tmp_path / "lock", wait=False) as taken:
        assert taken
