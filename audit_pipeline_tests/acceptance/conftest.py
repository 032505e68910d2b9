"""The default project, copied to a folder of its own and audited once for all tests that only read it."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data"
READER = """
    import sys, time, duckdb
    path, stop, good, bad = sys.argv[1], sys.argv[2], 0, []
    import pathlib
    while not pathlib.Path(path).exists() and not pathlib.Path(stop).exists():
        time.sleep(0.05)
    while good + len(bad) < 200 or not pathlib.Path(stop).exists():
        try:
            with duckdb.connect(path, read_only=True) as con:
                con.execute("select count(*), max(night) from audit.model_night").fetchall()
            good += 1
        except duckdb.Error as error:
            bad.append(type(error).__name__)
        time.sleep(0.02 if good + len(bad) < 200 else 0.3)
    print(good, len(bad), *bad[:3])
"""


@dataclass(frozen=True)
class Ran:
    """A finished program."""

    code: int
    out: str
    err: str


def program(root: Path, *arguments: str, timeout_s: float = 900) -> Ran:
    """Run `audit-pipeline` on the project in `root`."""
    command = [sys.executable, "-m", "audit_pipeline", "--project", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment(), check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """The environment without what would lead a run elsewhere."""
    return {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "AUDIT_PROJECT")} | {"COLUMNS": "200"}


def copy_project(root: Path) -> Path:
    """Copy the committed files of the default project."""
    shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("audit", "input"))
    return root


@contextmanager
def read_meanwhile(database: Path, *, readers: int) -> Iterator[list[str]]:
    """Let other processes open `database` again and again; the list holds afterwards what each of them met."""
    said: list[str] = []
    stop = database.parent.with_name("stop")
    command = [sys.executable, "-c", textwrap.dedent(READER), str(database), str(stop)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(readers)]
    try:
        yield said
    finally:
        stop.touch()
        said += [reader.communicate(timeout=60)[0].strip() for reader in running]


@dataclass(frozen=True)
class Demo:
    """The demo's store, what the program said, and what a reader met meanwhile."""

    root: Path
    ran: Ran
    reader: str  # opened, failed, kinds of failure


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo once, while a second process opens the published database again and again."""
    root = copy_project(tmp_path_factory.mktemp("acceptance") / "data")
    with read_meanwhile(root / "audit" / "audit.duckdb", readers=1) as said:
        ran = program(root, "demo")
    yield Demo(root, ran, said[0])
