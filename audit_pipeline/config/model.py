"""One model file: where its log, labels and reference are, what its columns mean, what its owner expects."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from audit_pipeline.config.base import Broken, Ruled, Strict, fits, mapping
from audit_pipeline.config.charts import broken_charts
from audit_pipeline.config.fairness import Fairness, broken_fairness, protected_groups
from audit_pipeline.config.generalise import Generalise, broken_generalise, broken_rule
from audit_pipeline.config.metrics import METRICS, NEEDS
from audit_pipeline.config.policy import Policy
from audit_pipeline.config.source import NightlySource, Reference
from audit_pipeline.errors import did_you_mean
from audit_pipeline.records import Generalised

NAME = r"[a-z][a-z0-9_]{0,62}"
NAME_MEANING = "a name: lower-case letters, digits and _, a letter first, at most 63 long"
Name = Annotated[str, fits(NAME, NAME_MEANING)]
ColumnType = Literal["number", "integer", "category", "boolean", "date", "timestamp"]
Role = Literal[
    "row_id",
    "subject_id",
    "feature",
    "score",
    "prediction",
    "model_version",
    "time",
    "segment",
    "probability",
    "prediction_lo",
    "prediction_hi",
]
Privacy = Literal["direct_identifier", "quasi_identifier", "sensitive", "none"]

Task = Literal["binary", "regression", "multiclass"]

# what a model of each task gives out
OUTPUT: dict[str, Role] = {"binary": "score", "regression": "prediction", "multiclass": "prediction"}
ONCE = (  # roles one column may have
    "row_id",
    "subject_id",
    "score",
    "prediction",
    "model_version",
    "time",
    "prediction_lo",
    "prediction_hi",
)
CLASS_TYPES = ("category", "integer", "boolean")  # what the class of a multiclass model may be


class Labels(NightlySource):
    """Outcomes, joined to the log by row_id; `{night}` is the night of the predictions they belong to."""

    row_id: str | None = Field(default=None, description="join column in the labels; default: as in the log")
    column: str = Field(description="column that holds the outcome")
    privacy: Privacy = Field(description="privacy class of the outcome")
    delay_nights: Annotated[int, Field(ge=0, le=3650)] = Field(
        description="nights until all labels should be there: pending before, overdue after"
    )
    generalise: Generalise | None = None

    @property
    def generalised(self) -> Generalised | None:
        """How the outcomes are made coarser, those of the reference too; None: they are not."""
        return self.generalise.rule if self.generalise else None


class Artefact(Strict):
    """The model itself, for the explanation; opened only when its sha256 is the pinned one."""

    path: str = Field(description="file, relative to the project")
    format: Literal["skops", "onnx", "xgboost", "lightgbm", "pickle"] = Field(
        default="skops",
        description="of the file: all but `pickle` run no code that it brings; `xgboost` is JSON or UBJSON, `lightgbm` "
        "text, each loaded by the extra of its name; `pickle`, also by joblib, is loaded in a process without files, "
        "network and environment",
    )
    sha256: Annotated[str, fits(r"[0-9a-f]{64}|file:.+", "64 hex digits in lower case, or `file:PATH`")] = Field(
        description="of the reviewed file; `file:PATH` names a sha256sum file written by who releases the model"
    )
    trusted: tuple[str, ...] = Field(
        default=(), description="of `skops` and `pickle`: reviewed names the file may hold or import"
    )
    seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=600, description="that the model may take to be explained; over it, NOT_EVALUATED"
    )

    @model_validator(mode="after")
    def _reviewed(self) -> Self:
        if self.format == "pickle" and self.sha256.startswith("file:"):
            raise ValueError(
                "pickle: give the 64 hex digits themselves, so that a review of this file covers the model"
            )
        if self.trusted and self.format not in ("skops", "pickle"):
            raise ValueError(f"trusted: a file of format {self.format} holds data only; leave it out")
        return self


class Costs(Strict):
    """What one decision of a binary model costs on average, by what came true; a gain is below 0."""

    tp: float = Field(description="yes, rightly")
    fp: float = Field(description="yes, wrongly")
    fn: float = Field(description="no, wrongly")
    tn: float = Field(description="no, rightly")
    unit: str = Field(min_length=1, description="of the four numbers, e.g. dollars")


class ColumnConfig(Strict):
    """What one column of the log is; type and privacy are required."""

    type: ColumnType = Field(description="what every value of the log must be readable as")
    privacy: Privacy = Field(description="direct identifiers are pseudonymised before anything is written")
    role: Role = Field(
        default="feature",
        description="`row_id` is unique per prediction and required; `subject_id` is the person; `score` is the "
        "probability, `prediction` the predicted class or number, `probability` that of one class (`probabilities`), "
        "`prediction_lo` and `prediction_hi` the ends of a regression's prediction interval",
    )
    description: str = Field(default="", description="what it holds")
    generalise: Generalise | None = None
    monotone: Literal["increasing", "decreasing"] | None = Field(
        default=None, description="as this feature rises, all else equal, the model's output must never fall (rise)"
    )

    @property
    def generalised(self) -> Generalised | None:
        """How its values are made coarser; None: they are not."""
        return self.generalise.rule if self.generalise else None


class ModelConfig(Ruled):
    """One audited model."""

    schema_version: Literal[1] = Field(description="version of this file's form")
    model_id: Name = Field(description="also the name of this file and of the suite's")
    version: str = Field(description="version in production; a `model_version` column overrides it row by row")
    description: str = Field(default="", description="what it predicts, for whom")
    owner: Name = Field(description="key of `owners` in project.yaml")
    domain: Name = Field(description="business domain: the group in the Dagster UI")
    tier: Annotated[int, Field(ge=1, le=4)] = Field(default=2, description="1 is the most material")
    task: Task = Field(
        description="binary needs a column with `role: score`, regression and multiclass one with `role: prediction`"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.5, description="score from which a binary model says yes, when no prediction is logged"
    )
    costs: Costs | None = None
    probabilities: dict[str, str] = Field(
        default_factory=dict,
        description="of a multiclass model: class -> column with `role: probability`; all classes or none",
    )
    log: NightlySource
    labels: Labels | None = None
    reference: Reference
    evidently: Literal["native", "exact"] = Field(
        default="native",
        description="`native`: Evidently computes over the rows, up to `limits.evidently_rows`; `exact`: its report "
        "shows the exact numbers",
    )
    artefact: Artefact | None = None
    surrogate: bool = Field(
        default=False,
        description="of a model without `artefact`: explain what imitates its log, named as a surrogate, with fidelity",
    )
    columns: dict[str, ColumnConfig] = Field(min_length=2)
    fairness: Fairness | None = None
    policy: Policy = Field(default_factory=Policy)

    @classmethod
    def broken(cls, data: dict[str, Any]) -> Iterator[Broken]:
        """Hold columns, task, reference and policy against each other."""
        columns, task = mapping(data.get("columns")), data.get("task")
        yield from _broken_roles(columns, task)
        yield from _broken_task(data, columns, task)
        label = mapping(data.get("reference")).get("label")
        if label is not None and label in columns:
            yield ("reference", "label"), f"'{label}' must not be a column of the log: the outcome is not known there"
        policy = mapping(data.get("policy"))
        for name in mapping(mapping(policy.get("drift")).get("columns")):
            if name not in columns:
                text = f"is not in `columns` of this file.{did_you_mean(str(name), columns)}"
                yield ("policy", "drift", "columns", name), text
        yield from broken_fairness(data.get("fairness"), columns, task, policy)
        yield from broken_charts(policy.get("charts"), task, protected_groups(data.get("fairness")))
        yield from _broken_metrics(data, columns, str(task))
        yield from broken_generalise(columns)
        yield from _broken_reasons(data, task, policy)
        yield from _broken_monotone(columns, has_model=data.get("artefact") is not None)
        yield from _broken_labels(data, columns, task)
        if data.get("surrogate") and data.get("artefact") is not None:
            yield ("surrogate",), "is for a model without `artefact`: the model itself is explained"

    def by_role(self, role: Role) -> str | None:
        """Return the column that has `role`, or None."""
        return next((name for name, column in self.columns.items() if column.role == role), None)

    @property
    def row_id(self) -> str:
        """The column that is unique per prediction."""
        return next(name for name, column in self.columns.items() if column.role == "row_id")

    @property
    def features(self) -> tuple[str, ...]:
        """The model's inputs, in the order of the file."""
        return tuple(name for name, column in self.columns.items() if column.role == "feature")

    @property
    def output(self) -> str:
        """The column whose distribution is the prediction's: a binary model's score, else the prediction."""
        return str(self.by_role(OUTPUT[self.task]))

    @property
    def explained(self) -> bool:
        """Whether an explanation is made: of the model, or of a surrogate."""
        return self.artefact is not None or self.surrogate

    def labels_due(self, night: date) -> date | None:
        """Return the night on which all labels of `night` should be there; None without labels."""
        return date.fromordinal(night.toordinal() + self.labels.delay_nights) if self.labels else None


