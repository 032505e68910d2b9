"""The loader refuses what Great Expectations would drop in silence, with file, key and what would be right."""

import json
from pathlib import Path

import pytest

from audit_pipeline.checks.catalogue import FILE, as_text
from audit_pipeline.checks.kinds import KINDS
from audit_pipeline.config import load_project
from audit_pipeline.errors import ConfigError
from audit_pipeline_tests.checks.project import write_project


def test_the_file_is_what_the_script_would_write() -> None:
    assert FILE.read_text(encoding="utf-8") == as_text()


def test_every_official_type_has_its_kind_and_no_other_has() -> None:
    assert set(json.loads(FILE.read_text(encoding="utf-8"))) == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "kwargs", "key", "words"),
    [
        ("column_values_to_be_uniqe", "{column: age}", "type", "Did you mean 'expect_column_values_to_be_unique'?"),
        ("column_values_to_be_unique", "{colum: age}", "kwargs.colum", "Did you mean 'column'?"),
        ("column_values_to_be_unique", "{column: agee}", "kwargs.column", "Did you mean 'age'?"),
        ("column_values_to_be_unique", "{}", "kwargs", "needs `column`"),
        ("column_values_to_be_increasing", "{column: age}", "type", "sorted by its row_id"),
        ("column_values_to_be_of_type", "{column: age, type_: int}", "type", "declared type of every column"),
        ("column_min_to_be_between", "{column: age, condition_parser: x}", "kwargs.condition_parser", "no argument"),
    ],
)
def test_a_faulty_expectation_is_refused(tmp_path: Path, kind: str, kwargs: str, key: str, words: str) -> None:
    entry = f"{{type: expect_{kind}, severity: warning, kwargs: {kwargs}}}"
    suite = f"schema_version: 1\nmodel_id: risk\nexpectations:\n  - {entry}\n"
    with pytest.raises(ConfigError) as caught:
        load_project(write_project(tmp_path, suite))
    (fault,) = [fault for fault in caught.value.faults if words in fault.message]
    assert (fault.file, fault.key) == ("expectations/risk.yaml", f"expectations[0].{key}")


def test_an_unknown_severity_is_refused(tmp_path: Path) -> None:
    suite = "schema_version: 1\nmodel_id: risk\nexpectations:\n  - {type: expect_column_to_exist, severity: fatal}\n"
    with pytest.raises(ConfigError, match="severity"):
        load_project(write_project(tmp_path, suite))
