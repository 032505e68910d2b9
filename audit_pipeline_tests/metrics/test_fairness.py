"""Groups: by hand, against pandas and scikit-learn, planted bias, no bias, and data that wants to break it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, precision_score, recall_score

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.fairness import measure_fairness
from audit_pipeline.records import Fairness, Grouping, GroupMetric
from audit_pipeline_tests.metrics.night import model, write
from audit_pipeline_tests.metrics.test_performance import labels

SEX = {"sex": "category segment"}
BOTH = SEX | {"race": "category segment"}
QUIET = [pytest.param(100, marks=pytest.mark.acceptance), pytest.param(200, marks=pytest.mark.soak)]  # nights


def config(columns: Mapping[str, str] = SEX, *, task: str = "binary", **fairness: Any) -> ModelConfig:
    return model(columns, task=task, fairness={"protected": ["sex"], "proxy_rows": 0, "min_group": 11} | fairness)


def measure(
    folder: Path, columns: Any, label: Any = None, *, cfg: ModelConfig, reference: Any = None, threads: int = 2
) -> Fairness:
    now = write(folder / "now.parquet", cfg, columns)
    before = [write(folder / "before.parquet", cfg, reference)] if reference else []
    known = labels(folder / "labels.parquet", label) if label is not None else None
    return measure_fairness(now, known, before, cfg, seed=5, threads=threads, memory="256MB")


def grouping(found: Fairness, attribute: str = "sex", kind: str = "protected") -> Grouping:
    (one,) = [each for each in found.groupings if (each.attribute, each.kind) == (attribute, kind)]
    return one


def one(found: Fairness, metric: str, group: str | None, attribute: str = "sex") -> GroupMetric:
    (match,) = [m for m in grouping(found, attribute).metrics if (m.metric, m.group) == (metric, group)]
    return match


def people(rng: np.random.Generator, n: int, *, rate: float = 0.4) -> dict[str, Any]:
    """Sex, race and scores that depend on neither."""
    score = np.where(rng.random(n) < rate, rng.uniform(0.5, 1, n), rng.uniform(0, 0.5, n))
    return {"sex": rng.choice(["F", "M"], n), "race": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]), "score": score}


def test_worked_by_hand(tmp_path: Path) -> None:
    # F: 40 rows, decisions 1 for 10; of its 20 positives 8 are found, of its 20 negatives 2 are hit
    # M: 60 rows, decisions 1 for 30; of its 30 positives 24 are found, of its 30 negatives 6 are hit
    sex = ["F"] * 40 + ["M"] * 60
    label = [1] * 20 + [0] * 20 + [1] * 30 + [0] * 30
    score = [0.9] * 8 + [0.1] * 12 + [0.9] * 2 + [0.1] * 18 + [0.9] * 24 + [0.1] * 6 + [0.9] * 6 + [0.1] * 24
    found = measure(tmp_path, {"sex": sex, "score": score}, label, cfg=config())
    wanted = {
        ("selection_rate", "F"): (10 / 40, 40),
        ("selection_rate", "M"): (30 / 60, 60),
        ("tpr", "F"): (8 / 20, 20),
        ("fpr", "F"): (2 / 20, 20),
        ("ppv", "M"): (24 / 30, 30),
        ("accuracy", "M"): (48 / 60, 60),
        ("calibration_gap", "F"): (0.25 * 0.9 + 0.75 * 0.1 - 0.5, 40),
        ("impact_ratio", None): (0.5, 100),
        ("selection_rate_difference", None): (0.25, 100),
        # TPR 0.4 against 0.8, FPR 0.1 against 0.2: the larger gap is 0.4
        ("equalised_odds_difference", None): (0.4, 50),
    }
    for (metric, group), (value, n) in wanted.items():
        got = one(found, metric, group)
        assert got.value == pytest.approx(value, abs=1e-12), metric
        assert got.n == n, metric
        assert got.lo is not None and got.hi is not None and got.lo <= value <= got.hi
    female = one(found, "selection_rate", "F")
    assert (female.ratio, female.difference, female.conclusion) == (0.5, -0.25, "inconclusive")
    assert one(found, "selection_rate", "M").conclusion == "compared with"
    assert (grouping(found).compared_with, found.labelled, found.favourable) == ("M", 100, 1)


def test_the_other_decision_may_be_the_favourable_one(tmp_path: Path) -> None:
    columns = {"sex": ["F"] * 50 + ["M"] * 50, "score": [0.9] * 40 + [0.1] * 10 + [0.9] * 20 + [0.1] * 30}
    found = measure(tmp_path, columns, cfg=config(favourable=0))
    assert one(found, "selection_rate", "F").value == 0.2
    assert grouping(found).compared_with == "M"
    assert one(found, "impact_ratio", None).value == pytest.approx(0.2 / 0.6)


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(s, marks=pytest.mark.acceptance) for s in range(6, 100))])
def test_equal_to_pandas_and_scikit_learn(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(300, 3000))
    data = pd.DataFrame(people(rng, n, rate=rng.uniform(0.2, 0.8)))
    data["y"] = (rng.random(n) < rng.uniform(0.2, 0.8)).astype(int)
    data["d"] = (data["score"] >= 0.5).astype(int)
    columns = {name: data[name].tolist() for name in ("sex", "race", "score")}
    found = measure(tmp_path, columns, data["y"], cfg=config(BOTH, protected=["sex", "race"], intersections=True))
    data["sex & race"] = data["sex"] + " & " + data["race"]
    for attribute in ("sex", "race", "sex & race"):
        rates: dict[str, list[float]] = {}
        for group, part in data.groupby(attribute):
            y, d = part["y"], part["d"]
            wanted = {
                "selection_rate": d.mean(),
                "tpr": recall_score(y, d),
                "fpr": 1 - recall_score(1 - y, 1 - d),
                "ppv": precision_score(y, d),
                "accuracy": accuracy_score(y, d),
                "calibration_gap": part["score"].mean() - y.mean(),
            }
            for metric, value in wanted.items():
                got = one(found, metric, str(group), attribute)
                if got.value is None:
                    assert got.conclusion == "insufficient"
                else:
                    assert got.value == pytest.approx(value, abs=1e-12), (attribute, group, metric)
                    rates.setdefault(metric, []).append(value)
        ratio = one(found, "impact_ratio", None, attribute).value
        assert ratio == pytest.approx(min(rates["selection_rate"]) / max(rates["selection_rate"]), abs=1e-12)
        odds = max(max(rates[m]) - min(rates[m]) for m in ("tpr", "fpr"))
        assert one(found, "equalised_odds_difference", None, attribute).value == pytest.approx(odds, abs=1e-12)


@pytest.mark.acceptance
@pytest.mark.parametrize("sets", [8, pytest.param(100, marks=pytest.mark.soak)])
def test_equal_to_fairlearn_on_random_sets(tmp_path: Path, sets: int) -> None:
    from fairlearn import metrics as fairlearn

    rates = {
        "selection_rate": fairlearn.selection_rate,
        "tpr": fairlearn.true_positive_rate,
        "fpr": fairlearn.false_positive_rate,
        "accuracy": accuracy_score,
    }
    for seed in range(sets):
        rng = np.random.default_rng(1000 + seed)
        data = pd.DataFrame(people(rng, 3000, rate=rng.uniform(0.3, 0.7)))
        y, d = rng.random(3000) < rng.uniform(0.3, 0.7), data["score"] >= 0.5
        columns = {name: data[name].tolist() for name in ("sex", "race", "score")}
        found = measure(
            tmp_path, columns, y.astype(int), cfg=config(BOTH, protected=["sex", "race"], intersections=True)
        )
        for attribute, sensitive in (("sex", data[["sex"]]), ("sex & race", data[["sex", "race"]])):
            frame = fairlearn.MetricFrame(metrics=rates, y_true=y, y_pred=d, sensitive_features=sensitive)
            for key, wanted in frame.by_group.iterrows():
                group = key if isinstance(key, str) else " & ".join(key)
                for metric in rates:
                    assert one(found, metric, group, attribute).value == pytest.approx(wanted[metric], abs=1e-12)
            overall = {
                "impact_ratio": fairlearn.demographic_parity_ratio,
                "selection_rate_difference": fairlearn.demographic_parity_difference,
                "equalised_odds_difference": fairlearn.equalized_odds_difference,
            }
            for metric, theirs in overall.items():
                value = theirs(y, d, sensitive_features=sensitive)
                assert one(found, metric, None, attribute).value == pytest.approx(value, abs=1e-12), metric


def test_regression_equals_numpy_and_its_standard_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    truth, sex = rng.normal(1e6, 3e5, 900), rng.choice(["F", "M"], 900)
    predicted = truth + rng.normal(0, 1e5, 900) + 2e4 * (sex == "F")
    cfg = config(task="regression")
    found = measure(tmp_path, {"sex": sex, "prediction": predicted}, truth, cfg=cfg)
    for group in "FM":
        error = (predicted - truth)[sex == group]
        bias = one(found, "bias", group)
        assert bias.value == pytest.approx(error.mean(), rel=1e-11)
        assert bias.lo == pytest.approx(error.mean() - 1.959964 * error.std(ddof=1) / math.sqrt(error.size), rel=1e-6)
        mae = mean_absolute_error(truth[sex == group], predicted[sex == group])
        assert one(found, "mae", group).value == pytest.approx(mae, rel=1e-11)
    gap = one(found, "bias_difference", None)
    values = [one(found, "bias", group).value or 0.0 for group in "FM"]
    assert gap.value == pytest.approx(max(values) - min(values))
    assert grouping(found).compared_with == max("FM", key=lambda group: (sex == group).sum())


def test_bias_in_an_intersection_only_is_found_there_and_nowhere_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 8000
    columns = {"sex": rng.choice(["F", "M"], n), "race": rng.choice(["a", "b"], n)}
    # each sex and each race is selected at 40 %; F & a and M & b at 55 %, the other two at 25 %
    favoured = (columns["sex"] == "F") == (columns["race"] == "a")
    columns["score"] = np.where(rng.random(n) < np.where(favoured, 0.55, 0.25), 0.9, 0.1)
    found = measure(tmp_path, columns, cfg=config(BOTH, protected=["sex", "race"], intersections=[["sex", "race"]]))
    for attribute in ("sex", "race"):
        assert (one(found, "impact_ratio", None, attribute).lo or 0) >= 0.8
    crossed = one(found, "impact_ratio", None, "sex & race")
    assert crossed.hi is not None and crossed.hi < 0.8
    said = {m.group: m.conclusion for m in grouping(found, "sex & race").metrics if m.metric == "selection_rate"}
    assert said["F & b"] == said["M & a"] == "not met"


@pytest.mark.parametrize("n", [400, 4000])
@pytest.mark.parametrize("nights", QUIET)
def test_without_bias_there_is_no_alarm(tmp_path: Path, nights: int, n: int) -> None:
    """Three attributes a night; a night is an alarm when any interval excludes "no difference": at most alpha."""
    cfg = config(BOTH, protected=["sex", "race"], intersections=True)
    alarms = {"impact_ratio": 0, "equalised_odds_difference": 0}
    for seed in range(nights):
        rng = np.random.default_rng(1000 + seed)
        columns = people(rng, n, rate=0.3)
        found = measure(tmp_path, columns, (rng.random(n) < columns["score"]).astype(int), cfg=cfg)
        wholes = [m for each in found.groupings for m in each.metrics if m.group is None and m.value is not None]
        ratios = [m.hi for m in wholes if m.metric == "impact_ratio" and m.hi is not None]
        odds = [m.lo for m in wholes if m.metric == "equalised_odds_difference" and m.lo is not None]
        alarms["impact_ratio"] += any(hi < 1 for hi in ratios)
        alarms["equalised_odds_difference"] += any(lo > 0 for lo in odds)
    bound = nights * 0.05 + 3 * math.sqrt(nights * 0.05 * 0.95)
    assert max(alarms.values()) <= bound, alarms


def test_missing_values_are_a_group_that_nobody_is_compared_with(tmp_path: Path) -> None:
    sex = ["F"] * 100 + ["M"] * 100 + [None] * 60 + ["missing"] * 20  # the word means the same
    score = [0.9, 0.1] * 100 + [0.9] * 80
    cfg = config(SEX | {"age": "number"}, protected=["sex", "age"], bands={"age": [40]})
    found = measure(tmp_path, {"sex": sex, "age": [math.nan, 30.0] * 140, "score": score}, cfg=cfg)
    gone = one(found, "selection_rate", "missing")
    assert (gone.value, gone.n, gone.ratio, gone.conclusion) == (1.0, 80, 2.0, "met")
    assert grouping(found).compared_with in ("F", "M")
    assert one(found, "selection_rate", "missing", "age").n == 140


def test_tiny_groups_are_not_named_and_small_ones_are_listed(tmp_path: Path) -> None:
    sex = ["F"] * 100 + ["M"] * 100 + ["small"] * 29 + ["secret"] * 10
    found = measure(tmp_path, {"sex": sex, "score": [0.9, 0.2] * 119 + [0.9]}, cfg=config(min_group=30))
    assert "secret" not in repr(found)
    assert grouping(found).hidden == 1
    small = one(found, "selection_rate", "small")
    assert (small.value, small.n, small.conclusion) == (None, 29, "insufficient")
    assert one(found, "impact_ratio", None).n == 200


def test_a_count_of_1_to_10_is_not_shown_behind_a_rate_either(tmp_path: Path) -> None:
    # 3 of 50 F are selected: the rate is over 50 rows, but PPV would stand on 3
    score = [0.9] * 3 + [0.1] * 47 + [0.9] * 25 + [0.1] * 25
    found = measure(tmp_path, {"sex": ["F"] * 50 + ["M"] * 50, "score": score}, [0, 1] * 50, cfg=config())
    ppv = one(found, "ppv", "F")
    assert (ppv.value, ppv.n, ppv.conclusion) == (None, None, "insufficient")
    assert " 3 " not in str(ppv.reason)


def test_a_group_that_vanished_is_listed_as_absent(tmp_path: Path) -> None:
    reference = {"sex": ["F"] * 50 + ["M"] * 50 + ["X"] * 50 + ["rare"] * 5, "score": [0.9] * 155}
    found = measure(tmp_path, {"sex": ["F"] * 200, "score": [0.9] * 200}, cfg=config(), reference=reference)
    absent = {m.group for m in grouping(found).metrics if m.conclusion == "absent"}
    assert absent == {"M", "X"}
    whole = one(found, "impact_ratio", None)
    assert (whole.value, whole.conclusion, whole.reference) == (None, "insufficient", 1.0)


def test_without_labels_rates_stand_and_the_rest_is_left_out(tmp_path: Path) -> None:
    columns = people(np.random.default_rng(0), 500)
    found = measure(tmp_path, {"sex": columns["sex"], "score": columns["score"]}, cfg=config())
    assert {m.metric for m in grouping(found).metrics} == {
        "selection_rate",
        "impact_ratio",
        "selection_rate_difference",
    }
    assert found.labelled == 0


def test_one_class_and_nobody_selected(tmp_path: Path) -> None:
    sex = ["F", "M"] * 100
    found = measure(tmp_path, {"sex": sex, "score": [0.1] * 200}, [0] * 200, cfg=config())
    assert one(found, "impact_ratio", None).reason == "no row was selected in any group that others are compared with"
    assert one(found, "tpr", "F").n == 0
    assert one(found, "fpr", "F").value == 0.0
    assert one(found, "equalised_odds_difference", None).reason == "fewer than two groups have 11 rows behind tpr"


def test_a_row_without_a_decision_costs_its_group_and_no_other(tmp_path: Path) -> None:
    sex, score = ["F"] * 50 + ["M"] * 50 + ["X"] * 50, [0.9, 0.1] * 75
    found = measure(tmp_path, {"sex": sex, "score": [None, *score[1:]]}, [1, 0] * 75, cfg=config())
    assert one(found, "selection_rate", "F").reason == "fewer than 11 rows without a decision of 0 or 1"
    assert one(found, "selection_rate", "M").value == 0.5
    # but the attribute as a whole must not pass on the groups that are left
    whole = one(found, "impact_ratio", None)
    assert whole.value is None
    assert whole.reason == "selection_rate of F: fewer than 11 rows without a decision of 0 or 1"


@pytest.mark.parametrize("bad", [2, math.inf, "smith"])
def test_labels_other_than_0_and_1_are_refused_where_they_are(tmp_path: Path, bad: Any) -> None:
    values = [bad, *[1, 0] * 49, 1]
    if isinstance(bad, str):
        values = [str(value) for value in values]
    found = measure(tmp_path, {"sex": ["F"] * 50 + ["M"] * 50, "score": [0.9, 0.1] * 50}, values, cfg=config())
    assert one(found, "tpr", "F").reason == "fewer than 11 rows with a label other than 0 and 1"
    assert one(found, "tpr", "M").value is not None
    assert one(found, "selection_rate", "F").value == 0.5
    assert "smith" not in repr(found)


def test_scores_that_are_no_probabilities_cost_only_calibration(tmp_path: Path) -> None:
    found = measure(tmp_path, {"sex": ["F", "M"] * 50, "score": [1.5] * 50 + [0.1] * 50}, [1, 0] * 50, cfg=config())
    assert "without a score between 0 and 1" in str(one(found, "calibration_gap", "F").reason)
    assert one(found, "tpr", "F").value is not None


def test_what_is_no_group_is_refused_and_the_others_stand(tmp_path: Path) -> None:
    columns = people(np.random.default_rng(0), 600)
    cfg = config(BOTH | {"zip": "integer segment"}, protected=["sex", "zip"], intersections=True)
    found = measure(tmp_path, {**columns, "zip": np.arange(600)}, cfg=cfg)
    assert grouping(found, "zip").reason == "zip has more than 100 values: use `bands`, or a column of groups"
    assert grouping(found, "sex & zip").reason is not None
    assert one(found, "impact_ratio", None).value is not None


def test_an_error_too_large_to_square_is_a_metric_error(tmp_path: Path) -> None:
    columns = {"sex": ["F", "M"] * 50, "prediction": [1e200] * 100}
    with pytest.raises(MetricError, match="too large"):
        measure(tmp_path, columns, [0.0] * 100, cfg=config(task="regression"))


def test_an_infinite_prediction_costs_its_group(tmp_path: Path) -> None:
    columns = {"sex": ["F"] * 50 + ["M"] * 50, "prediction": [math.inf, *[1.0] * 99]}
    found = measure(tmp_path, columns, [0.0] * 100, cfg=config(task="regression"))
    assert one(found, "bias", "F").reason == "fewer than 11 rows without a finite prediction"
    assert one(found, "bias", "M").value == 1.0


def test_bands_names_and_their_order(tmp_path: Path) -> None:
    cfg = config(
        {"age": "integer", "sex": "integer segment"},
        protected=["age", "sex"],
        bands={"age": [18, 65]},
        names={"sex": {"0": "men", "1": "women"}, "age": {"65 and over": "old"}},
    )
    age = [17, 18, 64, 65, 90] * 40
    found = measure(tmp_path, {"age": age, "sex": [0, 1] * 100, "score": [0.9] * 200}, cfg=cfg)
    rates = [m for m in grouping(found, "age").metrics if m.metric == "selection_rate"]
    assert [(m.group, m.n) for m in rates] == [("under 18", 40), ("18 to under 65", 80), ("old", 80)]
    assert {m.group for m in grouping(found, "sex").metrics} == {"men", "women", None}


def test_row_order_and_threads_change_no_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    columns = people(rng, 4000) | {"x": rng.normal(size=4000), "id": np.arange(4000)}
    label = (rng.random(4000) < columns["score"]).astype(int)
    cfg = config(BOTH | {"x": "number"}, protected=["sex", "race"], slices=["race", ["sex", "race"]], proxy_rows=500)
    first = measure(tmp_path, columns, label, cfg=cfg)
    order = rng.permutation(4000)
    again = measure(
        tmp_path, {name: np.asarray(values)[order] for name, values in columns.items()}, label, cfg=cfg, threads=1
    )
    assert again == first
    assert [(each.kind, each.attribute) for each in first.groupings] == [
        ("protected", "sex"),
        ("protected", "race"),
        ("slice", "race"),
        ("slice", "sex & race"),
    ]


def test_a_log_may_have_columns_of_any_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    plain = {"sex": rng.choice(["F", "M"], 300), "x": rng.normal(size=300), "score": rng.random(300)}
    odd = {"k0": plain["sex"], "d": plain["x"], "score": plain["score"]}
    first = measure(tmp_path, plain, cfg=config({"sex": "category", "x": "number"}, proxy_rows=200))
    cfg = config({"k0": "category", "d": "number"}, protected=["k0"], proxy_rows=200)
    assert grouping(measure(tmp_path, odd, cfg=cfg), "k0").metrics == grouping(first).metrics


def test_a_night_without_rows(tmp_path: Path) -> None:
    found = measure(tmp_path, {"sex": [], "score": []}, cfg=config(proxy_rows=100))
    assert [(m.metric, m.value, m.conclusion) for m in grouping(found).metrics if m.metric == "impact_ratio"] == [
        ("impact_ratio", None, "insufficient")
    ]


def test_a_group_is_found_from_a_feature_that_gives_it_away(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    n = 3000
    sex = rng.choice(["F", "M"], n)
    columns = {"sex": sex, "x": rng.normal(size=n), "score": rng.random(n)}
    cfg = config({"sex": "category", "x": "number", "job": "category"}, proxy_rows=2000)
    innocent = one(measure(tmp_path, {**columns, "job": rng.choice(["p", "q"], n)}, cfg=cfg), "proxy_auc", None)
    assert innocent.lo is not None and innocent.lo <= 0.5 <= (innocent.hi or 0)
    # a job that 80 % of the women and 20 % of the men have: AUC 0.5 + (0.8 - 0.2) / 2 = 0.8
    job = np.where(rng.random(n) < np.where(sex == "F", 0.8, 0.2), "p", "q")
    found = measure(tmp_path, {**columns, "job": job}, cfg=cfg)
    telling = one(found, "proxy_auc", None)
    assert telling.lo is not None and telling.lo < 0.8 < (telling.hi or 0)
    assert (telling.n, found.proxy_rows, found.seed) == (2000, 2000, 5)


def test_the_proxy_test_ranks_like_a_linear_discriminant(tmp_path: Path) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    rng = np.random.default_rng(8)
    n = 2000
    sex = rng.choice(["F", "M"], n)
    level = rng.integers(0, 4, (n, 3)) + (sex[:, None] == "F") * (rng.random((n, 3)) < 0.3)
    columns: dict[str, Any] = {f"x{i}": level[:, i] for i in range(3)}
    cfg = config(SEX | dict.fromkeys(columns, "integer"), proxy_rows=n)
    found = one(measure(tmp_path, {"sex": sex, "score": rng.random(n), **columns}, cfg=cfg), "proxy_auc", None)
    dummies = pd.get_dummies(pd.DataFrame(columns).astype(str)).to_numpy(dtype=float)
    theirs = cross_val_predict(LinearDiscriminantAnalysis(), dummies, sex == "F", cv=5, method="decision_function")
    assert found.value == pytest.approx(roc_auc_score(sex == "F", theirs), abs=0.01)


@pytest.mark.parametrize("nights", QUIET)
def test_the_proxy_test_finds_nothing_where_there_is_nothing(tmp_path: Path, nights: int) -> None:
    cfg = config({"sex": "category", "race": "category", "x": "number"}, protected=["sex", "race"], proxy_rows=600)
    alarms = 0
    for seed in range(nights):
        rng = np.random.default_rng(seed)
        columns = people(rng, 600) | {"x": rng.normal(size=600)}
        found = measure(tmp_path, columns, cfg=cfg)
        wholes = [m for each in found.groupings for m in each.metrics if m.group is None and m.metric == "proxy_auc"]
        alarms += any((m.lo or 0) > 0.5 for m in wholes)
    assert alarms <= nights * 0.05 + 3 * math.sqrt(nights * 0.05 * 0.95)
