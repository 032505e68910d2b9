"""Which raw feature does each transformed column come from?

Read from the fitted state of scikit-learn's transformers, never from column names: a category may hold an
underscore, and a branch any name. A transformer that mixes columns (PCA, KNN imputation, row norms, products) or
that is not known here has no answer, and its model is explained over raw columns instead. Types are told by
name, so that scikit-learn is not imported here; a subclass of one of them counts as not known.
"""

from typing import Any

import numpy as np

Sources = tuple[int, ...]  # per transformed column: position of its raw feature

ONE_TO_ONE = {
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "PowerTransformer",
    "QuantileTransformer",
    "OrdinalEncoder",
    "Binarizer",
}
SELECTORS = {
    "VarianceThreshold",
    "SelectKBest",
    "SelectPercentile",
    "SelectFromModel",
    "GenericUnivariateSelect",
    "RFE",
    "RFECV",
    "SequentialFeatureSelector",
}


def kind(estimator: Any) -> str:
    """Return the class of a scikit-learn estimator; "" for anything else."""
    return type(estimator).__name__ if type(estimator).__module__.split(".")[0] == "sklearn" else ""


def trace(transformer: Any, inputs: Sources) -> Sources | None:
    """Return the raw feature behind each output column of a fitted `transformer`, or None when it mixes them.

    Args:
        transformer: a fitted transformer, "passthrough" or None.
        inputs: raw feature behind each of its input columns.
    """
    name = kind(transformer)
    if transformer is None or transformer == "passthrough" or name in ONE_TO_ONE:
        return inputs
    if name in SELECTORS:
        return tuple(inputs[i] for i in transformer.get_support(indices=True))
    special = {
        "Pipeline": _pipeline,
        "ColumnTransformer": _branches,
        "OneHotEncoder": _one_hot,
        "SimpleImputer": _imputer,
        "MissingIndicator": _indicator,
        "FunctionTransformer": _function,
    }.get(name)
    return special(transformer, inputs) if special else None


def _pipeline(pipeline: Any, inputs: Sources) -> Sources | None:
    """Follow the columns through steps one after another."""
    sources: Sources | None = inputs
    for _, step in pipeline.steps:
        sources = trace(step, sources) if sources is not None else None
    return sources


def _branches(transformer: Any, inputs: Sources) -> Sources | None:
    """Follow each branch over its own input columns, and put the outputs where the transformer puts them."""
    slices = transformer.output_indices_
    width = max((part.stop for part in slices.values()), default=0)
    out = np.full(width, -1)
    for name, branch, columns in transformer.transformers_:
        part = slices[name]
        if branch == "drop" or part.stop == part.start:
            continue
        positions = _positions(columns, transformer)
        found = trace(branch, tuple(inputs[i] for i in positions))
        if found is None or len(found) != part.stop - part.start:
            return None
        out[part] = found
    return tuple(int(i) for i in out) if (out >= 0).all() else None


def _positions(columns: Any, transformer: Any) -> list[int]:
    """Return positions of the columns of one branch: given by name, number, mask or slice."""
    names = [str(name) for name in getattr(transformer, "feature_names_in_", ())]
    everything = range(transformer.n_features_in_)
    if isinstance(columns, slice):
        first, last = columns.start, columns.stop
        start = names.index(first) if isinstance(first, str) else first
        stop = names.index(last) + 1 if isinstance(last, str) else last  # a slice of names includes its end
        return list(everything[slice(start, stop, columns.step)])
    listed = [columns] if isinstance(columns, str | int) else list(columns)
    if listed and all(isinstance(column, bool | np.bool_) for column in listed):
        return [i for i, used in enumerate(listed) if used]
    return [names.index(column) if isinstance(column, str) else everything[int(column)] for column in listed]


def _one_hot(encoder: Any, inputs: Sources) -> Sources:
    """Repeat each input by its number of categories, less a dropped one, infrequent ones as one."""
    rare = getattr(encoder, "infrequent_categories_", None) or [None] * len(inputs)
    dropped = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(inputs)
    counts = [
        len(categories) - (len(few) - 1 if few is not None else 0) - (gone is not None)
        for categories, few, gone in zip(encoder.categories_, rare, dropped, strict=True)
    ]
    return tuple(source for source, count in zip(inputs, counts, strict=True) for _ in range(count))


def _imputer(imputer: Any, inputs: Sources) -> Sources:
    """Drop inputs that had no value at training; append those that got an indicator column."""
    empty = [isinstance(value, float) and np.isnan(value) for value in imputer.statistics_]
    kept = tuple(source for source, gone in zip(inputs, empty, strict=True) if not gone)
    return kept + (_indicator(imputer.indicator_, inputs) if imputer.add_indicator else ())


def _indicator(indicator: Any, inputs: Sources) -> Sources:
    """Return inputs that have an indicator column."""
    return tuple(inputs[i] for i in indicator.features_)


def _function(transformer: Any, inputs: Sources) -> Sources | None:
    """Only the identity: what a function does with its columns cannot be read from it."""
    return inputs if transformer.func is None else None
