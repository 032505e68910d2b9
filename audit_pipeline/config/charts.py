"""Control charts in the policy: how long phase I is, when it begins anew, which broken rules warn."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from audit_pipeline.config.base import Broken, Strict, mapping
from audit_pipeline.config.metrics import METRICS
from audit_pipeline.errors import did_you_mean

Rule = Literal[
    "limits", "nelson_2", "nelson_3", "nelson_4", "nelson_5", "nelson_6", "nelson_7", "nelson_8", "ewma", "cusum"
]
JOINT = "joint"  # all numbers of a night together
FIXED = (  # numbers that every model may have
    JOINT,
    "volume.rows",
    "volume.labelled",
    "quality.completeness",
    "quality.accuracy",
    "quality.consistency",
    "quality.largest_missing_share",
    "drift.largest_psi",
    "drift.domain_auc",
    "drift.mean_prediction",
    "concept.residual_z",
    "attribution.ndcg",
    "attribution.wasserstein_max",
)


class ChartsPolicy(Strict):
    """Control charts over the nights of a model: every number is charted and shown, `warn` says which are judged."""

    nights: Annotated[int, Field(ge=20, le=90)] = Field(
        default=28,
        description="nights of phase I, from which centre and limits are estimated and then frozen; whole weeks, so "
        "that every weekday is in it equally often",
    )
    restart: date | None = Field(
        default=None,
        description="phase I begins anew on this night, after a change that is meant to stay; a new `version` of the "
        "model does so by itself",
    )
    warn: dict[str, tuple[Rule, ...]] = Field(
        default_factory=dict,
        description="number (`volume.rows`, `performance.auc`, ..., as in `audit.control_chart`) -> rules whose break "
        "is a WARN; `joint: [limits]` judges a few numbers of the night together. Each rule of each number errs about "
        "once in a year of quiet nights: judge few",
    )


def broken_charts(raw: Any, task: Any, groups: tuple[str, ...]) -> Iterator[Broken]:
    """Hold the judged numbers against what is charted of such a model.

    Args:
        raw: `policy.charts` as it stands in the file.
        task: of the model.
        groups: protected attributes.
    """
    performance = [f"performance.{name}" for name in METRICS.get(str(task), {})]
    known = [*FIXED, *performance]
    for name, rules in mapping(mapping(raw).get("warn")).items():
        place = ("policy", "charts", "warn", str(name))
        if str(name).startswith("fairness."):
            if str(name).partition(".")[2].partition(".")[2] not in groups:
                yield place, f"is not the number of a protected attribute: {', '.join(groups) or 'there is none'}"
        elif name not in known:
            yield place, f"is not charted.{did_you_mean(str(name), known)} There are: {', '.join(known)}"
        elif name == JOINT and list(rules or ()) != ["limits"]:
            yield place, "has one rule: `[limits]`"
