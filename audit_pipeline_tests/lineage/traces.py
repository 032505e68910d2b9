"""Traces of model-nights as the pipeline would return them, for the lineage tests and the graph page's pictures."""

import hashlib
from datetime import UTC, date, datetime, timedelta

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

ROOT = "/clinic"
COLUMNS = (
    Column("row_id", "category", "row_id", "direct_identifier", masked=True),
    Column("patient_id", "category", "subject_id", "direct_identifier", masked=True),
    Column("age", "integer", "feature", "quasi_identifier"),
    Column("visits", "integer", "feature", "none"),
    Column("chronic", "number", "feature", "sensitive"),
    Column("score", "number", "score", "none"),
)


def sha(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def dataset(
    model: str,
    kind: str,
    night: object,
    *,
    columns: tuple[Column, ...] = (),
    sources: tuple[tuple[str, tuple[ColumnSource, ...]], ...] = (),
    rows: int | None = None,
) -> Dataset:
    folder = "input" if kind in ("log", "labels", "reference", "model", "model_config", "suite") else "audit"
    name = f"{ROOT}/{folder}/{kind}/{model}"
    return Dataset("file", name, kind, sha(model, kind, night), columns, sources, rows, rows)


def trace(
    model: str = "high_utilizer",
    night: date = date(2026, 7, 1),
    *,
    verdict: Outcome = Outcome.PASS,
    stopped: bool = False,
    broken: Stage | None = None,
    extra: tuple[Dataset, ...] = (),
    run: str | None = None,
    attempt: int = 1,
) -> Trace:
    """One model-night.

    Args:
        model: its name.
        night: its night.
        verdict: of the audit.
        stopped: a critical check failed, the line ended after validation.
        broken: a stage that could not be carried out.
        extra: datasets that drift reads besides.
        run: Dagster's run id.
        attempt: 1 for the first.
    """
    created = datetime(night.year, night.month, night.day, 2, tzinfo=UTC) + timedelta(days=1)
    begun = created + timedelta(hours=attempt - 1)
    raw = tuple(Column(c.name, c.type, c.role, c.privacy) for c in COLUMNS)
    log = dataset(model, "log", night, columns=raw, rows=2000)
    kept = tuple(
        (c.name, (ColumnSource(log.name, c.name, "TRANSFORMATION" if c.masked else "IDENTITY", c.masked),))
        for c in COLUMNS
    )
    snapshot = dataset(model, "snapshot", night, columns=COLUMNS, sources=kept, rows=2000)
    reference = dataset(model, "reference", "fixed", columns=COLUMNS, rows=5000)
    drift_columns = (Column("psi", "number", "feature", "none"),)
    drift_sources = (
        (
            "psi",
            tuple(ColumnSource(d.name, c, "AGGREGATION") for d in (snapshot, reference) for c in ("age", "visits")),
        ),
    )
    made = {
        Stage.SNAPSHOT: snapshot,
        Stage.VALIDATION: dataset(model, "validation", night),
        Stage.DRIFT: dataset(model, "drift", night, columns=drift_columns, sources=drift_sources),
        Stage.PERFORMANCE: dataset(model, "performance", night),
        Stage.EXPLANATION: dataset(model, "explanation", night),
        Stage.AUDIT: dataset(model, "record", (night, run, attempt)),
    }
    results = tuple(made[stage] for stage in list(Stage)[1:-1])
    read = {
        Stage.SNAPSHOT: (log, dataset(model, "model_config", "fixed")),
        Stage.VALIDATION: (snapshot, dataset(model, "suite", "fixed")),
        Stage.DRIFT: (snapshot, reference, *extra),
        Stage.PERFORMANCE: (snapshot, dataset(model, "labels", night, rows=1800)),
        Stage.EXPLANATION: (snapshot, dataset(model, "model", "fixed")),
        Stage.AUDIT: (snapshot, *(results[:1] if stopped else results)),
    }
    stages = []
    for number, stage in enumerate(Stage):
        unrun = (stopped and stage in list(Stage)[2:-1]) or (broken is not None and number > list(Stage).index(broken))
        crashed = stage is broken
        outcome = verdict if stage is Stage.AUDIT else Outcome.FAIL if stopped and number == 1 else Outcome.PASS
        stages.append(
            StageTrace(
                stage,
                begun + timedelta(seconds=number),
                begun + timedelta(seconds=number + (0 if unrun else 1)),
                None if unrun or crashed else outcome,
                f"{stage.value} could not be carried out: the file is damaged." if crashed else None,
                () if unrun else read[stage],
                () if unrun or crashed else (made[stage],),
            )
        )
    word = {Outcome.PASS: "PASS, performance pending", Outcome.FAIL: "FAIL: age moved"}.get(verdict, verdict.value)
    findings = (
        finding(Stage.DRIFT, "psi", "age", verdict if verdict is not Outcome.PASS else Outcome.PASS),
        finding(Stage.PERFORMANCE, "auc", None, Outcome.PASS),
    )
    return Trace(
        RunContext(run or f"run-{night}", created, attempt),
        model,
        night,
        "care_management",
        "clinic",
        tuple(stages),
        checks(stopped=stopped),
        (
            DriftScore("age", "psi", 0.31, None, 2000, 5000, 0.0, 0.0, "exact"),
            DriftScore("visits", "psi", 0.02, None, 2000, 5000, 0.0, 0.0, "exact"),
            DriftScore("chronic", "psi", None, None, 8, 5000, 0.99, 0.0, "exact", "too few values"),
        ),
        Decision(verdict, word, findings),
        "3",
    )


def finding(stage: Stage, name: str, column: str | None, outcome: Outcome) -> Finding:
    return Finding(stage, name, column, Severity.WARNING, outcome, True, 0.31, 0.25, 2000, "Age moved.")


def checks(*, stopped: bool) -> tuple[CheckResult, ...]:
    found = Outcome.FAIL if stopped else Outcome.PASS

    def check(kind: str, column: str | None, outcome: Outcome, severity: Severity) -> CheckResult:
        return CheckResult(f"{kind}({column})", kind, column, severity, outcome, "{}", "0.02", 2000, None, None, "")

    return (
        check("expect_column_values_to_be_between", "age", found, Severity.CRITICAL),
        check("expect_column_to_exist", "gone", Outcome.NOT_EVALUATED, Severity.WARNING),
        check("expect_table_row_count_to_be_between", None, Outcome.PASS, Severity.INFO),
    )
