"""Nights drawn as arrays and measured without files: the same functions, thousands of nights in a minute."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.decision import Measured, decide
from audit_pipeline.metrics.drift import drift_of_pairs
from audit_pipeline.metrics.pair import Pair, Side
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import Decision, Drift, Outcome
from audit_pipeline_tests.metrics.night import model

Column = Callable[[np.random.Generator, int], Any]  # draws n values: floats with NaN, or texts
ALARMS = (Outcome.WARN, Outcome.FAIL)


class ArraySide(Side):
    """A column in memory; NaN is missing."""

    def __init__(self, drawn: Any) -> None:
        self._drawn = np.asarray(drawn)
        self.rows, self.lacks = len(drawn), None

    @cached_property
    def present(self) -> int:
        return int(self.values.size) if self._drawn.dtype.kind == "f" else self.rows

    @cached_property
    def values(self) -> Floats:
        return np.sort(self._drawn[~np.isnan(self._drawn)])

    @cached_property
    def counts(self) -> Mapping[str, int]:
        return dict(sorted(Counter(self._drawn.tolist()).items()))


def quiet_columns(count: int) -> dict[str, Column]:
    """Columns as logs have them: smooth, skewed, with ties, few values, missing values, categories with long tails."""
    tail = 1 / np.arange(1, 201) ** 1.3
    made: list[Column] = [
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: rng.lognormal(1, 1, n),
        lambda rng, n: rng.normal(size=n).round(1),
        lambda rng, n: rng.poisson(1.5, n).astype(float),
        lambda rng, n: np.where(rng.random(n) < 0.2, np.nan, rng.standard_t(2, n)),
        lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n)),
        lambda rng, n: (rng.random(n) < 0.02).astype(float),
        lambda rng, n: np.where(rng.random(n) < 0.004, np.nan, rng.random(n)),
        lambda rng, n: rng.choice(np.array(["a", "b", "c"]), n, p=[0.6, 0.3, 0.1]),
        lambda rng, n: rng.choice(200, n, p=tail / tail.sum()).astype(str),
    ]
    return {f"x{i:02d}": made[i % len(made)] for i in range(count)}


def made_model(columns: Mapping[str, Column], policy: Mapping[str, Any] | None = None) -> ModelConfig:
    """A model over drawn columns and a score."""
    rng = np.random.default_rng(0)
    kinds = {name: "number" if draw(rng, 1).dtype.kind == "f" else "category" for name, draw in columns.items()}
    return model(kinds, policy={"drift": dict(policy or {})})


def drawn(columns: Mapping[str, Column], rng: np.random.Generator, n: int) -> dict[str, Any]:
    """Draw one table."""
    return {name: draw(rng, n) for name, draw in columns.items()}


def drift_between(config: ModelConfig, current: Mapping[str, Any], reference: Mapping[str, Any]) -> Drift:
    """Measure two drawn tables against each other."""
    policy = config.policy.drift
    pairs = (
        Pair(
            name,
            config.columns[name].type,
            policy.bins,
            policy.min_rows,
            ArraySide(current[name]),
            ArraySide(reference[name]),
        )
        for name in current
    )
    return drift_of_pairs(pairs, config)


def judged(config: ModelConfig, drift: Drift) -> Decision:
    """Hold a night's drift against the policy."""
    return decide(config, Measured(drift=drift))


def alarms(config: ModelConfig, drift: Drift) -> set[tuple[str, str | None]]:
    """Return (column, method) of what warns or fails."""
    return {(str(f.column), f.name) for f in judged(config, drift).findings if f.outcome in ALARMS}
