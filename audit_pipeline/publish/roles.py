"""Writes `audit.<role>.duckdb` for each role: a file of its own, since DuckDB knows no users and no rights on rows.

Each is written anew from the published file, row by row into an empty file, so that nothing hidden can be left in a
free block. It costs what copying its rows costs, at each publication.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from audit_pipeline.config import DatabaseRole, Layout
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import PublishError
from audit_pipeline.offline import DUCKDB
from audit_pipeline.publish.build import STORAGE, quoted
from audit_pipeline.publish.role import Table, mask, scope, shown, tables_of
from audit_pipeline.publish.swap import swap

MODELS = """
CREATE TABLE models AS SELECT model_id FROM build.main.record
GROUP BY model_id HAVING model_id IN $models OR arg_max(domain, log_index) IN $domains
"""
WITHIN = """
CREATE TABLE runs AS SELECT run_id FROM build.lineage.run WHERE model_id IN (FROM models);
CREATE TABLE nodes AS SELECT node FROM build.lineage.run WHERE run_id IN (FROM runs)
UNION SELECT node FROM build.lineage.run_io WHERE run_id IN (FROM runs)
"""


def withdraw(layout: Layout, roles: Mapping[str, DatabaseRole]) -> None:
    """Remove the files of roles that are gone or may see something else now; readers who have one open keep it."""
    made = _made(layout)
    for file in layout.audit.glob("audit.*.duckdb"):
        role = file.name.split(".")[1]
        if role not in roles or made.get(role) != _definition(roles[role]):
            file.unlink(missing_ok=True)


def publish_roles(layout: Layout, folder: Path, roles: Mapping[str, DatabaseRole], key: bytes | None) -> None:
    """Write the database of every role and swap it in.

    Args:
        layout: where the project keeps its things.
        folder: for work in progress, on the disk of the published files.
        roles: by name; what they hide and mask is known to be there (`role_faults`).
        key: of the masks; needed when there are any.

    Raises:
        PublishError: a file cannot be given to its group.
        duckdb.Error, OSError: a file could not be written.
    """
    made = {name: definition for name, definition in _made(layout).items() if name in roles}
    for name, role in roles.items():
        file = folder / "role.duckdb"  # what a dead publisher left of it is written over
        file.unlink(missing_ok=True)
        try:
            _write(file, layout.database, name, role, key)
            try:
                swap(file, layout.database_of(name), mode=int(role.mode, 8), group=role.group)
            except (LookupError, PermissionError) as error:
                text = f"audit.{name}.duckdb was not published: it cannot be given to the group '{role.group}'. "
                raise PublishError(text + "Make the publishing account a member, or correct `roles`.") from error
        finally:
            file.unlink(missing_ok=True)
        made[name] = _definition(role)
        write_whole(_note(layout), json.dumps(made).encode())


def _write(file: Path, whole: Path, name: str, role: DatabaseRole, key: bytes | None) -> None:
    """Write one role's database to `file`, from the one that holds all."""
    with duckdb.connect(config={**DUCKDB, "temp_directory": str(file.with_name("spill"))}) as connection:
        connection.execute(f"ATTACH '{quoted(whole)}' AS build (READ_ONLY)")
        connection.execute(f"ATTACH '{quoted(file)}' AS role (STORAGE_VERSION '{STORAGE}')")
        connection.execute("COPY FROM DATABASE build TO role (SCHEMA)")
        tables = tables_of(connection, "build")
        _fill_masks(connection, tables, name, role, key)
        _fill_scope(connection, tables, role)
        connection.execute("BEGIN")
        for table in tables:
            _fill(connection, table, role)
            _say_hidden(connection, table, role)
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT role")
        connection.execute("DETACH role")


def _fill_scope(connection: duckdb.DuckDBPyConnection, tables: list[Table], role: DatabaseRole) -> None:
    """Note which models a role is limited to, with the runs and nodes of the lineage that are about them alone."""
    if role.limited:
        connection.execute(MODELS, {"models": list(role.models or ()), "domains": list(role.domains or ())})
        if any(table.name == "lineage.run" for table in tables):  # a publication without lineage has none
            connection.execute(WITHIN)


def _fill(connection: duckdb.DuckDBPyConnection, table: Table, role: DatabaseRole) -> None:
    """Copy what of one table a role may see."""
    where = scope(table, limited=role.limited)
    if table.name not in role.hide and where != "false":
        sql = f"SELECT {shown(table, role)} FROM build.{table.sql} source WHERE {where}"
        connection.execute(f"INSERT INTO role.{table.sql} {sql}")


def _fill_masks(
    connection: duckdb.DuckDBPyConnection, tables: list[Table], name: str, role: DatabaseRole, key: bytes | None
) -> None:
    """Make a mask for every text that stands in a masked column."""
    if not role.mask or key is None:
        return
    connection.execute("CREATE TABLE masks (value VARCHAR, mask VARCHAR)")
    places = [(table.sql, column) for table in tables for column in table.meant(role.mask)]
    sql = " UNION ".join(
        f'SELECT "{column}" FROM build.{table} WHERE "{column}" IS NOT NULL' for table, column in places
    )
    values = [value for (value,) in connection.execute(sql).fetchall()]
    masks = [mask(value, role=name, key=key) for value in values]
    connection.execute("INSERT INTO masks SELECT unnest($1), unnest($2)", [values, masks])


def _say_hidden(connection: duckdb.DuckDBPyConnection, table: Table, role: DatabaseRole) -> None:
    """Add to the COMMENT of a column what the role sees in its place: NULL elsewhere means something else."""
    for said, columns in (("hidden from this role", table.meant(role.hide)), ("masked", table.meant(role.mask))):
        for column in columns:
            text = f"{table.comments[column]} ({said})".replace("'", "''")
            connection.execute(f"COMMENT ON COLUMN role.{table.sql}.\"{column}\" IS '{text}'")


def _definition(role: DatabaseRole) -> str:
    """Return what a role may see, as text that can be compared."""
    return role.model_dump_json()


def _made(layout: Layout) -> dict[str, str]:
    """Return by what definition each role's file was made; nothing when that cannot be told."""
    with suppress(OSError, ValueError):
        noted = json.loads(_note(layout).read_bytes())
        return noted if isinstance(noted, dict) else {}
    return {}


def _note(layout: Layout) -> Path:
    return layout.audit / ".state" / "roles.json"
