"""Many random nights of any size and with any defect: equal to scikit-learn, or not evaluated and said why."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from audit_pipeline.records import Performance
from audit_pipeline_tests.metrics.night import model
from audit_pipeline_tests.metrics.test_performance import measure

SIZES = (0, 1, 2, 11, 99, 100, 1000, 100_000)
DEFECTS = ("none", "nan score", "infinite score", "one class", "constant score", "no label", "strange label")
POLICY: dict[str, Any] = {"policy": {"performance": {"min_labels": 11}}}
BINARY, REGRESSION = model({}, **POLICY), model({}, task="regression", **POLICY)


def night(seed: int, n: int, defect: str) -> tuple[Any, Any]:
    """Return (score, label) with `defect` in a few rows or in all."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(2, 3, n), int(rng.integers(1, 9)))
    label = (rng.random(n) < score).astype(float)
    few = slice(0, max(1, n // 20)) if n else slice(0, 0)
    if defect == "nan score":
        score[few] = np.nan
    elif defect == "infinite score":
        score[few] = np.inf
    elif defect == "one class":
        label[:] = 0
    elif defect == "constant score":
        score[:] = 0.25
    elif defect == "no label":
        label[:] = np.nan
    elif defect == "strange label":
        label[few] = 2
    return score, label


def expected(score: Any, label: Any) -> dict[str, float]:
    """What scikit-learn says where it can."""
    yes = score >= 0.5
    p = np.clip(score, 0, 1)
    return {
        "auc": roc_auc_score(label, score),
        "average_precision": average_precision_score(label, score),
        "brier": brier_score_loss(label, p),
        "log_loss": log_loss(label, p),
        "accuracy": accuracy_score(label, yes),
        "precision": precision_score(label, yes),
        "recall": recall_score(label, yes),
        "f1": f1_score(label, yes),
    }


def all_said(found: Performance) -> None:
    """Every number lies in its interval, or has a reason in its place; estimates have a place of their own."""
    for one in (*found.metrics, *found.estimates):
        if one.value is None:
            assert one.reason, one.name
            assert (one.lo, one.hi, one.difference) == (None, None, None)
        else:
            assert math.isfinite(one.value)
            assert one.lo is None or one.hi is None or one.lo - 1e-12 <= one.value <= one.hi + 1e-12, one
        if one.difference_lo is not None and one.difference_hi is not None and one.difference is not None:
            assert one.difference_lo - 1e-12 <= one.difference <= one.difference_hi + 1e-12
    assert not (found.metrics and found.estimates)


def check(folder: Path, seed: int, n: int, defect: str) -> None:
    score, label = night(seed, n, defect)
    reference = {"score": np.linspace(0.01, 0.99, 500), "label": np.tile([0.0, 1.0], 250)}
    found = measure(folder, {"score": score}, label, config=BINARY, reference=reference)
    all_said(found)
    if defect == "none" and min(label.sum(), n - label.sum()) >= 11 and (score >= 0.5).sum() >= 11:
        values = {m.name: m.value for m in found.metrics}
        for name, value in expected(score, label).items():
            assert values[name] == pytest.approx(value, abs=1e-9), (name, seed)


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("n", [0, 1, 12, 500])
def test_a_night_of_any_kind_is_measured_or_says_why_not(tmp_path: Path, n: int, defect: str) -> None:
    check(tmp_path, n, n, defect)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_random_nights(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    check(tmp_path, seed, SIZES[seed % len(SIZES)], DEFECTS[int(rng.integers(len(DEFECTS)))] if seed % 3 else "none")


@pytest.mark.parametrize("n", [0, 1, 12, 500])
@pytest.mark.parametrize("huge", [1.0, 1e200])
def test_a_regression_of_any_size(tmp_path: Path, n: int, huge: float) -> None:
    rng = np.random.default_rng(n)
    truth, predicted = rng.normal(0, huge, n), rng.normal(0, huge, n)
    reference = {"prediction": np.arange(300.0), "label": np.arange(300.0) + 1}
    found = measure(tmp_path, {"prediction": predicted}, truth, config=REGRESSION, reference=reference)
    all_said(found)
    if n == 500 and huge == 1.0:
        values = {m.name: m.value for m in found.metrics}
        assert values["mae"] == pytest.approx(mean_absolute_error(truth, predicted))
        assert values["r2"] == pytest.approx(r2_score(truth, predicted))
    for before in (reference, {"prediction": predicted, "label": truth}):  # huge errors of the reference too
        all_said(measure(tmp_path, {"prediction": predicted}, None, config=REGRESSION, reference=before))
        all_said(measure(tmp_path, {"prediction": -truth}, -predicted, config=REGRESSION, reference=before))
