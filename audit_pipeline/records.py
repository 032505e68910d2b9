"""The frozen values that pass between the stages: what was seen, measured, judged and kept.

No stage imports another; they speak in these. Every number comes with its n, and a number that could not be
computed is None with a reason: it is never reported as passed. Times are aware and in UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

SCHEMA_VERSION = 1  # of the evidence record and the published tables
SMALL_CELL = 11  # rows; nothing is published over fewer
MEANINGS = ("reviewed", "approved", "rejected")  # of a person's signature


class Outcome(StrEnum):
    """What a check, a metric or a whole model-night came to."""

    PASS = "PASS"  # noqa: S105 (no password)
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_EVALUATED = "NOT_EVALUATED"  # did not run or has too few rows: never counts as a pass


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst of `outcomes` (FAIL, NOT_EVALUATED, WARN, PASS); NOT_EVALUATED when there are none."""
    order = (Outcome.FAIL, Outcome.NOT_EVALUATED, Outcome.WARN, Outcome.PASS)
    seen = set(outcomes)
    return next((outcome for outcome in order if outcome in seen), Outcome.NOT_EVALUATED)


class Severity(StrEnum):
    """What a failed check means: critical ends the line, warning warns, info is shown and not counted."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Maturity(StrEnum):
    """How final a performance number is."""

    PENDING = "pending"  # labels not yet due: n = 0, not counted
    ESTIMATED = "estimated"
    PROVISIONAL = "provisional"  # part of the labels
    FINAL = "final"


class Stage(StrEnum):
    """The stages of one model-night, in order; also the last part of asset keys and lineage jobs."""

    SNAPSHOT = "snapshot"
    VALIDATION = "validation"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    EXPLANATION = "explanation"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Relation:
    """A source as DuckDB reads it: statements to run first, then a SELECT over the raw columns."""

    name: str  # what an error calls it: the path below the project, or database:table
    form: str  # parquet, csv, jsonl, duckdb
    setup: tuple[str, ...]  # e.g. ATTACH; run once before `sql`
    sql: str  # SELECT of every raw column
    columns: tuple[str, ...]
    sha256: str  # of the file's bytes; of the rows for a table
    bytes: int  # 0 for a table


@dataclass(frozen=True, slots=True)
class Generalised:
    """How the values of a column are made coarser before they are written."""

    bands: tuple[float, ...] = ()  # lower edges, rising: a value is told as that of its band
    round: float | None = None  # to the nearest multiple
    floor: float | None = None  # to the multiple below
    top: float | None = None  # what is above is told as this
    to: str | None = None  # first day of the year or month
    prefix: int | None = None  # characters of a text that are kept

    def __str__(self) -> str:
        """Say the rule in words, such as `floor 5, top 90`."""
        edges = [f"{edge:g}" for edge in self.bands]
        words = [f"bands from {', '.join(edges)}"] if edges else []
        steps = (("round", self.round), ("floor", self.floor), ("top", self.top))
        words += [f"{name} {step:g}" for name, step in steps if step is not None]
        words += [f"to the {self.to}"] if self.to else []
        return ", ".join(words + ([f"first {self.prefix} characters"] if self.prefix else []))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a snapshot."""

    name: str
    type: str  # number, integer, category, boolean, date, timestamp
    role: str  # row_id, subject_id, feature, score, prediction, probability, ..., segment, label
    privacy: str  # direct_identifier, quasi_identifier, sensitive, none
    masked: bool = False  # values were replaced by pseudonyms
    generalised: Generalised | None = None  # how they were made coarser; None: they were not


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group of a snapshot file and the bytes it occupies."""

    index: int
    rows: int
    offset: int  # bytes from the start of the file
    length: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class CutGroup:
    """One row group of a file from which rows were taken, before and after; one without rows left has 0 bytes."""

    index: int  # in the file as it was frozen
    rows_before: int
    rows: int
    offset: int  # of what is there now, bytes
    length: int  # bytes
    sha256_before: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen table: the night's log, a reference, or labels, in canonical columns."""

    path: str  # below the audit folder
    sha256: str
    bytes: int
    rows: int
    duplicate_row_ids: int  # rows beyond the first of their row_id
    columns: tuple[Column, ...]
    row_groups: tuple[RowGroup, ...]
    source: str  # Relation.name
    source_sha256: str


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Aggregates of one column of a snapshot; None where fewer than 11 values stand behind a number."""

    column: str
    type: str
    role: str
    privacy: str
    n: int  # rows
    missing: int
    distinct: int | None  # of other columns than numbers approximate above 100,000 rows
    mean: float | None
    sd: float | None
    quantiles: tuple[tuple[float, float], ...]  # (probability, value), p1 to p99
    top: tuple[tuple[str, int], ...]  # categories seen >= 11 times, most frequent first


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one expectation of the suite came to; aggregates only."""

    name: str  # unique in the suite: type(column), numbered when repeated
    expectation: str  # the official type
    column: str | None
    severity: Severity
    outcome: Outcome  # PASS, FAIL or NOT_EVALUATED (it raised)
    expected: str  # the arguments as JSON, without row values
    observed: str | None  # an aggregate, never a row's value
    n: int | None  # rows looked at
    unexpected: int | None  # in a record 10 stands for 1 to 10, here and below: `small_cells`
    unexpected_share: float | None  # of the non-missing rows
    reason: str  # one sentence


