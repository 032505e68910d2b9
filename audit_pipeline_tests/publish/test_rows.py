"""Adjusted p-values and views, against independent computations."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from audit_pipeline.evidence import Store
from audit_pipeline.publish import publish, query
from audit_pipeline.publish.rows import adjusted_p, rows_of
from audit_pipeline.records import Drift, Maturity, Outcome
from audit_pipeline_tests.builders import NIGHT, commit, commit_result, make_result, make_store, nights, session
from audit_pipeline_tests.hardship import quick_folder

P = st.floats(0, 1)


@given(st.lists(P | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=40))
def test_adjusted_p_is_that_of_scipy(values: list[float]) -> None:
    found = adjusted_p([{"method": "ks", "p": p} for p in values])
    wanted = false_discovery_control(values, method="bh")
    assert [found[i] for i in range(len(values))] == pytest.approx(list(wanted), rel=1e-12, abs=0)


@given(st.lists(st.tuples(st.sampled_from(["ks", "chi2"]), st.none() | P), max_size=30))
def test_adjusted_p_is_within_its_method_and_only_where_there_is_a_p(scores: list[tuple[str, float | None]]) -> None:
    found = adjusted_p([{"method": method, "p": p} for method, p in scores])
    assert set(found) == {i for i, (_, p) in enumerate(scores) if p is not None}
    for method in ("ks", "chi2"):
        own = [i for i, (m, p) in enumerate(scores) if m == method and p is not None]
        alone = adjusted_p([{"method": method, "p": scores[i][1]} for i in own])
        assert [found[i] for i in own] == [alone[i] for i in range(len(own))]


def test_adjusted_p_by_hand() -> None:
    # p sorted 0.01, 0.02, 0.03, 0.5; times 4/rank: 0.04, 0.04, 0.04, 0.5; the minimum from the right changes nothing
    scores = [{"method": "ks", "p": p} for p in (0.03, 0.5, 0.01, 0.02)]
    assert adjusted_p(scores) == pytest.approx({0: 0.04, 1: 0.5, 2: 0.04, 3: 0.04})


def drift_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for table, row in rows_of(record, digest="d", log_index=0) if table == "drift"]


def one_record(root: Path, **options: Any) -> dict[str, Any]:
    """The record of one night, as plain JSON."""
    store = make_store(root)
    commit(store, **options)
    [entry] = store.log.entries()
    return store.read_record(entry.model_id, entry.night, entry.digest)


def test_adjusted_p_is_that_of_the_record_and_is_computed_for_records_that_lack_it(tmp_path: Path) -> None:
    record = one_record(tmp_path, p=0.03)
    record["result"]["drift"]["scores"][0]["adjusted_p"] = 0.6
    assert [(row["adjusted_p"], row["test"]) for row in drift_rows(record)] == [(0.6, "ks"), (0.03, "ks")]
    for score in record["result"]["drift"]["scores"]:
        del score["adjusted_p"], score["test"]
    assert [row["adjusted_p"] for row in drift_rows(record)] == [None, 0.03]


def test_what_reaches_its_limit_by_chance_has_not_drifted(tmp_path: Path) -> None:
    record = one_record(tmp_path, psi=0.9, verdict=Outcome.FAIL)
    psi = drift_rows(record)[0]
    assert (psi["drifted"], psi["outcome"]) == (True, "FAIL")
    for finding in record["result"]["decision"]["findings"]:
        finding["outcome"] = "PASS"
    psi = drift_rows(record)[0]
    assert (psi["score"] >= psi["threshold"], psi["drifted"], psi["outcome"]) == (True, False, "PASS")


# --- views over a small fleet -------------------------------------------------------------------------------------

FLEET_P = {"churn": (0.001, 0.2), "spend": (0.02, 0.03), "visits": (0.8, 1.0)}  # ks on age and on income
LAST = nights(2)[1]


def two_columns(store: Store, model_id: str, verdict: Outcome) -> None:
    """Commit a night with two p-values, one of them absent from every other method."""
    with session(store, model_id, LAST) as rendered:
        result = make_result(store, model_id=model_id, night=LAST, verdict=verdict)
        assert result.drift is not None
        psi, ks = result.drift.scores
        first, second = FLEET_P[model_id]
        other = replace(ks, method="chi2", p=1e-6)  # another method is another family of tests
        scores = (psi, replace(ks, p=first), replace(ks, column="income", p=second), other)
        commit_result(store, replace(result, drift=Drift(scores, ())), rendered)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Store]:
    with quick_folder() as folder:
        store = make_store(folder)
        for model_id in FLEET_P:
            commit(store, model_id=model_id, night=NIGHT, p=0.5, maturity=Maturity.PENDING)
        commit(store, model_id="churn", night=NIGHT, psi=0.9, verdict=Outcome.FAIL, maturity=Maturity.FINAL)
        verdicts = (Outcome.FAIL, Outcome.PASS, Outcome.NOT_EVALUATED)
        for model_id, verdict in zip(FLEET_P, verdicts, strict=True):
            two_columns(store, model_id, verdict)
        publish(store.layout, store.log.covered, store.read_record)
        yield store


def test_the_last_night_of_every_model_comes_worst_first(fleet: Store) -> None:
    rows = query(fleet.layout, "select model_id, night, verdict, record_path from audit.v_last_night").rows
    assert [(m, n, v) for m, n, v, _ in rows] == [
        ("churn", LAST, "FAIL"),
        ("visits", LAST, "NOT_EVALUATED"),
        ("spend", LAST, "PASS"),
    ]
    assert all((fleet.root / path).is_file() for *_, path in rows)


def test_the_findings_behind_failing_nights_are_those_of_the_newest_records(fleet: Store) -> None:
    sql = 'select model_id, night, verdict, stage, name, "column", value from audit.v_failing_models'
    assert query(fleet.layout, sql).rows == [
        ("churn", LAST, "FAIL", "drift", "psi", "age", 0.125),
        ("visits", LAST, "NOT_EVALUATED", "drift", "psi", "age", 0.125),
        ("churn", NIGHT, "FAIL", "drift", "psi", "age", 0.9),  # the record that it superseded was no FAIL
    ]


def test_a_trend_has_one_value_per_night_of_the_newest_record(fleet: Store) -> None:
    sql = """select night, value from audit.v_metric_trend where model_id = 'churn' and kind = ?
             and subject = ? and metric = ? order by night"""
    assert query(fleet.layout, sql, ["drift", "age", "psi"]).rows == [(NIGHT, 0.9), (LAST, 0.125)]
    assert query(fleet.layout, sql, ["performance", "all", "auc"]).rows == [(NIGHT, 0.75), (LAST, 0.75)]
    assert query(fleet.layout, sql, ["quality", "completeness", "completeness"]).rows == [(NIGHT, 0.99), (LAST, 0.99)]


def test_fleet_drift_is_adjusted_over_all_models_and_columns_of_a_night(fleet: Store) -> None:
    sql = """select model_id, "column", p, fleet_adjusted_p from audit.v_fleet_drift
             where night = ? and method = 'ks' order by model_id, "column" """
    rows = query(fleet.layout, sql, [LAST]).rows
    assert [(m, c, p) for m, c, p, _ in rows] == [
        (model, column, p) for model, pair in FLEET_P.items() for column, p in zip(("age", "income"), pair, strict=True)
    ]
    wanted = false_discovery_control([p for pair in FLEET_P.values() for p in pair], method="bh")
    assert [adjusted for *_, adjusted in rows] == pytest.approx(list(wanted), rel=1e-12)
    assert np.any(np.array([adjusted for *_, adjusted in rows]) != np.array([p for _, _, p, _ in rows]))
    # the night before has a test per model, all with p = 0.5 or, restated, 0.02: of no concern to this one
    before = query(fleet.layout, sql, [LAST - timedelta(days=1)]).rows
    assert [adjusted for *_, adjusted in before] == pytest.approx(list(false_discovery_control([0.02, 0.5, 0.5])))


def test_what_was_known_of_performance_stays_visible_when_labels_come(fleet: Store) -> None:
    sql = "select maturity, superseded from audit.v_label_maturity where model_id = 'churn' and night = ?"
    assert query(fleet.layout, sql, [NIGHT]).rows == [("pending", True), ("final", False)]


def test_an_estimate_is_kept_apart_from_what_came_true(fleet: Store) -> None:
    sql = "select metric, estimate, estimate_lo, value, inside, maturity from audit.v_estimate_realised where night = ?"
    assert query(fleet.layout, sql + " and model_id = 'churn'", [NIGHT]).rows == [
        ("auc", 0.8, 0.76, 0.75, False, "final")
    ]
    sql = """select kind, value from audit.v_metric_trend where model_id = 'visits' and night = ? and metric = 'auc'
             and subject = 'all' order by 1"""
    assert query(fleet.layout, sql, [NIGHT]).rows == [("estimate", 0.8), ("performance", 0.75)]


def test_what_was_known_on_a_day_is_told_by_the_time_of_the_log(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    commit(store, maturity=Maturity.PENDING, psi=0.1)
    commit(store, maturity=Maturity.FINAL, psi=0.2)
    entries = list(store.log.covered())
    entries[0]["time"], entries[1]["time"] = "2026-07-02T23:59:59.999999+00:00", "2026-07-04T00:00:00+00:00"
    publish(store.layout, lambda start: entries[start:], store.read_record)
    sql = "select distinct maturity from audit.known_at(?) where slice = 'all' and metric = 'auc' order by 1"
    known = {day: [m for (m,) in query(store.layout, sql, [f"2026-07-0{day}"]).rows] for day in (1, 2, 3, 4, 5)}
    before, after = ["estimated", "pending"], ["final"]
    assert known == {1: [], 2: before, 3: before, 4: after, 5: after}
    verdicts = query(store.layout, "select distinct record from audit.known_at('2026-07-03')").rows
    assert verdicts == [(entries[0]["digest"],)]


def test_a_night_whose_reference_was_restated_since_is_stale(fleet: Store) -> None:
    # every result of the builder says that it used the night before, whose result was "ccc...": it is another one now
    sql = "select model_id, night, earlier_night, found, now from audit.v_stale where purpose = 'comparison'"
    rows = query(fleet.layout, sql).rows
    assert [(model, night, earlier) for model, night, earlier, _, _ in rows] == [
        (model, LAST, LAST - timedelta(days=1)) for model in sorted(FLEET_P)
    ]
    assert all(found == "c" * 64 and now != found for *_, found, now in rows)


def test_groups_are_rows_and_the_table_of_local_law_144_is_a_view(fleet: Store) -> None:
    sql = """select kind, attribute, "group", metric, value, n, outcome, conclusion from audit.fairness
             where model_id = 'churn' and record = (select record from audit.model_night
                where model_id = 'churn' and night = ?)"""
    rows = query(fleet.layout, sql, [LAST]).rows
    assert ("protected", "region", None, "impact_ratio", 0.5, 290, "FAIL", "not met") in rows  # the finding's outcome
    assert ("protected", "region", None, "proxy_auc", 0.6, 290, "PASS", "met") in rows  # limited, and no finding
    assert ("protected", "region", None, "hidden_groups", 2.0, None, None, None) in rows
    assert ("protected", "region", "east", "selection_rate", None, 20, None, "insufficient") in rows
    assert ("slice", "zip", None, "hidden_groups", None, None, None, None) in rows
    table = """select "group", n, share, selection_rate, impact_ratio, lo, hi, may_be_left_out, conclusion
               from audit.v_ll144 where model_id = 'churn' and night = ? order by n"""
    assert query(fleet.layout, table, [LAST]).rows == [  # of 300 rows; slices are not in it
        ("east", 20, 20 / 300, None, None, None, None, False, "insufficient"),
        ("south", 140, 140 / 300, 0.25, 0.5, 0.4, 0.7, False, "not met"),
        ("north", 150, 0.5, 0.5, 1.0, None, None, False, "compared with"),
    ]


def test_a_record_from_before_there_were_groups_is_projected(fleet: Store) -> None:
    [entry] = [e for e in fleet.log.entries() if e.kind == "record" and e.model_id == "visits" and e.night == str(LAST)]
    record = fleet.read_record("visits", str(LAST), entry.digest)
    old = {**record, "result": {k: v for k, v in record["result"].items() if k != "fairness"}}
    tables = {table for table, _ in rows_of(old, digest=entry.digest, log_index=0)}
    assert "fairness" not in tables
    assert {"record", "drift", "finding"} <= tables


def test_small_cells_of_a_record_are_left_out_and_a_rule_is_said_in_words(tmp_path: Path) -> None:
    """Records of before say 1 to 9 as well: no table tells them either."""
    store = make_store(tmp_path)
    result = make_result(store)
    assert result.validation is not None
    few = replace(result.validation, results=(replace(result.validation.results[0], unexpected=3),))
    profile = (replace(result.profile[0], missing=10),)
    with session(store, "churn", NIGHT) as rendered:
        made = commit_result(store, replace(result, validation=few, profile=profile), rendered)
    record = store.read_record("churn", str(NIGHT), made.record)
    rows = dict(rows_of(record, digest=made.record, log_index=0))
    assert rows["check_result"]["unexpected"] is None
    assert rows["column_profile"]["missing"] is None
    assert rows["column_profile"]["generalised"] == "round 0.5"
    assert rows["snapshot"]["duplicate_row_ids"] == 0
