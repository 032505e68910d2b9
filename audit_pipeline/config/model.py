"""One model file: where its log, labels and reference are, what its columns mean, what its owner expects."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from audit_pipeline.config.base import Strict
from audit_pipeline.config.policy import Policy

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Format = Literal["parquet", "csv", "jsonl"]
ColumnType = Literal["number", "integer", "category", "boolean", "date", "timestamp"]
Role = Literal["row_id", "subject_id", "feature", "score", "prediction", "model_version", "time", "segment"]
Privacy = Literal["direct_identifier", "quasi_identifier", "sensitive", "none"]

ONCE = ("row_id", "subject_id", "score", "prediction", "model_version", "time")  # roles one column may have
SUFFIX: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".gz": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


class Source(Strict):
    """A file per night (`path` with `{night}`), one plain file, or a table of a DuckDB file."""

    path: str | None = Field(default=None, description="file, relative to the project; `{night}` stands for YYYY-MM-DD")
    format: Format | None = Field(default=None, description="taken from the suffix when absent")
    database: str | None = Field(default=None, description="DuckDB file, relative to the project")
    table: str | None = Field(default=None, description="schema.table in that file")
    night_column: str | None = Field(default=None, description="DATE column of the table that names the night")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        fault = self._fault()
        if fault:
            raise ValueError(fault)
        return self

    def _fault(self) -> str | None:
        """Say what does not fit together, or nothing."""
        if (self.path is None) == (self.database is None):
            return "give either `path` (a file) or `database` and `table` (DuckDB), not both"
        if self.database is not None and self.table is None:
            return "`database` needs `table`"
        if self.path is not None and (self.table or self.night_column):
            return "`table` and `night_column` belong to `database`, not to `path`"
        if self.table is not None and not re.fullmatch(r"\w+(\.\w+)?", self.table):
            return "`table` is a name or schema.name"
        if self.path is not None and self.kind is None:
            return f"the suffix of '{self.path}' tells no format: add `format: parquet|csv|jsonl`"
        return None

    @property
    def kind(self) -> Literal["parquet", "csv", "jsonl", "duckdb"] | None:
        """The reader this source needs."""
        if self.database is not None:
            return "duckdb"
        if self.format is not None:
            return self.format
        suffix = re.search(r"\.[a-z]+$", str(self.path).lower())
        return SUFFIX.get(suffix[0]) if suffix else None


class NightlySource(Source):
    """A source that holds one night at a time."""

    def _fault(self) -> str | None:
        if self.path is not None and "{night}" not in self.path:
            return "`path` must hold `{night}`, so that a night's file can be found"
        if self.database is not None and self.night_column is None:
            return "`database` needs `night_column`, so that a night's rows can be found"
        return Source._fault(self)


class Labels(NightlySource):
    """Outcomes, joined to the log by row_id; `{night}` is the night of the predictions they belong to."""

    row_id: str | None = Field(default=None, description="join column in the labels; default: as in the log")
    column: str = Field(description="column that holds the outcome")
    privacy: Privacy = Field(description="privacy class of the outcome")
    delay_nights: Annotated[int, Field(ge=0, le=3650)] = Field(
        description="nights until all labels should be there: pending before, overdue after"
    )


class Window(Strict):
    """Earlier nights of the same log as reference."""

    nights: Annotated[int, Field(ge=1, le=366)] = Field(description="how many earlier nights")


class Reference(Source):
    """What the night is compared with: a file or table, or a window of earlier nights."""

    window: Window | None = Field(default=None, description="use the newest audited nights before this one")
    label: str | None = Field(default=None, description="column of the outcome in the reference file, if it has one")

    def _fault(self) -> str | None:
        if self.window is None:
            return Source._fault(self)
        if self.path or self.database or self.label:
            return "`window` stands alone: no `path`, `database` or `label` beside it"
        return None


class Artefact(Strict):
    """The model itself, for the explanation; opened only when its sha256 is the pinned one."""

    path: str = Field(description="file, relative to the project")
    format: Literal["skops"] = "skops"
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64}|file:.+)$")] = Field(
        description="of the reviewed file; `file:PATH` names a sha256sum file written by who releases the model"
    )
    trusted: tuple[str, ...] = Field(default=(), description="reviewed type names the file may hold")


class ColumnConfig(Strict):
    """What one column of the log is; type and privacy are required."""

    type: ColumnType
    privacy: Privacy = Field(description="direct identifiers are pseudonymised before anything is written")
    role: Role = "feature"
    description: str = ""


class ModelConfig(Strict):
    """One audited model."""

    schema_version: Literal[1]
    model_id: Name
    version: str = Field(description="version in production; a `model_version` column overrides it row by row")
    description: str = ""
    owner: Name = Field(description="key of `owners` in project.yaml")
    domain: Name = Field(description="business domain: the group in the Dagster UI")
    tier: Annotated[int, Field(ge=1, le=4)] = Field(default=2, description="1 is the most material")
    task: Literal["binary", "regression"]
    threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.5, description="score from which a binary model says yes, when no prediction is logged"
    )
    log: NightlySource
    labels: Labels | None = None
    reference: Reference
    artefact: Artefact | None = None
    columns: dict[str, ColumnConfig] = Field(min_length=2)
    policy: Policy = Policy()

    @field_validator("columns")
    @classmethod
    def _roles(cls, columns: dict[str, ColumnConfig]) -> dict[str, ColumnConfig]:
        for role in ONCE:
            names = [name for name, column in columns.items() if column.role == role]
            if len(names) > 1:
                raise ValueError(f"role {role} is given to {len(names)} columns ({', '.join(names)}); one may have it")
        if not any(column.role == "row_id" for column in columns.values()):
            raise ValueError("no column has `role: row_id`: name the column that is unique per prediction")
        return columns

    @model_validator(mode="after")
    def _task_fits(self) -> Self:
        needed: Role = "score" if self.task == "binary" else "prediction"
        if self.by_role(needed) is None:
            raise ValueError(f"a {self.task} model needs a column with `role: {needed}`")
        if self.reference.label and self.reference.label in self.columns:
            raise ValueError(f"the reference's label '{self.reference.label}' must not be a column of the log")
        for name in self.policy.drift.columns:
            if name not in self.columns:
                raise ValueError(f"policy.drift.columns names '{name}', which is not in `columns`")
        return self

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
        return str(self.by_role("score" if self.task == "binary" else "prediction"))

    def labels_due(self, night: date) -> date | None:
        """Return the night on which all labels of `night` should be there; None without labels."""
        return date.fromordinal(night.toordinal() + self.labels.delay_nights) if self.labels else None