@dataclass(frozen=True, slots=True)
class QualityScore:
    """Share of what was asked that held: completeness, accuracy or consistency."""

    name: str
    value: float | None  # 0 to 1
    n: int  # values looked at
    reason: str | None = None  # why there is no value, or why it is a bound


@dataclass(frozen=True, slots=True)
class Validation:
    """The suite's outcome over one snapshot."""

    engine: str  # pandas or duckdb
    n: int
    results: tuple[CheckResult, ...]
    scores: tuple[QualityScore, ...]

    @property
    def stops(self) -> bool:
        """Whether a critical expectation failed: the line of this model-night ends here."""
        return any(r.severity is Severity.CRITICAL and r.outcome is Outcome.FAIL for r in self.results)


@dataclass(frozen=True, slots=True)
class DriftScore:
    """How far one column moved from the reference, by one method."""

    column: str
    method: str  # psi, ks, missing_share, ... (METHODS); Evidently's own under evidently:<method>
    value: float | None  # None: not evaluated, see reason
    p: float | None
    n: int  # current values behind the number
    n_reference: int
    missing_share: float | None  # of the current rows
    missing_share_reference: float | None
    engine: str  # exact or evidently
    reason: str | None = None  # why there is no value
    adjusted_p: float | None = None  # Benjamini-Hochberg over the night; of `test`, which may be another method's
    test: str | None = None  # ks, chi_square, two_shares or exchangeability


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a column's distribution: current against reference."""

    label: str
    share: float
    share_reference: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """A column's shares on the fixed reference bins, for plots; bars under 11 rows are merged or hidden."""

    column: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class DomainScore:
    """How well a classifier tells the night from the reference, on a seeded sample."""

    value: float | None  # AUC on rows it was not trained on; 0.5: it cannot
    lo: float | None  # 95 % interval
    hi: float | None
    n: int  # rows of the night in the sample
    n_reference: int
    features: int
    seed: int
    reason: str | None = None  # why there is no value


@dataclass(frozen=True, slots=True)
class Drift:
    """Everything measured about drift in one night."""

    scores: tuple[DriftScore, ...]
    distributions: tuple[Distribution, ...]
    domain: DomainScore | None = None


