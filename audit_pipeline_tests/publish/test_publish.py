"""`audit.duckdb` holds what the store holds, however it came about, and no reader ever meets a lock or half a file."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline.errors import PublishError
from audit_pipeline.evidence import Store, seal
from audit_pipeline.evidence.review import review
from audit_pipeline.publish import publish, query
from audit_pipeline.publish.build import STORAGE, state_of
from audit_pipeline.records import Maturity, Outcome
from audit_pipeline_tests.builders import (
    commit,
    commit_result,
    make_key,
    make_result,
    make_store,
    nights,
    session,
    without_data,
)
from audit_pipeline_tests.hardship import fill as fill_disk
from audit_pipeline_tests.hardship import quick_folder, small_disk

MONDAY, TUESDAY, WEDNESDAY = nights(3)
ALERT = {"run_ids": ["run-1"], "owner": "team", "channel": "chat", "model_nights": 1, "delivered": False}


@pytest.fixture
def store() -> Iterator[Store]:
    with quick_folder() as folder:
        yield make_store(folder)


@pytest.fixture(scope="module")
def template() -> Iterator[Store]:
    """A filled store, published."""
    with quick_folder() as folder:
        store = make_store(folder)
        fill(store)
        bring(store)
        yield store


@pytest.fixture
def filled(store: Store, template: Store) -> Store:
    """A copy of it that a test may harm."""
    shutil.copytree(template.root, store.root)
    return store


def bring(store: Store, **options: Any) -> Path:
    """Publish the way the product does: a root over the log, then what came since the last time."""
    seal(store.log)
    return publish(store.layout, store.log.covered, store.read_record, **options)


def ask(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return query(store.layout, sql).rows


def content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of a published file, in order of its rows."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = [n for (n,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names}


def fill(store: Store, *, psi: float = 0.125) -> None:
    """Two models, two nights, a restated one, one without data, an alert."""
    for night in (MONDAY, TUESDAY):
        for model_id in ("churn", "spend"):
            commit(store, model_id=model_id, night=night, psi=psi)
    commit(store, night=MONDAY, psi=0.3, verdict=Outcome.FAIL, maturity=Maturity.FINAL, run_id="run-2")
    with session(store, "spend", WEDNESDAY) as rendered:
        commit_result(store, without_data(make_result(store, model_id="spend", night=WEDNESDAY)), rendered)
    store.log.append("alert", model_id="", night="", digest="0" * 64, body={**ALERT, "records": [], "reason": "no"})


# --- what is in it ------------------------------------------------------------------------------------------------


def sign(store: Store) -> None:
    review(store, "churn", TUESDAY, meaning="approved", name="Ada", account="ada", reason="As agreed.")


def forget(store: Store) -> None:
    """Log what `erase` and `purge` log."""
    about: dict[str, Any] = {"model_id": "churn", "night": str(MONDAY), "digest": "0" * 64}
    place = {"path": "snapshots/churn/2026-07-01/a.parquet", "sha256": "a" * 64, "bytes": 10}
    body = place | {"new_sha256": "b" * 64, "rows": 12, "groups": [], "reason": "Ms Smith asked", "by": "officer"}
    store.log.append("erasure", **about, body=body, run="erase")
    body = {"class": "snapshots", "kept": "60 days", "day": "2026-09-01", "by": "officer"}
    store.log.append("purge", **about, body=body | {"files": [place, place | {"path": "other"}]}, run="purge")


def test_what_was_erased_and_purged_can_be_asked_by_file(store: Store) -> None:
    """How many rows a person had, how long a file was, and whoever is named in a reason stay in the log."""
    forget(store)
    bring(store)
    place = "snapshots/churn/2026-07-01/a.parquet"
    erased = ask(store, "select * exclude (log_index, time) from audit.erasure")
    assert erased == [("churn", MONDAY, place, "a" * 64, "b" * 64, "officer")]
    gone = ask(store, "select * exclude (log_index, time) from audit.purge order by path")
    day = date(2026, 9, 1)
    assert gone == [("churn", MONDAY, "snapshots", "60 days", day, p, "a" * 64, "officer") for p in ("other", place)]


def test_every_column_of_every_table_is_filled_from_a_whole_record(store: Store) -> None:
    """A name misspelt between record and table would leave a column empty for ever."""
    store.log.key = make_key()
    commit(store)
    commit(store, psi=None)
    commit(store, night=TUESDAY, version="2")
    store.log.append("alert", model_id="", night="", digest="0" * 64, body={**ALERT, "reason": "dead"})
    sign(store)
    forget(store)
    database = bring(store)
    with duckdb.connect(str(database), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            for column, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
                [(filled,)] = connection.execute(f'SELECT count("{column}") FROM {table}').fetchall()
                assert filled > 0, f"{table}.{column}"


def test_a_table_is_named_by_the_file_in_any_connection(template: Store) -> None:
    database = template.layout.database
    assert database.name == "audit.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        assert len(connection.execute("select * from audit.model_night").fetchall()) == 5
        assert len(connection.execute("select * from model_night").fetchall()) == 5
        assert len(connection.execute("select * from audit.v_last_night").fetchall()) == 2
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS another_name (READ_ONLY)")
        assert len(connection.execute("select * from another_name.model_night").fetchall()) == 5
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        assert len(views) >= 5
        for (view,) in views:
            assert connection.execute(f"select * from another_name.{view}").fetchall()


def test_the_newest_record_of_a_night_is_the_one_that_counts(store: Store) -> None:
    first = commit(store, psi=0.1, verdict=Outcome.PASS, run_id="run-1")
    second = commit(store, psi=0.3, verdict=Outcome.FAIL, run_id="run-2")
    bring(store)
    assert ask(store, "select record, verdict, failed, warned, run_id, records from audit.model_night") == [
        (second.record, "FAIL", 1, 0, "run-2", 2)
    ]
    assert ask(store, "select record, verdict, supersedes from audit.record order by log_index") == [
        (first.record, "PASS", None),
        (second.record, "FAIL", first.record),
    ]
    back = commit(store, psi=0.1, verdict=Outcome.PASS, run_id="run-3")
    bring(store)
    assert ask(store, "select record, records from audit.model_night") == [(back.record, 3)]


def test_values_arrive_as_they_stand_in_the_record(store: Store) -> None:
    made = commit(store)
    bring(store)
    assert ask(store, "select started, ended, seconds, labels_due, labelled from audit.record") == [
        (datetime(2026, 7, 2, 2, 0, 0, 250_000), datetime(2026, 7, 2, 2, 0, 2, 750_000), 2.5, date(2026, 7, 31), 120)
    ]
    # PSI 0.125 against 0.1 (WARN) and 0.25 (FAIL); no limit on ks: shown, not judged
    columns = "score, warn, threshold, p, n, n_reference, missing_share, drifted, engine"
    assert ask(store, f"select method, {columns} from audit.drift where \"column\" = 'age' order by method") == [
        ("ks", 0.08, None, None, 0.02, 297, 5000, 0.01, None, "exact"),
        ("psi", 0.125, 0.1, 0.25, None, 297, 5000, 0.01, False, "exact"),
    ]
    assert ask(store, "select p01, p25, p50, p75, p99, distinct_values from audit.column_profile") == [
        (19.0, 30.0, 40.5, 51.0, 88.0, 61)
    ]
    paths = {path for (path,) in ask(store, "select path from audit.artifact")}
    assert {f.path for f in made.artifacts} < paths
    assert all((store.root / path).is_file() for path in paths)
    assert len(paths) == 5  # two rendered, two inputs, one snapshot


def test_what_was_not_evaluated_has_no_number(store: Store) -> None:
    with session(store, "churn", MONDAY) as rendered:
        commit_result(store, without_data(make_result(store)), rendered)
    commit(store, night=TUESDAY, psi=None)
    bring(store)
    missing = "select verdict, rows, maturity from audit.model_night where night = '2026-07-01'"
    assert ask(store, missing) == [("NOT_EVALUATED", None, None)]
    assert ask(store, "select score, drifted, reason from audit.drift where method = 'psi'") == [
        (None, None, "3 non-missing values tonight, at least 200 are needed")
    ]


@pytest.mark.parametrize("value", [1e20, 1e300, 2.0**60, 5e-324, 1.0])
def test_any_float_arrives_exactly(store: Store, value: float) -> None:
    # JSON writes 1e20 as 100000000000000000000 and 1.0 as 1: neither may become an integer on the way
    commit(store, psi=value)
    bring(store)
    assert ask(store, "select score from audit.drift where method = 'psi'") == [(value,)]


def test_times_of_another_zone_are_written_as_utc(store: Store) -> None:
    store.log.append("alert", model_id="", night="", digest="", body=ALERT)
    [entry] = store.log.covered()
    elsewhere = [{**entry, "time": "2026-07-02T04:00:00+02:00"}]
    publish(store.layout, lambda start: elsewhere[start:], store.read_record)
    assert ask(store, "select time from audit.evidence_log") == [(datetime(2026, 7, 2, 2, 0),)]


def test_an_entry_of_a_kind_without_a_table_is_a_line_of_the_log_and_nothing_else(store: Store) -> None:
    store.log.append("refusal", model_id="churn", night="2026-07-01", digest="0" * 64, body={"lines": 3})
    bring(store)
    assert ask(store, "select kind, model_id from audit.evidence_log") == [("refusal", "churn")]
    assert ask(store, "select count(*) from audit.alert") == [(0,)]


def test_a_version_ends_when_another_follows_and_not_when_it_comes_back(store: Store) -> None:
    for night, version in zip(nights(4), ("1", "1", "2", "1"), strict=True):
        commit(store, night=night, version=version)
    bring(store)
    assert ask(store, "select version, valid_from, valid_to from audit.model order by 1") == [
        ("1", nights(4)[0], None),
        ("2", nights(4)[2], nights(4)[3]),
    ]


def test_everything_has_a_comment(store: Store, tmp_path: Path) -> None:
    from audit_pipeline.lineage import load

    fill(store)
    database = bring(store, also=lambda connection: load(connection, tmp_path / "outbox"))
    with duckdb.connect(str(database), read_only=True) as connection:
        silent = connection.execute("""
            SELECT 'table ' || schema_name || '.' || table_name FROM duckdb_tables() WHERE coalesce(comment, '') = ''
            UNION ALL SELECT 'view ' || schema_name || '.' || view_name FROM duckdb_views()
            WHERE NOT internal AND coalesce(comment, '') = ''
            UNION ALL SELECT schema_name || '.' || table_name || '.' || column_name FROM duckdb_columns()
            WHERE NOT internal AND coalesce(comment, '') = ''
        """).fetchall()
        [(described,)] = connection.execute("SELECT count(*) FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert silent == []
    assert described > 200


def test_the_file_can_be_opened_by_clients_from_1_2_on(template: Store) -> None:
    with duckdb.connect(str(template.layout.database), read_only=True) as connection:
        [(tags,)] = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'audit'").fetchall()
    assert tags["storage_version"] == f"{STORAGE}+" == "v1.2.0+"
    # the main header: checksum (8), magic (4), then the version of the storage as uint64; 1.0 to 1.3 write 64 to 66
    header = template.layout.database.read_bytes()[:24]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") <= 65


# --- the projection is only that ----------------------------------------------------------------------------------


def test_anew_equals_bit_by_bit_growth_table_by_table(tmp_path: Path) -> None:
    grown, at_once = make_store(tmp_path / "grown"), make_store(tmp_path / "copy")
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: commit(grown),
        lambda: commit(grown, psi=0.3, verdict=Outcome.FAIL),
        lambda: fill(grown, psi=0.2),
        lambda: commit(grown, night=TUESDAY, version="2"),
        lambda: sign(grown),
        lambda: forget(grown),
    ]
    for step in steps:
        step()
        bring(grown)
    shutil.copytree(grown.root / "evidence", at_once.root / "evidence")
    shutil.copytree(grown.root / "log", at_once.root / "log")
    bring(at_once)
    assert content(grown.layout.database) == content(at_once.layout.database)
    before = content(grown.layout.database)
    assert content(bring(grown, anew=True)) == before
    assert len(before) == 30
    assert all(before.values())


def test_more_entries_than_one_batch_arrive_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit_pipeline.publish.project.BATCH", 3)
    fill(store)  # seven entries: two whole batches and a rest
    bring(store)
    assert ask(store, "select list(log_index order by log_index) from audit.evidence_log") == [([0, 1, 2, 3, 4, 5, 6],)]


def build_file(store: Store) -> Path:
    return store.root / ".build" / "build.duckdb"


def lost(store: Store) -> None:
    build_file(store).unlink()


def garbage(store: Store) -> None:
    build_file(store).write_bytes(os.urandom(20_000))


def one_bit(store: Store) -> None:
    data = bytearray(build_file(store).read_bytes())
    data[len(data) * 2 // 3] ^= 4  # in a block that carrying on need not read
    build_file(store).write_bytes(data)


def edited(store: Store) -> None:
    with duckdb.connect(str(build_file(store))) as connection:
        connection.execute("UPDATE record SET verdict = 'PASS'")


def stale_log(store: Store) -> None:
    build_file(store).with_name("build.duckdb.wal").write_bytes(b"of another file")
    build_file(store).unlink()


def bad_seal(store: Store) -> None:
    (store.root / ".build" / "seal.json").write_text("[]")


def other_form(store: Store) -> None:
    """A file that an older version of the program left: its tables lack what has been added since."""
    with duckdb.connect(str(build_file(store))) as connection:
        connection.execute("ALTER TABLE record DROP COLUMN host")
    [seal, *_] = json.loads((store.root / ".build" / "seal.json").read_text())
    seal |= state_of(build_file(store)) | {"form": "0" * 64}
    (store.root / ".build" / "seal.json").write_text(json.dumps([seal]))


HARMED = [lost, garbage, one_bit, edited, stale_log, bad_seal, other_form]


@pytest.mark.parametrize("harm", HARMED)
def test_a_build_file_in_doubt_is_made_anew(filled: Store, harm: Callable[[Store], None]) -> None:
    harm(filled)
    commit(filled, night=WEDNESDAY)
    carried_on = content(bring(filled))
    assert carried_on == content(bring(filled, anew=True))
    assert len(carried_on["record"]) == 7


def read_for_one_more(store: Store) -> list[str]:
    """Publish one more night; return of which nights a record was read."""
    commit(store, night=WEDNESDAY)
    read: list[str] = []

    def read_record(model_id: str, night: str, digest: str) -> dict[str, Any]:
        read.append(f"{model_id} {night}")
        return store.read_record(model_id, night, digest)

    publish(store.layout, store.log.covered, read_record)
    return read


def intact(store: Store) -> None:
    assert build_file(store).exists()


def read_only(store: Store) -> None:
    build_file(store).chmod(0o444)  # as a publisher leaves it that dies before the swap


@pytest.mark.parametrize("harm", [intact, lost, garbage, one_bit, edited, stale_log, read_only])
def test_what_was_published_is_carried_on_whatever_became_of_the_build(
    filled: Store, harm: Callable[[Store], None]
) -> None:
    """A publisher that dies once readers have its file leaves no build: two years are not projected again for that."""
    harm(filled)
    assert read_for_one_more(filled) == ["churn 2026-07-03"]


def test_two_publishers_that_die_one_after_the_other_cost_no_projection_of_all(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has sealed its build and does not come to the swap; the second dies while it carries that build on."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    commit(filled, night=TUESDAY, model_id="late")
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["audit_pipeline.publish.publish"], "swap", dies)
        with pytest.raises(KeyboardInterrupt):
            bring(filled)
    with build_file(filled).open("ab") as file:
        file.write(b"half a block")
    assert sorted(read_for_one_more(filled)) == ["churn 2026-07-03", "late 2026-07-02"]


def test_a_build_that_cannot_be_written_is_made_from_what_is_published(filled: Store) -> None:
    """Somebody holds it open, or another account owns it: DuckDB says no, and nothing is projected anew for that."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(build_file(filled))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline() == b"held\n"
    try:
        assert read_for_one_more(filled) == ["churn 2026-07-03"]
    finally:
        holder.communicate(b"\n", timeout=30)


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_disk_that_is_full_when_the_build_is_copied_costs_no_projection_of_all() -> None:
    with small_disk(40_000) as disk:
        store = make_store(disk)
        fill(store)
        bring(store)
        before = content(store.layout.database)
        lost(store)
        commit(store, night=WEDNESDAY)
        fill_disk(disk, leave=200_000)
        with pytest.raises(PublishError, match="the disk is full"):
            bring(store)
        assert content(store.layout.database) == before
        (disk / "filler").unlink()
        assert read_for_one_more(store) == ["churn 2026-07-03"]


