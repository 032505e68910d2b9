"""The owner's policy: which number at which height warns, and which fails."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from audit_pipeline.config.base import Strict
from audit_pipeline.config.charts import ChartsPolicy


class Limit(Strict):
    """A number that is bad when high: warn at `warn`, fail at `fail` (either may be absent)."""

    warn: float | None = Field(default=None, description="WARN from here")
    fail: float | None = Field(default=None, description="FAIL from here")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn is not None and self.fail is not None and self.warn > self.fail:
            raise ValueError(f"warn ({self.warn}) must not be above fail ({self.fail})")
        return self


class Floor(Strict):
    """A number of quality: `*_below` for those that are good when high, `*_above` for errors."""

    warn_below: float | None = Field(default=None, description="WARN under this value (auc, r2, ...)")
    fail_below: float | None = Field(default=None, description="FAIL under this value")
    warn_above: float | None = Field(default=None, description="WARN over this value (rmse, brier, ...)")
    fail_above: float | None = Field(default=None, description="FAIL over this value")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn_below is not None and self.fail_below is not None and self.warn_below < self.fail_below:
            raise ValueError(f"warn_below ({self.warn_below}) must not be under fail_below ({self.fail_below})")
        if self.warn_above is not None and self.fail_above is not None and self.warn_above > self.fail_above:
            raise ValueError(f"warn_above ({self.warn_above}) must not be over fail_above ({self.fail_above})")
        return self


class Persist(Strict):
    """How often a number may warn before it fails."""

    nights: Annotated[int, Field(ge=2)] = Field(default=5, description="so many nights at or above `warn` are a FAIL")
    of: Annotated[int, Field(ge=2, le=366)] = Field(
        default=7, description="among so many, this one and the newest earlier ones on which drift was measured"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.nights > self.of:
            raise ValueError(f"nights ({self.nights}) must not be above of ({self.of})")
        return self


class ColumnDriftPolicy(Strict):
    """Limits of one column; what is absent is taken from the model's `drift`."""

    psi: Limit | None = None
    jensen_shannon: Limit | None = None
    ks: Limit | None = None
    wasserstein: Limit | None = None
    total_variation: Limit | None = None
    missing_increase: Limit | None = None
    new_category_share: Limit | None = None
    vanished_category_share: Limit | None = None
    ignore: bool = Field(default=False, description="measured and shown, not judged")


class DriftPolicy(Strict):
    """Limits on how far a column may move from the reference.

    A number alarms when it reaches its limit, chance does not explain it (`alpha`), and there are enough rows. From
    `warn` on it warns, and fails when it persists; from `fail` on it fails at once.
    """

    psi: Limit = Field(default=Limit(warn=0.1, fail=0.25), description="population stability index, nats")
    jensen_shannon: Limit = Field(
        default=Limit(), description="Jensen-Shannon distance on the bins of the PSI, 0 to 1; shown, not judged"
    )
    ks: Limit = Field(default=Limit(), description="Kolmogorov-Smirnov distance, 0 to 1; shown, not judged")
    wasserstein: Limit = Field(
        default=Limit(), description="mean distance in standard deviations of the reference; shown, not judged"
    )
    total_variation: Limit = Field(
        default=Limit(), description="share of rows in another category than before, 0 to 1; shown, not judged"
    )
    missing_increase: Limit = Field(
        default=Limit(warn=0.05, fail=0.2), description="missing share minus the reference's"
    )
    new_category_share: Limit = Field(
        default=Limit(warn=0.01, fail=0.1), description="rows in categories the reference lacks"
    )
    vanished_category_share: Limit = Field(
        default=Limit(), description="reference rows in categories the night lacks; shown, not judged"
    )
    prediction_psi: Limit = Field(default=Limit(warn=0.1, fail=0.25), description="PSI of score or prediction")
    domain_auc: Limit = Field(
        default=Limit(),
        description="AUC of a classifier that tells the night from the reference by all features, 0.5 when it cannot; "
        "over a sample; shown, not judged",
    )
    bins: Annotated[int, Field(ge=2, le=100)] = Field(default=10, description="reference-quantile bins of the PSI")
    min_rows: Annotated[int, Field(ge=11)] = Field(
        default=200, description="below this many non-missing values on either side: NOT_EVALUATED"
    )
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05,
        description="no alarm above this p-value, adjusted by Benjamini-Hochberg over the columns of the night; 1: "
        "sizes alone decide",
    )
    persist: Persist | None = Field(
        default=Persist(nights=5, of=7),
        description="when a warning that stays becomes a FAIL, where its limit has a `fail`; null: never",
    )
    columns: dict[str, ColumnDriftPolicy] = Field(default_factory=dict, description="per column")


class PerformancePolicy(Strict):
    """Limits on the metrics once labels are there."""

    min_labels: Annotated[int, Field(ge=11)] = Field(default=100, description="below: NOT_EVALUATED")
    metrics: dict[str, Floor] = Field(default_factory=dict, description="metric name -> limits")
    worse_than_reference: dict[str, Limit] = Field(
        default_factory=dict,
        description="metric name -> how much worse than on the reference, in the metric's unit. FAIL when the whole "
        "95 % interval of the difference reaches `fail`; WARN when it reaches `warn`, or the number alone reaches "
        "`fail`. What the interval leaves open is PASS and called inconclusive",
    )

    @field_validator("metrics")
    @classmethod
    def _judged(cls, metrics: dict[str, Floor]) -> dict[str, Floor]:
        empty = [name for name, floor in metrics.items() if floor == Floor()]
        if empty:
            raise ValueError(f"{', '.join(empty)} without a limit: give one of {', '.join(Floor.model_fields)}")
        return metrics

    @field_validator("worse_than_reference")
    @classmethod
    def _compared(cls, limits: dict[str, Limit]) -> dict[str, Limit]:
        for name, limit in limits.items():
            given = [x for x in (limit.warn, limit.fail) if x is not None]
            if not given:
                raise ValueError(f"{name} without a limit: give warn or fail")
            if min(given) <= 0:
                raise ValueError(f"{name}: how much worse is a number above 0")
        return limits


