"""What a role may not see stands in no byte of its database, and what it may see is all there."""

import grp
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit_pipeline import lineage
from audit_pipeline.config import DatabaseRole, Layout, load_project
from audit_pipeline.errors import ConfigError, KeyMissingError, PublishError
from audit_pipeline.evidence import Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.publish import publish, published, query
from audit_pipeline.publish.role import RAW, SCOPES, mask, tables_of
from audit_pipeline_tests.builders import NIGHT, commit, make_store, nights
from audit_pipeline_tests.config import small
from audit_pipeline_tests.hardship import quick_folder

KEY = b"\x07" * 32
OWNER, HOST, SECRET = "mallory_planted", "here", "spend"
REVIEW = {
    "meaning": "approved", "name": "Ms Planted", "account": "planted_account", "reason": "planted words",
    "result_digest": "0" * 64, "verdict": "PASS",
}  # fmt: skip
ALERT = {
    "run_ids": ["r"], "owner": OWNER, "channel": "chat", "model_nights": 1, "delivered": False, "reason": "no",
    "records": [],
}  # fmt: skip
ROLES = {
    "analyst": DatabaseRole(
        models=("churn",), hide=("audit.review", "*.host", "*.reason"), mask=("*.owner",), mode="0440"
    ),
    "board": DatabaseRole(domains=("retention",), mask=("*.owner", "audit.review.name"), mode="0444"),
    "desk": DatabaseRole(mask=("*.owner",), mode="0440"),
    "nobody": DatabaseRole(domains=("elsewhere",), mode="0400"),
}


def graph(connection: duckdb.DuckDBPyConnection) -> None:
    """A lineage of two models that read one file and of which each writes its own."""
    lineage.create(connection)
    for model in ("churn", SECRET):
        run, job, out = f"run-{model}", f"job:p:{model}.audit", f"dataset:file:out/{model}"
        connection.execute(
            "INSERT INTO lineage.event VALUES ($1, '2026-07-01', 'COMPLETE', $2, $3, 'outbox', $4)",
            [model, run, job, f'{{"owner": "{OWNER}"}}'],
        )
        connection.execute(
            "INSERT INTO lineage.run (run_id, node, job, model_id) VALUES (?, ?, ?, ?)", [run, job, job, model]
        )
        for direction, node in (("input", "dataset:file:shared"), ("output", out)):
            connection.execute(
                "INSERT INTO lineage.run_io (run_id, direction, node) VALUES (?, ?, ?)", [run, direction, node]
            )
        connection.execute(
            "INSERT INTO lineage.node (node, alias, model_id) VALUES (?, ?, ?), (?, ?, ?)",
            [job, job, model, out, out, model],
        )
        connection.execute(
            "INSERT INTO lineage.edge (src, dst) VALUES ('dataset:file:shared', $1), ($1, $2)", [job, out]
        )
        link = [run, job, "dataset:file:shared", "x", out, "x"]
        connection.execute(
            "INSERT INTO lineage.column_edge (run_id, job, src, src_column, dst, dst_column) VALUES (?, ?, ?, ?, ?, ?)",
            link,
        )
        connection.execute(
            "INSERT INTO lineage.column_link (job, src, src_column, dst, dst_column) VALUES (?, ?, ?, ?, ?)", link[1:]
        )
        connection.execute("INSERT INTO lineage.symlink VALUES (?, ?)", [f"dataset:s3:{model}", out])
        connection.execute("INSERT INTO lineage.run_edge (src, dst) VALUES (?, ?)", [run, run])
        connection.execute("INSERT INTO lineage.loaded (file) VALUES (?)", [f"{model}.jsonl"])
    connection.execute("INSERT INTO lineage.node (node, alias) VALUES ('dataset:file:shared', 'shared')")
    connection.execute("INSERT INTO lineage.run_edge (src, dst) VALUES ('run-spend', 'run-churn')")


