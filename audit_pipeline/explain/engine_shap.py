"""What did each raw feature add to the model's output, row by row? The only door to SHAP.

Sources: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (2017); Lundberg et al., "From
local explanations to global understanding with explainable AI for trees" (2020).

A known last step (trees, linear models) is explained on its transformed rows, and the attributions of all columns
made from one raw feature are summed. For a linear model that sum is the raw feature's own SHAP value; for trees it
is when no path splits on two columns of one feature. Anything else is a black box: permutations of raw columns.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.folding import Sources, trace
from audit_pipeline.explain.inputs import Floats, Predictor
from audit_pipeline.explain.outputs import margin
from audit_pipeline.explain.permutation import permutation_shap
from audit_pipeline.small_cells import in_words

if TYPE_CHECKING:
    import pandas as pd

TRANSFORMED_CELLS = 25_000_000  # 200 MB of float64; wider one-hot tables are explained over raw columns
TOLERANCE = 1e-6  # of the largest output: what sum + base may differ from it
BACKGROUND = 25  # rows a black box's feature is replaced from
PERMUTATIONS = 2  # forward and backward each
PREDICTIONS = 1_000_000  # about what a black box may be asked
BLACK_BOX_ROWS = (50, 500)  # fewest and most rows explained of a black box


@dataclass(frozen=True, slots=True)
class Attribution:
    """SHAP values over raw features, and how well they add up."""

    values: Floats  # (k, features), in `output` units
    base: float  # output with nothing known of a row, in `output` units
    picked: NDArray[np.intp]  # (k,) positions of the explained rows in the sample, or among `only`
    error: float  # largest |sum of a row + base - model's own output|
    scale: float  # largest |model's own output|, 1.0 when it is always 0
    method: str
    output: str  # unit
    centre: Floats | None = None  # (features,): values + centre is the same on any background; None: of a black box

    @property
    def allowed(self) -> float:
        """What `error` may be."""
        return TOLERANCE * self.scale

    @property
    def adds_up(self) -> bool:
        """Whether the sums are the model's own output; an error that is no number is too large."""
        return self.error <= self.allowed


def attribute(model: Predictor, frame: "pd.DataFrame", *, seed: int, only: "pd.DataFrame | None" = None) -> Attribution:
    """Return the SHAP values of the rows of `frame`: of all, or of a seeded part when the model is a black box.

    Args:
        model: the loaded model.
        frame: (n, features) raw rows as the model was trained, n >= 50.
        seed: of the background, the rows picked and the permutations; used by a black box only.
        only: (k, features) rows to explain instead; `frame` is then only what they are explained against.
    """
    if model.budget is not None:
        model.budget.check()
    wanted = frame if only is None else only
    return _of_library(model, wanted) or _last_step(model, frame, only) or _black_box(model, frame, only, seed=seed)


def _of_library(model: Predictor, frame: "pd.DataFrame") -> Attribution | None:
    """Ask a library of boosted trees for its own exact values; None when the model is none, or it has none."""
    trees = getattr(model.estimator, "trees", None)
    if trees is None:
        return None
    try:
        values, base, own = trees.parts(model.rows(frame))
    except Exception:  # noqa: BLE001  such as linear trees: a black box
        return None
    centre = np.zeros(values.shape[1])
    return _held(values, base, own, method=trees.method, output=trees.unit, centre=centre)


def _last_step(model: Predictor, frame: "pd.DataFrame", only: "pd.DataFrame | None") -> Attribution | None:
    """Explain the last step on transformed rows and fold back; None when that is not possible."""
    head, last = _split(model.estimator)
    scale = margin(last)
    raw = tuple(range(len(model.columns)))
    sources = trace(head, raw) if scale else None
    if scale is None or sources is None:
        return None
    wanted = frame if only is None else only
    matrix = _transformed(head, model.rows(wanted))
    if matrix is None or matrix.shape[1] != len(sources):
        return None
    try:
        if scale.engine == "tree":
            values, base, method = _tree(last, matrix)
            centre = np.zeros(len(sources))
        else:
            background = matrix if only is None else _transformed(head, model.rows(frame))
            values, base, method = _linear(last, matrix, background)
            centre = np.ravel(last.coef_) * (matrix if background is None else background).mean(axis=0)
    except Exception:  # noqa: BLE001  a model SHAP cannot read (it raises many classes) is a black box
        return None
    return _held(
        _folded(values, sources, len(raw)),
        base,
        scale.own(model.estimator, model.rows(wanted)),
        method=method + (", sum of one-hot attributions" if len(set(sources)) < len(sources) else ""),
        output=scale.unit,
        centre=_folded(centre[None], sources, len(raw))[0],
    )


