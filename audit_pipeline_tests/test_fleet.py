"""Publishing and alerting around the model-nights of a project, on real evidence and a real receiver."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import duckdb

from audit_pipeline import fleet
from audit_pipeline.config import Project
from audit_pipeline.due import due_nights
from audit_pipeline.evidence import LogEntry, Store
from audit_pipeline.fleet import PAUSES, TRIES, publish_store, send_alerts
from audit_pipeline.records import RunContext, Stage
from audit_pipeline_tests.receiver import Receiver, receiver
from audit_pipeline_tests.small_project import MODELS, NIGHTS, PERSON, write_log

N1, N2, N3, N4, N5 = NIGHTS
START = datetime.now(UTC)


def listen(project: Project, to: Receiver) -> None:
    (project.root / "audit" / "keys" / "chat.url").write_text(to.url)


def entries(project: Project, kind: str) -> list[LogEntry]:
    return [e for e in Store(project.layout).log.entries() if e.kind == kind]


def runs(project: Project) -> set[str]:
    return {e.body["run_id"] for e in entries(project, "record")}


def audit(project: Project, model: str, night: date, run: str) -> str:
    audited = fleet.audit(project, model, night, run=RunContext(run, datetime.now(UTC)))
    return audited.result.decision.verdict.value


def test_one_message_per_owner_says_what_and_why_and_is_sent_once(two_nights: Project) -> None:
    with receiver() as chat:
        listen(two_nights, chat)
        sent = send_alerts(two_nights, runs=runs(two_nights))
        again = send_alerts(two_nights, runs=runs(two_nights), since=START - timedelta(days=1))
    assert [(d.owner, d.channel, d.model_nights, d.delivered) for d in sent] == [("team", "chat", 1, True)]
    assert again == []
    [message] = chat.received
    assert "1 NOT_EVALUATED" in message["title"]
    # spend's first night has no earlier one to be compared with; churn's nights are WARN or PASS: no alarm
    assert "spend 2026-03-01" in message["message"]
    assert "churn" not in message["message"]
    assert PERSON not in message["message"]


def test_two_models_of_one_owner_that_fail_are_one_message(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3, score=None)
    write_log(two_nights.root, "spend", N3, forecast=None)
    assert [audit(two_nights, model, N3, "the run") for model in MODELS] == ["FAIL", "FAIL"]
    with receiver() as chat:
        listen(two_nights, chat)
        assert [d.model_nights for d in send_alerts(two_nights, runs={"the run"})] == [2]
    [message] = chat.received
    assert "2 FAIL" in message["title"]
    assert "churn 2026-03-03" in message["message"]
    assert "spend 2026-03-03" in message["message"]


def test_an_alert_that_is_not_delivered_is_tried_again_and_given_up_and_each_try_is_on_record(
    two_nights: Project,
) -> None:
    who = runs(two_nights)  # the project's channel leads nowhere
    since, now = START - timedelta(days=1), START
    assert [d.delivered for d in send_alerts(two_nights, runs=who, now=now)] == [False]
    logged = datetime.fromisoformat(entries(two_nights, "alert")[0].time)
    assert send_alerts(two_nights, runs=who, since=since, now=logged + PAUSES[0] - timedelta(seconds=1)) == []
    for pause in PAUSES:
        now = datetime.fromisoformat(entries(two_nights, "alert")[-1].time) + pause
        assert [d.delivered for d in send_alerts(two_nights, since=since, now=now)] == [False]
    late = datetime.now(UTC) + timedelta(days=9)
    assert send_alerts(two_nights, runs=who, since=since, now=late) == []
    tries = entries(two_nights, "alert")
    assert [t.body["delivered"] for t in tries] == [False] * TRIES
    publish_store(two_nights)
    with duckdb.connect(str(two_nights.layout.database), read_only=True) as connection:
        [(shown,)] = connection.execute("SELECT count(*) FROM audit.alert WHERE NOT delivered").fetchall()
    assert shown == TRIES


def test_a_receiver_that_comes_back_gets_the_alert_once(two_nights: Project) -> None:
    send_alerts(two_nights, runs=runs(two_nights))
    since, later = START - timedelta(days=1), datetime.now(UTC) + PAUSES[0]
    with receiver() as chat:
        listen(two_nights, chat)
        assert [d.delivered for d in send_alerts(two_nights, since=since, now=later)] == [True]
        assert send_alerts(two_nights, since=since, now=later + timedelta(hours=2)) == []
    assert len(chat.received) == 1


def test_a_record_that_says_the_same_again_is_no_news_but_an_untold_one_is_owed(two_nights: Project) -> None:
    # The same night is restated twice with the same fault (nulls in the score) over other rows.
    first = restated(two_nights, "first", age=40.0)
    assert [d.delivered for d in send_alerts(two_nights, runs={"first"})] == [False]  # nobody listens yet
    second = restated(two_nights, "second", age=41.0)
    with receiver() as chat:
        listen(two_nights, chat)
        assert [d.delivered for d in send_alerts(two_nights, runs={"second"})] == [True]  # the first was never told
        third = restated(two_nights, "third", age=42.0)
        assert send_alerts(two_nights, runs={"third"}) == []
    assert len({first, second, third}) == 3
    assert len(chat.received) == 1


def restated(project: Project, run: str, **columns: float) -> str:
    write_log(project.root, "churn", N3, score=None, **columns)
    audit(project, "churn", N3, run)
    return entries(project, "record")[-1].digest


def test_an_owner_without_a_channel_is_owed_nothing(two_nights: Project) -> None:
    owner = two_nights.config.owners["team"].model_copy(update={"channels": ()})
    silent = replace(two_nights, config=two_nights.config.model_copy(update={"owners": {"team": owner}}))
    assert send_alerts(silent, runs=runs(silent)) == []


def test_a_missing_address_is_a_failed_delivery_and_the_secret_is_nowhere(two_nights: Project) -> None:
    (two_nights.root / "audit" / "keys" / "chat.url").unlink()
    [delivery] = send_alerts(two_nights, runs=runs(two_nights))
    assert not delivery.delivered
    assert "file:audit/keys/chat.url" in str(delivery.reason)


def test_the_address_of_a_channel_is_not_in_the_log(two_nights: Project) -> None:
    (two_nights.root / "audit" / "keys" / "chat.url").write_text("json://user:planted-secret@127.0.0.1:9/planted-path")
    send_alerts(two_nights, runs=runs(two_nights))
    text = (two_nights.layout.audit / "log" / "entries.jsonl").read_text()
    assert '"delivered":false' in text
    assert "planted" not in text


def test_nothing_new_is_not_published_again_and_what_is_new_is(two_nights: Project) -> None:
    path = publish_store(two_nights)
    before = path.stat()
    assert publish_store(two_nights).stat().st_ino == before.st_ino
    send_alerts(two_nights, runs=runs(two_nights))  # one more line in the log
    assert publish_store(two_nights).stat().st_ino != before.st_ino
    path.chmod(0o644)
    path.unlink()
    assert publish_store(two_nights).exists()


def test_an_audit_tells_its_stages_and_is_not_due_again(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3)
    [due] = [d for d in due_nights(two_nights, now=datetime.now(UTC)) if d.model_id == "spend"]
    heard: list[Stage] = []
    run = RunContext("r", datetime.now(UTC))
    fleet.audit(two_nights, "spend", due.night, run=run, on_stage=heard.append)
    assert heard == [Stage.SNAPSHOT, Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.AUDIT]
    assert [d for d in due_nights(two_nights, now=datetime.now(UTC)) if d.model_id == "spend"] == []


def test_a_file_dropped_into_the_inbox_is_published_and_a_replaced_one_too(two_nights: Project) -> None:
    database, inbox = publish_store(two_nights), two_nights.layout.inbox
    inbox.mkdir(parents=True)

    def jobs_after(job: str) -> list[str]:
        event = {
            "eventTime": "2026-03-01T00:00:00Z",
            "eventType": "COMPLETE",
            "run": {"runId": "0197b1d0-0000-7000-8000-000000000001"},
            "job": {"namespace": "airflow", "name": job},
        }
        (inbox / "newest.json").write_text(json.dumps(event, indent=1))
        publish_store(two_nights)
        with duckdb.connect(str(database), read_only=True) as connection:
            return [
                row[0]
                for row in connection.execute("select job from lineage.event where job like '%airflow%'").fetchall()
            ]

    assert jobs_after("one") == ["job:airflow:one"]
    assert sorted(jobs_after("two")) == ["job:airflow:one", "job:airflow:two"]  # as long as the first
    before = database.stat().st_ino
    publish_store(two_nights)
    assert database.stat().st_ino == before  # nothing came: nothing is written
