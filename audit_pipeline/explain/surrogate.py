"""No model file: what drives a surrogate that imitates the night's log, and how well does it imitate?

It is explained on rows it was not fitted on. Nothing else is told of it than importances: what is asked of a model
(single rows, its dependence, its robustness) is not asked of something that only imitates one.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.inputs import Floats, Predictor, as_trained, usable
from audit_pipeline.explain.models import one_thread
from audit_pipeline.explain.sample import draw
from audit_pipeline.records import Explanation

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_ROWS = 100  # half of them to learn from
METHOD = "surrogate fitted on the log"
ADVICE = "Fit a model on a night's log by hand to see why, or leave `surrogate` out."


def imitated(none: Explanation, snapshot: Path, model: ModelConfig, *, rows: int) -> Explanation:
    """Return the explanation of a surrogate; without importances, and with the reason, when there is none.

    Args:
        none: what is known so far, the seed among it.
        snapshot: the night's rows, Parquet in canonical columns.
        model: its configuration.
        rows: upper bound of the sample.
    """
    none = replace(none, explains="surrogate")
    try:
        with guarded("Explaining a surrogate", advice=ADVICE), one_thread():
            return _explained(none, *_sample(snapshot, model, seed=none.seed, rows=rows))
    except ExplainError as error:
        return replace(none, reason=str(error))


def _sample(snapshot: Path, model: ModelConfig, *, seed: int, rows: int) -> tuple["pd.DataFrame", Floats]:
    """Return features, dates as days, and the (n,) logged output of the sampled rows that have one."""
    types = {name: str(model.columns[name].type) for name in model.features}
    sample = draw(snapshot, (*model.features, model.output), row_id=model.row_id, seed=seed, rows=rows)
    frame = as_trained(sample, model.features, types)
    for name in frame:
        if frame[name].dtype.kind == "M":
            frame[name] = (frame[name] - np.datetime64(0, "us")) / np.timedelta64(1, "D")
    logged = np.asarray(sample[model.output].astype(np.float64), dtype=np.float64)
    used = usable(frame, logged, output=model.output, fewest=MINIMUM_ROWS, what="a surrogate")
    return frame[used].reset_index(drop=True), logged[used]


def _explained(none: Explanation, frame: "pd.DataFrame", logged: Floats) -> Explanation:
    """Fit on half of the rows, explain on the others."""
    from audit_pipeline.explain.engine_shap import attribute
    from audit_pipeline.explain.importance import importances
    from audit_pipeline.explain.models.surrogate import surrogate

    fitted, held, fidelity = surrogate(frame, logged, seed=none.seed)
    unseen = frame.iloc[held].reset_index(drop=True)
    # it imitates a number, whatever the task
    stand_in = Predictor(fitted, tuple(map(str, frame.columns)), named=True, task="regression")
    found = attribute(stand_in, unseen, seed=none.seed)
    if not found.adds_up:
        raise ExplainError(f"The SHAP values of the surrogate do not add up to its output: off by {found.error:.3g}.")
    return replace(
        none,
        method=f"{METHOD}: {found.method}",
        output=found.output,
        importances=importances(found.values, unseen.iloc[found.picked]),
        n=len(found.picked),
        additivity_error=found.error,
        fidelity=fidelity,
    )