def _broken_roles(columns: dict[str, Any], task: Any) -> Iterator[Broken]:
    """Each role that only one column may have, and the roles that must be given."""
    by_role: dict[Any, list[str]] = {}
    for name, column in columns.items():
        by_role.setdefault(mapping(column).get("role", "feature"), []).append(name)
    for role in ONCE:
        if len(names := by_role.get(role, [])) > 1:
            yield ("columns",), f"role {role} is given to {', '.join(names)}; only one column may have it"
    if columns and "row_id" not in by_role:
        yield ("columns",), "no column has `role: row_id`: name the column that is unique per prediction"
    needed = OUTPUT.get(task) if isinstance(task, str) else None
    if columns and needed and needed not in by_role:
        yield ("columns",), f"no column has `role: {needed}`, which a {task} model needs"


def _broken_task(data: dict[str, Any], columns: dict[str, Any], task: Any) -> Iterator[Broken]:
    """What belongs to models of one task only."""
    roles = {name: mapping(column).get("role", "feature") for name, column in columns.items()}
    if data.get("costs") is not None and task != "binary":
        yield ("costs",), f"belong to a binary model's decisions, and this is a {task} model"
    ends = {"prediction_lo", "prediction_hi"} & set(roles.values())
    if len(ends) == 1:
        yield ("columns",), "prediction_lo and prediction_hi belong together: an interval has two ends"
    if ends and task != "regression":
        yield ("columns",), f"role {min(ends)} belongs to a regression, and this is a {task} model"
    yield from _broken_classes(data, columns, roles, task)


