"""kill -9 in the middle of erasing and purging: the old state, or one that the next run ends; any history verifies."""

import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from audit_pipeline.config import Project, load_project
from audit_pipeline.evidence import Store, seal, verify
from audit_pipeline.forget import erase, purge
from audit_pipeline_tests.builders import nights
from audit_pipeline_tests.forget import light
from audit_pipeline_tests.hardship import dies_at, killed_after, quick_folder

ASKED: dict[str, Any] = {"reason": "asked for", "by": "officer"}
TODAY = datetime.now(UTC)
DAYS = nights(40, first=TODAY.date() - timedelta(days=20))
RETENTION = "retention: {snapshots: 10 days, inputs: 10 days, artifacts: 20 days, evidence: 30 days}\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as found:
        yield found


def later(days: int) -> datetime:
    """Return a moment so many days from now: the log's times are today's, and a purge is never before them."""
    return datetime.now(UTC) + timedelta(days=days)


def assert_nothing_is_left_over(store: Store) -> None:
    """After a sweep nobody's unfinished work is there, and all that is there is evidence."""
    store.sweep_if_alone()
    work = store.root / ".work"
    assert not work.exists() or not list(work.iterdir())
    found = verify(store)
    assert found.ok, found.problems


@pytest.mark.parametrize("way", ["erase", "purge"])
def test_killed_at_some_steps(folder: Path, way: str) -> None:
    killed_at_steps(folder, way, every=12)


@pytest.mark.acceptance
@pytest.mark.parametrize("way", ["erase", "purge"])
def test_killed_at_every_step(folder: Path, way: str) -> None:
    killed_at_steps(folder, way, every=1)


def killed_at_steps(folder: Path, way: str, *, every: int) -> None:
    """Kill it at each `every`-th look at a file; after a sweep, and after another call, all is well."""
    template = light.project(folder / "template", more=RETENTION)
    light.commit(Store.of(template), DAYS[0])
    seal(Store.of(template).log)
    erase(template, "p5", dry_run=True, **ASKED)  # loads what the children need
    step, killed = 0, True
    while killed:
        root = Path(shutil.copytree(template.root, folder / str(step)))
        project = load_project(root)
        store = Store.of(project)

        def work(project: Project = project) -> None:
            if way == "erase":
                erase(project, "p5", **ASKED)
            else:
                purge(project, by="officer", now=later(400))

        killed = dies_at(step, store.root, work)
        assert_nothing_is_left_over(store)
        if way == "erase":
            assert all(len(people) in (11, 12) for people in light.people_in(store).values())
        work()
        assert_nothing_is_left_over(store)
        if way == "erase":
            assert [people for people in light.people_in(store).values() if "p5" in people] == []
            assert len([e for e in store.log.entries() if e.kind == "erasure"]) in (2, 3)
        else:
            assert not any(list((store.root / name).rglob("*")) for name in ("snapshots", "evidence", "inputs"))
        shutil.rmtree(root)
        step += every
    assert step > 40


class AnyHistory(RuleBasedStateMachine):
    """Append, publish, crash, erase, purge, in any order: what is left always verifies, and nobody comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.project = light.project(self.folder / "p", more=RETENTION)
        self.store = Store.of(self.project)
        self.made = 0  # nights
        self.gone: set[tuple[str, str]] = set()  # (night, person)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize()
    def one_night(self) -> None:
        self.append()

    @rule()
    def append(self) -> None:
        light.commit(self.store, DAYS[self.made])
        self.made += 1

    @rule()
    def publish(self) -> None:
        seal(self.store.log)

    @rule(person=st.sampled_from(light.PEOPLE))
    def erase(self, person: str) -> None:
        erase(self.project, person, **ASKED)
        self.gone |= {(str(night), person) for night in DAYS[: self.made]}

    @rule(person=st.sampled_from(light.PEOPLE), step=st.integers(0, 60))
    def crash_in_erase(self, person: str, step: int) -> None:
        if not dies_at(step, self.store.root, lambda: erase(self.project, person, **ASKED)):
            self.gone |= {(str(night), person) for night in DAYS[: self.made]}

    @rule(step=st.integers(0, 60))
    def crash_in_append(self, step: int) -> None:
        dies_at(step, self.store.root, lambda: light.commit(self.store, DAYS[self.made]))
        self.store.sweep_if_alone()
        if ("risk", str(DAYS[self.made])) in self.store.heads():
            self.made += 1

    @rule(days=st.integers(0, 45))
    def purge(self, days: int) -> None:
        purge(self.project, by="officer", now=later(days))

    @rule(days=st.integers(0, 45), step=st.integers(0, 60))
    def crash_in_purge(self, days: int, step: int) -> None:
        dies_at(step, self.store.root, lambda: purge(self.project, by="officer", now=later(days)))

    @invariant()
    def it_verifies(self) -> None:
        self.store.sweep_if_alone()
        found = verify(self.store)
        assert found.ok, found.problems
        there = {(path.split("/")[2], one) for path, people in light.people_in(self.store).items() for one in people}
        assert not there & self.gone
        assert [e.index for e in self.store.log.entries()] == list(range(len(list(self.store.log.entries()))))


AnyHistory.TestCase.settings = settings(max_examples=5, stateful_step_count=10, deadline=None)
TestAnyHistory = AnyHistory.TestCase


@pytest.mark.acceptance
def test_killed_two_hundred_times_while_it_writes(folder: Path) -> None:
    """Commits, erasures and purges without end in a light process; a young store ten times, since all are verified."""
    draw = random.Random(7)
    for turn in range(10):
        kinds = kill_twenty_times(folder / str(turn), draw)
        assert {"record", "erasure"} <= kinds


def kill_twenty_times(root: Path, draw: random.Random) -> set[str]:
    """Kill the writers of a new store, verifying after each; return the kinds of entries that were made."""
    project = light.project(root, more="retention: {artifacts: 1 days}\n")
    store = Store.of(project)
    begun = time.monotonic()
    light.commit(store, DAYS[0])
    erase(project, "p0", **ASKED)
    lasts = time.monotonic() - begun

    def work() -> None:
        for turn in range(10_000):
            light.commit(store, DAYS[turn % 3], psi=float(time.time_ns()))
            erase(project, light.PEOPLE[turn % 12], **ASKED)
            purge(project, by="officer")

    for _ in range(20):
        killed_after(lasts * draw.uniform(0.05, 1.2), work)
        assert_nothing_is_left_over(store)
    return {entry.kind for entry in store.log.entries()}