@dataclass(frozen=True, slots=True)
class PerformanceMetric:
    """One quality number with its interval."""

    name: str  # auc, brier, rmse, ...
    slice: str  # "all", or "column=value"
    value: float | None
    lo: float | None  # 95 % interval
    hi: float | None
    n: int  # labelled rows
    reference: float | None  # the same on the reference, when it has labels
    reason: str | None = None
    reference_lo: float | None = None  # 95 % interval on the reference
    reference_hi: float | None = None
    n_reference: int | None = None  # labelled rows of the reference
    difference: float | None = None  # value - reference
    difference_lo: float | None = None  # 95 % interval, for independent samples
    difference_hi: float | None = None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a binary model's scores: what was promised and what came; over at least 11 rows."""

    n: int
    score: float  # mean score
    rate: float  # share of positive labels
    lo: float  # 95 % interval of the rate
    hi: float


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """How many rows of one class were predicted to be of another (or the same); only cells of at least 11 rows."""

    label: str
    prediction: str
    n: int


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """Whether the rows that have a label are like the rest of the night: the column that differs most."""

    columns: int  # that were compared
    column: str | None  # with the smallest adjusted p
    effect: float | None  # KS distance of numbers, Cramér's V of categories
    p: float | None  # adjusted by Benjamini-Hochberg over the columns
    differs: bool  # the effect is not small and the adjusted p is
    n: int  # labelled rows
    n_rest: int
    reason: str | None = None  # why nothing was compared


@dataclass(frozen=True, slots=True)
class ConceptNumber:
    """One number behind the conclusion on concept drift; one with a p is a test, the others are shown."""

    name: str  # inputs, loss, calibration, slope, structure (tests); loss_night, residual_z, ...
    value: float | None
    lo: float | None  # 95 % interval
    hi: float | None
    effect: float | None = None  # how far it moved, in standard deviations
    p: float | None = None
    adjusted_p: float | None = None  # by Holm over the tests of the night
    found: bool | None = None  # p and size both speak for a move; None: not evaluated, or no test
    column: str | None = None  # what the structure turns on most
    reason: str | None = None  # why there is no value


@dataclass(frozen=True, slots=True)
class Concept:
    """Did the relation of inputs and outcome move, or the inputs, or both? On the drawn rows that have a label."""

    conclusion: str  # none, covariate only, concept, both, not evaluated
    numbers: tuple[ConceptNumber, ...]
    loss: str  # what the loss is: brier or absolute_error
    n: int  # rows of the night
    n_reference: int
    shared: float | None  # rows on each side that would tell as much if no input had moved
    alpha: float
    effect: float  # standard deviations below which nothing is found
    seed: int
    reason: str | None = None  # why it was not evaluated


@dataclass(frozen=True, slots=True)
class Performance:
    """Quality of the predictions of one night, as far as labels allow."""

    maturity: Maturity
    due: date | None  # night on which all labels should be there; None: the model has no labels
    overdue: bool
    labelled: int  # rows with a label
    rows: int
    metrics: tuple[PerformanceMetric, ...]
    engine: str  # evidently (over the rows) or exact
    reason: str | None = None
    reliability: tuple[ReliabilityBin, ...] = ()  # of a binary model
    confusion: tuple[ConfusionCell, ...] = ()  # of a multiclass model
    estimates: tuple[PerformanceMetric, ...] = ()  # while there are no labels; valid under covariate shift only
    labelled_part: LabelledPart | None = None  # of provisional numbers
    seed: int | None = None  # of simulated intervals
    cost_unit: str | None = None  # of the metric `cost`
    concept: Concept | None = None  # None: not asked, as in records from before there was any