class ReasonCodesPolicy(Strict):
    """Reasons that are kept for single rows of every night, where somebody must be able to say why at any time.

    They are personal data: kept like the snapshot, encrypted, erased and purged with it, and in no published table.
    """

    cases: Literal["positive", "negative", "all"] = Field(
        description="rows with this decision; a regression has only `all`"
    )
    top: Annotated[int, Field(ge=1, le=20)] = Field(default=4, description="reasons per row")
    most: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10_000, description="rows of a night; where there are more, none are kept: NOT_EVALUATED"
    )


class AttributionDriftPolicy(Strict):
    """When what drives the model has moved from the reference: by so much, and by more than chance."""

    wasserstein: Limit = Field(
        default=Limit(warn=0.5),
        description="largest distance of a feature's SHAP values, in standard deviations of the reference's",
    )
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05,
        description="no alarm above this p-value of a Kolmogorov-Smirnov test, times the number of features; 1: sizes "
        "alone decide. How surely the order of features changed is shown (NDCG) and judged by `charts`",
    )


class StressPolicy(Strict):
    """How much of the decisions of a binary model may flip under stress; of a regression nothing flips."""

    noise_flips: Limit = Field(
        default=Limit(),
        description="share of decisions that flip when all numbers are moved by 0.05 of their standard deviation; "
        "shown, not judged",
    )
    missing_flips: Limit = Field(
        default=Limit(),
        description="largest share of decisions that flip when one feature is missing; shown, not judged",
    )
    monotone: Literal["shown", "WARN", "FAIL"] = Field(
        default="FAIL", description="what a broken `monotone` of a column comes to"
    )


class ExplanationPolicy(Strict):
    """Whether an explanation is due, and how well the artefact must match the log."""

    required: bool = Field(default=True, description="a model with an artefact, or its surrogate, must be explained")
    agreement: Limit = Field(
        default=Limit(fail=1e-6), description="largest |model's own score - logged score| on the sample"
    )
    dependence: Annotated[int, Field(ge=0, le=50)] = Field(
        default=5, description="so many features of the largest importance are looked at along their values"
    )
    reason_codes: ReasonCodesPolicy | None = None
    attribution_drift: AttributionDriftPolicy = Field(default_factory=AttributionDriftPolicy)
    stress: StressPolicy = Field(default_factory=StressPolicy)


class QualityPolicy(Strict):
    """Limits on the data-quality scores of the night (0 to 1, good when high)."""

    completeness: Floor = Floor()
    accuracy: Floor = Floor()
    consistency: Floor = Floor()


class FairnessPolicy(Strict):
    """Limits on what tells protected groups apart; a limit is crossed where the whole 95 % interval is beyond it."""

    impact_ratio: Floor = Field(
        default=Floor(), description="lowest selection rate of a group over that of the best-off one; four fifths: 0.8"
    )
    equalised_odds_difference: Floor = Field(
        default=Floor(), description="largest difference of true or of false positive rates between groups"
    )
    bias_difference: Floor = Field(
        default=Floor(), description="largest difference of mean errors, in the label's unit"
    )
    mae_difference: Floor = Field(
        default=Floor(), description="largest difference of mean absolute errors, in the label's unit"
    )
    proxy_auc: Floor = Field(
        default=Floor(), description="AUC with which a group is predicted from the features; 0.5 is chance"
    )

    @model_validator(mode="after")
    def _directed(self) -> Self:
        for name, floor in self:
            wrong = "above" if name == "impact_ratio" else "below"
            if any(bound is not None for key, bound in floor if key.endswith(wrong)):
                right = "below" if wrong == "above" else "above"
                raise ValueError(f"{name} is judged by warn_{right} and fail_{right}")
        return self


class ConceptPolicy(Strict):
    """When the relation of inputs and outcome counts as moved, and what comes of it."""

    outcome: Literal["shown", "WARN", "FAIL"] = Field(
        default="shown",
        description="what `concept` and `both` come to; shown: told, not judged. Where it is judged, labels that are "
        "there and cannot tell are NOT_EVALUATED",
    )
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="a quiet night has another conclusion than `none` with a chance of at most this"
    )
    effect: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="moves smaller than this are none, in standard deviations"
    )


class Policy(Strict):
    """Everything the verdict depends on beside the numbers."""

    drift: DriftPolicy = Field(default_factory=DriftPolicy)
    performance: PerformancePolicy = Field(default_factory=PerformancePolicy)
    explanation: ExplanationPolicy = Field(default_factory=ExplanationPolicy)
    quality: QualityPolicy = Field(default_factory=QualityPolicy)
    fairness: FairnessPolicy = Field(default_factory=FairnessPolicy)
    charts: ChartsPolicy = Field(default_factory=ChartsPolicy)
    concept: ConceptPolicy = Field(default_factory=ConceptPolicy)
    on_warning_check: Literal["WARN", "FAIL"] = Field(
        default="WARN", description="what a failed expectation of severity warning comes to"
    )
