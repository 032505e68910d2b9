"""The registry of charted numbers, and the scales they stand on."""

import math
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.config.charts import FIXED, JOINT, Rule
from audit_pipeline.config.fairness import FAIR
from audit_pipeline.config.metrics import METRICS
from audit_pipeline.decision.charts import READABLE
from audit_pipeline.evidence.canonical import plain
from audit_pipeline.metrics.charted import AMOUNTS, GROUPS, SHARES, Number, numbers
from audit_pipeline.metrics.nelson import RULES
from audit_pipeline.metrics.scales import SCALES, holds
from audit_pipeline_tests.builders import make_result, make_store


def test_a_whole_record_gives_its_numbers_with_their_errors(tmp_path: Path) -> None:
    found = numbers(plain(make_result(make_store(tmp_path))))
    assert {name: number.value for name, number in found.items()} == {
        "volume.rows": 300,
        "volume.labelled": 120,
        "quality.completeness": 0.99,  # accuracy has no value, and is not there
        "quality.largest_missing_share": 0.1,
        "drift.largest_psi": 0.125,
        "drift.domain_auc": 0.51,
        "performance.auc": 0.75,  # of all rows, not of the slice
        "performance.cost": 1.5,
        "fairness.impact_ratio.region": 0.5,
        "fairness.proxy_auc.region": 0.6,
        "attribution.ndcg": 0.99,
        "attribution.wasserstein_max": 0.2,
    }
    assert {name: number.scale for name, number in found.items() if number.scale != "share"} == {
        "volume.rows": "count",
        "volume.labelled": "count",
        "drift.largest_psi": "amount",
        "performance.cost": "identity",
        "fairness.impact_ratio.region": "amount",
        "attribution.ndcg": "identity",
        "attribution.wasserstein_max": "amount",
    }


RESIDUAL = "concept.residual_z"  # of a night with labels


def test_what_is_charted_can_be_judged_and_every_rule_has_words(tmp_path: Path) -> None:
    fixed = {
        name for name in numbers(plain(make_result(make_store(tmp_path)))) if not name.startswith(("perf", "fair"))
    }
    assert fixed | {JOINT, "quality.accuracy", "quality.consistency", "drift.mean_prediction", RESIDUAL} == set(FIXED)
    assert (*RULES, "ewma", "cusum") == get_args(Rule) == tuple(READABLE)
    assert {name for table in METRICS.values() for name in table} >= SHARES | AMOUNTS
    assert set(GROUPS) == {name for names in FAIR.values() for name in names} - {"equalised_odds_difference"}


def test_an_empty_record_has_no_numbers_and_an_old_one_those_it_has() -> None:
    parts = ("snapshot", "validation", "drift", "performance", "fairness")
    assert numbers(dict.fromkeys(parts) | {"profile": []}) == {}
    assert set(numbers({"snapshot": {"rows": 5}})) == {"volume.rows"}


def test_the_mean_prediction_is_that_of_the_score_with_the_error_of_a_mean() -> None:
    class_, score = (
        {"role": r, "n": 110, "missing": 10, "mean": m, "sd": 2.0} for r, m in (("prediction", 1.0), ("score", 0.4))
    )
    found = numbers({"profile": [class_, score]})["drift.mean_prediction"]
    assert (found.value, found.n) == (0.4, 100)
    assert found.on_scale() == pytest.approx((0.4, 0.2))  # 2 / sqrt(100)
    assert numbers({"profile": [class_]})["drift.mean_prediction"].value == 1.0


def test_what_cannot_stand_on_its_scale_is_no_number() -> None:
    metrics = [{"name": "rmse", "slice": "all", "value": v} for v in (-1.0, math.inf, math.nan, None)]
    assert [numbers({"performance": {"metrics": [m]}}) for m in metrics] == [{}] * 4


def test_the_error_of_a_number_is_that_of_its_interval_or_of_its_rows() -> None:
    y, error = Number("identity", 2.0, 50, 1.02, 2.98).on_scale()
    assert (y, error) == pytest.approx((2.0, 0.5), abs=1e-4)
    # arcsine of the root of a share of n: 1 / (2 sqrt(n)), whatever the share
    assert Number("share", 0.25, 400, None, None).on_scale() == pytest.approx((math.pi / 6, 0.025))
    assert Number("amount", 8.0, 400, None, None).on_scale() == (2.0, 0.0)
    # Anscombe's root of a count has a deviation of 1: 2 sqrt(99.625 + 0.375) = 20
    assert Number("count", 99.625, 99, None, None).on_scale() == (20.0, 1.0)


@pytest.mark.parametrize("name", SCALES)
@given(value=st.floats(0.001, 1), other=st.floats(0.001, 1))
def test_a_scale_keeps_the_order_and_leads_back(name: str, value: float, other: float) -> None:
    scale = SCALES[name]
    assert scale.back(scale.to(value)) == pytest.approx(value)
    assert (scale.to(value) <= scale.to(other)) or value > other


def test_a_limit_beyond_what_a_number_can_be_is_none() -> None:
    share = SCALES["share"]
    assert share.limit(share.to(0.01) - 0.2) is None
    assert share.limit(share.to(0.99) + 0.2) is None
    assert SCALES["count"].limit(0.5) is None
    assert SCALES["amount"].limit(-0.1) is None
    assert SCALES["identity"].limit(-5.0) == -5.0
    assert share.centre(-0.1) == 0.0
    assert not holds("log", 0.0)
    assert holds("count", 0.0)
