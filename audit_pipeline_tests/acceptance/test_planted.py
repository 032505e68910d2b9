"""Names, ids and dates of birth are planted in a log: after a whole audit they stand in no byte that was written.

Bytes are searched as they lie there, and once more as their readers see them: Parquet and DuckDB compress, and SQLite,
JSON and pages may write a value in another way.
"""

import base64
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from audit_pipeline.config import load_project
from audit_pipeline.due import due_nights
from audit_pipeline.fleet import publish_store
from audit_pipeline_tests.small_project import CHURN, NIGHTS, PROJECT, ROWS, build

pytestmark = pytest.mark.acceptance
NAMES = [f"Zdenka Plantedova-{i:03d}" for i in range(ROWS)]
RECORDS = [f"MRN7{i * 7919 % 1_000_003:06d}Q" for i in range(ROWS)]
BORN = [date(1931, 3, 5) + timedelta(days=37 * i) for i in range(ROWS)]
STREETS = [f"Plantedgasse {i + 1}" for i in range(ROWS)]
COLUMNS = """\
  name: {type: category, privacy: direct_identifier, role: segment}
  mrn: {type: category, privacy: direct_identifier, role: segment}
  birth: {type: date, privacy: direct_identifier, role: segment}
  born: {type: date, privacy: quasi_identifier, role: segment, generalise: {to: year}}
  street: {type: category, privacy: quasi_identifier, role: segment, generalise: {prefix: 3}}
"""
ROLE = "roles: {analyst: {hide: ['*.reason'], mask: ['*.owner']}}\n"
WORDS = [  # what a part of any person's data would hold
    b"Plantedova", b"plantedova", b"Plantedgasse", b"jane.doe.planted",
    *(record.encode() for record in RECORDS),
    *(day.isoformat().encode() for day in BORN if (day.month, day.day) != (1, 1)),
]  # fmt: skip
PATTERN = re.compile(b"|".join(map(re.escape, WORDS)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit folder of a project whose one night went through Dagster, lineage and publication with a role."""
    from audit_pipeline.orchestration.instance import instance_of
    from audit_pipeline.orchestration.run import run_due

    root = build(
        tmp_path_factory.mktemp("planted") / "project", nights=NIGHTS[:1], labelled=NIGHTS[:1], models=["churn"]
    )
    (root / "project.yaml").write_text(PROJECT + ROLE)
    (root / "models" / "churn.yaml").write_text(CHURN.replace("columns:\n", "columns:\n" + COLUMNS))
    for file in (root / "input" / "churn" / f"{NIGHTS[0]}.parquet", root / "input" / "churn_reference.parquet"):
        planted: Any = {"name": NAMES, "mrn": RECORDS, "birth": BORN, "born": BORN, "street": STREETS}
        pd.read_parquet(file).assign(**planted).to_parquet(file)
    project = load_project(root)
    with instance_of(project) as instance:
        due = due_nights(project, now=datetime.now(UTC))
        assert [done.crashed for done in run_due(project, instance, due)] == [{}]
    publish_store(project)
    return root / "audit"


def test_the_log_holds_what_was_planted(store: Path) -> None:
    """Else the search below would find nothing for want of something to find."""
    [file] = (store.parent / "input" / "churn").glob("*.parquet")
    assert len(set(PATTERN.findall(seen(file)))) > ROWS


def test_no_planted_value_stands_in_anything_that_was_written(store: Path) -> None:
    files = [path for path in store.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".parquet", ".duckdb", ".json", ".jsonl", ".html", ".db"} <= kinds
    found = {path.relative_to(store).as_posix(): hits for path in files if (hits := set(PATTERN.findall(seen(path))))}
    assert found == {}


def test_the_snapshot_holds_the_persons_as_pseudonyms_and_coarse(store: Path) -> None:
    [file] = (store / "snapshots").rglob("*.parquet")
    table = pq.read_table(file).to_pydict()
    assert len(set(table["mrn"])) == ROWS
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for column in ("name", "mrn", "birth") for value in table[column])
    assert set(table["street"]) == {"Pla"}
    assert {(day.month, day.day) for day in table["born"]} == {(1, 1)}


def seen(path: Path) -> bytes:
    """Return a file's bytes, and what its reader makes of them."""
    data = path.read_bytes()
    return b"\n".join([path.name.encode(), data, *(part.encode() for part in _decoded(path, data))])


def _decoded(path: Path, data: bytes) -> Iterator[str]:
    if data.startswith(b"PAR1"):
        for column in pq.read_table(path).columns:
            yield "\n".join(map(str, column.to_pylist()))
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                yield str(connection.execute(f'from "{schema}"."{table}"').fetchall())
    elif data.startswith(b"SQLite format 3"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
                yield str(connection.execute(f'select * from "{table}"').fetchall())
    elif path.suffix in (".json", ".jsonl", ".html"):
        text = data.decode()
        yield text.encode().decode("unicode_escape", "replace")  # \\u0041 and the like
        for part in re.findall(r"base64,([A-Za-z0-9+/=]{40,})", text):
            yield base64.b64decode(part).decode("latin-1")
        if path.suffix == ".json":
            yield str(json.loads(text))