def fill(store: Store) -> None:
    """Two nights of two models, signed by a person, and an alert."""
    for model in ("churn", SECRET):
        for night in nights(2):
            done = commit(store, model_id=model, night=night, owner=OWNER)
        store.log.append(
            "review", model_id=model, night=str(NIGHT), digest=done.record, body={**REVIEW, "record": done.record}
        )
        gone = {"path": f"snapshots/{model}/a", "sha256": "a" * 64, "new_sha256": "b" * 64, "rows": 12, "bytes": 1}
        about = {"model_id": model, "night": str(NIGHT), "digest": "0" * 64}
        store.log.append("erasure", **about, body=gone | {"reason": "asked", "by": "officer"})
        body = {"class": "snapshots", "kept": "60 days", "day": "2026-09-01", "by": "officer", "files": [gone]}
        store.log.append("purge", **about, body=body)
    store.log.append("alert", model_id="", night="", digest="0" * 64, body=ALERT)


def bring(store: Store, roles: dict[str, DatabaseRole] = ROLES, **options: Any) -> None:
    publish(store.layout, store.log.covered, store.read_record, roles=roles, key=KEY, **options)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with quick_folder() as folder:
        made = make_store(folder)
        fill(made)
        bring(made, also=graph)
        yield made


def texts(database: Path) -> str:
    """Return every value of every table of a file as text, comments and definitions too."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = [str(connection.execute(f"FROM {table.sql}").fetchall()) for table in tables_of(connection, "audit")]
        for source in ("duckdb_tables()", "duckdb_columns()", "duckdb_views()"):
            found.append(str(connection.execute(f"FROM {source} WHERE NOT internal").fetchall()))
    return "\n".join(found)


def counts(store: Store, names: Iterable[str], role: str | None, where: str = "true") -> dict[str, int]:
    """Return the rows of each table or view in the file of a role."""
    with published(store.layout, role) as connection:
        sql = "SELECT count(*) FROM {} WHERE {}"
        return {name: connection.execute(sql.format(name, where)).fetchall()[0][0] for name in names}


# --- what may not be seen -----------------------------------------------------------------------------------------

PLANTED = (OWNER, "Ms Planted", "planted_account", "planted words")


def test_the_whole_database_holds_what_was_planted(store: Store) -> None:
    """Else the searches below would find nothing for want of something to find."""
    assert all(word.encode() in store.layout.database.read_bytes() for word in (*PLANTED, SECRET))
    assert all(word in texts(store.layout.database) for word in (*PLANTED, SECRET, HOST))


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("analyst", (*PLANTED, SECRET, "PSI of age")),
        ("board", (OWNER, "Ms Planted")),
        ("nobody", (*PLANTED, SECRET, "churn", "PSI of age")),
    ],
)
def test_what_is_hidden_stands_in_no_byte_and_no_value(store: Store, role: str, words: tuple[str, ...]) -> None:
    database = store.layout.database_of(role)
    data, values = database.read_bytes(), texts(database)
    assert [word for word in words if word.encode() in data or word in values] == []


def test_a_role_limited_to_models_sees_all_of_these_and_nothing_else(store: Store) -> None:
    names = {table.sql: table.name for table in tables_of_build(store)}
    seen, whole = counts(store, names, "analyst"), counts(store, names, None)
    for sql, name in names.items():
        if name in (RAW, "audit.review", "audit.alert", "lineage.loaded", "lineage.quarantine"):
            assert seen[sql] == 0, name
        elif name == "lineage.node":  # the file that both read is the third one
            assert (seen[sql], whole[sql]) == (3, 5)
        elif name == "lineage.run_edge":
            assert (seen[sql], whole[sql]) == (1, 3)
        elif name == "audit.evidence_log":  # two records, a review, what went; the alert tells of no single model
            assert (seen[sql], whole[sql]) == (5, 11)
        else:
            assert (2 * seen[sql], whole[sql] > 0) == (whole[sql], True), name


def tables_of_build(store: Store) -> list[Any]:
    with duckdb.connect(str(store.layout.database), read_only=True) as connection:
        return tables_of(connection, "audit")


def test_every_table_has_a_rule(store: Store) -> None:
    """A table that is new must not be left out, or in, without a thought."""
    without = {table.name for table in tables_of_build(store) if "model_id" not in table.columns}
    assert without - set(SCOPES) == {RAW, "audit.alert", "lineage.loaded", "lineage.quarantine"}


# --- what is seen -------------------------------------------------------------------------------------------------


def test_a_masked_value_is_one_word_in_all_tables_and_another_for_each_role(store: Store) -> None:
    analyst, desk = mask(OWNER, role="analyst", key=KEY), mask(OWNER, role="desk", key=KEY)
    assert len(analyst) == 16
    assert analyst != desk != mask(OWNER, role="desk", key=b"\x08" * 32)
    for table in ("record", "model_night", "model"):
        assert query(store.layout, f"select distinct owner from audit.{table}", role="analyst").rows == [(analyst,)]
    assert query(store.layout, "select distinct owner from audit.alert", role="desk").rows == [(desk,)]
    assert counts(store, ["lineage.run_io"], "desk") == counts(store, ["lineage.run_io"], None)


def test_hidden_columns_are_null_and_say_so_and_others_are_as_they_were(store: Store) -> None:
    sql = "select record, verdict, started, host from audit.record where model_id = 'churn' order by all"
    whole, seen = query(store.layout, sql).rows, query(store.layout, sql, role="analyst").rows
    assert seen == [(*row[:3], None) for row in whole]
    columns = "table_name = 'record' and column_name in ('host', 'owner', 'task')"
    said = f"select column_name, comment from duckdb_columns() where {columns} order by 1"
    assert query(store.layout, said, role="analyst").rows == [
        ("host", "machine that computed it (hidden from this role)"),
        ("owner", "who answers for the model (masked)"),
        ("task", "binary, regression or multiclass"),
    ]


def test_views_and_macros_answer_as_in_the_whole_database(store: Store) -> None:
    views = [n for (n,) in query(store.layout, "select view_name from duckdb_views() where not internal").rows]
    assert len(views) >= 8
    assert set(counts(store, views, "nobody").values()) == {0}
    churn = "model_id = 'churn'"
    assert counts(store, views, "board", churn) == counts(store, views, None, churn)
    upstream = "select node from lineage.upstream('dataset:file:out/churn')"
    assert query(store.layout, upstream, role="analyst").rows == query(store.layout, upstream).rows
    assert query(store.layout, "select node from lineage.downstream('shared')", role="analyst").rows == [
        ("dataset:file:shared",), ("job:p:churn.audit",), ("dataset:file:out/churn",)
    ]  # fmt: skip


# --- files --------------------------------------------------------------------------------------------------------


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_have_the_rights_that_were_asked_for(store: Store) -> None:
    made = {role: rights(store.layout.database_of(role)) for role in (None, *ROLES)}
    assert made == {None: 0o440, "analyst": 0o440, "board": 0o444, "desk": 0o440, "nobody": 0o400}
    assert rights(store.root / ".build") & 0o007 == 0  # all of it stands there once more


@pytest.fixture
def other() -> Iterator[Store]:
    with quick_folder() as folder:
        made = make_store(folder)
        commit(made)
        yield made


def test_a_role_that_is_gone_or_changed_loses_its_file_before_anything_else(other: Store) -> None:
    store = other
    two = {name: ROLES[name] for name in ("analyst", "board")}
    bring(store, two)
    made = store.layout.database_of("board").stat().st_ino
    narrow = {"analyst": DatabaseRole(models=("churn",), group="no such group"), "board": two["board"]}
    with pytest.raises(PublishError, match=r"analyst\.duckdb was not published: it cannot be given to the group"):
        bring(store, narrow)
    assert not store.layout.database_of("analyst").exists()  # it showed more than the role may see now
    assert store.layout.database_of("board").stat().st_ino == made  # it shows no more than it may: it stays
    bring(store, {"board": two["board"]})
    bring(store, {})
    assert [file.name for file in store.layout.audit.glob("*.duckdb")] == ["audit.duckdb"]
    assert rights(store.layout.database) == 0o444


def test_the_file_goes_to_its_group(other: Store) -> None:
    may = [*os.getgroups(), *([] if os.geteuid() else [g.gr_gid for g in grp.getgrall()])]  # root may give to any
    mine = grp.getgrgid(may[-1]).gr_name
    bring(other, {"analyst": DatabaseRole(group=mine)})
    assert grp.getgrgid(other.layout.database_of("analyst").stat().st_gid).gr_name == mine


# --- the project's word -------------------------------------------------------------------------------------------


UNREADABLE = {
    "hide: [record.owner]": "roles.a.hide[0]: must be `audit.TABLE`, `audit.TABLE.COLUMN` or `*.COLUMN`",
    "models: []": "roles.a.models: ",
    "models: [rsik]": "roles.a.models: 'rsik' is none of a model here. Did you mean 'risk'?",
    "domains: [cars]": "roles.a.domains: 'cars' is none of a model here. Did you mean 'care'?",
    "mode: '0666'": "roles.a.mode: ",
}


@pytest.mark.parametrize("said", UNREADABLE)
def test_a_role_that_says_what_cannot_be_is_refused_when_the_project_is_read(tmp_path: Path, said: str) -> None:
    [fault] = small.faults(small.write(tmp_path, project=small.PROJECT + f"roles: {{a: {{{said}}}}}\n"))
    assert UNREADABLE[said] in fault


ROLES_IN_VAIN = """\
roles:
  a: {hide: [audit.reviews, "*.ownr", "*.record"], mask: [audit.record.tier, audit.record]}
  b: {hide: [audit.record, "*.host"], mask: ["*.owner"]}
