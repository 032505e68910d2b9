"""Questions to the published file: only questions, only about this file, and a clear word when one is wrong."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_pipeline.config import Layout
from audit_pipeline.errors import PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.publish import publish, published, query
from audit_pipeline_tests.builders import commit, make_store
from audit_pipeline_tests.hardship import quick_folder


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with quick_folder() as folder:
        store = make_store(folder)
        commit(store)
        publish(store.layout, store.log.covered, store.read_record)
        yield store


def test_an_answer_has_names_and_rows(store: Store) -> None:
    answer = query(store.layout, "select model_id, verdict from audit.model_night where model_id = ?", ["churn"])
    assert answer.columns == ("model_id", "verdict")
    assert answer.records() == [{"model_id": "churn", "verdict": "WARN"}]


WRITES = [
    "delete from model_night",
    "update record set verdict = 'PASS'",
    "insert into model_night (model_id) values ('x')",
    "drop table record",
    "create table more (a int)",
    "alter table record add column a int",
    "comment on table record is 'x'",
    "select 1; delete from record",
]


@pytest.mark.parametrize("sql", WRITES)
def test_nothing_can_be_written(store: Store, sql: str) -> None:
    before = store.layout.database.read_bytes()
    with pytest.raises(PublishError, match="read-only"):
        query(store.layout, sql)
    assert store.layout.database.read_bytes() == before


OUTSIDE = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from '/etc/passwd'",
    "copy record to '{folder}/out.csv'",
    "copy (select 1) to '{folder}/out.parquet'",
    "export database '{folder}/out'",
    "attach '{folder}/out.duckdb' as other",
    "attach ':memory:' as other; copy (select 1) to '{folder}/out.csv'",
    "install httpfs",
    "load httpfs",
    "load '{folder}/x.duckdb_extension'",
    "set enable_external_access = true",
    "set temp_directory = '{folder}'",
    "select * from read_csv('https://example.org/x.csv')",
]


@pytest.mark.parametrize("sql", OUTSIDE)
def test_nothing_outside_the_file_can_be_reached(store: Store, tmp_path: Path, sql: str) -> None:
    with pytest.raises(PublishError):
        query(store.layout, sql.format(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_variables_of_the_program_cannot_be_read(store: Store) -> None:
    import pandas as pd

    secret = pd.DataFrame({"key": ["k"]})
    with pytest.raises(PublishError, match="secret does not exist"):
        query(store.layout, "select * from secret")
    assert len(secret) == 1


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select * from audit.model_nigth", "model_nigth does not exist"),
        ("select verdit from audit.model_night", 'column "verdit" not found'),
        ("select cast('x' as integer)", "Could not convert"),
        ("", "The query is empty"),
        ("-- nothing", "The query is empty"),
        ("select ?", "parameter"),
    ],
)
def test_a_wrong_question_gets_one_line_that_says_what_is_wrong(store: Store, sql: str, words: str) -> None:
    with pytest.raises(PublishError) as caught:
        query(store.layout, sql)
    assert words.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_without_a_file_the_way_to_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="Run `audit-pipeline run`"):
        query(Layout(root=tmp_path), "select 1")


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match=r"cannot be opened \(IOException\). Run `audit-pipeline rebuild`"):
        query(Layout(root=tmp_path), "select 1")


def test_questions_may_overlap_in_one_process(store: Store) -> None:
    """The web server asks from several threads; DuckDB shares one instance among their connections."""
    with published(store.layout), published(store.layout) as second:
        assert second.execute("select count(*) from audit.record").fetchall() == [(1,)]
        assert query(store.layout, "select 1").rows == [(1,)]
        with pytest.raises(PublishError):
            query(store.layout, "select * from read_text('/etc/passwd')")
    failures: list[Exception] = []

    def ask() -> None:
        try:
            for _ in range(5):
                query(store.layout, "select * from audit.v_last_night")
        except PublishError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
