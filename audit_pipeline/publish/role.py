"""What a role may see, table by table: which rows, which columns, and what stands in place of the rest.

A table stays and its hidden columns hold NULL, so that every view and every question still works. The raw lineage
events are in no role's file: they repeat what the tables hold, in words of their own.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from audit_pipeline.config import DatabaseRole
from audit_pipeline.errors import Fault, did_you_mean
from audit_pipeline.offline import DUCKDB
from audit_pipeline.publish.schema import create

KEYS = ("model_id", "night", "record")  # what the views join by
MASK = 16  # hex digits of a mask
RAW = "lineage.event"
# Which rows belong to the models of a role, where a table does not name the model itself. A table that is neither here
# nor has a `model_id` tells of no single model: it stays empty for a role that is limited to some.
SCOPES = {
    "lineage.run_io": "run_id IN (FROM runs)",
    "lineage.column_edge": "run_id IN (FROM runs)",
    "lineage.run_edge": "src IN (FROM runs) AND dst IN (FROM runs)",
    "lineage.edge": "src IN (FROM nodes) AND dst IN (FROM nodes)",
    "lineage.column_link": "job IN (FROM nodes) AND src IN (FROM nodes) AND dst IN (FROM nodes)",
    "lineage.symlink": "node IN (FROM nodes)",
    "lineage.node": "node IN (FROM nodes)",
}
COLUMNS = """
SELECT c.schema_name, c.table_name, c.column_name, c.data_type, c.comment
FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_name, schema_name, table_name)
WHERE database_name = ? ORDER BY c.schema_name, c.table_name, c.column_index
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the published database as docs/tables.md names it (audit.record)."""

    name: str
    columns: dict[str, str]  # with their types, in order
    comments: dict[str, str]

    @property
    def sql(self) -> str:
        """The table as SQL names it in a file that is attached under a name of its own."""
        return self.name.replace("audit.", "main.", 1)

    def meant(self, places: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that `places` name; all of them where they name the table."""
        if self.name in places:
            return tuple(self.columns)
        return tuple(c for c in self.columns if f"{self.name}.{c}" in places or f"*.{c}" in places)


def tables_of(connection: duckdb.DuckDBPyConnection, database: str) -> list[Table]:
    """Return the tables of an attached database."""
    found: dict[str, Table] = {}
    for schema, name, column, kind, comment in connection.execute(COLUMNS, [database]).fetchall():
        called = f"{'audit' if schema == 'main' else schema}.{name}"
        table = found.setdefault(called, Table(called, {}, {}))
        table.columns[column], table.comments[column] = kind, comment or ""
    return list(found.values())


def role_faults(
    roles: Mapping[str, DatabaseRole], *, also: Callable[[duckdb.DuckDBPyConnection], None]
) -> Iterator[Fault]:
    """Yield what is wrong with `hide` and `mask`: a misspelt place would hide nothing.

    Args:
        roles: by name.
        also: makes the further schemas of the same database (lineage).
    """
    with duckdb.connect(config=DUCKDB) as connection:
        create(connection)
        also(connection)
        tables = tables_of(connection, "memory")
    for role, what in roles.items():
        for key, places in (("hide", what.hide), ("mask", what.mask)):
            for number, place in enumerate(places):
                if wrong := _wrong(place, tables, mask=key == "mask"):
                    yield Fault("project.yaml", f"roles.{role}.{key}[{number}]", f"'{place}' {wrong}")


def _wrong(place: str, tables: list[Table], *, mask: bool) -> str:
    """Say why a place can be neither hidden nor masked; nothing when it can."""
    whole = place in {table.name for table in tables}
    meant = {(column, table.columns[column]) for table in tables for column in table.meant((place,))}
    if not meant:
        known = [
            *(t.name for t in tables),
            *(f"{star}.{c}" for t in tables for c in t.columns for star in (t.name, "*")),
        ]
        return f"is no table or column of audit.duckdb (docs/tables.md).{did_you_mean(place, known)}"
    if not whole and {column for column, _ in meant} & set(KEYS):
        return "is what the tables are joined by: limit the role to `models` or `domains` instead"
    if mask and (whole or {kind for _, kind in meant} != {"VARCHAR"}):
        return "cannot be masked, only columns of text can: write it under `hide`"
    return ""


def scope(table: Table, *, limited: bool) -> str:
    """Return the condition on the rows of a table that a role may see; `limited`: to some models."""
    if table.name == RAW:
        return "false"
    if not limited or table.name in SCOPES:
        return SCOPES[table.name] if limited else "true"
    return "model_id IN (FROM models)" if "model_id" in table.columns else "false"


def shown(table: Table, role: DatabaseRole) -> str:
    """Return the SELECT list of a table: its columns in order, hidden ones NULL, masked ones by their mask."""
    hidden, masked = table.meant(role.hide), table.meant(role.mask)
    return ", ".join(
        "NULL"
        if column in hidden
        else f'(SELECT mask FROM masks WHERE value = source."{column}")'
        if column in masked
        else f'source."{column}"'
        for column in table.columns
    )


def mask(value: str, *, role: str, key: bytes) -> str:
    """Return what stands for `value`: the same in all tables of a role, another one for each role."""
    return hmac.new(key, f"role {role}\0{value}".encode(), hashlib.sha256).hexdigest()[:MASK]
