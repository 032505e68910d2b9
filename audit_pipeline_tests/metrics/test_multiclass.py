from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score, roc_auc_score

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.multiclass import MULTICLASS, ClassRows, confusion
from audit_pipeline_tests.metrics.night import model
from audit_pipeline_tests.metrics.test_performance import measure, metric

CLASSES = ("home", "ward", "icu")
PROBABILITIES = {"home": "p_home", "ward": "p_ward", "icu": "p_icu"}
CONFIG = model(
    {"where": "category prediction", **dict.fromkeys(PROBABILITIES.values(), "number probability")},
    task="multiclass",
    probabilities=PROBABILITIES,
)
BARE = model({"where": "category prediction"}, task="multiclass")


def night(seed: int, n: int = 900) -> tuple[Any, Any, Any]:
    """Return (probabilities (n, 3), predicted class, label)."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([4, 2, 1], n)
    labels = np.array([rng.choice(3, p=row) for row in p])
    names = np.array(CLASSES)
    return p, names[p.argmax(axis=1)], names[labels]


def columns(p: Any, predicted: Any) -> dict[str, Any]:
    return {"where": predicted.tolist(), **{name: p[:, i] for i, name in enumerate(PROBABILITIES.values())}}


def rows_of(label: Any, prediction: Any, p: Any = None, k: int = 3) -> ClassRows:
    label, prediction = np.asarray(label), np.asarray(prediction)
    empty = np.empty((label.size, 0))
    return ClassRows(CLASSES[:k], 0 if p is None else k, label, prediction, empty if p is None else p)


def test_macro_and_weighted_f1_by_hand() -> None:
    # class 0: 40 of 50 found, 10 false alarms -> F1 80/100; class 1: 30 of 40, 10 false -> 60/80;
    # class 2: 5 of 15 found, 5 false -> 10/25 = 0.4. Macro (0.8 + 0.75 + 0.4)/3 = 0.65;
    # weighted (50 x 0.8 + 40 x 0.75 + 15 x 0.4)/105 = 76/105
    label = np.repeat([0, 0, 0, 1, 1, 1, 2, 2, 2], [40, 5, 5, 8, 30, 2, 5, 5, 5])
    prediction = np.repeat([0, 1, 2, 0, 1, 2, 0, 1, 2], [40, 5, 5, 8, 30, 2, 5, 5, 5])
    rows = rows_of(label, prediction)
    found = {m.name: m.measure(rows).value for m in MULTICLASS[:3]}
    # the false alarms: class 0: 8 + 5 = 13, class 1: 5 + 5 = 10, class 2: 5 + 2 = 7
    f1 = [80 / (50 + 53), 60 / (40 + 40), 10 / (15 + 12)]
    assert found["accuracy"] == 75 / 105
    assert found["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert found["weighted_f1"] == pytest.approx((50 * f1[0] + 40 * f1[1] + 15 * f1[2]) / 105)


def test_all_equal_scikit_learn(tmp_path: Path) -> None:
    p, predicted, label = night(3)
    found = measure(tmp_path, columns(p, predicted), label.tolist(), config=CONFIG)
    index = np.array([CLASSES.index(y) for y in label])
    expected = {
        "accuracy": accuracy_score(label, predicted),
        "macro_f1": f1_score(label, predicted, average="macro"),
        "weighted_f1": f1_score(label, predicted, average="weighted"),
        "auc": roc_auc_score(index, p, multi_class="ovr", average="macro"),
        "log_loss": log_loss(index, p, labels=[0, 1, 2]),
        "brier": np.mean(np.sum((p - np.eye(3)[index]) ** 2, axis=1)),
    }
    for name, value in expected.items():
        one = metric(found, name)
        assert one.value == pytest.approx(value, abs=1e-9), name
        assert one.lo < one.value < one.hi
    for i, name in enumerate(CLASSES):
        where = f"class={name}"
        assert metric(found, "precision", where).value == precision_score(label == name, predicted == name)
        assert metric(found, "recall", where).value == recall_score(label == name, predicted == name)
        assert metric(found, "auc", where).value == pytest.approx(roc_auc_score(label == name, p[:, i]))
        hits = int(((label == name) & (predicted == name)).sum())
        wilson = binomtest(hits, int((label == name).sum())).proportion_ci(method="wilson")
        assert metric(found, "recall", where).lo == pytest.approx(wilson.low)


@pytest.mark.parametrize("name", ["macro_f1", "weighted_f1", "auc"])
def test_intervals_are_those_of_a_bootstrap_over_rows(name: str) -> None:
    p, predicted, label = night(5, 600)
    codes = [np.array([CLASSES.index(y) for y in x]) for x in (label, predicted)]
    measured = next(m for m in MULTICLASS if m.name == name)
    found = measured.measure(rows_of(codes[0], codes[1], p))
    rng, draws = np.random.default_rng(1), []
    for _ in range(150):
        i = rng.integers(0, 600, 600)
        if name == "auc":
            draws.append(roc_auc_score(codes[0][i], p[i], multi_class="ovr", average="macro"))
        else:
            draws.append(f1_score(codes[0][i], codes[1][i], average=name.removesuffix("_f1")))
    assert (found.hi - found.lo) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.25)  # type: ignore[operator]


def test_the_reference_is_compared_class_by_class(tmp_path: Path) -> None:
    p, predicted, label = night(6)
    before, was, truth = night(7)
    reference = {**columns(before, was), "label": truth.tolist()}
    found = measure(tmp_path, columns(p, predicted), label.tolist(), config=CONFIG, reference=reference)
    for where, then in (("all", accuracy_score(truth, was)),):
        one = metric(found, "accuracy", where)
        assert one.reference == pytest.approx(then)
        assert one.difference == pytest.approx(one.value - then)
        assert one.difference_lo < one.difference < one.difference_hi
        assert one.n_reference == 900
    recall = metric(found, "recall", "class=icu")
    assert recall.reference == recall_score(truth == "icu", was == "icu")


def test_without_probabilities_only_classes_are_measured(tmp_path: Path) -> None:
    _, predicted, label = night(8)
    found = measure(tmp_path, {"where": predicted.tolist()}, label.tolist(), config=BARE)
    assert {m.name for m in found.metrics if m.slice == "all"} == {"accuracy", "macro_f1", "weighted_f1"}
    assert "auc" not in {m.name for m in found.metrics}
    assert metric(found, "accuracy").value == accuracy_score(label, predicted)


def test_a_rare_class_counts_and_is_not_named(tmp_path: Path) -> None:
    _, predicted, label = night(9)
    label[:10] = "smith's disease"
    found = measure(tmp_path, {"where": predicted.tolist()}, label.tolist(), config=BARE)
    assert metric(found, "macro_f1").value == pytest.approx(f1_score(label, predicted, average="macro"))
    assert "smith" not in repr(found)


def test_only_cells_of_at_least_11_rows_are_in_the_table(tmp_path: Path) -> None:
    label = ["home"] * 200 + ["ward"] * 100
    predicted = ["home"] * 189 + ["ward"] * 11 + ["home"] * 10 + ["ward"] * 90
    found = measure(tmp_path, {"where": predicted}, label, config=BARE)
    assert {(c.label, c.prediction, c.n) for c in found.confusion} == {
        ("home", "home", 189),
        ("home", "ward", 11),
        ("ward", "ward", 90),
    }


def spoiled(kind: str) -> tuple[dict[str, Any], list[str]]:
    p, predicted, label = night(10)
    given, labels = columns(p, predicted), label.tolist()
    if kind == "nan":
        given["p_icu"] = [None, *p[1:, 2]]
    elif kind == "sum":
        given["p_icu"] = p[:, 2] / 2
    elif kind == "range":
        given["p_home"] = np.r_[1.5, p[1:, 0]]
    else:
        labels[0] = "morgue"
    return given, labels


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("nan", "fewer than 11 labelled rows without a probability of each class"),
        ("sum", "whose probabilities do not add up to 1"),
        ("range", "fewer than 11 labelled rows with a probability outside 0 to 1"),
        ("label", "fewer than 11 labelled rows with a label that `probabilities` does not name"),
    ],
)
def test_bad_probabilities_cost_only_what_needs_them(tmp_path: Path, kind: str, why: str) -> None:
    given, labels = spoiled(kind)
    found = measure(tmp_path, given, labels, config=CONFIG)
    for name in ("auc", "log_loss", "brier"):
        assert metric(found, name).value is None
        assert why in metric(found, name).reason
    assert metric(found, "accuracy").value is not None
    assert metric(found, "recall", "class=home").value is not None


def test_a_missing_prediction_costs_what_needs_predictions(tmp_path: Path) -> None:
    p, predicted, label = night(11)
    given = columns(p, predicted) | {"where": [None, *predicted[1:].tolist()]}
    found = measure(tmp_path, given, label.tolist(), config=CONFIG)
    assert metric(found, "accuracy").reason == "fewer than 11 labelled rows without a prediction"
    assert found.confusion == ()
    assert metric(found, "log_loss").value is not None


def test_classes_that_are_numbers_are_compared_by_their_text(tmp_path: Path) -> None:
    config = model({"where": "integer prediction"}, task="multiclass")
    rng = np.random.default_rng(2)
    label, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    found = measure(tmp_path, {"where": predicted}, label, config=config)
    assert metric(found, "accuracy").value == accuracy_score(label, predicted)
    assert metric(found, "recall", "class=2").value == recall_score(label == 2, predicted == 2)


def test_row_order_changes_no_bit(tmp_path: Path) -> None:
    p, predicted, label = night(12)
    order = np.random.default_rng(0).permutation(900)
    first = measure(tmp_path, columns(p, predicted), label.tolist(), config=CONFIG)
    again = measure(tmp_path, columns(p, predicted), label[order].tolist(), ids=order, config=CONFIG)
    assert again == first


def test_versions_are_slices(tmp_path: Path) -> None:
    config: ModelConfig = model({"where": "category prediction", "rev": "category model_version"}, task="multiclass")
    _, predicted, label = night(13)
    given = {"where": predicted.tolist(), "rev": ["a"] * 450 + ["b"] * 450}
    found = measure(tmp_path, given, label.tolist(), config=config)
    assert metric(found, "accuracy", "rev=a").value == accuracy_score(label[:450], predicted[:450])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(2, 3))
def test_every_number_is_inside_its_interval(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), n)
    rows = rows_of(rng.integers(0, k, n), rng.integers(0, k, n), p, k)
    assert all(cell.n >= 11 for cell in confusion(rows))
    for m in MULTICLASS:
        if n < 2 and m.name in ("log_loss", "brier"):
            continue
        try:
            found = m.measure(rows)
        except MetricError:
            assert m.name == "auc"
            continue
        assert found.lo is not None and found.hi is not None
        assert found.lo - 1e-12 <= found.value <= found.hi + 1e-12
        if m.name not in ("log_loss", "brier"):
            assert found.lo >= 0 and found.hi <= 1