@dataclass(frozen=True, slots=True)
class GroupMetric:
    """One number of one group, and how the group compares with the one that the others are compared with.

    The interval of `value` is a 95 % one of this number alone. Those of ratio and difference, and of a number of the
    attribute as a whole, hold for all groups of all attributes of their kind at once with 95 %.
    """

    group: str | None  # None: of the attribute as a whole
    metric: str  # selection_rate, tpr, bias, ...; impact_ratio, equalised_odds_difference, ... of the whole
    value: float | None
    lo: float | None
    hi: float | None
    n: int | None  # rows behind the number; None for 1 to 10
    reference: float | None  # the same on the reference
    ratio: float | None = None  # selection_rate only: over the best-off group's
    ratio_lo: float | None = None
    ratio_hi: float | None = None
    difference: float | None = None  # minus that of the group compared with
    difference_lo: float | None = None
    difference_hi: float | None = None
    conclusion: str | None = None  # met, not met, inconclusive (four fifths); compared with; insufficient; absent
    reason: str | None = None  # why there is no value


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of one attribute: a column, or an intersection of columns."""

    kind: str  # protected or slice
    attribute: str  # column, or columns joined by " & "
    metrics: tuple[GroupMetric, ...]
    compared_with: str | None  # the best-off group; of a regression model the largest
    hidden: int  # groups of fewer than 11 rows: neither named nor measured
    reason: str | None = None  # why there are no groups


@dataclass(frozen=True, slots=True)
class Fairness:
    """How a night's decisions and errors are distributed over groups of people and slices of the rows."""

    groupings: tuple[Grouping, ...]
    favourable: int | None  # the decision that the selection rate counts; None: a regression model
    min_group: int
    labelled: int  # rows with a label
    proxy_rows: int  # rows of the sample on which features were tested as a proxy; 0: no test
    seed: int  # of that sample


@dataclass(frozen=True, slots=True)
class Importance:
    """How much one raw feature moves the model's output, over the recorded sample."""

    feature: str
    value: float  # mean |SHAP|
    lo: float
    hi: float
    rank: int  # 1 is the largest
    tied: bool  # its interval overlaps a neighbour's
    direction: float | None  # Spearman correlation of the value and its SHAP; None for categories
    share: float  # of the sum over features


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How well a surrogate imitates the logged output, on rows it was not fitted on."""

    value: float  # R2; 1 imitates exactly, 0 no better than the mean
    lo: float
    hi: float
    n: int  # rows it was held against
    fitted: int  # rows it was fitted on


@dataclass(frozen=True, slots=True)
class DependencePoint:
    """What the model says where one feature has one value; over at least 11 rows."""

    value: float | None  # of a number; None: a category
    category: str | None
    n: int  # rows at this point: above the value before and not above this one, the last one's and more
    pdp: float  # mean output with the feature set to this
    ice_lo: float  # p10 of the rows' lines, each less its own mean over the points
    ice_mid: float  # p50
    ice_hi: float  # p90
    ale: float | None  # accumulated local effect, 0 on average over the rows; None for categories
    shap: float  # mean SHAP value of the point's rows
    shap_lo: float  # p10
    shap_hi: float  # p90


@dataclass(frozen=True, slots=True)
class Dependence:
    """How the model's output depends on one raw feature."""

    feature: str
    output: str  # unit of pdp, ice and ale: probability or prediction
    n: int  # rows behind n, ale and shap of all points, and behind those whose value is missing or rare
    lines: int  # rows behind pdp and ice
    points: tuple[DependencePoint, ...]  # rising; categories from the most frequent
    reason: str | None = None  # why there are none


@dataclass(frozen=True, slots=True)
class ReasonCodes:
    """Reasons kept for single rows, in a file of their own: row id, rank, feature, contribution; no values."""

    cases: str  # positive, negative or all
    rows: int | None  # with that decision; None: it is not known
    top: int  # reasons per row
    file: "FileRef | None"  # None: there is no such row, or see `reason`
    reason: str | None = None  # why they were not kept


@dataclass(frozen=True, slots=True)
class GroupImportance:
    """What drives the model in one group of a declared slice: the same SHAP values, of these rows alone."""

    slice: str  # column, or columns joined by " & "
    group: str
    n: int  # rows of the group in the sample
    importances: tuple[Importance, ...]  # without directions
    reason: str | None = None  # why no group has any


@dataclass(frozen=True, slots=True)
class PermutedFeature:
    """How much worse the model predicts when one feature's values are shuffled among the rows."""

    feature: str
    value: float  # rise of the loss
    lo: float  # 95 % interval, of the choice of rows and of shuffles
    hi: float


