"""What every command needs: the project, loaded when first asked for, and its published database."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import duckdb
import typer

from audit_pipeline.config import Layout, Project, load_project, project_alone
from audit_pipeline.config.load import require_project
from audit_pipeline.errors import NothingAuditedError, PublishError, QueryError, did_you_mean
from audit_pipeline.publish import Answer, published, query

if TYPE_CHECKING:  # what answers from the database alone does not load the evidence
    from audit_pipeline.evidence import Store

DAY = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD"}  # how a night is given
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def program() -> str:
    """Return the program as the user can type it again: it may not be on the PATH."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m audit_pipeline"
    found = shutil.which(called.name)
    if found and Path(found).resolve() == called.resolve():
        return called.name
    return min(os.path.relpath(called), str(called), key=len)


class Context:
    """Global options of one call."""

    def __init__(self, root: Path) -> None:
        """`root` is the project folder; it is not read yet."""
        self.root = root.resolve()

    @cached_property
    def project(self) -> Project:
        """The project.

        Raises:
            ConfigError: with every fault of its files.
        """
        return load_project(self.root)

    @property
    def shown(self) -> str:
        """The project folder as the user would type it."""
        return os.path.relpath(self.root)

    @property
    def layout(self) -> Layout:
        """Where the project keeps its things; needs no valid configuration."""
        return Layout(root=self.root)

    def require_evidence(self) -> None:
        """Refuse a folder in which nothing has been audited.

        Raises:
            ConfigError: it is no project.
            NothingAuditedError: it holds no evidence.
        """
        if not any((self.layout.audit / name).is_dir() for name in ("evidence", "log")):  # either may have been lost
            require_project(self.root)
            raise NothingAuditedError(str(self.root))

    def store_to_read(self) -> "Store":
        """Return the evidence store, not to be written to; a project that cannot be read hinders nothing."""
        from audit_pipeline.evidence import Store
        from audit_pipeline.vault import Vault

        return Store(self.layout, vault=Vault.of(project_alone(self.root), self.root))

    def ask(self, sql: str, parameters: list[Any] | None = None, *, role: str | None = None) -> Answer:
        """Return what the published database answers, or that of a role.

        Raises:
            ConfigError: the folder is no project.
            NothingAuditedError: there is no evidence yet.
            PublishError: there is evidence and no readable database.
            QueryError: the statement is not valid on it, or there is no such role.
        """
        with self.database(role):  # whatever is wrong with the file is told by this; the rest is the statement's
            try:
                return query(self.layout, sql, parameters, role=role)
            except PublishError as error:
                raise QueryError(str(error)) from error

    @contextmanager
    def database(self, role: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the published database, or that of a role, for more than one question.

        Raises:
            AuditError: as `ask`.
        """
        if role is not None:
            self._require_role(role)
        elif not self.layout.database.exists():
            self.require_evidence()
            raise PublishError(f"There is evidence and no '{self.layout.database}'. `audit-pipeline rebuild` makes it.")
        with published(self.layout, role) as connection:
            try:
                yield connection
            except (duckdb.BinderException, duckdb.CatalogException) as error:  # our own questions fit our own tables
                raise PublishError(
                    f"'{self.layout.database_of(role)}' was made by another version of the program: it lacks what is "
                    "asked for. `audit-pipeline rebuild` makes it anew from the evidence."
                ) from error

    def _require_role(self, role: str) -> None:
        """Refuse a role that has no database; a reader need not see the whole one, nor the configuration.

        Raises:
            QueryError: it has none.
        """
        made = sorted(file.name.split(".")[1] for file in self.layout.audit.glob("audit.*.duckdb"))
        if role not in made:
            there = f" There are: {', '.join(made)}." if made else ""
            text = f"There is no database for the role '{role}'.{did_you_mean(role, made)}{there} "
            raise QueryError(text + "`roles` in project.yaml declares one, and the next publication writes it.")
