"""Lineage of a fleet: `python -m benchmarks.lineage make|load|plain|again|ask ...`.

`load` takes all events into an empty file of tables as publishing does, `plain` only inserts the same lines by DuckDB's
own JSON reader; `again` adds one more night to the full file; `ask` times the questions of the command line on it.
"""

import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.imports import remember
from benchmarks.lineage_events import FIRST, ours, template, theirs
from benchmarks.process import say

THREADS = 2
TIMES = 5  # each question is asked; the first one warms up
NAME = "readmission_{:02d}"


def main(way: str, *arguments: str) -> None:
    """Do one thing, and say what it came to."""
    ways: dict[str, Callable[..., None]] = {"make": make, "load": load, "plain": plain, "again": again, "ask": ask}
    ways[way](*arguments)


def make(folder: str, models: str, nights: str) -> None:
    """Write the events of `nights` nights to `full`, and of one more to `more`; a file per night and producer."""
    made = template()
    size = 0
    for number in range(int(nights) + 1):
        night = FIRST + timedelta(number)
        part = Path(folder) / ("full" if number < int(nights) else "more")
        for side, lines_of in (("outbox", lambda model, at: ours(model, at, made)), ("inbox", theirs)):
            (part / side).mkdir(parents=True, exist_ok=True)
            lines = [line for model in range(int(models)) for line in lines_of(NAME.format(model), night)]
            size += (part / side / f"{number:04d}.jsonl").write_text("\n".join(lines) + "\n")
    say(bytes=size)


def load(made: str, work: str, modules: str) -> None:
    """Load every event into an empty database."""
    from audit_pipeline import lineage

    with _database(Path(work) / "lineage.duckdb") as connection:
        added = lineage.load(connection, Path(made) / "full" / "outbox", Path(made) / "full" / "inbox")
        connection.execute("checkpoint store")
    remember(Path(modules))
    say(events=added)


def plain(made: str, work: str, modules: str) -> None:
    """Insert the same lines and nothing else."""
    columns = (
        "{eventTime: 'TIMESTAMP', eventType: 'VARCHAR', run: 'JSON', job: 'JSON', inputs: 'JSON', outputs: 'JSON'}"
    )
    with _database(Path(work) / "plain.duckdb") as connection:
        files = f"['{made}/full/outbox/*.jsonl', '{made}/full/inbox/*.jsonl']"
        connection.execute(f"create table event as from read_json({files}, columns = {columns}, format = 'nd')")
        [(rows,)] = connection.execute("select count(*) from event").fetchall()
        connection.execute("checkpoint store")
    remember(Path(modules))
    say(events=rows)


def again(made: str, full: str, work: str) -> None:
    """Add one more night to a copy of the full database; say CPU seconds of that load alone."""
    import pyarrow  # noqa: F401 (its import is no part of loading)

    from audit_pipeline import lineage

    for side in ("outbox", "inbox"):
        shutil.copytree(Path(made) / "full" / side, Path(work) / side)
        shutil.copytree(Path(made) / "more" / side, Path(work) / side, dirs_exist_ok=True)
    shutil.copyfile(full, Path(work) / "lineage.duckdb")
    with _database(Path(work) / "lineage.duckdb") as connection:
        start = time.process_time()
        added = lineage.load(connection, Path(work) / "outbox", Path(work) / "inbox")
        spent = time.process_time() - start
    say(events=added, cpu_s=spent)


def ask(full: str, nights: str) -> None:
    """Ask each question several times; say the median of its milliseconds on the wall."""
    from audit_pipeline import lineage

    model, night = NAME.format(0), FIRST + timedelta(int(nights) // 2)
    log = f"/srv/audit/data/input/logs/{model}/{night}.parquet"
    with _database(Path(full), read_only=True) as connection:
        connection.execute("create temp table artifact (record varchar, path varchar)")  # the publisher's
        run = "select run_id from lineage.run where model_id = $1 and night = $2 and stage = 'audit'"
        [(audit,)] = connection.execute(run, [model, night]).fetchall()
        questions: dict[str, Callable[[], Any]] = {
            "upstream": lambda: lineage.upstream(connection, model).nodes,
            "upstream as of": lambda: lineage.upstream(connection, model, as_of=night).nodes,
            "downstream": lambda: lineage.downstream(connection, f"snapshots/{model}").nodes,
            "column path": lambda: lineage.column_path(connection, f"drift/{model}", "c03").steps,
            "runs behind": lambda: connection.execute("from lineage.runs_behind($1)", [audit]).fetchall(),
            "impact of a night's file": lambda: lineage.impact(connection, log).uses,
            "impact of a model file": lambda: lineage.impact(connection, f"models/{model}.skops").uses,
        }
        say(**{name: _milliseconds(question) for name, question in questions.items()})


def _milliseconds(question: Callable[[], Any]) -> float:
    spent = []
    for _ in range(TIMES):
        start = time.perf_counter()
        found = question()
        spent.append(1000 * (time.perf_counter() - start))
        if not found:
            raise RuntimeError("a question without an answer measures nothing")
    return median(spent)


def _database(file: Path, *, read_only: bool = False) -> Any:
    """Open a database file as the publisher does, as the current one."""
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS, "temp_directory": str(file.parent / "spill")})
    how = "read_only" if read_only else "storage_version 'v1.2.0'"
    connection.execute(f"attach '{file}' as store ({how})")
    connection.execute("use store")
    return connection


if __name__ == "__main__":
    main(*sys.argv[1:])