@dataclass(frozen=True, slots=True)
class PermutationImportance:
    """The permutation importance of every feature, on rows with a label."""

    loss: str  # brier or squared_error
    over: str  # night, or reference while the night has too few labels
    before: float | None  # loss of the model as it is
    features: tuple[PermutedFeature, ...]  # the most important first
    n: int
    repeats: int
    seed: int
    reason: str | None = None  # why there is none


@dataclass(frozen=True, slots=True)
class MovedAttribution:
    """How one feature's SHAP values moved from the reference."""

    feature: str
    distance: float | None  # Wasserstein, in standard deviations of the reference's; None: they are all the same
    value: float  # mean |SHAP| of the night, against the reference's background
    reference: float  # the same of the reference
    rank: int
    rank_reference: int
    adjusted_p: float | None  # of the Kolmogorov-Smirnov test, times the number of features (Bonferroni)


@dataclass(frozen=True, slots=True)
class AttributionDrift:
    """Does the same drive the model as on the reference? The p of an order is that of the reference's resamples."""

    features: tuple[MovedAttribution, ...]  # the farthest first
    ndcg: float | None  # of the night's order, by the reference's importances; 1.0: the same order
    ndcg_low: float | None  # 5 % of the reference's own resamples are below
    ndcg_p: float | None
    rank_correlation: float | None  # Spearman's
    rank_correlation_p: float | None
    n: int
    n_reference: int
    draws: int
    seed: int
    reason: str | None = None  # why there is none


@dataclass(frozen=True, slots=True)
class StressTest:
    """What the model's output does when one feature is missing, all but unchanged, or raised step by step."""

    test: str  # missing, noise, increasing or decreasing (monotonicity, as declared)
    feature: str | None  # None: all numbers at once
    share: float | None  # of the rows: decisions that flip; of monotonicity rows where it is broken
    mean_change: float | None  # |output - output before|; of monotonicity the mean largest break
    largest: float | None
    reason: str | None = None  # why there is no number


@dataclass(frozen=True, slots=True)
class Stress:
    """How the model bears missing values, small perturbations, and the monotonicity its owner declares."""

    tests: tuple[StressTest, ...]
    n: int
    noise: float  # standard deviations of a column by which its values are moved
    over: str  # whose: reference, or night where the reference was not explained
    seed: int
    reason: str | None = None  # why there is none


@dataclass(frozen=True, slots=True)
class Explanation:
    """What drives the model, on a bounded, seeded, recorded sample."""

    method: str  # e.g. "shap.TreeExplainer (path-dependent), sum of one-hot attributions"
    output: str  # unit of the SHAP values: "log-odds", "probability", "prediction"
    importances: tuple[Importance, ...]
    n: int  # rows explained
    seed: int
    model_sha256: str | None
    additivity_error: float | None  # largest |sum + base - output|
    agreement: float | None  # largest |model's own score - logged score| over the sample
    reason: str | None = None  # why there is no explanation
    explains: str = "model"  # or "surrogate": no model file, so what imitates its log was explained
    fidelity: Fidelity | None = None  # of a surrogate
    dependence: tuple[Dependence, ...] = ()  # of the most important features
    reason_codes: ReasonCodes | None = None  # None: nobody asked for any
    sample: str | None = None  # how its rows were drawn; None: records from before it was said
    groups: tuple[GroupImportance, ...] = ()  # of the declared slices
    permutation: PermutationImportance | None = None  # None: records from before there was any, here and below
    attribution: AttributionDrift | None = None
    stress: Stress | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a number does when nothing is wrong, from the nights of phase I; frozen from then on.

    Centre, sigma and weekdays are on the chart's scale, and sigma is widened for having been estimated.
    """

    first: date  # night of phase I
    last: date
    nights: int  # that it stands on
    set_aside: int  # nights that were out of control in phase I, and left out once
    centre: float
    sigma: float  # of one night
    weekdays: tuple[float, ...] = ()  # Monday to Sunday, added to the centre; (): no weekly season was found
    autocorrelation: float = 0.0  # of a night and the one before; 0 where it is below


@dataclass(frozen=True, slots=True)
class ControlChart:
    """One number of the night among those of earlier nights; all but z and cusum in the number's own unit."""

    metric: str  # kind.name, such as volume.rows or performance.auc
    scale: str  # on which it is charted: identity, share, count, amount or log
    value: float | None
    n: int | None  # rows behind the number
    nights: int  # earlier nights that have it: of phase I until there is a baseline, then those looked at since
    baseline: Baseline | None = None
    centre: float | None = None
    lower: float | None = None  # limits of the night; None: there is none below
    upper: float | None = None
    z: float | None = None  # standard deviations from the centre
    ewma: float | None = None  # exponentially weighted mean of the nights
    ewma_lower: float | None = None
    ewma_upper: float | None = None
    cusum_low: float | None = None  # summed shift below the centre, in standard deviations
    cusum_high: float | None = None  # and above it
    cusum_limit: float | None = None
    broken: tuple[str, ...] = ()  # rules: limits, nelson_2 to nelson_8, ewma, cusum
    judged: tuple[str, ...] = ()  # rules whose break warns, by the policy
    reason: str | None = None  # why it was not evaluated