def _broken_classes(
    data: dict[str, Any], columns: dict[str, Any], roles: dict[str, Any], task: Any
) -> Iterator[Broken]:
    """What a multiclass model gives out: a class, and a probability for each class or for none."""
    given = mapping(data.get("probabilities"))
    logged = {name for name, role in roles.items() if role == "probability"}
    if task != "multiclass":
        if given or logged:
            yield ("probabilities",), f"belong to a multiclass model, and this is a {task} model"
        return
    for label, column in given.items():
        if column not in logged:
            yield ("probabilities", str(label)), f"'{column}' is no column with `role: probability`"
    if missing := sorted(logged - {str(column) for column in given.values()}):
        yield ("probabilities",), f"names no class for {', '.join(missing)}, which has `role: probability`"
    if len(set(map(str, given.values()))) < len(given):
        yield ("probabilities",), "gives one column to two classes"
    if len(given) == 1:
        yield ("probabilities",), "names one class; a multiclass model has at least two"
    for name, role in roles.items():
        if role == "prediction" and (kind := mapping(columns[name]).get("type")) not in CLASS_TYPES:
            yield ("columns", name, "type"), f"is {kind}; a class is one of {', '.join(CLASS_TYPES)}"
    for key in ("artefact", "surrogate"):
        if data.get(key):
            yield (key,), "is explained for binary and regression models only: remove it from a multiclass model"


def _broken_reasons(data: dict[str, Any], task: Any, policy: dict[str, Any]) -> Iterator[Broken]:
    """Reasons of decisions that the model does not make, or that nothing could give."""
    place = ("policy", "explanation", "reason_codes")
    asked = mapping(mapping(policy.get("explanation")).get("reason_codes"))
    if asked and data.get("artefact") is None:
        yield place, "needs the model itself: name it in `artefact`"
    if asked and task != "binary" and asked.get("cases") != "all":
        yield (*place, "cases"), f"must be `all`: a {task} model makes no decision"


def _broken_monotone(columns: dict[str, Any], *, has_model: bool) -> Iterator[Broken]:
    """What cannot rise, or cannot be asked because no model is at hand."""
    for name, column in columns.items():
        given = mapping(column)
        if given.get("monotone") is None:
            continue
        if given.get("role", "feature") != "feature" or given.get("type") not in ("number", "integer"):
            yield ("columns", name, "monotone"), "belongs to a feature of type number or integer"
        elif not has_model:
            yield ("columns", name, "monotone"), "cannot be checked without `artefact` in this file"


def _broken_labels(data: dict[str, Any], columns: dict[str, Any], task: Any) -> Iterator[Broken]:
    """What of an outcome can be made coarser: a number's only, since a class is what it is."""
    rule = mapping(mapping(data.get("labels")).get("generalise"))
    if rule and task != "regression":
        yield ("labels", "generalise"), f"is for outcomes that are numbers, and this is a {task} model"
    yield from broken_rule(rule, "number", ("labels", "generalise"))


def _broken_metrics(data: dict[str, Any], columns: dict[str, Any], task: str) -> Iterator[Broken]:
    """Limits on metrics that this model does not have, or that can never be compared."""
    known = METRICS.get(task)
    policy = mapping(mapping(data.get("policy")).get("performance"))
    roles = {mapping(column).get("role") for column in columns.values()}
    for key in ("metrics", "worse_than_reference") if known else ():
        for name in mapping(policy.get(key)):
            place = ("policy", "performance", key, name)
            needs = NEEDS.get((task, name))
            if known and name not in known:
                hint = f"{did_you_mean(str(name), known)} There are: {', '.join(known)}"
                yield place, f"is no metric of a {task} model.{hint}"
            elif needs and not data.get(needs) and needs not in roles:
                yield place, f"is not measured without `{needs}` in this file"
            elif known and key == "worse_than_reference" and known[name] is None:
                yield place, "is neither better nor worse when high: give it limits in `metrics`"
    if policy.get("worse_than_reference") and not mapping(data.get("reference")).get("label"):
        text = "needs outcomes of the reference: name their column in `reference.label`"
        yield ("policy", "performance", "worse_than_reference"), text
