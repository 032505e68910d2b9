"""What was planted is found, what is chance is not, and the adjusted p stands where it was computed."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from audit_pipeline.records import Outcome
from audit_pipeline_tests.metrics.arrays import alarms, drawn, drift_between, judged, made_model, quiet_columns
from audit_pipeline_tests.metrics.night import score

COLUMNS = quiet_columns(20)
CONFIG = made_model(COLUMNS)


def two_tables(n: int, seed: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return drawn(COLUMNS, rng, n), drawn(COLUMNS, rng, n)


def test_every_test_of_the_night_is_one_family() -> None:
    found = drift_between(CONFIG, *two_tables(500))
    tests = [s for s in found.scores if s.p is not None]
    assert {(s.method, s.test) for s in tests} == {
        ("ks", "ks"),
        ("total_variation", "chi_square"),
        ("missing_share", "two_shares"),
        ("new_category_share", "exchangeability"),
    }
    wanted = false_discovery_control([s.p for s in tests])
    assert [s.adjusted_p for s in tests] == pytest.approx(list(wanted), rel=1e-12)
    for column, test in (("x00", "ks"), ("x08", "chi_square")):
        psi = score(found, column, "psi")
        own = score(found, column, "ks" if test == "ks" else "total_variation")
        assert (psi.p, psi.adjusted_p, psi.test) == (None, own.adjusted_p, test)


def test_an_ignored_column_is_in_no_family() -> None:
    current, reference = two_tables(500)
    config = made_model(COLUMNS, {"columns": {"x00": {"ignore": True}}})
    found = drift_between(config, current | {"x00": current["x00"] + 9}, reference)
    assert score(found, "x00", "ks").p == 0.0
    assert score(found, "x00", "ks").adjusted_p is None
    rest = {name: values for name, values in current.items() if name != "x00"}
    alone = drift_between(config, rest, reference)
    assert [s for s in found.scores if s.column != "x00"] == list(alone.scores)


def test_a_psi_above_its_limit_by_chance_passes_and_says_so() -> None:
    # two tables of 200 rows from one source: the PSI over ten bins averages 9 * (1/200 + 1/200) = 0.09
    current, reference = two_tables(200, seed=3)
    found = drift_between(CONFIG, current, reference)
    high = [s.column for s in found.scores if s.method == "psi" and (s.value or 0) >= 0.1]
    assert len(high) >= 3
    decision = judged(CONFIG, found)
    said = [f for f in decision.findings if f.conclusion == "chance"]
    assert {f.column for f in said if f.name == "psi"} == set(high)
    assert all(f.outcome is Outcome.PASS and "does not tell it from chance" in f.reason for f in said)
    assert alarms(CONFIG, found) == set()


@pytest.mark.parametrize("side", ["night", "reference", "both"])
def test_one_outlier_neither_makes_drift_nor_hides_it(side: str) -> None:
    current, reference = two_tables(5_000)
    shifted = current | {"x00": current["x00"] + 0.5}
    for name, table in (("night", current), ("night", shifted), ("reference", reference)):
        if side in (name, "both"):
            table["x00"] = table["x00"].copy()
            table["x00"][0] = 1e6
    assert alarms(CONFIG, drift_between(CONFIG, current, reference)) == set()
    assert alarms(CONFIG, drift_between(CONFIG, shifted, reference)) == {("x00", "psi")}


def test_eighty_per_cent_missing_is_found() -> None:
    current, reference = two_tables(2_000)
    gone = np.random.default_rng(2).random(2_000) < 0.8
    current["x00"] = np.where(gone, np.nan, current["x00"])
    assert alarms(CONFIG, drift_between(CONFIG, current, reference)) == {("x00", "missing_share")}


def test_a_new_category_is_found_and_a_rare_one_is_chance() -> None:
    current, reference = two_tables(2_000)
    found = drift_between(CONFIG, current, reference)
    assert score(found, "x09", "new_category_share").value  # the tail of x09 always brings some
    assert alarms(CONFIG, found) == set()
    current["x08"] = np.where(np.arange(2_000) < 30, "d", current["x08"])
    # 30 rows in a bin the reference leaves empty: 0.015 ln(0.015 / 1e-6) = 0.14 nats besides
    assert alarms(CONFIG, drift_between(CONFIG, current, reference)) == {("x08", "new_category_share"), ("x08", "psi")}


def test_a_vanished_category_is_measured() -> None:
    reference = {"x08": np.array(["a"] * 300 + ["b"] * 100)}
    found = drift_between(CONFIG, {"x08": np.array(["a"] * 400)}, reference)
    assert score(found, "x08", "vanished_category_share").value == 0.25
    # 100 of 400 against 0 of 400 in one cell: total variation 0.25, chi-square with one degree of freedom
    assert score(found, "x08", "total_variation").value == 0.25
    assert (score(found, "x08", "total_variation").p or 1) < 1e-20


def test_a_long_tail_does_not_mislead_the_chi_square_test() -> None:
    # cells chosen by the reference alone reject 0.2 of such nights at 0.05: what is common in it by luck is rarer later
    columns = {"x09": COLUMNS["x09"]}
    config, rng = made_model(columns), np.random.default_rng(8)
    p = [
        score(drift_between(config, drawn(columns, rng, 200), drawn(columns, rng, 200)), "x09", "total_variation").p
        or 0
        for _ in range(400)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
