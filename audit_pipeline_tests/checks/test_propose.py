"""Proposed suites: loadable, generous on what they were made from, and silent about rare values."""

from pathlib import Path

import pytest

from audit_pipeline.checks import propose_yaml
from audit_pipeline.config import load_project
from audit_pipeline.records import Column, ColumnProfile, Outcome, Severity
from audit_pipeline_tests.checks.kit import Night
from audit_pipeline_tests.checks.project import write_project

COLUMNS = (
    Column("id", "category", "row_id", "direct_identifier", masked=True),
    Column("age", "integer", "feature", "quasi_identifier"),
    Column("ward", "category", "feature", "none"),
    Column("name", "category", "subject_id", "direct_identifier", masked=True),
    Column("share", "number", "feature", "none"),
    Column("risk", "number", "score", "none"),
    Column("died", "integer", "label", "sensitive"),
)


def _profile(column: Column, **changes: object) -> ColumnProfile:
    values: dict[str, object] = {
        "column": column.name, "type": column.type, "role": column.role, "privacy": column.privacy,
        "n": 400, "missing": 0, "distinct": 50, "mean": None, "sd": None, "quantiles": (), "top": (),
    }  # fmt: skip
    return ColumnProfile(**(values | changes))  # type: ignore[arg-type]


PROFILES = (
    _profile(COLUMNS[0], distinct=400),
    _profile(COLUMNS[1], quantiles=((0.01, 20.0), (0.5, 50.0), (0.99, 90.0))),
    _profile(COLUMNS[2], missing=100, distinct=2, top=(("NO", 200), ("SO", 100))),
    _profile(COLUMNS[3], distinct=2, top=(("pseudonym", 200), ("another", 200))),
    _profile(COLUMNS[4], quantiles=((0.01, -0.031), (0.99, 0.047))),
    _profile(COLUMNS[5], quantiles=((0.01, 0.1), (0.99, 0.9))),
    _profile(COLUMNS[6], distinct=2),
)


def test_a_proposal_loads_and_says_what_it_stands_on(tmp_path: Path) -> None:
    text = propose_yaml("risk", PROFILES, COLUMNS, rows=400)
    suite = load_project(write_project(tmp_path, text)).model("risk").suite
    found = {
        (entry.type.removeprefix("expect_column_"), entry.kwargs.get("column")): entry for entry in suite.expectations
    }
    assert all("profile of 400 rows" in entry.notes for entry in suite.expectations)
    # p1 20 to p99 90, widened by 70 on either side: -50 is cut at 0, since no age below 0 was seen; 160
    assert found["values_to_be_between", "age"].kwargs == {
        "column": "age",
        "min_value": 0,
        "max_value": 160,
        "mostly": 0.99,
    }
    # -0.031 to 0.047, widened by 0.078: -0.109 and 0.125, rounded outward to two digits
    limits = found["values_to_be_between", "share"].kwargs
    assert (limits["min_value"], limits["max_value"]) == (-0.11, 0.13)
    # a quarter missing: 0.75 - 0.05
    assert found["values_to_not_be_null", "ward"].kwargs["mostly"] == 0.7
    assert found["values_to_be_in_set", "ward"].kwargs["value_set"] == ["NO", "SO"]
    critical = {key for key, entry in found.items() if entry.severity is Severity.CRITICAL}
    assert {("values_to_be_unique", "id"), ("values_to_not_be_null", "id"), ("to_exist", "age")} <= critical
    assert {("values_to_be_between", "risk"), ("values_to_not_be_null", "risk")} <= critical
    assert ("values_to_be_between", "age") not in critical
    assert not any(column == "died" for _, column in found)  # a log holds no labels


@pytest.mark.parametrize(
    "changes",
    [
        {"distinct": 3, "top": (("NO", 200), ("SO", 100))},  # a third one, seen fewer than 11 times
        {"distinct": 21, "top": tuple((f"w{i}", 19) for i in range(21))},
        {"distinct": None, "top": ()},
    ],
)
def test_categories_are_named_only_when_few_and_none_is_rare(tmp_path: Path, changes: dict[str, object]) -> None:
    text = propose_yaml("risk", (_profile(COLUMNS[2], **changes),), COLUMNS, rows=400)
    assert "in_set" not in text


def test_pseudonyms_are_never_named() -> None:
    assert "pseudonym" not in propose_yaml("risk", PROFILES, COLUMNS, rows=400)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_a_proposal_holds_on_the_night_it_was_made_from(tmp_path: Path, engine: str) -> None:
    text = propose_yaml("risk", PROFILES, COLUMNS, rows=400)
    suite = load_project(write_project(tmp_path, text)).model("risk").suite
    night = Night(
        tmp_path,
        {
            "id": ("category", [f"p{i}" for i in range(400)]),
            "age": ("integer", [20 + i % 71 for i in range(400)]),
            "ward": ("category", ["NO"] * 200 + ["SO"] * 100 + [None] * 100),
            "name": ("category", ["pseudonym", "another"] * 200),
            "share": ("number", [-0.031 + 0.078 * i / 399 for i in range(400)]),
            "risk": ("number", [0.1 + 0.8 * i / 399 for i in range(400)]),
        },
    )
    validation = night.check(engine, *suite.expectations)
    assert {result.outcome for result in validation.results} == {Outcome.PASS}
    assert len(validation.results) == len(suite.expectations) > 15
