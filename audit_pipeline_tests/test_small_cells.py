"""No count of 1 to 10 persons is told: laws of how counts are told, and a night that is full of such counts."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.checks import quality_scores
from audit_pipeline.config import Project, load_project
from audit_pipeline.decision import Measured, decide
from audit_pipeline.fleet import audit, publish_store
from audit_pipeline.lineage import decode, encode, events_of
from audit_pipeline.pipeline import Audited
from audit_pipeline.records import (
    CheckResult,
    ColumnProfile,
    Maturity,
    Outcome,
    Performance,
    PerformanceMetric,
    RunContext,
    Severity,
    Validation,
)
from audit_pipeline.small_cells import few, in_words, of_in_words, told, told_share
from audit_pipeline.tell import told_decision, told_measures, told_profile
from audit_pipeline_tests.decision import made
from audit_pipeline_tests.small_project import NIGHTS, ROWS, build, write_log

COUNTS = st.integers(0, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_a_count_that_is_told_hides_1_to_10_on_either_side(counts: tuple[int, int]) -> None:
    k, n = counts
    seen = told(k, n)
    assert 0 <= seen <= n
    if k and n - k and n >= 22:
        assert 10 <= seen <= n - 10
    if not few(k) and not few(n - k):
        assert seen == k
    assert told(seen, n) == seen  # what is read back from a record is told no worse


@given(COUNTS, st.integers(1, 10))
def test_small_cells_cannot_be_told_apart(counts: tuple[int, int], k: int) -> None:
    _, n = counts
    if n >= 22:
        assert told(k, n) == told(1, n)
        assert told(n - k, n) == told(n - 1, n)
        assert told_share(k / n, n) == told_share(1 / n, n) == 10 / n
        assert of_in_words(k, n) == of_in_words(1, n)


def test_words() -> None:
    assert (in_words(0), in_words(1), in_words(10), in_words(1100)) == ("0", "fewer than 11", "fewer than 11", "1,100")
    assert of_in_words(3, 300) == "fewer than 11 of 300"
    assert of_in_words(297, 300) == "all but fewer than 11 of 300"
    assert of_in_words(3, 7) == "fewer than 11 of fewer than 11"
    assert of_in_words(100, 300) == "100 of 300"
    assert of_in_words(300, 300) == "300 of 300"


@pytest.mark.parametrize(
    ("top", "missing", "shown"),
    [
        ((("a", 150), ("b", 147)), 3, (("a", 150),)),  # 300 - 150 - 147 would be the 3 that miss
        ((("a", 150), ("b", 120), ("c", 20)), 0, (("a", 150), ("b", 120))),  # the rest are 10 of other categories
        ((("a", 150), ("b", 150)), 0, (("a", 150), ("b", 150))),
        ((("a", 150), ("b", 100)), 0, (("a", 150), ("b", 100))),  # the rest are 50
    ],
)
def test_no_category_is_named_by_which_a_small_rest_could_be_worked_out(top: Any, missing: int, shown: Any) -> None:
    column = ColumnProfile("x", "category", "feature", "none", 300, missing, 3, None, None, (), top)
    [told_column] = told_profile([column])
    assert told_column.top == shown
    assert told_column.missing == (10 if missing else 0)


def test_nothing_tells_more_of_a_small_prevalence_than_its_bound() -> None:
    """3 positive labels of 300: the interval and the difference would give the 3 away."""
    few_positive = PerformanceMetric("prevalence", "all", 0.01, 0.003, 0.03, 300, 0.02, difference=-0.01)
    auc = PerformanceMetric("auc", "all", 0.75, 0.7, 0.8, 300, 0.7, difference=0.05)
    measured = Performance(Maturity.PROVISIONAL, None, False, 300, 305, (few_positive, auc), "exact")
    shown = told_measures(Measured(performance=measured)).performance
    assert shown is not None
    [prevalence, other] = shown.metrics
    assert (prevalence.value, prevalence.lo, prevalence.hi, prevalence.difference) == (10 / 300, None, None, None)
    assert (shown.labelled, prevalence.n) == (295, 295)  # 5 rows lack a label
    assert other == replace(auc, n=295)


# --- a night that is full of small cells --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Audited]:
    """`churn` with 3 ages missing, 4 impossible ones, 5 visits missing; published."""
    root = build(tmp_path_factory.mktemp("small") / "project", nights=NIGHTS[:1], labelled=(), models=["churn"])
    people = pd.read_parquet(root / "input" / "churn" / f"{NIGHTS[0]}.parquet")
    age, visits = people["age"].copy(), people["visits"].copy()
    age.iloc[:3], age.iloc[3:7], visits.iloc[7:12] = None, 250.0, None
    write_log(root, "churn", NIGHTS[0], age=age, visits=visits)
    project = load_project(root)
    audited = audit(project, "churn", NIGHTS[0], run=RunContext("run", datetime.now(UTC)))
    publish_store(project)
    return project, audited


PERSONS = {  # columns that count rows, by table; what else counts, counts columns, nights, bins or files
    "record": ("rows", "labelled"),
    "model_night": ("rows",),
    "snapshot": ("rows", "duplicate_row_ids"),
    "column_profile": ("n", "missing"),
    "check_result": ("n", "unexpected"),
    "quality": ("n",),
    "drift": ("n", "n_reference"),
    "performance": ("n", "n_reference"),
    "reliability": ("n",),
    "confusion": ("n",),
    "fairness": ("n",),
    "finding": ("n",),
    "control_chart": ("n",),
    "importance": ("n",),
    "dependence": ("n", "n_rows", "lines"),
    "importance_by_group": ("n",),
    "permutation_importance": ("n",),
    "attribution": ("n", "n_reference"),
    "stress": ("n",),
    "concept": ("n", "n_reference"),
    "domain_classifier": ("n", "n_reference"),
}
NO_PERSONS = {  # columns of numbers that count no person
    "tier", "attempt", "log_index", "schema_version", "failed", "warned", "not_evaluated", "records", "bytes",
    "row_groups", "distinct_values", "features", "seed", "bin", "rank", "rank_reference", "repeats", "point", "phase",
    "nights", "model_nights", "root_size",
}  # fmt: skip


def published(project: Project) -> Iterator[tuple[str, str, str, list[Any]]]:
    """Yield table, column, type and values of the published database."""
    with duckdb.connect(str(project.layout.database), read_only=True) as connection:
        sql = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main'"
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        for table, column, kind in connection.execute(sql).fetchall():
            if table in tables:
                rows = connection.execute(f'SELECT "{column}" FROM {table}').fetchall()
                yield table, column, kind, [value for (value,) in rows if value is not None]


def test_no_published_count_is_of_1_to_10_persons_nor_leaves_out_so_many(night: tuple[Project, Audited]) -> None:
    looked = set()
    for table, column, kind, values in published(night[0]):
        if kind in ("BIGINT", "INTEGER") and column not in NO_PERSONS:
            assert column in PERSONS[table], f"{table}.{column}: does it count persons?"
            looked.add((table, column))
            assert not [value for value in values if 0 < value < 11], f"{table}.{column}"
            assert not [value for value in values if ROWS - 10 < value < ROWS], f"{table}.{column}"
    assert looked == {(table, column) for table, columns in PERSONS.items() for column in columns}


def test_no_published_share_is_of_1_to_9_persons(night: tuple[Project, Audited]) -> None:
    """The share of 10 stands for 1 to 10."""
    shares = [
        value
        for table, column, _, values in published(night[0])
        if column in ("missing_share", "unexpected_share", "missing_share_reference")
        for value in values
    ]
    assert 10 / ROWS in shares
    assert not [share for share in shares if 0 < round(share * ROWS, 6) < 10]


THINGS = "(rows?|values?|labels?|labelled|sampled)"
SAYS = re.compile(rf"(?<![\d.,])([1-9]|10|59[1-9]) (of [\d,]+ )?{THINGS}\b")


def texts(night: tuple[Project, Audited]) -> dict[str, str]:
    """Return every text that is made of the night: tables, record, page, lineage events, Dagster's metadata."""
    from audit_pipeline.orchestration.metadata import check_results, materializations

    project, audited = night
    store = project.layout.audit
    found = {
        f"{table}.{column}": "\n".join(map(str, v))
        for table, column, kind, v in published(project)
        if kind == "VARCHAR"
    }
    found |= {path.name: path.read_text() for path in (store / "evidence").rglob("*.json")}
    found |= {path.name: path.read_text() for path in (store / "artifacts").rglob("report.html")}
    found["lineage"] = str(events_of(decode(encode(audited.trace))))
    found["dagster"] = str([*materializations(project, audited), *check_results(audited)])
    return found