@dataclass(frozen=True, slots=True)
class JointBaseline:
    """How the numbers of a night vary together, as standard deviations from their centres."""

    metrics: tuple[str, ...]
    first: date  # night of phase I
    nights: int  # that it stands on: they have all numbers, none of them far out
    spent: int  # what their centres were estimated from: 1, or 7 weekdays
    covariance: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class JointAnomaly:
    """How far a night's numbers together are from what they do together, and what moved most."""

    metrics: tuple[str, ...]  # that were there
    distance: float | None  # squared Mahalanobis distance
    limit: float | None  # above it there is an anomaly
    broken: bool = False
    judged: bool = False  # whether it warns, by the policy
    baseline: JointBaseline | None = None
    reason: str | None = None  # why it was not evaluated


@dataclass(frozen=True, slots=True)
class ControlCharts:
    """The numbers of a night against those of the nights before."""

    charts: tuple[ControlChart, ...]
    joint: JointAnomaly
    nights_needed: int  # of phase I
    look_back: tuple[tuple[date, str], ...]  # earlier nights they stand on, newest first -> their result_digest


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer against the owner's policy."""

    stage: Stage
    name: str  # psi, gx critical expectation, auc, ...
    column: str | None
    severity: Severity
    outcome: Outcome
    counts: bool  # whether it enters the verdict (info and pending do not)
    value: float | None
    limit: float | None
    n: int | None
    reason: str  # one sentence an auditor can read without the code
    conclusion: str | None = None  # finer word: pending, stopped, missing night, ...


@dataclass(frozen=True, slots=True)
class AppliedLimit:
    """A limit of the policy as it was applied, so that a number can be read beside it."""

    stage: Stage
    name: str  # method or metric
    column: str | None  # None: every column without a limit of its own
    warn: float | None
    fail: float | None
    high_is_bad: bool  # True: reached from below (drift, errors); False: undercut (auc, r2)
    alpha: float | None = None  # no alarm where the adjusted p is above; None: the number alone decides


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and why; findings hold everything that is not PASS, and one summary per stage."""

    verdict: Outcome
    conclusion: str  # e.g. "PASS, performance pending"
    findings: tuple[Finding, ...]
    limits: tuple[AppliedLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlierNight:
    """What the newest record of an earlier night said about drift."""

    night: date
    result_digest: str
    alarms: frozenset[tuple[str, str | None]]  # (method, column) that warned or failed


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file of the store that a record stands on."""

    role: str  # snapshot, reference, labels, model, model_config, suite, policy, report, ...
    path: str  # below the audit folder
    sha256: str
    bytes: int
    media_type: str
    origin: str | None = None  # of a reference: digest of all its bytes follow from, so that it is frozen only once


