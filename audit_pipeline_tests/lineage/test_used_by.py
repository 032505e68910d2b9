"""Who used a file: exactly those, whatever people call it; worked by hand on three nights of one model."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage import store
from audit_pipeline.lineage.used_by import Impact, impact
from audit_pipeline.publish import schema
from audit_pipeline_tests.lineage.conftest import write
from audit_pipeline_tests.lineage.foreign import dataset, event

ROOT = Path("/srv/project")
LOG = f"{ROOT}/input/{{night}}.parquet"
FIRST = f"{ROOT}/input/2026-07-01.parquet"
V = {n: f"{n}" * 64 for n in range(1, 10)}  # versions of the log


def model_night(
    day: int, *, window: tuple[int, ...] = (), attempt: int = 1, log: int | None = None, upto: str = "audit"
) -> list[dict[str, Any]]:
    """The events of one night: snapshot, drift (with earlier nights' snapshots as its reference), audit."""
    night = f"2026-07-{day:02d}"
    log = log or day
    frozen = [dataset("/s", version=f"s{log}")]
    steps = {
        "snapshot": ([dataset(LOG, version=V[log], at=LOG.replace("{night}", night), kind="log")], frozen),
        "drift": (
            [*frozen, *(dataset("/s", version=f"s{n}") for n in window), dataset(f"{ROOT}/model", version="m")],
            [dataset("/d", version=f"d{day}-{attempt}")],
        ),
        "audit": (
            [*frozen, dataset("/d", version=f"d{day}-{attempt}")],
            [dataset("/r", version=f"r{day}-{attempt}", kind="record")],
        ),
    }
    events = []
    for number, (stage, (read, written)) in enumerate(steps.items()):
        run = day * 100 + attempt * 10 + number
        told = {"model": "churn", "night": night, "stage": stage, "outcome": "WARN" if attempt == 2 else "PASS"}
        hour = 24 * day + 4 * attempt + number
        done = stage != "drift" or upto == "audit"
        state = "COMPLETE" if done else "FAIL"
        events.append(
            event(
                f"churn.{stage}", run, hour=hour, state=state, inputs=read, outputs=written if done else [], stage=told
            )
        )
        if not done:
            break
    return events


Ask = Callable[..., Impact]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # night 2 was audited twice, the second time with another log; night 4 broke in drift; night 3 looks back on 1 and 2
    made = [
        *model_night(1),
        *model_night(2),
        *model_night(2, attempt=2, log=9),
        *model_night(3, window=(1, 2)),
        *model_night(4, upto="drift"),
        event("dag.load", 7, hour=20, inputs=[dataset("/raw/a.csv")], outputs=[dataset(FIRST)]),
        event("dag.count", 8, hour=60, inputs=[dataset("/raw/b.csv")]),
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("used_by")
    write(folder / "outbox", "1.jsonl", made)
    with duckdb.connect(str(folder / "nights.duckdb")) as connection:
        schema.create(connection)
        store.load(connection, folder / "outbox")
        connection.execute(
            "insert into artifact (record, path) values ('r1-1', 'artifacts/x/report.html'), ('r1-1', 'a.json')"
        )
    return folder / "nights.duckdb"


@pytest.fixture
def ask(database: Path) -> Iterator[Ask]:
    with duckdb.connect(str(database), read_only=True) as connection:

        def impact_of(file: str, **more: Any) -> Impact:
            return impact(connection, file, roots=(ROOT,), **more)

        yield impact_of


def told(found: Impact) -> list[tuple[Any, ...]]:
    return [(use.night.day, use.verdict, use.record, use.status) for use in found.uses]


ON_1 = [(1, "PASS", "r1-1", "newest"), (3, "PASS", "r3-1", "newest")]


@pytest.mark.parametrize(
    ("file", "night"),
    [
        ("input/2026-07-01.parquet", None),  # below the project
        ("/srv/project/input/2026-07-01.parquet", None),
        ("../project/input/2026-07-01.parquet", None),
        ("input/{night}.parquet", 1),  # as in the model file
        ("/srv/project/input/{night}.parquet", 1),
        ("2026-07-01.parquet", None),  # the end of a name
        ("{night}.parquet", 1),
        (f"dataset:file:{LOG}", 1),
        ("dataset:file:/srv/project/input/2026-07-01.parquet", None),
        (V[1], None),
        (V[1], 1),
        ("/s", 1),  # what was written that night
    ],
)
def test_a_night_s_file_by_any_name_reaches_its_night_and_the_one_that_looked_back(
    file: str, night: int | None, ask: Ask
) -> None:
    found = ask(file, night=date(2026, 7, night) if night else None)
    assert told(found) == ON_1
    assert found.uses[0].report == "artifacts/x/report.html"


def test_how_it_was_used_and_in_which_version(ask: Ask) -> None:
    first, third = ask("input/2026-07-01.parquet").uses
    assert (first.how, first.versions) == (("snapshot, directly",), (V[1],))
    assert (third.how, third.versions) == (("drift, through s of 2026-07-01",), (V[1],))


def test_a_night_audited_again_tells_the_records_apart_by_the_bytes_they_stand_on(ask: Ask) -> None:
    assert told(ask(V[2])) == [(2, "PASS", "r2-1", "superseded"), (3, "PASS", "r3-1", "newest")]
    assert told(ask(V[9])) == [(2, "WARN", "r2-2", "newest")]  # night 3 looked at the snapshot of the first audit
    both = ask("input/2026-07-02.parquet")
    assert {(use.record, use.versions) for use in both.uses} == {
        ("r2-1", (V[2],)),
        ("r2-2", (V[9],)),
        ("r3-1", (V[2],)),
    }


def test_a_night_that_broke_is_named_without_a_record(ask: Ask) -> None:
    [use] = ask("input/2026-07-04.parquet").uses
    assert (use.night.day, use.verdict, use.record, use.status, use.how) == (
        4,
        None,
        None,
        "no record",
        ("snapshot, directly",),
    )


def test_a_file_of_all_nights_reaches_all_and_with_a_night_only_that_one(ask: Ask) -> None:
    assert [use.night.day for use in ask("model").uses] == [1, 2, 2, 3, 4]
    assert told(ask("model", night=date(2026, 7, 3))) == [(3, "PASS", "r3-1", "newest")]
    assert [use.night.day for use in ask("input/{night}.parquet").uses] == [1, 2, 2, 3, 4]


def test_as_of_knows_nothing_later(ask: Ask) -> None:
    # a night's runs, which name no nominal time, are at work the day after
    assert [use.night.day for use in ask("model", as_of=date(2026, 7, 3)).uses] == [1, 2, 2]


def test_what_another_producer_read_reaches_us_through_the_file_it_wrote(ask: Ask) -> None:
    found = ask("/raw/a.csv")
    assert told(found) == ON_1
    assert found.uses[0].how == ("snapshot, through input/{night}.parquet",)
    assert found.jobs == ("job:n:dag.load",)


def test_nobody_is_an_answer(ask: Ask) -> None:
    assert (ask("/raw/b.csv").uses, ask("/raw/b.csv").jobs) == ((), ("job:n:dag.count",))
    assert ask("/r", night=date(2026, 7, 1)).uses == ()  # written, and read by nobody


def test_a_night_nobody_audited_is_told_as_that_night(ask: Ask) -> None:
    found = ask("input/2026-07-31.parquet")
    assert (found.asked, found.night, found.uses) == (f"dataset:file:{LOG}", date(2026, 7, 31), ())


def test_the_answer_is_json(ask: Ask) -> None:
    said = json.loads(json.dumps(ask(V[1], night=date(2026, 7, 1)).as_dict()))
    assert [use["status"] for use in said["model_nights"]] == ["newest", "newest"]
    assert said["asked"] == V[1]


@pytest.mark.parametrize(
    ("file", "match"),
    [
        ("input/{nigth}.parquet", "Did you mean"),
        ("other/2026-07-01.parquet", "No node"),
        ("churn.audit", "is the job"),
        ("9" * 63, "No node"),
        ("", "No node"),
    ],
)
def test_an_unknown_file_is_answered_with_names(file: str, match: str, ask: Ask) -> None:
    with pytest.raises(LineageError, match=match):
        ask(file)
