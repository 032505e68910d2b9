"""Which performance metrics a policy may judge, by task: names, which way is better, what each needs."""

from typing import Literal

Better = Literal["high", "low"]

# None: both ways are wrong (a gap, a slope) or neither is (a share of labels); no limit on "worse" makes sense
BINARY: dict[str, Better | None] = {
    "auc": "high",
    "average_precision": "high",
    "brier": "low",
    "log_loss": "low",
    "calibration_gap": None,
    "calibration_intercept": None,
    "calibration_slope": None,
    "ece": "low",
    "accuracy": "high",
    "precision": "high",
    "recall": "high",
    "f1": "high",
    "specificity": "high",
    "prevalence": None,
    "cost": "low",
}
REGRESSION: dict[str, Better | None] = {
    "rmse": "low",
    "mae": "low",
    "bias": None,
    "r2": "high",
    "coverage": None,
    "interval_width": None,
}
MULTICLASS: dict[str, Better | None] = {
    "accuracy": "high",
    "macro_f1": "high",
    "weighted_f1": "high",
    "auc": "high",
    "log_loss": "low",
    "brier": "low",
}
METRICS: dict[str, dict[str, Better | None]] = {
    "binary": BINARY,
    "regression": REGRESSION,
    "multiclass": MULTICLASS,
}
NEEDS = {  # (task, metric) -> key of the model file, or role of a column, without which it is not measured
    ("binary", "cost"): "costs",
    ("regression", "coverage"): "prediction_lo",
    ("regression", "interval_width"): "prediction_lo",
    ("multiclass", "auc"): "probabilities",
    ("multiclass", "log_loss"): "probabilities",
    ("multiclass", "brier"): "probabilities",
}
