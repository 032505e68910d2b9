"""Sensors: what arrives is audited without waiting for the schedule, and what was made is delivered."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import duckdb
import pytest

from audit_pipeline import fleet
from audit_pipeline.config import Project, load_project
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.lineage.outbox import canonical
from audit_pipeline.orchestration import sensors
from audit_pipeline.orchestration.build import definitions
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.orchestration.sensors import deliver, heartbeat
from audit_pipeline.records import Stage
from audit_pipeline_tests.consumer import consumer
from audit_pipeline_tests.orchestration.kit import execute, nights_due, records
from audit_pipeline_tests.receiver import receiver
from audit_pipeline_tests.small_project import NIGHTS, write_labels, write_log

N1, N2, N3, N4, N5 = NIGHTS


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a file as whole as soon as it is there."""
    monkeypatch.setattr(sensors, "SETTLED_S", 0)


class Watch:
    """One sensor over several ticks, with its cursor."""

    def __init__(self, project: Project, instance: dg.DagsterInstance, name: str) -> None:
        self.defs, self.instance, self.name = definitions(project), instance, name
        self.cursor: str | None = None

    def tick(self) -> Sequence[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.defs.get_repository_def()
        )
        found = self.defs.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = found.cursor
        return found.run_requests or []


def models_of(request: dg.RunRequest) -> set[str]:
    keys = request.asset_selection or ()
    found = {key.path[0] for key in keys}
    assert {tuple(key.path) for key in keys} == {(m, s.value) for m in found for s in Stage}
    return found