"""


def test_a_role_that_would_hide_nothing_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    small.write(tmp_path, project=small.PROJECT + ROLES_IN_VAIN)
    with pytest.raises(ConfigError) as caught:
        publish_store(load_project(tmp_path))
    told = [str(fault).removeprefix("project.yaml: roles.a.") for fault in caught.value.faults]
    assert told == [
        "hide[0]: 'audit.reviews' is no table or column of audit.duckdb (docs/tables.md). Did you mean 'audit.review'?",
        "hide[1]: '*.ownr' is no table or column of audit.duckdb (docs/tables.md). Did you mean '*.owner'?",
        "hide[2]: '*.record' is what the tables are joined by: limit the role to `models` or `domains` instead",
        "mask[0]: 'audit.record.tier' cannot be masked, only columns of text can: write it under `hide`",
        "mask[1]: 'audit.record' cannot be masked, only columns of text can: write it under `hide`",
    ]
    assert not Layout(root=tmp_path).database.exists()


def test_masks_need_their_key(tmp_path: Path) -> None:
    small.write(tmp_path, project=small.PROJECT + "roles: {a: {mask: ['*.owner']}}\n")
    with pytest.raises(KeyMissingError, match="The pseudonym key is not at"):
        publish_store(load_project(tmp_path))


def test_a_change_of_roles_is_published_though_nothing_was_audited_since(tmp_path: Path) -> None:
    small.write(tmp_path)
    store = make_store(tmp_path)
    commit(store, model_id="risk")
    publish_store(load_project(tmp_path))
    role = "roles: {analyst: {hide: ['*.owner']}}\n"
    small.write(tmp_path, project=small.PROJECT + role)
    publish_store(load_project(tmp_path))
    assert query(store.layout, "select owner from audit.record", role="analyst").rows == [(None,)]
    store.layout.database_of("analyst").unlink()
    publish_store(load_project(tmp_path))
    assert store.layout.database_of("analyst").exists()
