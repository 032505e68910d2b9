"""The nightly schedule: a tick becomes a run of the night before, and the run becomes evidence."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.orchestration.build import JOB, definitions
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.partitions import night_before
from audit_pipeline_tests.orchestration.kit import execute, records
from audit_pipeline_tests.small_project import NIGHTS, write_log

N1, N2, N3, N4, N5 = NIGHTS
BERLIN = ZoneInfo("Europe/Berlin")


def tick(project: Project, instance: dg.DagsterInstance, at: datetime) -> tuple[Sequence[dg.RunRequest], str | None]:
    """What the schedule answers to one tick: its requests, and why there are none."""
    defs = definitions(project)
    schedule = defs.resolve_schedule_def("every_night")
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=defs.get_repository_def()
    )
    found = schedule.evaluate_tick(context)
    return found.run_requests or [], found.skip_message


def test_the_schedule_runs_when_a_night_is_complete_in_the_time_zone_of_the_project(fresh: Project) -> None:
    schedule = definitions(fresh).resolve_schedule_def("every_night")
    assert schedule.cron_schedule == "30 2 * * *"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == JOB


def test_a_tick_requests_the_night_before_and_its_run_leaves_evidence(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)  # churn's log did not come: its owner must hear of that
    before = len(records(two_nights))
    with instance_of(two_nights) as instance:
        [request], _ = tick(two_nights, instance, datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN))
        assert request.partition_key == "2026-03-03"
        assert execute(two_nights, instance, request).success
        again = tick(two_nights, instance, datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN))
    made = [(e.model_id, e.night, e.body["verdict"]) for e in records(two_nights)[before:]]
    assert made[0] == ("churn", "2026-03-03", "NOT_EVALUATED")
    assert made[1][:2] == ("spend", "2026-03-03")
    assert made[1][2] in ("PASS", "WARN")
    assert again == ([], "2026-03-03 is audited already, as its logs and labels are now.")


def test_a_night_that_came_for_no_model_is_requested_all_the_same(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        [request], _ = tick(two_nights, instance, datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN))
    assert {key.path[0] for key in request.asset_selection or ()} == {"churn", "spend"}


def test_what_is_audited_already_is_not_requested_again(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        found = tick(two_nights, instance, datetime(2026, 3, 3, 2, 30, tzinfo=BERLIN))
    assert found == ([], "2026-03-02 is audited already, as its logs and labels are now.")


def test_the_day_the_clocks_change_still_means_the_day_before(fresh: Project) -> None:
    nights = fresh.config.nights.model_copy(update={"last": None})
    going = replace(fresh, config=fresh.config.model_copy(update={"nights": nights}))
    # 29 March 2026: 02:30 does not exist in Berlin, the tick comes at 03:00 CEST = 01:00 UTC
    assert str(night_before(going, datetime(2026, 3, 29, 1, 0, tzinfo=ZoneInfo("UTC")))) == "2026-03-28"
    # 25 October: 02:30 exists twice, once at 00:30 and once at 01:30 UTC
    for hour in (0, 1):
        assert str(night_before(going, datetime(2026, 10, 25, hour, 30, tzinfo=ZoneInfo("UTC")))) == "2026-10-24"


def test_outside_the_nights_of_the_project_nothing_is_requested(fresh: Project) -> None:
    with instance_of(fresh) as instance:
        for at in (datetime(2026, 3, 1, 2, 30, tzinfo=BERLIN), datetime(2026, 3, 7, 2, 30, tzinfo=BERLIN)):
            assert tick(fresh, instance, at) == ([], "The night before is outside the project's nights.")