def test_no_sentence_counts_1_to_10_persons(night: tuple[Project, Audited]) -> None:
    told_in = texts(night)
    assert "Fewer than 11 of 590 values are not as expected" in told_in["check_result.reason"]  # 4 of 597
    assert {name: SAYS.findall(text) for name, text in told_in.items() if SAYS.search(text)} == {}


# --- verdicts -----------------------------------------------------------------------------------------------------


def test_a_floor_between_a_score_and_its_bound_is_judged_by_the_score() -> None:
    """3 of 700 values: a completeness of 0.9957, told as 0.9857, against a floor of 0.99."""
    policy = made.model(quality={"completeness": {"fail_below": 0.99}})
    for bad, verdict in ((3, Outcome.PASS), (8, Outcome.FAIL), (11, Outcome.FAIL)):
        exact = Measured(validation=_missing(bad))
        shown = told_measures(exact)
        assert shown.validation is not None
        assert shown.validation.scores[0].value == 1 - max(bad, 10) / made.N
        [finding] = [f for f in told_decision(policy, exact, shown).findings if f.name == "completeness"]
        assert finding.outcome is verdict
        assert finding.outcome in {f.outcome for f in decide(policy, exact).findings if f.name == "completeness"}
        if bad == 3:  # the bound would fail: neither it nor the number is told
            assert (finding.value, finding.n) == (None, None)
            assert finding.reason == "completeness is PASS over a count of fewer than 11 rows, which is not told."
        if bad == 8:
            assert finding.reason.startswith("completeness is at least 0.9857: counts of fewer than 11 values")


def _missing(bad: int) -> Validation:
    """700 rows of which `bad` break an expectation of completeness."""
    kind = "expect_column_values_to_not_be_null"
    check = CheckResult(
        f"{kind}(age)", kind, "age", Severity.INFO, Outcome.FAIL, "{}", None, made.N, bad, bad / made.N, "a reason"
    )
    return Validation("pandas", made.N, (check,), quality_scores((check,)))
