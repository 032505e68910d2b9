"""Real events, spoilt in every way: each is taken or refused with a reason, and never takes the loader down."""

import copy
import json
import random
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.lineage import store
from audit_pipeline.lineage.events import events_of
from audit_pipeline_tests.lineage.conftest import tables
from audit_pipeline_tests.lineage.traces import trace

REAL = events_of(trace())
ODD: list[Any] = [
    None, True, 0, -1, 10**30, -(2**63), 2**63, 1.5, 1e308, "", " ", "x" * 2_000, "\x00", "\ud800", "\u202e", "NaN",
    [], {}, [[]], [None], [{}], {"": {}}, {"a": []}, {"name": 1}, "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "2026-02-30", "infinity", "COMPLETE", str(uuid.UUID(int=0)), [1] * 50,
    {"namespace": "file", "name": "/x", "facets": {"symlinks": {"identifiers": [{"namespace": "file", "name": "/x"}]}}},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


def spoilt(event: dict[str, Any], where: list[tuple[int, int, int]]) -> Any:
    """Put odd values, doubled values or nothing at places of an event."""
    made: Any = copy.deepcopy(event)
    for place, odd, way in where:
        paths = [path for path in places(made) if path]
        if not paths:
            return made
        *above, last = paths[place % len(paths)]
        holder = made
        for key in above:
            holder = holder[key]
        if way % 3 == 0:
            holder[last] = copy.deepcopy(ODD[odd % len(ODD)])
        elif way % 3 == 1:
            del holder[last]
        else:
            holder[last] = [copy.deepcopy(holder[last])] * 2
    return made


SPOIL = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 2)), max_size=4)


@pytest.mark.dear
@settings(max_examples=settings().max_examples // 5)
@given(st.lists(st.tuples(st.sampled_from(REAL), SPOIL), min_size=1, max_size=30))
def test_every_spoilt_event_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[dict[str, Any], Any]]
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    texts = [json.dumps(spoilt(event, where)) for event, where in made]
    (folder / "inbox").mkdir()
    (folder / "inbox" / "x.json").write_text("\n".join(texts) + "\n")
    with duckdb.connect() as connection:
        added = store.load(connection, folder / "outbox", folder / "inbox")
        refused = connection.execute("select reason from lineage.quarantine").fetchall()
        assert 0 <= added <= len(texts)
        assert added + len(refused) >= len(set(texts)) - (len(texts) - len(set(texts)))
        assert all(reason for (reason,) in refused)
        for macro in ("upstream('job:clinic:high_utilizer.audit')", "column_path('snapshot/high_utilizer', 'age')"):
            connection.execute(f"from lineage.{macro}").fetchall()
        first = tables(connection)
        assert store.load(connection, folder / "outbox", folder / "inbox") == 0
        assert tables(connection) == first


def test_bytes_cut_and_flipped_anywhere_never_take_the_loader_down(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    chance = random.Random(11)
    whole = "\n".join(json.dumps(event) for event in REAL).encode() + b"\n"
    for number in range(40):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        start = chance.randrange(2_000)
        for folder in ("inbox", "outbox"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{number}.jsonl").write_bytes(data[start:])
    assert store.load(connection, tmp_path / "outbox", tmp_path / "inbox") > 0
    assert connection.execute("select count(*) from lineage.quarantine").fetchall() > [(0,)]


def test_ten_thousand_inputs(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    inputs = [{"namespace": "s3://lake", "name": f"part-{n}"} for n in range(10_000)]
    event = {**REAL[1], "inputs": inputs}
    (tmp_path / "1.jsonl").write_text(json.dumps(event) + "\n")
    assert store.load(connection, tmp_path) == 1
    assert connection.execute("select count(*) from lineage.run_io where direction = 'input'").fetchall() == [(10_000,)]


def test_brackets_in_texts_are_no_depth_and_depth_is_found_behind_them(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    def line(extra: str) -> str:
        return json.dumps(REAL[0])[:-1] + f', "extra": {extra}}}\n'

    flat = json.dumps("{[" * 500 + '\\"' * 3)
    deep = '{"}": ' * 100 + "1" + "}" * 100  # every bracket has its counterpart in a text
    at_limit = "[" * 63 + "]" * 63  # 64 with the event's own
    beyond = "[" * 64 + "]" * 64
    (tmp_path / "1.jsonl").write_text(line(flat) + line(deep) + line(at_limit) + line(beyond))
    assert store.load(connection, tmp_path) == 2
    reasons = connection.execute("select reason from lineage.quarantine").fetchall()
    assert reasons == [("nested deeper than 64 levels",)] * 2
