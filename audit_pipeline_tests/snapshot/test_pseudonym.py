"""Pseudonyms: the same in SQL as in Python, and no identifier in any byte that is written."""

import contextlib
import hashlib
import hmac
import subprocess
import sys
import time
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


@settings(deadline=None, max_examples=40)
@given(values=st.lists(TEXT, min_size=1, max_size=20), key=st.binary(min_size=1, max_size=100))
def test_sql_and_python_agree_with_the_standard_library(values: list[str], key: bytes) -> None:
    expected = [hmac.new(key, value.encode(), hashlib.sha256).hexdigest() for value in values]
    assert [pseudonym(value, key) for value in values] == expected
    sql = f"select {pseudonym_sql('v')} from (select unnest($values::varchar[]) as v)"
    found = duckdb.execute(sql, {**pads(key), "values": values}).fetchall()
    assert [row[0] for row in found] == expected


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


def test_planted_identifiers_are_in_no_byte_of_the_snapshot(freeze: Freeze, tmp_path: Path) -> None:
    columns = [ID, column("w", "category", "feature", "quasi_identifier")]
    found = freeze("select 'PLANTED-' || range as mrn, 'w' || range as w from range(50000)", columns)
    path = tmp_path / "audit" / found.path
    assert b"PLANTED" not in path.read_bytes()
    assert KEY not in path.read_bytes()
    table = pq.read_table(path)  # compression could hide a name
    assert "PLANTED" not in str(table["mrn"].to_pylist())
    assert table["w"][0].as_py().startswith("w")


LARGE = "select 'PLANTED-' || range as mrn, 'QUASI-' || hash(range) as w from range(200000)"
TAKE = """
import sys
from pathlib import Path
from audit_pipeline.records import Column, Relation
from audit_pipeline.snapshot import take
from audit_pipeline.vault import Vault

columns = [Column("mrn", "category", "row_id", "direct_identifier"), Column("w", "category", "feature", "none")]
relation = Relation("log", "parquet", (), sys.argv[1], ("mrn", "w"), "0", 0)
settings = {"vault": Vault(Path(sys.argv[2])), "place": "p", "suffix": "", "key": b"k" * 32, "threads": 1}
print(take(relation, columns, memory=sys.argv[3], **settings).sha256)
"""


def test_a_killed_run_leaves_no_identifier_in_staging_or_spill_files(tmp_path: Path) -> None:
    """Spill files are written and vanish within a take; killing it in the middle of the sort keeps them."""
    command = [sys.executable, "-c", TAKE, LARGE, str(tmp_path)]
    with subprocess.Popen([*command, "60MB"]) as process:
        while process.poll() is None and not _holds(tmp_path, "spill/*", b"QUASI"):
            time.sleep(0.03)
        process.kill()
    assert _holds(tmp_path, "spill/*", b"QUASI")  # rows were spilled, readable as they are
    assert _holds(tmp_path, "staged.parquet", b"PAR1")
    assert not _holds(tmp_path, "*", b"PLANTED")
    assert not _holds(tmp_path, "*", b"k" * 32)
    # The same sort, left alone, gives the file that one without spilling gives.
    digests = {subprocess.check_output([*command, memory], text=True) for memory in ("60MB", "1GB")}
    assert len(digests) == 1


def _holds(folder: Path, pattern: str, needle: bytes) -> bool:
    """Tell whether a file below `folder` holds the bytes."""
    found = False
    for file in folder.rglob(pattern):
        with contextlib.suppress(FileNotFoundError):  # it may vanish meanwhile
            found = found or (file.is_file() and needle in file.read_bytes())
    return found


def test_a_fault_in_an_identifier_shows_neither_value_nor_key(freeze: Freeze) -> None:
    with pytest.raises(Exception, match="patient") as caught:
        freeze("select 'PLANTED' as patient", [column("patient", "integer", "row_id", "direct_identifier")])
    assert "PLANTED" not in str(caught.value)
    assert KEY.hex() not in str(caught.value)