def _split(estimator: Any) -> tuple[Any, Any]:
    """Return (what comes before the last step or None, the last step)."""
    steps = getattr(estimator, "steps", None)
    if steps is None:
        return None, estimator
    return (estimator[:-1] if len(steps) > 1 else None), steps[-1][1]


def _transformed(head: Any, rows: Any) -> Floats | None:
    """Return the rows as the last step sees them; None when they would fill the memory."""
    out = rows if head is None else head.transform(rows)
    if out.shape[0] * out.shape[1] > TRANSFORMED_CELLS:
        return None
    return np.asarray(out.toarray() if hasattr(out, "toarray") else out, dtype=np.float64)


def _linear(last: Any, matrix: Floats, sample: Floats | None) -> tuple[Floats, float, str]:
    """Return (n, m) SHAP values of a linear model against the mean of the sample, and the base."""
    import shap

    if sample is None:
        raise ValueError("the sample would fill the memory")
    background = shap.maskers.Independent(sample, max_samples=len(sample))
    coefficients = np.ravel(last.coef_)
    intercept = float(np.ravel(last.intercept_)[0])
    explainer = shap.LinearExplainer((coefficients, intercept), background)
    values = np.asarray(explainer.shap_values(matrix), dtype=np.float64)
    method = "shap.LinearExplainer (interventional, background: the sample)"
    return values, float(np.ravel(explainer.expected_value)[0]), method


def _tree(last: Any, matrix: Floats) -> tuple[Floats, float, str]:
    """Return (n, m) SHAP values of a tree model, for the second class where there are two, and the base."""
    import shap

    explainer = shap.TreeExplainer(last, feature_perturbation="tree_path_dependent")
    # additivity is checked by `_held`, against the whole pipeline instead of the last step
    values = np.asarray(explainer.shap_values(matrix, check_additivity=False), dtype=np.float64)
    if values.ndim == 3:  # (n, m, classes): forests
        values = values[:, :, -1]
    return values, float(np.ravel(explainer.expected_value)[-1]), "shap.TreeExplainer (path-dependent)"


def _folded(values: Floats, sources: Sources, features: int) -> Floats:
    """Return (n, features): the sum of the columns made from each raw feature, 0 for one that is not used."""
    raw = np.zeros((len(values), features))
    for column, source in enumerate(sources):
        raw[:, source] += values[:, column]
    return raw


def _black_box(model: Predictor, frame: "pd.DataFrame", only: "pd.DataFrame | None", *, seed: int) -> Attribution:
    """Explain any model by permutations of its raw columns, within `PREDICTIONS`."""
    rng = np.random.default_rng(seed)
    fewest, most = BLACK_BOX_ROWS
    affordable = PREDICTIONS // (PERMUTATIONS * 2 * len(model.columns) * BACKGROUND)
    picked = np.sort(rng.permutation(len(frame))[: min(most, max(fewest, affordable))])
    background = np.sort(rng.permutation(len(frame))[:BACKGROUND])
    if only is not None:
        if len(only) > max(most, affordable):
            text = f"The model is a black box, of which {max(most, affordable):,} rows can be explained one by one; "
            raise ExplainError(f"{text}{in_words(len(only))} are asked for.")
        picked = np.arange(len(only))
    rows = frame.iloc[picked] if only is None else only
    values, base = permutation_shap(model.score, rows, frame.iloc[background], permutations=PERMUTATIONS, seed=seed)
    return _held(
        values,
        base,
        model.score(rows),
        method=f"permutation SHAP ({PERMUTATIONS} orders forward and backward, {len(background)} background rows)",
        output="probability" if model.gives_probability else "prediction",
        picked=picked,
    )


def _held(
    values: Floats,
    base: float,
    own: Floats,
    *,
    method: str,
    output: str,
    picked: NDArray[np.intp] | None = None,
    centre: Floats | None = None,
) -> Attribution:
    """Hold SHAP values and their base against (k,) what the whole model says of the same raw rows."""
    return Attribution(
        values=values,
        base=base,
        picked=np.arange(len(values)) if picked is None else picked,
        error=float(np.max(np.abs(values.sum(axis=1) + base - own))),  # NaN when one is not a number
        scale=float(np.max(np.abs(own))) or 1.0,
        method=method,
        output=output,
        centre=centre,
    )
