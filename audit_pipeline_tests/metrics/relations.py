"""Nights and references with a known relation of inputs and outcome, and what is concluded from them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from audit_pipeline.metrics.additive import cut
from audit_pipeline.metrics.concept import concept_of
from audit_pipeline.metrics.concept_rows import BINS, Drawn
from audit_pipeline.metrics.domain import _cross_fitted, _folds
from audit_pipeline.metrics.interval import around
from audit_pipeline.metrics.read import Floats
from audit_pipeline.records import Concept, DomainScore
from audit_pipeline_tests.metrics.night import model


@dataclass(frozen=True)
class World:
    """How a night differs from the reference; both have the same model, which knows a and b alone."""

    n: int = 400  # rows of the night
    m: int = 1200  # of the reference
    moved: float = 0.0  # standard deviations by which a, and by half of it b, move
    flipped: float = 0.0  # share of the rows (those of the largest c) in which the relation turns round
    prevalence: float = 0.0  # log-odds (regression: units) that every outcome rises by
    heavy: bool = False  # regression: with outcomes of a long tail
    regression: bool = False


def arrays(world: World, seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return (inputs (rows, 8), night, score, outcome): the truth bends and has an interaction that no model knows."""
    rng = np.random.default_rng(seed)
    rows, night = world.n + world.m, np.repeat([1.0, 0.0], [world.n, world.m])
    x = rng.normal(size=(rows, 8))
    x[:, 0] += world.moved * night
    x[:, 1] += world.moved / 2 * night
    a, b, c, d = x[:, :4].T.copy()
    truth = 1.2 * a + 0.3 * np.abs(b) + 0.4 * a * d - 0.24  # mean about 0, so that turning it leaves the mean
    turned = (night == 1) & (c > np.quantile(c, 1 - world.flipped)) if world.flipped else np.zeros(rows, dtype=bool)
    odds = np.where(turned, -truth, truth) + world.prevalence * night
    x[rng.random(x.shape) < 0.02] = np.nan
    if world.regression:
        score = np.exp(0.6 * a) if world.heavy else 1.2 * a
        mean = np.exp(0.5 * odds) if world.heavy else odds
        outcome = mean * rng.gamma(0.5, 2.0, rows) if world.heavy else mean + rng.normal(size=rows)
        return x, night, score, outcome
    score = 1 / (1 + np.exp(-1.2 * a))
    return x, night, score, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)


def conclude(world: World, seed: int, **more: Any) -> Concept:
    """Return what is concluded, by the classifier and the tests as a night has them; `more` goes to the model file."""
    x, night, score, outcome = arrays(world, seed)
    fold = _folds(world.n, world.m, np.random.default_rng(seed))
    chance, (auc, error) = _cross_fitted(x, night, fold, [False] * x.shape[1], seed=seed)
    loss = np.abs(outcome - score) if world.regression else np.square(outcome - score)
    features = (*(cut(x[:, i]) for i in range(x.shape[1])), cut(score, bins=BINS))
    names = (*"abcdefgh", "score")
    rows = Drawn(night, chance, fold, outcome, score, loss, names, features)
    domain = DomainScore(auc, *around(auc, error, low=0.0, high=1.0), world.n, world.m, 8, seed)
    return concept_of(rows, domain, model({"a": "number"}, task="regression" if world.regression else "binary", **more))


def bound(nights: int, share: float = 0.05) -> float:
    """Return the share that chance keeps below, by three standard errors."""
    return share + 3 * math.sqrt(share * (1 - share) / nights)
