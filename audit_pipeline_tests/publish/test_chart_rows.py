"""Control charts as tables: what is out of control now, what is stale, how long the audits take."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.config.charts import ChartsPolicy
from audit_pipeline.durations import chart_durations
from audit_pipeline.evidence import Store
from audit_pipeline.publish import publish, query
from audit_pipeline.publish.rows import rows_of
from audit_pipeline_tests.builders import STARTED, execution, make_result, make_store, session
from audit_pipeline_tests.hardship import quick_folder
from audit_pipeline_tests.long_store import add, fill, night_of, quiet

COUNT = 24
POLICY = ChartsPolicy(nights=20, warn={"volume.rows": ("limits",), "joint": ("limits",), "performance.auc": ("cusum",)})
QUIET = quiet(COUNT, seed=6)


@pytest.fixture(scope="module")
def filled() -> Iterator[Store]:
    """A phase I of twenty nights, three quiet ones, and one with half of the rows and no labels yet."""
    with quick_folder() as folder:
        store = make_store(folder)
        fill(store, [*QUIET[:-1], replace(QUIET[-1], rows=500, auc=None)], policy=POLICY)
        bring(store)
        yield store


def bring(store: Store, **options: Any) -> Path:
    return publish(store.layout, store.log.covered, store.read_record, also=chart_durations, **options)


def ask(store: Store, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return query(store.layout, sql, list(parameters)).rows


def test_a_number_has_one_row_per_night_from_phase_one_to_the_alarm(filled: Store) -> None:
    sql = """select phase, nights, outcome, reason is null from audit.control_chart
             where metric = 'volume.rows' order by night"""
    rows = ask(filled, sql)
    assert rows[:2] == [(1, 0, "NOT_EVALUATED", False), (1, 1, "NOT_EVALUATED", False)]
    assert rows[20:] == [(2, 0, "PASS", True), (2, 1, "PASS", True), (2, 2, "PASS", True), (2, 3, "WARN", True)]
    [(value, lower, z, broken, judged, first, last)] = ask(
        filled,
        """select value, lower, z, broken, judged, phase_first, phase_last from audit.control_chart
           where metric = 'volume.rows' and night = ?""",
        night_of(23),
    )
    assert (value, broken[0], judged, first, last) == (500, "limits", ["limits"], night_of(0), night_of(19))
    assert lower > 500
    assert z < -3
    unjudged = "select distinct outcome from audit.control_chart where metric = 'quality.completeness'"
    assert ask(filled, unjudged) == [(None,)]


def test_what_is_out_of_control_now_is_a_view(filled: Store) -> None:
    rows = ask(filled, "select metric, night, outcome from audit.v_out_of_control")
    assert ("volume.rows", night_of(23), "WARN") in rows
    assert ("joint", night_of(23), "WARN") in rows
    assert not {metric for metric, *_ in rows} & {"quality.completeness", "drift.domain_auc"}


def test_labels_that_come_for_an_earlier_night_make_no_chart_stale_that_has_none_itself(filled: Store) -> None:
    with quick_folder() as folder:
        store = make_store(folder)
        shutil.copytree(filled.root, store.root)
        charts = (
            "select distinct night from audit.v_stale where purpose = 'control chart' and earlier_night = ? order by 1"
        )
        add(store, night_of(10), replace(QUIET[10], auc=0.7), policy=POLICY)
        bring(store)
        nights = [night for (night,) in ask(store, charts, night_of(10))]
        assert nights == [night_of(place) for place in range(11, 23)]  # and not 23, whose labels are to come
        add(store, night_of(10), replace(QUIET[10], auc=0.7, rows=901), policy=POLICY)
        bring(store)
        assert len(ask(store, charts, night_of(10))) == 13


# --- durations ----------------------------------------------------------------------------------------------------


def take(store: Store, place: int, seconds: float, *, version: str = "1", run: str = "r") -> None:
    """Make a night evidence whose audit took so long."""
    night = night_of(place)
    with session(store, "churn", night) as rendered:
        (rendered / "report.html").write_text(f"{place} {seconds} {run}")
        result = make_result(store, night=night, version=version, seed=f"{seconds}{run}")
        times = execution(run_id=run)
        store.commit(
            result,
            rendered=rendered,
            execution={**times, "ended": STARTED + (times["ended"] - STARTED) * (seconds / 2.5)},
        )


DURATIONS = (
    "select night, value, phase, broken from audit.control_chart where metric = 'duration.seconds' order by night"
)


def test_durations_have_charts_that_are_the_same_grown_and_made_anew() -> None:
    with quick_folder() as folder:
        store = make_store(folder)
        for place in range(30):
            take(store, place, 4.0 + 0.3 * (place % 3))
            if place in (9, 28):
                bring(store)
        take(store, 30, 60.0)
        take(store, 12, 5.0, run="again")  # an earlier night, restated later
        grown = ask_all(bring(store))
        assert ask_all(bring(store, anew=True)) == grown
        rows = ask(store, DURATIONS)
        assert [phase for _, _, phase, _ in rows].count(1) == 29  # 28 nights and the restated one
        assert rows[-1][1] == pytest.approx(60)
        assert rows[-1][3][0] == "limits"
        assert rows[-2][3] == []


def ask_all(database: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("select * from control_chart order by all").fetchall()


def test_a_duration_is_no_part_of_a_record(filled: Store) -> None:
    head = filled.head("churn", night_of(23))
    assert head is not None
    record = filled.read_record("churn", head.night, head.digest)
    metrics = {row["metric"] for table, row in rows_of(record, digest="d", log_index=0) if table == "control_chart"}
    assert "volume.rows" in metrics
    assert not {metric for metric in metrics if metric.startswith("duration")}


def test_a_record_from_before_there_were_charts_is_projected(filled: Store) -> None:
    head = filled.head("churn", night_of(3))
    assert head is not None
    record = filled.read_record("churn", head.night, head.digest)
    old = {**record, "result": {k: v for k, v in record["result"].items() if k != "charts"}}
    tables = [table for table, _ in rows_of(old, digest=head.digest, log_index=0)]
    assert "control_chart" not in tables
    assert tables.count("look_back") == 1
