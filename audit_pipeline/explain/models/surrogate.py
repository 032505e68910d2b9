"""A model that imitates the log, for a night that has logged predictions and no model file.

Boosted trees learn the logged output from the logged features on half of the sample; on the other half it is told
how well they do (R2), and explained what drives *them*. What it says of the model is worth what its fidelity is.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.inputs import Floats
from audit_pipeline.records import Fidelity

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 1_000  # for the interval of R2
CATEGORIES = 30  # of one column; rarer ones are one together


def surrogate(frame: "pd.DataFrame", logged: Floats, *, seed: int) -> tuple[Any, NDArray[np.intp], Fidelity]:
    """Return the fitted surrogate, the rows it has not seen, and how well it imitates the log on them.

    Args:
        frame: (n, features) numbers, and text as objects.
        logged: (n,) the output to imitate.
        seed: of the halves, the trees and the interval.

    Raises:
        ExplainError: the logged output is the same for all rows.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    seen, held = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    if np.ptp(logged[held]) == 0 or np.ptp(logged[seen]) == 0:
        raise ExplainError("The logged output is the same for all rows: there is nothing for a surrogate to imitate.")
    model = _pipeline(frame, seed=seed).fit(frame.iloc[seen], logged[seen])
    own = np.asarray(model.predict(frame.iloc[held]), dtype=np.float64)
    return model, held, _fidelity(own, logged[held], fitted=len(seen), rng=rng)


def _pipeline(frame: "pd.DataFrame", *, seed: int) -> Any:
    """Return trees that take missing numbers as they are, over one-hot categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    text = [column for column in frame if frame[column].dtype == object]
    numbers = [column for column in frame if column not in text]
    coded = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=CATEGORIES, sparse_output=False)
    trees = HistGradientBoostingRegressor(max_iter=150, early_stopping=False, random_state=seed)
    return Pipeline([("x", ColumnTransformer([("n", "passthrough", numbers), ("c", coded, text)])), ("trees", trees)])


def _fidelity(own: Floats, logged: Floats, *, fitted: int, rng: np.random.Generator) -> Fidelity:
    """Return R2 and the 95 % interval of a bootstrap over rows, which weighs them by how often they are drawn."""
    n, centre = len(own), float(logged.mean())
    weights = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)
    drawn = _r2(own - centre, logged - centre, weights)
    lo, hi = np.quantile(drawn[np.isfinite(drawn)], [0.025, 0.975])
    value = float(_r2(own - centre, logged - centre, np.ones((1, n)))[0])
    return Fidelity(value=value, lo=min(float(lo), value), hi=max(float(hi), value), n=n, fitted=fitted)


def _r2(own: Floats, logged: Floats, weights: Floats) -> Floats:
    """Return (k,) R2 of each row of (k, n) weights; both outputs are near 0, so that squares are exact enough."""
    total = weights.sum(axis=1)
    mean = weights @ logged / total
    spread = weights @ logged**2 - total * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - weights @ (own - logged) ** 2 / spread, dtype=np.float64)