@dataclass(frozen=True, slots=True)
class RunContext:
    """Who computes: one try of one run."""

    run_id: str  # of the Dagster run, or a UUID made by the caller
    created: datetime  # when that run was created
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One input column behind an output column."""

    dataset: str  # Dataset.name of an input of the same stage
    column: str
    subtype: str  # OpenLineage: IDENTITY, TRANSFORMATION, AGGREGATION
    masking: bool = False
    direct: bool = True  # False: INDIRECT (sort, filter, join)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A node of the lineage graph as one stage saw it."""

    namespace: str  # "file", or "duckdb://..."; by the OpenLineage naming rules
    name: str  # the night is a version, never part of the name
    kind: str  # log, labels, reference, model, model_config, policy, suite, snapshot, validation, drift, ..., record
    version: str  # sha256, "" when unknown
    columns: tuple[Column, ...] = ()
    sources: tuple[tuple[str, tuple[ColumnSource, ...]], ...] = ()  # output column -> what it came from
    rows: int | None = None
    bytes: int | None = None
    file: str | None = None  # the very file, when the name stands for one per night
    framework: str | None = None  # of a model, e.g. scikit-learn


@dataclass(frozen=True, slots=True)
class SourceCode:
    """Where the code and configuration of an audit are kept, as the project says."""

    repository: str  # URL
    path: str  # in the repository; "" for its top
    version: str  # what is deployed, e.g. a commit


@dataclass(frozen=True, slots=True)
class StageTrace:
    """When a stage ran, how it ended, what it read and wrote."""

    stage: Stage
    started: datetime
    ended: datetime
    outcome: Outcome | None  # None: it crashed or did not run
    error: str | None  # our own sentence; set when the stage failed to run (not when data failed a check)
    inputs: tuple[Dataset, ...]
    outputs: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole path of one model-night, from which its lineage events are derived."""

    run: RunContext
    model_id: str
    night: date
    owner: str
    project: str  # job namespace
    stages: tuple[StageTrace, ...]
    checks: tuple[CheckResult, ...] = ()  # attached to the validation stage's snapshot input
    drift: tuple[DriftScore, ...] = ()
    decision: Decision | None = None
    model_version: str = ""  # as the model file says; "" when the run died before it was read
    profile: tuple[ColumnProfile, ...] = ()  # of the snapshot's columns, attached like the checks
    source_code: SourceCode | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a result depends on beside the files it names, so that it can be computed anew from the store alone."""

    limits: tuple[tuple[str, int], ...]  # of project.yaml: sizes at which other numbers are computed
    faults: tuple[Finding, ...] = ()  # what the sources got wrong
    reference_problem: str | None = None  # why there is no reference
    artefact_problem: str | None = None  # why there is no model file
    artefact_sha256: str | None = None  # that the model file had to have


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The `result` part of an evidence record: the same inputs give the same bytes."""

    schema_version: int
    project: str
    model_id: str
    model_version: str
    versions_seen: tuple[tuple[str, int], ...]  # model version in the log -> rows
    night: date
    description: str
    owner: str
    domain: str
    tier: int
    task: str
    seed: int
    engines: tuple[tuple[str, str], ...]  # package -> version
    source: str | None  # the log as the configuration names it, for this night
    snapshot: Snapshot | None
    inputs: tuple[FileRef, ...]
    look_back: tuple[tuple[date, str], ...]  # earlier nights it stands on -> their result_digest
    profile: tuple[ColumnProfile, ...]
    validation: Validation | None
    drift: Drift | None
    performance: Performance | None
    explanation: Explanation | None
    decision: Decision
    fairness: Fairness | None = None  # None: no groups are declared, or see the findings
    charts: ControlCharts | None = None  # None: records from before there were any
    circumstances: Circumstances | None = None  # None: of a version that could not replay


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A charted number of an earlier night with the limits of that night."""

    metric: str
    value: float | None
    centre: float | None
    lower: float | None
    upper: float | None
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What an earlier night came to, for the report's trend; from logged records only."""

    night: date
    record: str
    verdict: Outcome
    worst_psi: float | None
    worst_psi_column: str | None
    metric: float | None  # the task's main metric: auc or rmse
    charts: tuple[ChartPoint, ...] = ()
