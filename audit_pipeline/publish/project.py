"""Log entries and their records as rows of the published tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

import duckdb

from audit_pipeline.publish.rows import naive, rows_of

BATCH = 200  # entries projected at a time

Entry = Mapping[str, Any]  # a log entry as plain JSON
ReadRecord = Callable[[str, str, str], dict[str, Any] | None]  # model, night, digest -> record; None: purged
OF_THE_LOG = ("evidence_log", "alert", "review", "erasure", "purge")  # tables whose rows stay when a record is purged


def project(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry], read_record: ReadRecord) -> Entry | None:
    """Insert the rows of new log entries, then bring the newest-record tables up to date; return the last entry.

    Raises:
        EvidenceError: a record is missing or was changed.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gone: list[str] = []
    touched: set[tuple[str, str]] = set()
    entry = None
    for number, entry in enumerate(entries, start=1):
        _add(rows, entry, read_record)
        if entry["kind"] == "record":
            touched.add((entry["model_id"], entry["night"]))
        if entry["kind"] == "purge" and entry["body"]["class"] == "evidence":
            gone += [file["sha256"] for file in entry["body"]["files"]]
        if number % BATCH == 0:
            insert(connection, rows)
    insert(connection, rows)
    _settle(connection, touched | _remove(connection, gone))
    return entry


def _add(rows: dict[str, list[dict[str, Any]]], entry: Entry, read_record: ReadRecord) -> None:
    """Gather the rows of one entry; of a kind that has no table, only its line in the log."""
    place = {"log_index": entry["index"], "time": naive(entry["time"])}
    about = {"model_id": entry["model_id"] or None, "night": entry["night"] or None}
    same = {name: entry[name] for name in ("kind", "digest", "leaf", "root_size", "root", "key_id")}
    rows["evidence_log"].append(place | about | same)
    if entry["kind"] == "record":
        record = read_record(entry["model_id"], entry["night"], entry["digest"])
        for table, row in rows_of(record, digest=entry["digest"], log_index=entry["index"]) if record else ():
            rows[table].append(row)
    elif entry["kind"] == "alert":
        rows["alert"].append(entry["body"] | place)
    elif entry["kind"] == "review":
        rows["review"].append(entry["body"] | place | about)
    elif entry["kind"] in ("erasure", "purge"):  # of one file, or of several
        gone = entry["body"] | {"account": entry["body"]["by"]} | place | about
        rows[entry["kind"]] += [gone | file for file in entry["body"].get("files", [{}])]


def _settle(connection: duckdb.DuckDBPyConnection, touched: set[tuple[str, str]]) -> None:
    """Write anew what follows from the newest records of these model-nights."""
    if not touched:
        return
    import pyarrow as pa

    models, nights = zip(*sorted(touched), strict=True)
    connection.register("touched", pa.table({"model_id": models, "night": nights}))
    connection.execute((resources.files("audit_pipeline.publish") / "newest.sql").read_text(encoding="utf-8"))
    connection.unregister("touched")


def _remove(connection: duckdb.DuckDBPyConnection, records: list[str]) -> set[tuple[str, str]]:
    """Remove the rows of records that were purged since the last publication; return their model-nights."""
    if not records:
        return set()
    nights = "SELECT model_id, night::VARCHAR FROM record WHERE record IN (SELECT unnest(?::VARCHAR[]))"
    touched = set(connection.execute(nights, [records]).fetchall())
    sql = "SELECT c.table_name FROM duckdb_columns() c JOIN duckdb_tables() t USING (table_oid) "
    sql += "WHERE c.column_name = 'record' AND t.database_name = current_database() AND t.schema_name = 'main'"
    for (table,) in connection.execute(sql).fetchall():
        if table not in OF_THE_LOG:
            connection.execute(f"DELETE FROM {table} WHERE record IN (SELECT unnest(?::VARCHAR[]))", [records])
    return touched


def insert(connection: duckdb.DuckDBPyConnection, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Insert the gathered rows by column name and forget them."""
    import pyarrow as pa

    for table, batch in rows.items():
        described = connection.execute(f"DESCRIBE {table}").fetchall()
        arrow = pa.table({name: _values(batch, name, kind) for name, kind, *_ in described})
        connection.register("batch", arrow)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
        connection.unregister("batch")
    rows.clear()


def _values(batch: list[dict[str, Any]], name: str, kind: str) -> Any:
    """Return a column as Arrow; its type is said, because JSON writes 1.0 as 1 and a column may hold nothing."""
    import pyarrow as pa

    values = [row.get(name) for row in batch]
    if kind == "DOUBLE":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    text = pa.string()  # DATE and TIMESTAMP too: DuckDB reads their ISO form
    types = {"BIGINT": pa.int64(), "INTEGER": pa.int64(), "BOOLEAN": pa.bool_(), "VARCHAR[]": pa.list_(text)}
    return pa.array(values, types.get(kind, text))
