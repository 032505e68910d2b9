"""What is due, from real files and a real store; and that looking is cheap."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from audit_pipeline.config import Project, load_project
from audit_pipeline.due import Due, complete_at, due_nights, newest_night, remember, state_of, today
from audit_pipeline.errors import ConfigError
from audit_pipeline_tests.small_project import NIGHTS, build, write_labels, write_log

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)  # long after the project's last night
N1, N2, N3, N4, N5 = NIGHTS


def due(project: Project, *, now: datetime = NOW, first: date | None = None, last: date | None = None) -> list[str]:
    return words(due_nights(project, now=now, first=first, last=last))


def words(found: Sequence[Due]) -> list[str]:
    return [f"{d.night:%d} {d.model_id}: {d.why}" for d in found]


def settle(project: Project, *, now: datetime = NOW) -> None:
    """Note every model-night as audited, with a record file that stands for the evidence."""
    for item in due_nights(project, now=now):
        path = project.layout.audit / "evidence" / item.model_id / item.night.isoformat() / "r.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        newest = max(newest_night(project, now) or item.night, item.night)
        state = state_of(project, project.model(item.model_id).config, item.night, newest)
        remember(project, item.model_id, item.night, state=state, record="r")


def test_what_came_is_due_in_order_of_date_and_is_due_once(fresh: Project) -> None:
    assert due(fresh) == ["01 churn: new", "01 spend: new", "02 churn: new", "02 spend: new"]
    settle(fresh)
    assert due(fresh) == []


def test_force_makes_due_what_is_up_to_date(fresh: Project) -> None:
    settle(fresh)
    assert words(due_nights(fresh, models=["spend"], force=True, now=NOW)) == ["01 spend: forced", "02 spend: forced"]


def test_a_changed_log_is_due_again(fresh: Project) -> None:
    settle(fresh)
    write_log(fresh.root, "spend", N1, forecast=1.0)
    assert due(fresh) == ["01 spend: log changed"]


def test_labels_are_due_when_they_come_and_when_they_do_not(fresh: Project) -> None:
    settle(fresh)  # two nights are there, labels two nights late: none is due yet
    write_labels(fresh.root, N2)
    assert due(fresh) == ["02 churn: labels came"]
    settle(fresh)
    for model in ("churn", "spend"):
        write_log(fresh.root, model, N3)  # with the third night the labels of the first should be there
    assert due(fresh) == ["01 churn: labels overdue", "03 churn: new", "03 spend: new"]
    settle(fresh)
    write_labels(fresh.root, N1)
    assert due(fresh) == ["01 churn: labels came"]


def test_labels_that_came_in_part_are_due_again_when_the_rest_is_overdue(fresh: Project) -> None:
    write_labels(fresh.root, N1)
    settle(fresh)
    now = state_of(fresh, fresh.model("churn").config, N1, N2)
    remember(fresh, "churn", N1, state=now, record="r", waits=N3)
    assert due(fresh) == []
    for model in ("churn", "spend"):
        write_log(fresh.root, model, N3)
    assert "01 churn: labels overdue" in due(fresh)
    settle(fresh)  # its record now says so
    assert due(fresh) == []


def test_a_night_that_did_not_come_is_due_once_it_should_be_complete(fresh: Project) -> None:
    settle(fresh)
    write_log(fresh.root, "churn", N3)  # the third night came for one model only
    late = complete_at(fresh, N3)
    assert late == datetime(2026, 3, 4, 1, 30, tzinfo=UTC)  # 02:30 in Berlin, which is UTC+1 in winter
    before = [d for d in due(fresh, now=late - timedelta(minutes=1)) if "spend" in d]
    after = [d for d in due(fresh, now=late) if "spend" in d]
    assert (before, after) == ([], ["03 spend: not there"])


def test_a_night_asked_for_is_expected_though_nothing_came(fresh: Project) -> None:
    settle(fresh)
    assert due(fresh, first=N3, last=N3) == ["03 churn: not there", "03 spend: not there"]


def test_who_watches_waits_until_the_day_is_over_in_the_time_zone_of_the_project(fresh: Project) -> None:
    settle(fresh)
    write_log(fresh.root, "spend", N3)
    midnight = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)  # in Berlin, where 3 March ends an hour before it does in UTC
    assert today(fresh, midnight) == N4
    for now, expected in ((midnight - timedelta(minutes=1), []), (midnight, ["03 spend: new"])):
        found = due_nights(fresh, over=True, now=now)
        assert words([d for d in found if d.model_id == "spend"]) == expected


def test_a_person_who_asks_gets_what_is_there_though_the_day_is_not_over(fresh: Project) -> None:
    write_log(fresh.root, "spend", N3)
    assert "03 spend: new" in due(fresh, now=datetime(2026, 3, 3, 12, tzinfo=UTC))


def test_a_log_ahead_of_the_clock_is_a_night_all_the_same(fresh: Project) -> None:
    assert "02 spend: new" in due(fresh, now=datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2026, 4, 1), None, "outside 2026-03-01 to 2026-03-05"),
        (None, date(2026, 2, 1), "outside 2026-03-01 to 2026-03-05"),
        (N3, N1, "from 2026-03-03 to 2026-03-01 holds no night"),
        (N4, N4, "2026-03-04 has not come yet: the newest night is 2026-03-02"),
    ],
)
def test_a_range_that_can_hold_no_night_is_refused(
    fresh: Project, first: date | None, last: date | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        due_nights(fresh, first=first, last=last, now=datetime(2026, 3, 2, 12, tzinfo=UTC))


def test_an_unknown_model_is_named(fresh: Project) -> None:
    with pytest.raises(ConfigError, match="churn"):
        due_nights(fresh, models=["chrun"], now=NOW)


def test_a_lost_or_torn_note_costs_an_audit_and_nothing_else(fresh: Project) -> None:
    settle(fresh)
    note = fresh.layout.audit / ".state" / "spend.jsonl"
    lines = note.read_bytes().splitlines(keepends=True)
    note.write_bytes(lines[0] + lines[1][:20])
    assert due(fresh) == ["02 spend: state lost"]


def test_a_note_whose_record_is_gone_does_not_hide_a_night(fresh: Project) -> None:
    settle(fresh)
    (fresh.layout.audit / "evidence" / "spend" / "2026-03-01" / "r.json").unlink()  # a store from an older backup
    assert due(fresh) == ["01 spend: state lost"]


def test_a_table_is_watched_by_its_rows(tmp_path: Path) -> None:
    root = build(tmp_path / "project", nights=NIGHTS[:2], labelled=())
    database = root / "input" / "spend.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "create table log as select date '2026-03-01' as night, 'a' as claim, 1.0 as amount, 1.0 as f"
        )
    text = (root / "models" / "spend.yaml").read_text()
    table = "log: {database: input/spend.duckdb, table: log, night_column: night}"
    (root / "models" / "spend.yaml").write_text(text.replace('log: {path: "input/spend/{night}.csv"}', table))
    project = load_project(root)
    settle(project)
    assert due(project) == []
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into log values ('2026-03-01', 'b', 2.0, 2.0)")
    assert due(project) == ["01 spend: log changed"]


def test_a_source_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    root = build(tmp_path / "project", nights=NIGHTS[:2], labelled=())
    text = (root / "models" / "spend.yaml").read_text()
    table = "log: {database: input/broken.duckdb, table: log, night_column: night}"
    (root / "models" / "spend.yaml").write_text(text.replace('log: {path: "input/spend/{night}.csv"}', table))
    (root / "input" / "broken.duckdb").write_bytes(b"no database" * 100)
    found = due(load_project(root))
    assert [d for d in found if "churn" in d] == ["01 churn: new", "02 churn: new"]
    assert [d for d in found if "spend" in d] == ["01 spend: not there", "02 spend: not there"]


def test_the_newest_night_is_the_newest_that_is_over(fresh: Project) -> None:
    write_log(fresh.root, "spend", N4)
    assert newest_night(fresh, NOW) == N4
    assert newest_night(fresh, datetime(2026, 3, 4, 12, tzinfo=UTC)) == N2  # the 4th is not over
    assert newest_night(fresh, datetime(2026, 3, 1, 12, tzinfo=UTC)) is None


def test_looking_reads_neither_the_log_nor_old_files(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # A tick of a sensor looks at every model-night of years: per model-night it may stat three files, and open none.
    settle(fresh)
    (fresh.layout.audit / "log").mkdir(exist_ok=True)
    (fresh.layout.audit / "log" / "entries.jsonl").write_text("damaged\n")
    seen: list[str] = []
    monkeypatch.setattr(os, "stat", counted(os.stat, seen))
    assert due_nights(fresh, over=True, now=NOW) == []
    assert 1 <= len(seen) <= 3 * 4 + len(fresh.models) * (N5 - N2).days + 20


def counted(real: object, seen: list[str]) -> object:
    def stat(path: object, *args: object, **kwargs: object) -> object:
        seen.append(str(path))
        return real(path, *args, **kwargs)  # type: ignore[operator]

    return stat


def test_a_project_without_an_end_goes_on(fresh: Project) -> None:
    nights = fresh.config.nights.model_copy(update={"last": None})
    going = replace(fresh, config=fresh.config.model_copy(update={"nights": nights}))
    write_log(going.root, "spend", date(2026, 3, 9))
    expected = [f"{d:02d} spend: not there" for d in range(3, 9)] + ["09 spend: new"]
    assert [d for d in due(going) if "spend" in d][2:] == expected
