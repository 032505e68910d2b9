"""Charts over a store of many nights: what they stand on, and what begins phase I anew."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline import lineage
from audit_pipeline.config import Project, load_project
from audit_pipeline.config.charts import JOINT, ChartsPolicy
from audit_pipeline.evidence import Committed, Store
from audit_pipeline.evidence.past import Past
from audit_pipeline.evidence.store import result_digest
from audit_pipeline.gather import Gathered
from audit_pipeline.lineage import decode, encode, events_of
from audit_pipeline.metrics.charted import CHARTED
from audit_pipeline.metrics.control_charts import measure_charts
from audit_pipeline.publish import schema
from audit_pipeline.records import AuditResult, ControlChart, Outcome, RunContext, Stage
from audit_pipeline.stages import Stopwatch
from audit_pipeline.trace import CHARTED_BY, trace_of
from audit_pipeline_tests.builders import make_store
from audit_pipeline_tests.hardship import quick_folder
from audit_pipeline_tests.long_store import Made, add, fill, measured, night_of, quiet
from audit_pipeline_tests.small_project import CHURN, PROJECT, SUITES

COUNT = 45
QUIET = quiet(COUNT)
GAP = 33  # a night that was never audited


@pytest.fixture(scope="module")
def filled() -> Iterator[Store]:
    """Forty-five nights, one of which was never audited."""
    with quick_folder() as folder:
        store = make_store(folder)
        fill(store, [None if place == GAP else made for place, made in enumerate(QUIET)])
        yield store


def chart(result: AuditResult, metric: str = "volume.rows") -> ControlChart:
    assert result.charts is not None
    return next(c for c in result.charts.charts if c.metric == metric)


def heads(store: Store) -> dict[date, str]:
    return {date.fromisoformat(night): e.body["result_digest"] for (_, night), e in store.heads().items()}


def test_a_night_stands_on_the_newest_records_of_thirty_nights_and_on_limits_frozen_before(filled: Store) -> None:
    result = measured(filled, night_of(COUNT), Made())
    assert result.charts is not None
    nights = [night for night, _ in result.charts.look_back]
    assert nights == sorted(nights, reverse=True)
    assert len(nights) == 30
    assert night_of(GAP) not in nights
    assert dict(result.charts.look_back).items() <= heads(filled).items()
    baseline = chart(result).baseline
    assert baseline is not None
    assert (baseline.first, baseline.last) == (night_of(0), night_of(27))  # further back than what was read


def test_what_was_frozen_is_what_all_nights_at_once_would_give(filled: Store) -> None:
    first = measured(filled, night_of(28), QUIET[28])
    last = measured(filled, night_of(COUNT - 1), QUIET[COUNT - 1])
    assert chart(first).baseline == chart(last).baseline
    assert first.charts is not None
    assert last.charts is not None
    assert first.charts.joint.baseline == last.charts.joint.baseline
    assert chart(first).nights == 0
    assert chart(last).nights == COUNT - 1 - 28 - 1  # the gap is no night


def test_the_same_night_again_has_the_same_digest_whatever_came_after_it(filled: Store) -> None:
    for place in (10, 28, 40):
        again = measured(filled, night_of(place), QUIET[place])
        assert result_digest(again) == heads(filled)[night_of(place)]


def test_a_later_night_is_no_part_of_an_earlier_one(filled: Store) -> None:
    result = measured(filled, night_of(12), QUIET[12])
    assert result.charts is not None
    assert [night for night, _ in result.charts.look_back] == [night_of(place) for place in range(11, -1, -1)]
    assert chart(result).reason == "12 of the 28 nights of phase I have it"


def test_a_new_version_of_the_model_begins_phase_one_anew(filled: Store) -> None:
    result = measured(filled, night_of(COUNT), Made(version="2"))
    assert result.charts is not None
    assert result.charts.look_back == ()
    assert chart(result).reason == "0 of the 28 nights of phase I have it"


def test_a_restart_by_the_policy_begins_phase_one_anew(filled: Store) -> None:
    policy = ChartsPolicy(restart=night_of(20), nights=20)
    result = measured(filled, night_of(COUNT), Made(), policy=policy)
    assert result.charts is not None
    assert result.charts.look_back[-1][0] == night_of(20)
    baseline = chart(result).baseline
    assert baseline is not None
    assert baseline.first >= night_of(20)


def test_a_night_whose_log_never_came_charts_nothing_and_carries_phase_one_on(filled: Store) -> None:
    nothing = dict.fromkeys(("snapshot", "validation", "drift", "performance", "fairness")) | {"profile": []}
    past = Past(filled, "churn", before=night_of(COUNT)).whole()
    found = measure_charts(nothing, night_of(COUNT), past, version="1", policy=ChartsPolicy())
    assert {(c.value, c.z, c.broken, c.reason) for c in found.charts} == {
        (None, None, (), "it was not measured tonight")
    }
    assert all(c.baseline is not None for c in found.charts)
    assert (found.joint.distance, found.joint.reason) == (None, "fewer than two of its numbers were measured tonight")
    assert found.joint.baseline is not None


@pytest.fixture
def harmed(filled: Store) -> Iterator[Store]:
    """A copy that a test may restate or harm."""
    with quick_folder() as folder:
        store = make_store(folder)
        shutil.copytree(filled.root, store.root)
        yield store


LAST = COUNT - 1


def test_the_newest_record_of_an_earlier_night_counts(harmed: Store) -> None:
    before = measured(harmed, night_of(COUNT), Made())
    add(harmed, night_of(LAST), replace(QUIET[LAST], rows=QUIET[LAST].rows + 200))
    after = measured(harmed, night_of(COUNT), Made())
    assert before.charts is not None
    assert after.charts is not None
    assert before.charts.look_back[0][0] == after.charts.look_back[0][0] == night_of(LAST)
    assert before.charts.look_back[0][1] != after.charts.look_back[0][1]
    assert before.charts.look_back[1:] == after.charts.look_back[1:]
    assert chart(before).ewma != chart(after).ewma
    assert chart(before).baseline == chart(after).baseline


def test_a_damaged_record_of_the_past_is_a_gap_and_holds_nothing_up(harmed: Store) -> None:
    head = harmed.head("churn", night_of(LAST))
    assert head is not None
    path = harmed.record_path("churn", head.night, head.digest)
    path.write_bytes(path.read_bytes().replace(b'"rows":', b'"rowz":'))
    result = measured(harmed, night_of(COUNT), Made())
    assert result.charts is not None
    assert result.charts.look_back[0][0] == night_of(LAST - 1)
    assert chart(result).z is not None


# --- records without a store ---------------------------------------------------------------------------------------


def past(nights: list[dict[str, Any]]) -> Iterator[tuple[date, str, dict[str, Any]]]:
    """Earlier nights, newest first, as plain JSON."""
    return ((night_of(place), f"digest {place}", nights[place]) for place in reversed(range(len(nights))))


def plain_night(auc: float | None) -> dict[str, Any]:
    metric = {"name": "auc", "slice": "all", "value": auc, "lo": None, "hi": None, "n": 200}
    return {"model_version": "1", "snapshot": {"rows": 900}, "performance": {"metrics": [metric], "labelled": 200}}


def auc_of(nights: list[dict[str, Any]]) -> tuple[ControlChart, int]:
    """Return the AUC's chart of the last night, and how many nights it stands on."""
    found = measure_charts(nights[-1], night_of(len(nights) - 1), past(nights[:-1]), version="1", policy=ChartsPolicy())
    return next(c for c in found.charts if c.metric == "performance.auc"), len(found.look_back)


