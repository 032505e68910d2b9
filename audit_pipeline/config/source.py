"""Where data is: a file, a file per night, a table of a DuckDB file, or the nights before."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from audit_pipeline.config.base import Strict

Format = Literal["parquet", "csv", "jsonl"]
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
        if fault := Source._fault(self):
            return fault
        if self.path is not None and "{night}" not in self.path:
            return "`path` must hold `{night}`, so that a night's file can be found"
        if self.database is not None and self.night_column is None:
            return "`database` needs `night_column`, so that a night's rows can be found"
        return None


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
