"""Questions to the published database, read-only: what `status`, `show` and `query` print."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from audit_pipeline.config import Layout
from audit_pipeline.errors import PublishError

CLOSED: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": False, "lock_configuration": True}


@dataclass(frozen=True, slots=True)
class Answer:
    """A result set."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as objects."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@contextmanager
def published(layout: Layout, role: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published database, or that of a role, read-only and with no access to anything outside it.

    Raises:
        PublishError: there is none yet, or it cannot be opened.
    """
    database = layout.database_of(role)
    if not database.exists():
        text = f"There is no published database at '{database}'. Run `audit-pipeline run` (or `rebuild`) first."
        raise PublishError(text)
    try:
        # Closed from the start: a second connection of this process shares the instance, which no SET can change.
        connection = duckdb.connect(str(database), read_only=True, config=CLOSED)
    except duckdb.Error as error:
        text = f"'{database}' cannot be opened ({type(error).__name__}). Run `audit-pipeline rebuild`."
        raise PublishError(text) from error
    with connection:
        yield connection


def query(layout: Layout, sql: str, parameters: list[Any] | None = None, *, role: str | None = None) -> Answer:
    """Return what `sql` answers on the published database, or on that of a role.

    Raises:
        PublishError: there is no database, or the statement is not valid on it.
    """
    with published(layout, role) as connection:
        try:
            cursor: duckdb.DuckDBPyConnection | None = connection.execute(sql, parameters or [])
            if cursor is None:
                raise PublishError(
                    "The query is empty. Example: select model_id, night, verdict from audit.model_night"
                )
            columns = tuple(name for name, *_ in cursor.description or ())
            return Answer(columns, cursor.fetchall() if columns else [])
        except duckdb.Error as error:
            raise PublishError(f"The query was not understood: {str(error).splitlines()[0]}") from error
