"""The model's output on many variants of the same rows, asked for in few calls.

A call of a pipeline costs milliseconds whatever it is given, and a night asks for a hundred variants: one feature
shuffled, missing, moved, or set to one value.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.explain.inputs import Floats, table

if TYPE_CHECKING:
    import pandas as pd

MOST = 50_000  # rows of one call
Score = Callable[["pd.DataFrame"], Floats]
Variant = Mapping[str, NDArray[Any]]  # column -> (n,) what stands in it instead


def scores(score: Score, frame: "pd.DataFrame", variants: Sequence[Variant]) -> Floats:
    """Return (variants, n) the model's output on `frame` with the columns of each variant in place of its own.

    Args:
        score: the model's output, (m,) for m raw rows.
        frame: (n, features), n >= 1.
        variants: what is replaced; a column that one of them makes wider (whole numbers with a missing one are
            floats) is wider in all of one call.
    """
    at_once = max(1, MOST // len(frame))
    out = np.empty((len(variants), len(frame)))
    for first in range(0, len(variants), at_once):
        some = variants[first : first + at_once]
        out[first : first + len(some)] = score(_stacked(frame, some)).reshape(len(some), len(frame))
    return out


def _stacked(frame: "pd.DataFrame", variants: Sequence[Variant]) -> "pd.DataFrame":
    """Return the rows of every variant, one below the other."""
    own = {str(name): frame[name].to_numpy() for name in frame.columns}
    return table({name: np.concatenate([each.get(name, column) for each in variants]) for name, column in own.items()})
