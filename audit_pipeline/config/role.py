"""Who may read what of the published database: one role of `roles` in project.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from audit_pipeline.config.base import Strict, fits
from audit_pipeline.config.model import Name

Place = Annotated[
    str,
    fits(
        r"(audit|lineage)\.[a-z_]+(\.[a-z0-9_]+)?|\*\.[a-z0-9_]+",
        "`audit.TABLE`, `audit.TABLE.COLUMN` or `*.COLUMN` (of every table), as in docs/tables.md",
    ),
]


class DatabaseRole(Strict):
    """A database of its own, `audit.<role>.duckdb`, for readers who may not see all of `audit.duckdb`."""

    models: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        default=None, description="only these models; without `models` and `domains`, all"
    )
    domains: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        default=None, description="only models whose newest record is of these domains"
    )
    hide: tuple[Place, ...] = Field(
        default=(), description="tables that stay empty, and columns that hold NULL: `audit.alert`, `*.reason`"
    )
    mask: tuple[Place, ...] = Field(
        default=(),
        description="columns of text in which a keyed hash stands for each value, the same in all tables of the role",
    )
    mode: Literal["0400", "0440", "0444"] = Field(
        default="0440", description="rights of the file, in quotes: its owner; the group too; everybody"
    )
    group: str | None = Field(default=None, min_length=1, description="group of the file; the publisher is a member")

    @property
    def limited(self) -> bool:
        """Whether the role sees some models only."""
        return self.models is not None or self.domains is not None
