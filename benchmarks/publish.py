"""A night published into the database of a large fleet: `python -m benchmarks.publish MADE WORK MODELS NIGHTS`.

One real model-night is audited; its record stands for every model on the last two nights, which the program logs and
projects itself. The nights before them are rows of the first of the two, copied by SQL, and lines of the log.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from audit_pipeline.config import load_project
from audit_pipeline.evidence import Store, seal
from audit_pipeline.evidence.entry import line_of
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.publish.build import Build
from audit_pipeline.records import AuditResult, RunContext
from audit_pipeline.revive import revived
from benchmarks.night import MODEL, NIGHTS, project_in
from benchmarks.process import say


def main(made: str, work: str, models: str, nights: str) -> None:
    """Fill the store, then time what one more model-night and one more night of all models take."""
    project = load_project(project_in(Path(work), Path(made)))
    audit_model_night(project, MODEL, NIGHTS["first"], run=RunContext("run", datetime.now(UTC)))
    store = Store.of(project)
    template = _template(store)
    fleet = [f"model_{number:03d}" for number in range(int(models))]
    last = date(2027, 12, 30)
    for model in fleet:
        _commit(store, template, model, last)
    publish_store(project)
    _history(project, store, fleet, nights=[last - timedelta(days=back) for back in range(1, int(nights))])
    took = []
    for new in (fleet[:1], fleet[1:]):
        for model in new:
            _commit(store, template, model, last + timedelta(days=1))
        took.append(_timed(lambda: publish_store(project)))
    with duckdb.connect(str(project.layout.database), read_only=True) as connection:
        [(held,)] = connection.execute("SELECT count(*) FROM audit.model_night").fetchall()
    size = project.layout.database.stat().st_size / 1e6
    say(**{"one model-night": took[0], "one night of all": took[1], "MB": size, "model-nights": held})


def _template(store: Store) -> AuditResult:
    entry = next(entry for entry in store.log.entries() if entry.kind == "record")
    result: AuditResult = revived(AuditResult, store.read_record(entry.model_id, entry.night, entry.digest)["result"])
    return result


def _commit(store: Store, template: AuditResult, model: str, night: date) -> None:
    """Log the record under another name; its files are those of the template."""
    now = datetime.now(UTC)
    execution = {"run_id": "run", "attempt": 1, "created": now, "started": now, "ended": now, "host": "", "stages": []}
    with store.session(), store.workspace() as work:
        (work / "rendered").mkdir()
        result = replace(template, model_id=model, night=night)
        store.commit(result, rendered=work / "rendered", execution=execution)


def _history(project: Any, store: Store, fleet: list[str], *, nights: list[date]) -> None:
    """Put earlier nights into log and build, as if each had been published."""
    build = Build(project.layout.audit / ".build", project.layout.database)
    key = store.log.key
    with store.log.lines.file.open("ab") as file:
        for content in _lines(store.log.lines.count(), fleet, nights):
            file.write(line_of(content, run="run", key=key) + b"\n")
    seal(store.log)
    with duckdb.connect(str(build.file)) as connection:
        columns = "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE schema_name = 'main' GROUP BY ALL"
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()
        known = dict(connection.execute(columns).fetchall())
        dated = [table for (table,) in tables if "night" in known[table]]
        for table in dated:  # one night of all models
            connection.execute(f"CREATE TEMP TABLE one_{table} AS FROM {table} WHERE model_id LIKE 'model_%'")
        for back in range(len(nights), 0, -1):  # in the order in which they would have come
            for table in dated:
                other = ["record[:56] || lpad($back::VARCHAR, 8, '0') AS record"] if "record" in known[table] else []
                other += ["night - $back::INTEGER AS night"]
                copied = f"SELECT * REPLACE ({', '.join(other)}) FROM one_{table}"
                connection.execute(f"INSERT INTO {table} BY NAME {copied}", {"back": back})
        connection.execute("CHECKPOINT")
    *_, last = store.log.entries(store.log.lines.count() - 1)
    build.seal(last.index + 1, last.leaf)


def _lines(start: int, fleet: list[str], nights: list[date]) -> Iterator[dict[str, Any]]:
    """Yield what the log would say of them."""
    body = {"result_digest": "a" * 64, "verdict": "PASS", "owner": "team", "run_id": "run"}
    about = {"time": "2026-07-01T02:00:00.000000+00:00", "kind": "record", "digest": "d" * 64, "body": body}
    every = ((model, night) for night in nights for model in fleet)
    for index, (model, night) in enumerate(every, start):
        yield {**about, "index": index, "model_id": model, "night": night.isoformat()}


def _timed(work: Any) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return {"s": round(time.perf_counter() - began, 2), "CPU s": round(time.process_time() - cpu, 2)}


if __name__ == "__main__":
    main(*sys.argv[1:])