def test_a_published_file_that_somebody_changed_is_not_carried_on(filled: Store) -> None:
    published = filled.layout.database
    published.chmod(0o644)
    with duckdb.connect(str(published)) as connection:
        connection.execute("UPDATE record SET verdict = 'PASS'")
    lost(filled)
    assert len(read_for_one_more(filled)) == 7
    assert ask(filled, "select count(*) from audit.record where verdict = 'PASS'") != [(7,)]


def test_a_disk_that_is_full_after_the_swap_costs_nobody_anything(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:5000])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        commit(filled, night=TUESDAY, model_id="late")
        bring(filled)
    assert ask(filled, "select count(*) from audit.record where model_id = 'late'") == [(1,)]
    assert read_for_one_more(filled) == ["churn 2026-07-03"]


def test_a_log_that_was_restored_from_a_backup_is_projected_as_it_is(store: Store) -> None:
    """What was published and is no longer in the log must not stay, and what took its place must come."""
    commit(store)
    log = store.root / "log" / "entries.jsonl"
    backup = log.read_bytes()
    commit(store, night=TUESDAY)
    bring(store)
    log.write_bytes(backup)
    bring(store)
    assert ask(store, "select night from audit.model_night") == [(MONDAY,)]
    commit(store, night=WEDNESDAY)  # as many entries as were published before
    bring(store)
    assert ask(store, "select night from audit.model_night order by 1") == [(MONDAY,), (WEDNESDAY,)]


