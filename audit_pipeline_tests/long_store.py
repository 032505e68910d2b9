"""Many nights of one model without auditing them: what a night measured is made up, its charts are real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from audit_pipeline.config.charts import ChartsPolicy
from audit_pipeline.evidence import Committed, Store
from audit_pipeline.evidence.canonical import plain
from audit_pipeline.evidence.past import Past
from audit_pipeline.metrics.control_charts import measure_charts
from audit_pipeline.records import AuditResult, ColumnProfile
from audit_pipeline_tests.builders import commit_result, make_result, session

FIRST = date(2026, 1, 5)  # a Monday
POLICY = ChartsPolicy()


@dataclass(frozen=True, slots=True)
class Made:
    """What one night measured."""

    rows: int = 1000
    psi: float = 0.02
    mean: float = 0.3
    auc: float | None = 0.75
    auc_error: float = 0.01
    version: str = "1"


def quiet(count: int, *, seed: int = 1) -> list[Made]:
    """Return nights on which nothing happens."""
    rng = np.random.default_rng(seed)
    return [
        Made(
            rows=int(rng.normal(1000, 40)),
            psi=float(rng.chisquare(9) / 450),
            mean=float(rng.normal(0.3, 0.01)),
            auc=float(rng.normal(0.75, 0.015)),
        )
        for _ in range(count)
    ]


def night_of(place: int) -> date:
    """Return the night at a place of the series, from 0."""
    return FIRST + timedelta(days=place)


def measured(
    store: Store, night: date, made: Made, *, model_id: str = "churn", policy: ChartsPolicy = POLICY
) -> AuditResult:
    """Return the result of a night with the charts that the store's earlier nights give it."""
    base = make_result(store, model_id=model_id, night=night, version=made.version, psi=made.psi, seed=str(made))
    assert base.snapshot is not None
    assert base.performance is not None
    auc = replace(base.performance.metrics[0], value=made.auc, lo=None, hi=None)
    if made.auc is not None:
        auc = replace(auc, lo=made.auc - 1.96 * made.auc_error, hi=made.auc + 1.96 * made.auc_error)
    score = ColumnProfile("score", "number", "score", "none", made.rows, 0, made.rows, made.mean, 0.2, (), ())
    result = replace(
        base,
        snapshot=replace(base.snapshot, rows=made.rows),
        performance=replace(base.performance, metrics=(auc,), labelled=120 if made.auc is not None else 0),
        profile=(*base.profile, score),
        fairness=None,
    )
    charts = measure_charts(
        plain(result), night, Past(store, model_id, before=night).whole(), version=made.version, policy=policy
    )
    return replace(result, charts=charts)


def add(store: Store, night: date, made: Made, **options: Any) -> Committed:
    """Make one night evidence."""
    with session(store, options.get("model_id", "churn"), night) as rendered:
        return commit_result(store, measured(store, night, made, **options), rendered)


def fill(store: Store, nights: Sequence[Made | None], **options: Any) -> None:
    """Make one night after the other evidence; None is a night that was never audited."""
    for place, made in enumerate(nights):
        if made is not None:
            add(store, night_of(place), made, **options)
