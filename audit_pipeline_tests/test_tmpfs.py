"""A room in memory is its process's alone, and goes with it: at its end, or at the hands of the next one."""

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_pipeline import tmpfs
from audit_pipeline.errors import MemoryRoomError
from audit_pipeline_tests.hardship import ended, in_child

SHM = Path("/dev/shm")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of its own in a tmpfs."""
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        yield Path(name).resolve()


def rooms(place: Path) -> list[Path]:
    return sorted(place.glob("*/room-*"))


def test_a_room_is_made_once_and_is_for_its_owner_alone(place: Path) -> None:
    room = tmpfs.room(place)
    assert tmpfs.room(place) == room
    assert [stat.S_IMODE(path.stat().st_mode) for path in (room, room.parent)] == [0o700, 0o700]


def test_the_room_of_a_dead_process_is_removed_by_the_next_and_that_of_a_living_one_is_not(place: Path) -> None:
    def killed() -> None:
        (tmpfs.room(place) / "row").write_text("a value")
        os.kill(os.getpid(), signal.SIGKILL)

    mine = tmpfs.room(place)
    assert ended(in_child(killed)) == -signal.SIGKILL
    assert [path.name for room in rooms(place) for path in room.iterdir() if path.name == "row"] == ["row"]

    def next_one() -> None:
        own = tmpfs.room(place)
        assert rooms(place) == sorted([mine, own])

    assert ended(in_child(next_one)) == 0
    assert mine.is_dir()


def test_a_folder_on_a_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MemoryRoomError, match=f"'{tmp_path}' is no tmpfs"):
        tmpfs.room(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["open to others", "link"])
def test_a_folder_that_somebody_prepared_is_refused(place: Path, kind: str, tmp_path: Path) -> None:
    top = place / f"audit-pipeline-{os.geteuid()}"
    if kind == "link":
        top.symlink_to(tmp_path)
    else:
        top.mkdir(mode=0o755)
    with pytest.raises(MemoryRoomError, match="somebody else prepared it"):
        tmpfs.room(place)
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_all_packages_go_there_until_the_last_user_left(place: Path, tmp_path: Path) -> None:
    before, inside = tempfile.gettempdir(), threading.Event()
    with tmpfs.temporary_files(place):
        assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(place)
        leave = threading.Event()

        def other() -> None:
            with tmpfs.temporary_files(place):
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
    assert tempfile.gettempdir() == str(place)
    leave.set()
    thread.join()
    assert tempfile.gettempdir() == before
    assert os.environ.get("TMPDIR") != str(place)
