"""Pseudonyms: the same in SQL as in Python, and no identifier in any byte that is written."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.errors import KeyMissingError
from audit_pipeline.records import Column, Snapshot
from audit_pipeline.snapshot import pseudonym
from audit_pipeline.snapshot.pseudonym import pads, pseudonym_sql
from audit_pipeline_tests.snapshot.conftest import KEY, column

Freeze = Callable[..., Snapshot]
ID = column("mrn", "category", "row_id", "direct_identifier")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(deadline=None, max_examples=60)
@given(value=TEXT, key=st.binary(min_size=1, max_size=100))
def test_sql_and_python_agree_with_the_standard_library(value: str, key: bytes) -> None:
    expected = hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
    assert pseudonym(value, key) == expected
    with duckdb.connect() as connection:
        parameters = {**pads(key), "value": value}
        found = connection.execute(f"select {pseudonym_sql('$value::varchar')}", parameters).fetchone()
    assert found == (expected,)


def test_a_vector_of_rfc_4231() -> None:
    # Test case 2: key "Jefe", data "what do ya want for nothing?"
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonym("what do ya want for nothing?", b"Jefe") == expected


def test_identifiers_become_pseudonyms_and_missing_stays_missing(freeze: Freeze, tmp_path: Path) -> None:
    subject = column("patient", "integer", "subject_id", "direct_identifier")
    found = freeze("select 'ä\\x41' as mrn, 7.0 as patient union all select 'b', null", [ID, subject])
    table = pq.read_table(tmp_path / "audit" / found.path)
    assert set(table["mrn"].to_pylist()) == {pseudonym("ä\\x41", KEY), pseudonym("b", KEY)}
    # 7.0 declared as integer is 7, so a person has one pseudonym in every format
    assert set(table["patient"].to_pylist()) == {pseudonym("7", KEY), None}
    assert found.columns == (
        Column("mrn", "category", "row_id", "direct_identifier", masked=True),
        Column("patient", "category", "subject_id", "direct_identifier", masked=True),
    )


def test_a_column_marked_masked_is_masked_whatever_its_class(freeze: Freeze, tmp_path: Path) -> None:
    found = freeze("select 'b' as id", [Column("id", "category", "row_id", "none", masked=True)])
    assert pq.read_table(tmp_path / "audit" / found.path)["id"].to_pylist() == [pseudonym("b", KEY)]


@pytest.mark.parametrize("key", [None, b""])
def test_without_a_key_nothing_is_written(freeze: Freeze, tmp_path: Path, key: bytes | None) -> None:
    with pytest.raises(KeyMissingError, match="pseudonym"):
        freeze("select 'b' as mrn", [ID], key=key)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_without_an_identifier_no_key_is_needed(freeze: Freeze) -> None:
    assert freeze("select 'b' as id", [column("id", "category", "row_id")], key=None).rows == 1


def test_planted_identifiers_are_in_no_byte_ever_written(
    freeze: Freeze, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is deleted here, so staging and spill files are searched as well as the snapshot."""
    monkeypatch.setattr("tempfile.TemporaryDirectory.cleanup", lambda _: None)
    monkeypatch.setattr("tempfile.TemporaryDirectory.__exit__", lambda *_: None)
    rows = "select 'PLANTED-' || range as mrn, repeat('w' || range, 40) as w from range(100000) order by hash(range)"
    freeze(rows, [ID, column("w", "category")], memory="40MB", threads=1)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 2  # the staging file and the snapshot
    for file in files:
        data = file.read_bytes()
        assert b"PLANTED" not in data, file.name
        assert KEY not in data, file.name
    # Compression could hide a name: read every column back as well.
    for file in files:
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            assert not any("PLANTED" in str(table[name].to_pylist()) for name in table.column_names)


def test_a_fault_in_an_identifier_shows_neither_value_nor_key(freeze: Freeze) -> None:
    with pytest.raises(Exception, match="patient") as caught:
        freeze("select 'PLANTED' as patient", [column("patient", "integer", "row_id", "direct_identifier")])
    assert "PLANTED" not in str(caught.value)
    assert KEY.hex() not in str(caught.value)