def test_a_number_that_is_missing_now_and_then_is_looked_for_further_back() -> None:
    seldom = [plain_night(made.auc if place % 2 else None) for place, made in enumerate(quiet(61))]
    found, nights = auc_of([*seldom, plain_night(0.75)])
    assert (nights, found.reason) == (56, None)  # twice the nights of phase I, half of which have it
    found, nights = auc_of([*seldom[:40], plain_night(0.75)])
    assert (nights, found.reason) == (40, "20 of the 28 nights of phase I have it")


def test_labels_that_come_late_chart_the_night_they_belong_to() -> None:
    pending = [plain_night(None)] * 10
    labelled = [plain_night(made.auc) for made in quiet(40)]
    waiting, _ = auc_of([*labelled, *pending])
    assert waiting.reason == "it was not measured tonight"
    restated, _ = auc_of([*labelled, plain_night(0.75)])
    assert restated.z is not None


def test_nights_from_before_there_were_charts_count() -> None:
    old = [plain_night(made.auc) for made in quiet(30)]
    assert all("charts" not in night for night in old)
    assert auc_of([*old, plain_night(0.75)])[0].z is not None


def events_of_night(project: Project, result: AuditResult) -> list[dict[str, Any]]:
    """The lineage of a night whose result is given, as the pipeline makes it."""
    assert result.snapshot is not None
    frozen = replace(result.snapshot, sha256=f"{result.night:%d%m}" * 16, source_sha256=f"{result.night:%m%d}" * 16)
    watch = Stopwatch()
    for stage in (Stage.SNAPSHOT, Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.AUDIT):
        with watch.stage(stage):
            watch.outcome(Outcome.PASS)
    run = RunContext(f"run {result.night}", datetime.combine(result.night, time(3), UTC))
    digest = result_digest(result)
    committed = Committed(f"record of {result.night}", digest, True, ())
    config, gathered = project.model("churn").config, Gathered(snapshot=frozen)
    trace = trace_of(project, config, result.night, run, watch, gathered, result=result, committed=committed)
    return events_of(decode(json.loads(json.dumps(encode(trace)))))


@pytest.mark.parametrize(
    ("warn", "reached"),
    [
        ({}, [0]),  # shown, and no verdict stands on it
        ({"volume.rows": ("limits",)}, [0, 30]),
        ({"drift.largest_psi": ("limits",), "performance.auc": ("ewma",)}, [0, 30]),
        ({JOINT: ("limits",)}, [0, 30]),
    ],
)
def test_a_verdict_that_a_chart_warns_of_stands_on_the_files_of_the_nights_behind_it(
    warn: dict[str, Any], reached: list[int], filled: Store, tmp_path: Path
) -> None:
    for folder in ("models", "expectations"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "churn.yaml").write_text(CHURN if folder == "models" else SUITES["churn"])
    (tmp_path / "project.yaml").write_text(PROJECT)
    project, policy = load_project(tmp_path), ChartsPolicy(warn=warn)
    places = (0, 30, 32)  # the last has the first beyond its 30 nights
    with duckdb.connect() as connection:
        schema.create(connection)
        for place in places:
            result = measured(filled, night_of(place), QUIET[place], policy=policy if place else ChartsPolicy())
            lineage.append(tmp_path / "outbox", events_of_night(project, result))
        lineage.load(connection, tmp_path / "outbox")
        found = lineage.impact(connection, f"input/churn/{night_of(0)}.parquet", roots=(tmp_path,))
        assert [use.night for use in found.uses] == [night_of(place) for place in reached]
        strict = lineage.validate(lineage.read_outbox(tmp_path / "outbox"), strict=True)
        assert strict.violations == ()


def test_every_charted_number_has_the_stage_it_was_measured_in() -> None:
    assert {kind for kind, _, _ in CHARTED} == {name for name in CHARTED_BY if "." not in name}
