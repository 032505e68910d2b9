"""A transformed column is traced to its raw feature: held against what really changes when that feature does."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from audit_pipeline.explain.folding import trace
from audit_pipeline_tests.explain.kit import outcome, people

NUMBERS, TEXTS = ["age", "visits", "smoker"], ["site", "site_b"]


def dense(out: Any) -> Any:
    return np.asarray(out.toarray() if hasattr(out, "toarray") else out, dtype=float)


def touched(transformer: Any, frame: pd.DataFrame) -> list[set[int]]:
    """Per output column, the raw features that change it: each raw column is shuffled in turn."""
    before = dense(transformer.transform(frame))
    found: list[set[int]] = [set() for _ in range(before.shape[1])]
    for i, name in enumerate(frame.columns):
        shuffled = frame.copy()
        shuffled[name] = frame[name].sample(frac=1, random_state=1).set_axis(frame.index)
        after = dense(transformer.transform(shuffled))
        for j in np.flatnonzero(((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=0)):
            found[j].add(i)
    return found


def columns(*branches: Any, **options: Any) -> ColumnTransformer:
    return ColumnTransformer(list(branches), **options)


ONE_HOT = ("cat_", OneHotEncoder(handle_unknown="ignore"), TEXTS)
TRACEABLE = {
    "misleading names": columns(("site", "passthrough", NUMBERS), ONE_HOT),
    "text before numbers": columns(ONE_HOT, ("n", StandardScaler(), NUMBERS)),
    "dropped category": columns(("n", "drop", ["age"]), ("c", OneHotEncoder(drop="first"), TEXTS[::-1])),
    "binary dropped": columns(("c", OneHotEncoder(drop="if_binary"), TEXTS), remainder="passthrough"),
    "infrequent as one": columns(("c", OneHotEncoder(max_categories=2), TEXTS), ("n", "passthrough", ["visits"])),
    "infrequent dropped": columns(("c", OneHotEncoder(max_categories=2, drop="first"), TEXTS)),
    "indicator": columns(("n", SimpleImputer(add_indicator=True), NUMBERS), ONE_HOT),
    "nested pipelines": columns(
        ("n", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        ("c", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), TEXTS),
    ),
    "ordinal": columns(("c", OrdinalEncoder(), TEXTS), remainder=SimpleImputer()),
    "numbers, masks and slices": columns(
        ("a", "passthrough", [-4]),
        ("b", SimpleImputer(), [True, False, False, False, False]),
        ("c", OneHotEncoder(), slice("site", "site_b")),
        ("d", "passthrough", slice(2, 3)),
    ),
    "a callable": columns(("n", SimpleImputer(), lambda f: [c for c in f if f[c].dtype != object]), ONE_HOT),
    "selection after one-hot": Pipeline(
        [
            ("pre", columns(("n", SimpleImputer(), NUMBERS), ONE_HOT)),
            ("flat", VarianceThreshold(0.01)),
            ("best", SelectKBest(k=5)),
            ("none", "passthrough"),
        ]
    ),
}


@pytest.mark.parametrize("name", TRACEABLE)
def test_the_trace_is_what_really_changes(name: str) -> None:
    frame = people(300)
    transformer = TRACEABLE[name].fit(frame, outcome(frame))
    sources = trace(transformer, tuple(range(5)))
    assert sources is not None
    assert [{source} for source in sources] == touched(transformer, frame)


def test_a_column_empty_at_training_is_dropped_by_the_imputer() -> None:
    frame = pd.DataFrame({"gone": [np.nan] * 4, "x": [1.0, 2.0, np.nan, 4.0]})
    assert trace(SimpleImputer().fit(frame), (0, 1)) == (1,)
    assert trace(SimpleImputer(keep_empty_features=True).fit(frame), (0, 1)) == (0, 1)


class Renamed(StandardScaler):  # type: ignore[misc]
    """A subclass may do anything in `transform`."""


@pytest.mark.parametrize(
    "mixing",
    [
        PCA(2),
        KNNImputer(),
        Normalizer(),
        PolynomialFeatures(),
        Renamed(),
        FunctionTransformer(np.cumsum, feature_names_out="one-to-one"),
    ],
)
def test_what_mixes_columns_or_is_unknown_is_not_traced(mixing: Any) -> None:
    frame = people(60)[["age", "visits"]].fillna(0.0).astype(float)
    whole = columns(("n", mixing, ["age", "visits"])).fit(frame)
    assert trace(whole, (0, 1)) is None
