"""Made-up events of a fleet, as many and as large as real ones: six stages of ours and four jobs of another producer.

One model-night of ours is made by the pipeline's own code; the others are that one with other names, nights, runs and
digests. Airflow's four jobs write the night's log file and know nothing of our names; they come through the inbox.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from audit_pipeline.lineage import events_of
from audit_pipeline.records import (
    CheckResult,
    Column,
    ColumnSource,
    Dataset,
    Decision,
    DriftScore,
    Finding,
    Outcome,
    RunContext,
    Severity,
    Stage,
    StageTrace,
    Trace,
)

FIRST = date(2026, 1, 1)
COLUMNS = 25
CHECKS = 40
STEPS = ("extract", "clean", "join", "score")  # of Airflow, each writing what the next one reads
MODEL = "modelname"  # in the model-night that the others are made from
NIGHTLY = ("log", "snapshot", "labels", "result", "record", "report")  # kinds with a version per night
ROOT = "/srv/audit/data"


def ours(model: str, night: date, template: list[str]) -> list[str]:
    """Return the events of one model-night as lines: a START and a COMPLETE per stage."""
    made = "\n".join(template)
    for kind in NIGHTLY:
        made = made.replace(_sha(kind, MODEL, FIRST), _sha(kind, model, night))
    for stage in Stage:
        made = made.replace(_run(MODEL, FIRST, stage.value), _run(model, night, stage.value))
    day, after = FIRST.isoformat(), (FIRST + timedelta(1)).isoformat()
    dates = {day: night.isoformat(), after: (night + timedelta(1)).isoformat()}
    made = re.sub(f"{day}|{after}", lambda found: dates[found[0]], made)
    return made.replace(MODEL, model).split("\n")


def theirs(model: str, night: date) -> list[str]:
    """Return the events of Airflow's jobs before that model-night: the last one writes the log's file."""
    lines = []
    read = f"{ROOT}/raw/{model}/{night}.csv"
    for number, step in enumerate(STEPS):
        last = step == STEPS[-1]
        written = f"{ROOT}/input/logs/{model}/{night}.parquet" if last else f"{ROOT}/stage/{step}/{model}.parquet"
        for minute, kind in enumerate(("START", "COMPLETE")):
            at = datetime(night.year, night.month, night.day, 23, 2 * number + minute, tzinfo=UTC)
            lines.append(json.dumps(_foreign(model, night, step, kind, at, read, written)))
        read = written
    return lines


def _foreign(model: str, night: date, step: str, kind: str, at: datetime, read: str, written: str) -> dict[str, Any]:
    fields = [{"name": f"c{i:02d}", "type": "double"} for i in range(COLUMNS)]
    mark = {"_producer": "https://github.com/apache/airflow", "_schemaURL": "https://openlineage.io/spec/facets/x.json"}
    nominal = {**mark, "nominalStartTime": f"{night}T00:00:00Z"}
    return {
        "eventTime": at.isoformat(),
        "eventType": kind,
        "producer": mark["_producer"],
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": _run(model, night, step), "facets": {"nominalTime": nominal}},
        "job": {"namespace": "airflow", "name": f"{model}_nightly.{step}", "facets": {}},
        "inputs": [{"namespace": "file", "name": read, "facets": {"schema": {**mark, "fields": fields}}}],
        "outputs": [{"namespace": "file", "name": written, "facets": {"schema": {**mark, "fields": fields}}}],
    }


def template() -> list[str]:
    """Return the events of one model-night made by the pipeline's own code, with the log's other name."""
    lines = []
    for event in events_of(_trace()):
        for dataset in event["inputs"]:
            if dataset["name"].endswith("{night}.parquet"):
                name = dataset["name"].replace("{night}", FIRST.isoformat())
                facet = {"identifiers": [{"namespace": "file", "name": name, "type": "TABLE"}]}
                dataset["facets"]["symlinks"] = facet | {"_producer": "x", "_schemaURL": "https://x"}
        text = json.dumps(event, sort_keys=True, separators=(",", ":"))
        run = event["run"]["runId"]
        lines.append(text.replace(run, _run(MODEL, FIRST, event["job"]["name"].split(".")[1])))
    return lines


def _trace() -> Trace:
    created = datetime(2026, 1, 2, 2, tzinfo=UTC)
    stages = tuple(_stages(created))
    return Trace(
        RunContext("run", created), MODEL, FIRST, "owner", "fleet", stages, tuple(_checks()), tuple(_drift()),
        Decision(Outcome.PASS, "PASS", tuple(_findings())), "1",
    )  # fmt: skip


def _stages(created: datetime) -> Iterator[StageTrace]:
    columns = tuple(Column(f"c{i:02d}", "number", "feature", "none") for i in range(COLUMNS))
    log = _file("log", f"input/logs/{MODEL}/{{night}}.parquet", columns)
    kept = tuple((c.name, (ColumnSource(log.name, c.name, "IDENTITY"),)) for c in columns)
    snapshot = _stored("snapshots", "snapshot", columns, kept)
    reference = _file("reference", f"input/reference/{MODEL}.parquet", columns)
    over = {c.name: (ColumnSource(snapshot.name, c.name, "AGGREGATION"),) for c in columns}
    both = {c: (*s, ColumnSource(reference.name, c, "AGGREGATION")) for c, s in over.items()}
    measured = [
        _stored("validation", "result"),
        _stored("drift", "result", columns, tuple(both.items())),
        _stored("performance", "result"),
        _stored("explanation", "result", columns, tuple(over.items())),
    ]
    read: dict[Stage, tuple[Dataset, ...]] = {
        Stage.SNAPSHOT: (log, _file("model_config", f"models/{MODEL}.yaml")),
        Stage.VALIDATION: (snapshot, _file("suite", f"expectations/{MODEL}.yaml")),
        Stage.DRIFT: (snapshot, reference),
        Stage.PERFORMANCE: (snapshot, _file("labels", f"input/labels/{MODEL}/{{night}}.parquet"), reference),
        Stage.EXPLANATION: (snapshot, _file("model", f"input/models/{MODEL}.skops")),
        Stage.AUDIT: (snapshot, *measured),
    }
    written: list[tuple[Dataset, ...]] = [(snapshot,), *((one,) for one in measured)]
    written += [(_stored("evidence", "record"), _stored("artifacts", "report"))]
    for number, stage in enumerate(Stage):
        start, end = created + timedelta(seconds=number), created + timedelta(seconds=number + 1)
        yield StageTrace(stage, start, end, Outcome.PASS, None, read[stage], written[number])


def _file(kind: str, path: str, columns: tuple[Column, ...] = ()) -> Dataset:
    return Dataset("file", f"{ROOT}/{path}", kind, _sha(kind, MODEL, FIRST), columns, rows=1000)


def _stored(folder: str, kind: str, columns: tuple[Column, ...] = (), sources: Any = ()) -> Dataset:
    return Dataset("audit://fleet", f"{folder}/{MODEL}", kind, _sha(kind, MODEL, FIRST), columns, sources, 1000, 9999)


def _checks() -> Iterator[CheckResult]:
    for i in range(CHECKS):
        kind = "expect_column_values_to_be_between"
        yield CheckResult(
            f"{kind}({i})", kind, f"c{i % COLUMNS:02d}", Severity.WARNING, Outcome.PASS,
            '{"min_value":0,"max_value":9}', "0.0", 1000, 0, 0.0, "",
        )  # fmt: skip


def _drift() -> Iterator[DriftScore]:
    for i in range(COLUMNS):
        yield DriftScore(f"c{i:02d}", "psi", 0.01, 0.25, 1000, 1000, 0.0, 0.0, "exact")


def _findings() -> Iterator[Finding]:
    for i in range(COLUMNS):
        outcome = Outcome.WARN if i < 5 else Outcome.PASS
        yield Finding(Stage.DRIFT, "psi", f"c{i:02d}", Severity.WARNING, outcome, True, 0.01, 0.25, 1000, "It moved.")


def _sha(kind: str, model: str, night: date) -> str:
    """Return a digest; of what is the same every night, one for all nights."""
    text = f"{kind} {model} {night if kind in NIGHTLY else ''}"
    return hashlib.sha256(text.encode()).hexdigest()


def _run(model: str, night: date, job: str) -> str:
    """Return a run id that begins with its time, as ours do."""
    digest = hashlib.sha256(f"{model} {night} {job}".encode()).hexdigest()
    when = int(datetime(night.year, night.month, night.day, tzinfo=UTC).timestamp() * 1000) + 86_400_000
    return str(uuid.UUID(f"{when:012x}7{digest[:3]}8{digest[3:18]}"))
