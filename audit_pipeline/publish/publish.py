"""Project the evidence store into `audit.duckdb` and swap it in, so that a reader never meets a lock.

A private build file is carried on from night to night; the published file is a copy of it, renamed over the old one.
Both are disposable: without a build file everything is projected anew.
"""

import errno
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline.config import Layout
from audit_pipeline.errors import PublishError
from audit_pipeline.publish.rows import naive, rows_of
from audit_pipeline.publish.schema import create

STORAGE = "v1.2.0"  # clients from DuckDB 1.2 on can open the file
BATCH = 200  # records projected at a time

Entry = Mapping[str, Any]  # a log entry as plain JSON
ReadRecord = Callable[[str, str, str], dict[str, Any]]  # model, night, digest -> record


def publish(
    layout: Layout,
    entries: Iterable[Entry],
    read_record: ReadRecord,
    *,
    also: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    anew: bool = False,
) -> Path:
    """Bring `audit.duckdb` up to the log and swap it in; the caller is the only publisher.

    Args:
        layout: where the project keeps its things.
        entries: every entry of the evidence log, in order.
        read_record: reads one record.
        also: fills further schemas of the same database (lineage).
        anew: project everything again, from an empty file.

    Raises:
        PublishError: the file could not be written; the old one stays as it was.
    """
    build = layout.audit / ".build" / "build.duckdb"
    build.parent.mkdir(parents=True, exist_ok=True)
    if anew:
        build.unlink(missing_ok=True)
    try:
        try:
            _fill(build, entries, read_record, also)
        except duckdb.Error:
            build.unlink(missing_ok=True)  # a build file of another version or a dead writer: start over
            build.with_suffix(".duckdb.wal").unlink(missing_ok=True)
            _fill(build, entries, read_record, also)
        _swap(build, layout.database)
    except (duckdb.Error, OSError) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        why = "the disk is full" if full else type(error).__name__
        text = (
            f"audit.duckdb was not published ({why}). The evidence is safe; run `audit-pipeline rebuild` when mended."
        )
        raise PublishError(text) from error
    return layout.database


def _fill(
    build: Path,
    entries: Iterable[Entry],
    read_record: ReadRecord,
    also: Callable[[duckdb.DuckDBPyConnection], None] | None,
) -> None:
    """Add what the build file does not have yet."""
    fresh = not build.exists()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{_quoted(build)}' AS build (STORAGE_VERSION '{STORAGE}')")
        connection.execute("USE build")
        connection.execute("BEGIN")
        if fresh:
            create(connection)
        row = connection.execute("SELECT coalesce(max(log_index), -1) FROM evidence_log").fetchone()
        done = int(row[0]) if row else -1
        _project(connection, (e for e in entries if e["index"] > done), read_record)
        connection.execute("COMMIT")
        if also is not None:
            also(connection)  # in a transaction of its own
        connection.execute("CHECKPOINT build")
        connection.execute("USE memory")
        connection.execute("DETACH build")


def _project(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry], read_record: ReadRecord) -> None:
    """Insert the rows of new log entries, then bring the newest-record tables up to date."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    pending = 0
    for entry in entries:
        index, is_record = entry["index"], entry["kind"] == "record"
        rows["evidence_log"].append(
            {name: entry[name] for name in ("kind", "digest", "previous", "chain")}
            | {
                "log_index": index,
                "time": naive(entry["time"]),
                "model_id": entry["model_id"] or None,
                "night": entry["night"] or None,
            }
        )
        if is_record:
            record = read_record(entry["model_id"], entry["night"], entry["digest"])
            for table, row in rows_of(record, digest=entry["digest"], log_index=index):
                rows[table].append(row)
        else:
            rows["alert"].append(entry["body"] | {"log_index": index, "time": naive(entry["time"])})
        pending += 1
        if pending == BATCH:
            _insert(connection, rows)
            pending = 0
    _insert(connection, rows)
    connection.execute(NEWEST)


def _insert(connection: duckdb.DuckDBPyConnection, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Insert the gathered rows by column name and forget them."""
    import pyarrow as pa

    for table, batch in rows.items():
        columns = [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]
        arrow = pa.table({name: [row.get(name) for row in batch] for name in columns})
        connection.register("batch", arrow)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
        connection.unregister("batch")
    rows.clear()


NEWEST = """
DELETE FROM model_night;
INSERT INTO model_night BY NAME
SELECT r.model_id, r.night, r.record, r.result_digest, r.verdict, r.conclusion, r.rows,
       count(f.name) FILTER (f.outcome = 'FAIL') AS failed,
       count(f.name) FILTER (f.outcome = 'WARN') AS warned,
       count(f.name) FILTER (f.outcome = 'NOT_EVALUATED') AS not_evaluated,
       r.maturity, r.owner, r.domain, r.run_id, r.seconds, r.records
FROM (SELECT *, count(*) OVER (PARTITION BY model_id, night) AS records FROM record
      QUALIFY row_number() OVER (PARTITION BY model_id, night ORDER BY log_index DESC) = 1) r
LEFT JOIN finding f ON f.record = r.record AND f.counts
GROUP BY ALL;
DELETE FROM model;
INSERT INTO model BY NAME
WITH newest AS (SELECT r.* FROM record r JOIN model_night USING (record)),
     version AS (SELECT model_id, model_version AS version, min(night) AS valid_from, max(night) AS last
                 FROM newest GROUP BY ALL)
SELECT v.model_id, v.version, n.description, n.owner, n.domain, n.tier, n.task, v.valid_from,
       lead(v.valid_from) OVER (PARTITION BY v.model_id ORDER BY v.valid_from) AS valid_to
FROM version v JOIN newest n ON n.model_id = v.model_id AND n.model_version = v.version AND n.night = v.last;
"""


def _swap(build: Path, target: Path) -> None:
    """Replace `target` by a copy of `build`: a reader sees the old file or the new one."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(build, temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o444)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