def test_a_publisher_killed_at_any_step_leaves_the_old_file_or_the_new_one() -> None:
    with quick_folder() as folder:
        store = make_store(folder)
        commit(store)
        old = content(bring(store))["record"]
        shutil.copytree(store.root, folder / "before")
        commit(store, night=TUESDAY)
        code = "import sys; from audit_pipeline_tests.publish.dying import main; main(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)
        found = [content(path)["record"] for path in sorted((folder / "left").iterdir())]
        assert len(found) > 9
        counts = [len(rows) for rows in found]
        assert counts == sorted(counts)
        assert set(counts) == {1, 2}
        assert all(set(old) <= set(rows) for rows in found)
        assert len(content(bring(store))["record"]) == 2  # and what the dead left stops nobody
        assert {p.name for p in store.root.glob("*audit.duckdb*")} == {"audit.duckdb"}
        assert {p.name for p in build_file(store).parent.iterdir()} == {"build.duckdb", "seal.json"}


COMMITTED_THEN_KILLED = """
import os, signal, sys
from pathlib import Path
from audit_pipeline_tests.builders import make_store
from audit_pipeline_tests.publish.test_publish import bring
bring(make_store(Path(sys.argv[1])), also=lambda connection: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_rows_that_a_dead_publisher_had_committed_do_not_come_twice(filled: Store) -> None:
    """They stand in DuckDB's own log beside the build file, whose bytes are still those that were sealed."""
    commit(filled, night=WEDNESDAY)
    run = subprocess.run([sys.executable, "-c", COMMITTED_THEN_KILLED, str(filled.root.parent)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert build_file(filled).with_name("build.duckdb.wal").stat().st_size > 0
    assert content(bring(filled)) == content(bring(filled, anew=True))


# --- readers and disks --------------------------------------------------------------------------------------------

READER = """
import sys, duckdb
for _ in range(100):
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        nights, records = connection.execute(
            "select (select count(*) from audit.model_night), (select count(*) from audit.record)").fetchall()[0]
        assert nights == records > 0, (nights, records)
print("fine")
"""


def test_a_reader_in_another_process_never_meets_a_lock(store: Store) -> None:
    commit(store)
    bring(store)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(store.layout.database)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    published = 0
    for night in nights(200)[1:]:
        commit(store, night=night)
        bring(store)
        published += 1
        time.sleep(0.2)
        if reader.poll() is not None:
            break
    out, err = reader.communicate(timeout=30)
    assert out.strip() == b"fine", err.decode()
    assert published > 5


def test_a_reader_that_stays_open_keeps_what_it_saw_and_stops_nobody(store: Store) -> None:
    commit(store)
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); input();"
    code += "print(c.execute('select count(*) from audit.record').fetchall()[0][0])"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(bring(store))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "1\n"
    commit(store, night=TUESDAY)
    bring(store)
    assert ask(store, "select count(*) from audit.record") == [(2,)]
    out, _ = reader.communicate("\n", timeout=30)
    assert out == "1\n"


def test_the_file_cannot_be_written_by_mistake(store: Store) -> None:
    commit(store)
    assert bring(store).stat().st_mode & 0o777 == 0o444


def test_what_a_privileged_writer_left_beside_the_file_does_not_stop_readers_of_the_next(store: Store) -> None:
    commit(store)
    database = bring(store)
    database.chmod(0o644)
    with duckdb.connect(str(database)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("UPDATE record SET verdict = 'PASS'")
    assert database.with_name("audit.duckdb.wal").exists()
    commit(store, night=TUESDAY)
    bring(store)
    assert ask(store, "select distinct verdict from audit.record") == [("WARN",)]


def test_a_full_disk_is_a_publish_error_and_the_old_file_stays() -> None:
    with small_disk(24_000) as disk:
        store = make_store(disk)
        commit(store)
        bring(store)
        before = store.layout.database.read_bytes()
        room = shutil.disk_usage(disk).free
        (disk / "ballast").write_bytes(b"x" * (room - 300_000))
        commit(store, night=TUESDAY)
        with pytest.raises(PublishError, match="the disk is full"):
            bring(store)
        assert store.layout.database.read_bytes() == before
        assert ask(store, "select count(*) from audit.record") == [(1,)]
        (disk / "ballast").unlink()
        bring(store)
        assert ask(store, "select count(*) from audit.record") == [(2,)]


def test_a_damaged_record_is_not_published_and_the_old_file_stays(store: Store) -> None:
    made = commit(store)
    bring(store)
    before = store.layout.database.read_bytes()
    path = store.record_path("churn", "2026-07-01", made.record)
    path.write_bytes(path.read_bytes().replace(b'"WARN"', b'"PASS"'))
    with pytest.raises(
        PublishError, match=rf"was not published. evidence/churn/2026-07-01/{made.record}.json was chan"
    ):
        bring(store, anew=True)
    assert store.layout.database.read_bytes() == before


def test_a_failing_part_does_not_publish_half(store: Store) -> None:
    commit(store)
    bring(store)
    commit(store, night=TUESDAY)

    def fails(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("select * from nowhere")

    with pytest.raises(PublishError, match="CatalogException"):
        bring(store, also=fails)
    assert ask(store, "select count(*) from audit.record") == [(1,)]
    bring(store)
    assert ask(store, "select count(*) from audit.record") == [(2,)]


def test_an_empty_store_publishes_empty_tables(store: Store) -> None:
    bring(store)
    assert ask(store, "select count(*) from audit.model_night") == [(0,)]
    assert ask(store, "select * from audit.v_last_night") == []


def test_a_second_try_reads_the_entries_again(store: Store) -> None:
    """After a failure it must not find what the first try emptied, and publish nothing."""
    fill(store)
    tries: list[int] = []

    def fails_once(connection: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        if len(tries) == 1:
            connection.execute("select * from nowhere")

    publish(store.layout, store.log.covered, store.read_record, also=fails_once)
    assert len(tries) == 2
    assert ask(store, "select count(*) from audit.evidence_log") == [(7,)]
