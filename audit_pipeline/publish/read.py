"""Questions to the published database, read-only: what `status`, `show` and `query` print."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from audit_pipeline.config import Layout
from audit_pipeline.errors import PublishError


@dataclass(frozen=True, slots=True)
class Answer:
    """A result set."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as objects."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@contextmanager
def published(layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published database read-only, with no access to anything outside it.

    Raises:
        PublishError: there is none yet.
    """
    if not layout.database.exists():
        text = f"There is no published database at '{layout.database}'. Run `audit-pipeline run` (or `rebuild`) first."
        raise PublishError(text)
    with duckdb.connect(str(layout.database), read_only=True) as connection:
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def query(layout: Layout, sql: str, parameters: list[Any] | None = None) -> Answer:
    """Return what `sql` answers.

    Raises:
        PublishError: there is no database, or the statement is not valid on it.
    """
    with published(layout) as connection:
        try:
            cursor = connection.execute(sql, parameters or [])
            columns = tuple(name for name, *_ in cursor.description or ())
            return Answer(columns, cursor.fetchall() if columns else [])
        except duckdb.Error as error:
            raise PublishError(f"The query was not understood: {str(error).splitlines()[0]}") from error