@pytest.mark.usefixtures("at_once")
def test_a_log_that_lands_is_audited_for_its_model_alone_and_requested_once(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        watch = Watch(two_nights, instance, "arrived_logs")
        assert watch.tick() == []
        write_log(two_nights.root, "spend", N1, forecast=7.0)
        [request] = watch.tick()
        assert (request.partition_key, models_of(request)) == ("2026-03-01", {"spend"})
        assert watch.tick() == []  # the run is queued: the same state is not requested twice
        before = len(records(two_nights))
        assert execute(two_nights, instance, request).success
        assert watch.tick() == []
        write_log(two_nights.root, "spend", N1, forecast=8.0)
        assert [models_of(r) for r in watch.tick()] == [{"spend"}]  # another state is another request
    assert [(e.model_id, e.night) for e in records(two_nights)[before:]] == [("spend", "2026-03-01")]


@pytest.mark.usefixtures("at_once")
def test_what_was_requested_is_not_requested_again_when_another_model_arrives(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        watch = Watch(two_nights, instance, "arrived_logs")
        write_log(two_nights.root, "spend", N1, forecast=7.0)
        assert [models_of(r) for r in watch.tick()] == [{"spend"}]
        write_log(two_nights.root, "churn", N1, age=40.0)
        assert [models_of(r) for r in watch.tick()] == [{"churn"}]


@pytest.mark.usefixtures("at_once")
def test_nights_are_requested_in_order_of_date(fresh: Project) -> None:
    for night in (N5, N3):
        write_log(fresh.root, "spend", night)
    with instance_of(fresh) as instance:
        found = Watch(fresh, instance, "arrived_logs").tick()
    assert [r.partition_key for r in found] == [str(n) for n in NIGHTS]  # the 4th: did not come for either model
    assert [sorted(models_of(r)) for r in found] == [["churn", "spend"]] * 5


def test_a_file_that_was_just_touched_waits(two_nights: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "SETTLED_S", 1)
    time.sleep(1)  # the copy itself has just been made
    with instance_of(two_nights) as instance:
        watch = Watch(two_nights, instance, "arrived_logs")
        path = write_log(two_nights.root, "spend", N1, forecast=7.0)
        import os

        os.utime(path, (1, 1))  # a copy that keeps old times is not older for it
        assert watch.tick() == []
        time.sleep(1.1)
        assert [models_of(r) for r in watch.tick()] == [{"spend"}]


@pytest.mark.usefixtures("at_once")
def test_labels_that_land_restate_the_night_and_the_old_record_stays_provable(two_nights: Project) -> None:
    old = next(e for e in records(two_nights) if (e.model_id, e.night) == ("churn", "2026-03-01"))
    write_labels(two_nights.root, N1)
    with instance_of(two_nights) as instance:
        assert Watch(two_nights, instance, "arrived_logs").tick() == []
        watch = Watch(two_nights, instance, "arrived_labels")
        [request] = watch.tick()
        assert (request.partition_key, models_of(request)) == ("2026-03-01", {"churn"})
        assert execute(two_nights, instance, request).success
        assert watch.tick() == []
    store = Store.of(two_nights)
    new = records(two_nights)[-1]
    record = store.read_record("churn", "2026-03-01", new.digest)
    assert record["execution"]["supersedes"] == old.digest
    assert record["result"]["performance"]["maturity"] == "final"
    assert store.read_record("churn", "2026-03-01", old.digest)["result"]["performance"]["maturity"] == "pending"
    assert verify(store).problems == ()


@pytest.mark.usefixtures("at_once")
def test_labels_that_do_not_come_are_not_evaluated_and_no_pass(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)  # with the third night the labels of the first should be there
    with instance_of(two_nights) as instance:
        [request] = Watch(two_nights, instance, "arrived_labels").tick()
        assert (request.partition_key, models_of(request)) == ("2026-03-01", {"churn"})
        assert execute(two_nights, instance, request).success
    new = records(two_nights)[-1]
    assert (new.model_id, new.night, new.body["verdict"]) == ("churn", "2026-03-01", "NOT_EVALUATED")


def test_deliver_publishes_tells_once_and_leaves_a_heartbeat(two_nights: Project) -> None:
    with receiver() as chat, instance_of(two_nights) as instance:
        (two_nights.root / "audit" / "keys" / "chat.url").write_text(chat.url)
        started = datetime.now(UTC)
        assert deliver(two_nights, instance).endswith("published; 1 alerts sent, 0 not delivered")
        seen = datetime.fromisoformat(heartbeat(two_nights).read_text())
        assert deliver(two_nights, instance).endswith("published; 0 alerts sent, 0 not delivered")
    assert len(chat.received) == 1
    assert started <= seen <= datetime.now(UTC)
    with duckdb.connect(str(two_nights.layout.database), read_only=True) as connection:
        assert connection.execute("SELECT owner, delivered FROM audit.alert").fetchall() == [("team", True)]
        assert connection.execute("SELECT count(*) FROM audit.model_night").fetchall() == [(4,)]


def test_deliver_sends_one_message_per_run_and_owner(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3, score=None)
    write_log(two_nights.root, "spend", N3, forecast=None)
    with receiver() as chat, instance_of(two_nights) as instance:
        (two_nights.root / "audit" / "keys" / "chat.url").write_text(chat.url)
        deliver(two_nights, instance)
        [_] = run_due(two_nights, instance, nights_due(two_nights, ("churn", N3), ("spend", N3)))
        assert deliver(two_nights, instance).endswith("1 alerts sent, 0 not delivered")
        assert deliver(two_nights, instance).endswith("0 alerts sent, 0 not delivered")
    assert "2 FAIL" in chat.received[-1]["title"]
    assert len(chat.received) == 2


def test_a_database_that_cannot_be_published_keeps_no_alert_back(two_nights: Project) -> None:
    blocked = two_nights.layout.database
    blocked.unlink(missing_ok=True)
    blocked.mkdir()
    (blocked / "in_the_way").touch()
    with receiver() as chat, instance_of(two_nights) as instance:
        (two_nights.root / "audit" / "keys" / "chat.url").write_text(chat.url)
        said = deliver(two_nights, instance)
    assert "was not published" in said
    assert len(chat.received) == 1
    assert heartbeat(two_nights).exists()


def relaying(project: Project, url: str) -> Project:
    """The project with a consumer of its lineage."""
    with (project.root / "project.yaml").open("a") as file:
        file.write(f"lineage: {{relay: {{url: '{url}', timeout_s: 1}}}}\n")
    return load_project(project.root)


def test_lineage_is_relayed_by_a_sensor_of_its_own_where_a_consumer_is_named(two_nights: Project) -> None:
    assert "relay_lineage" not in {s.name for s in definitions(two_nights).sensors or ()}
    with consumer() as sink, instance_of(two_nights) as instance:
        watch = Watch(relaying(two_nights, sink.url), instance, "relay_lineage")
        assert watch.defs.resolve_sensor_def("relay_lineage").default_status is dg.DefaultSensorStatus.RUNNING
        assert watch.tick() == []
    lines = [line for f in sorted(two_nights.layout.outbox.iterdir()) for line in f.read_bytes().splitlines()]
    assert len(lines) == 2 * (
        2 + 2 * 2 * len(Stage)
    )  # two nights: each a START and an end, and those of two models' stages
    assert sorted(canonical(event) for event in sink.taken) == sorted(lines)


def test_a_consumer_that_never_answers_holds_up_no_alert_and_one_tick_for_a_moment(two_nights: Project) -> None:
    with receiver() as chat, consumer() as sink, instance_of(two_nights) as instance:
        sink.answer = sink.silent
        (two_nights.root / "audit" / "keys" / "chat.url").write_text(chat.url)
        project = relaying(two_nights, sink.url)
        begun = time.monotonic()
        assert sensors.relay(project).endswith("did not answer in time.")
        assert time.monotonic() - begun < sensors.RELAY_S
        assert deliver(project, instance).endswith("1 alerts sent, 0 not delivered")
    assert len(sink.asked) == 1


@pytest.mark.acceptance
def test_an_audit_makes_no_connection_to_a_consumer_that_never_answers(fresh: Project) -> None:
    with consumer() as sink:
        sink.answer = sink.silent
        project = relaying(fresh, sink.url)
        with instance_of(project) as instance:
            [done] = run_due(project, instance, nights_due(project, ("churn", N1), ("spend", N1)))
        assert done.crashed == {}
        assert len(records(project)) == 2
        fleet.publish_store(project)
        assert (sink.connections, sensors.relay(project)[:14]) == (0, "0 events sent,")
        assert sink.connections == 1  # it was there to be reached


def test_before_the_first_audit_there_is_nothing_to_deliver(fresh: Project) -> None:
    with instance_of(fresh) as instance:
        assert deliver(fresh, instance).endswith("0 alerts sent, 0 not delivered")
    assert sensors.relay(relaying(fresh, "http://127.0.0.1:9")) == "nothing audited yet"
