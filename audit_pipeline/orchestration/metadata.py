"""An audit as Dagster shows it: rows, tables, a plot, links, column schema and lineage, check results."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

import dagster as dg

from audit_pipeline.config import Project
from audit_pipeline.lineage import encode
from audit_pipeline.pipeline import Audited
from audit_pipeline.records import (
    AuditResult,
    CheckResult,
    Finding,
    Outcome,
    Performance,
    Severity,
    Snapshot,
    Stage,
    Trace,
)
from audit_pipeline.small_cells import few, in_words
from audit_pipeline.vault import Vault

TRACE = "audit/trace"  # metadata that holds a trace

TIERS = {
    "gx_critical": (Severity.CRITICAL, dg.AssetCheckSeverity.ERROR),
    "gx_warning": (Severity.WARNING, dg.AssetCheckSeverity.WARN),
    "gx_info": (Severity.INFO, dg.AssetCheckSeverity.WARN),
}
Metadata = dict[str, Any]


def materializations(project: Project, audited: Audited) -> Iterator[dg.MaterializeResult[Any]]:
    """Yield one result per stage; a stage that did not run says so."""
    result = audited.result
    runs = {trace.stage: trace for trace in audited.trace.stages}
    for stage in Stage:
        trace = runs[stage]
        seconds = (trace.ended - trace.started).total_seconds()
        outcome = trace.outcome.value if trace.outcome else f"{Outcome.NOT_EVALUATED.value} (not run)"
        about: Metadata = {"outcome": outcome, "seconds": round(seconds, 3)}
        about |= {
            "started": dg.MetadataValue.timestamp(trace.started),
            "ended": dg.MetadataValue.timestamp(trace.ended),
        }
        if trace.error:
            about["problem"] = trace.error
        about |= _about(project, audited, stage)
        version = (
            result.snapshot.sha256 if stage is Stage.SNAPSHOT and result.snapshot else audited.committed.result_digest
        )
        yield dg.MaterializeResult(
            asset_key=[result.model_id, stage.value], metadata=about, data_version=dg.DataVersion(version)
        )


def _about(project: Project, audited: Audited, stage: Stage) -> Metadata:
    """Return what one stage has to show."""
    result = audited.result
    if stage is Stage.SNAPSHOT:
        return _snapshot(project, result)
    if stage is Stage.VALIDATION and result.validation:
        return _validation(result)
    if stage is Stage.DRIFT and result.drift:
        return _drift(result)
    if stage is Stage.PERFORMANCE and result.performance:
        return _performance(result)
    if stage is Stage.EXPLANATION and result.explanation:
        return _explanation(result)
    return _audit(project, audited) if stage is Stage.AUDIT else {}


def _snapshot(project: Project, result: AuditResult) -> Metadata:
    snapshot = result.snapshot
    if snapshot is None:
        return {"source": result.source or ""}
    return {
        "dagster/partition_row_count": snapshot.rows,
        "dagster/column_schema": _schema(snapshot),
        "source": snapshot.source,
        "sha256": snapshot.sha256,
        "bytes": snapshot.bytes,
        "file": dg.MetadataValue.path(str(Vault(project.layout.audit).where(snapshot.path))),
    }


def _schema(snapshot: Snapshot) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                c.name,
                c.type,
                description=f"{c.role}; privacy: {c.privacy}{'; pseudonymised' if c.masked else ''}"
                + (f"; generalised: {c.generalised}" if c.generalised else ""),
                tags={"audit/privacy": c.privacy},
            )
            for c in snapshot.columns
        ]
    )


def _validation(result: AuditResult) -> Metadata:
    validation = result.validation
    if validation is None:
        return {}
    failed = [r for r in validation.results if r.outcome is not Outcome.PASS]
    scores = {s.name: s.value for s in validation.scores if s.value is not None}
    return {
        "rows": validation.n,
        "engine": validation.engine,
        "expectations": len(validation.results),
        "not_passed": len(failed),
        **scores,
        "results": _table(
            [(r.name, r.severity.value, r.outcome.value, _told(r.unexpected), r.reason) for r in validation.results],
            ("expectation", "severity", "outcome", "unexpected", "reason"),
        ),
    }


def _drift(result: AuditResult) -> Metadata:
    if result.drift is None:
        return {}
    exact = [s for s in result.drift.scores if s.engine == "exact"]
    psi = sorted((s for s in exact if s.method == "psi" and s.value is not None), key=lambda s: -(s.value or 0))
    top = {"largest_psi": psi[0].value, "largest_psi_column": psi[0].column} if psi else {}
    largest = [(s.column, s.value or 0.0) for s in psi[:8]]
    found = result.drift.domain
    domain = {"domain_auc": found.value} if found and found.value is not None else {}
    return {
        **({"rows": result.snapshot.rows} if result.snapshot else {}),
        **top,
        **domain,
        "psi": dg.MetadataValue.md(bars("PSI by column", largest)),
        "scores": _table(
            [(s.column, s.method, s.value, s.n, s.n_reference, s.reason or "") for s in exact],
            ("column", "method", "score", "n", "n_reference", "reason"),
        ),
        **_measured_from(result, ((s.column, s.column) for s in exact)),
    }


def _measured_from(result: AuditResult, pairs: Iterable[tuple[str, str]]) -> Metadata:
    """Column schema and lineage of (measure, column of the snapshot) pairs; what is no column of it is left out."""
    known = {c.name for c in result.snapshot.columns} if result.snapshot else set()
    snapshot = dg.AssetKey([result.model_id, Stage.SNAPSHOT.value])
    deps = {measure: [dg.TableColumnDep(snapshot, column)] for measure, column in pairs if column in known}
    return {
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, "number") for name in deps]),
        "dagster/column_lineage": dg.TableColumnLineage(deps),
    }


def _performance(result: AuditResult) -> Metadata:
    performance = result.performance
    if performance is None:
        return {}
    overall = [m for m in performance.metrics if m.slice == "all" and not m.name.startswith("evidently:")]
    numbers = {m.name: m.value for m in overall if m.value is not None}
    names = ("slice", "metric", "value", "lo", "hi", "n", "difference", "reason")
    rows = [(m.slice, m.name, m.value, m.lo, m.hi, m.n, m.difference, m.reason or "") for m in performance.metrics]
    return {
        "maturity": performance.maturity.value,
        "labelled_rows": in_words(performance.labelled) if few(performance.labelled) else performance.labelled,
        **({"labels_due": performance.due.isoformat()} if performance.due else {}),
        **numbers,
        **({"metrics": _table(rows, names)} if rows else {}),
        **{f"estimated_{m.name}": m.value for m in performance.estimates if m.value is not None},
        **_concept(performance),
        **_fairness(result),
    }


def _concept(performance: Performance) -> Metadata:
    """What moved, the relation or the inputs, and by which tests."""
    found = performance.concept
    if found is None or not found.numbers:
        return {}
    rows = [(x.name, x.value, x.lo, x.hi, x.effect, x.adjusted_p, x.reason or "") for x in found.numbers]
    columns = ("name", "value", "lo", "hi", "effect", "adjusted_p", "reason")
    return {"concept_drift": found.conclusion, "concept_numbers": _table(rows, columns)}


def _fairness(result: AuditResult) -> Metadata:
    """What tells protected groups apart, per attribute; the groups themselves are in the report."""
    protected = [g for g in result.fairness.groupings if g.kind == "protected"] if result.fairness else []
    rows = [
        (g.attribute, m.metric, m.value, m.lo, m.hi, m.n, m.reason or "")
        for g in protected
        for m in g.metrics
        if m.group is None
    ]
    columns = ("attribute", "metric", "value", "lo", "hi", "n", "reason")
    return {"fairness": _table(rows, columns)} if rows else {}


def _explanation(result: AuditResult) -> Metadata:
    explanation = result.explanation
    if explanation is None or not explanation.importances:
        return {"reason": explanation.reason or ""} if explanation else {}
    return {
        "rows_explained": explanation.n,
        "method": explanation.method,
        **_measured_from(result, ((i.feature, i.feature) for i in explanation.importances)),
        "importance": dg.MetadataValue.md(
            bars(f"mean |SHAP|, {explanation.output}", [(i.feature, i.value) for i in explanation.importances[:8]])
        ),
        "features": _table(
            [(i.rank, i.feature, i.value, i.lo, i.hi) for i in explanation.importances],
            ("rank", "feature", "mean_abs_shap", "lo", "hi"),
        ),
    }


def _audit(project: Project, audited: Audited) -> Metadata:
    result, committed = audited.result, audited.committed
    decision = result.decision
    pages = {
        f.path.rsplit("/", 1)[-1].removesuffix(".html"): dg.MetadataValue.path(str(project.layout.audit / f.path))
        for f in committed.artifacts
        if f.media_type == "text/html"
    }
    shown = [f for f in decision.findings if f.outcome is not Outcome.PASS]
    return {
        "verdict": decision.verdict.value,
        "conclusion": decision.conclusion,
        "record": committed.record,
        "result_digest": committed.result_digest,
        "new_record": committed.new,
        **traced(audited.trace),
        **pages,
        **({"findings": _findings(shown)} if shown else {}),
    }


def traced(trace: Trace) -> Metadata:
    """Return the path of a model-night as the emitter of lineage looks for it."""
    return {TRACE: dg.MetadataValue.json(encode(trace))}


def check_results(audited: Audited) -> Iterator[dg.AssetCheckResult]:
    """Yield one result per check; what was not evaluated has not passed."""
    result = audited.result
    for name, (severity, level) in TIERS.items():
        checks = [c for c in result.validation.results if c.severity is severity] if result.validation else []
        yield _tier(result, name, level, checks)
    decision = result.decision
    passed = decision.verdict in (Outcome.PASS, Outcome.WARN)
    deciding = [f for f in decision.findings if f.counts and f.outcome is not Outcome.PASS]
    yield dg.AssetCheckResult(
        asset_key=[result.model_id, Stage.AUDIT.value],
        check_name="verdict",
        passed=decision.verdict is Outcome.PASS,
        severity=dg.AssetCheckSeverity.WARN if passed else dg.AssetCheckSeverity.ERROR,
        description=decision.conclusion,
        metadata={"verdict": decision.verdict.value, **({"findings": _findings(deciding)} if deciding else {})},
    )


def _tier(
    result: AuditResult, name: str, level: dg.AssetCheckSeverity, checks: Sequence[CheckResult]
) -> dg.AssetCheckResult:
    """One severity: passed only when the suite ran and every expectation of it held."""
    bad = [c for c in checks if c.outcome is not Outcome.PASS]
    if result.validation is None:
        text = "Not evaluated: the night's log could not be used."
    elif not checks:
        text = "The suite has no expectation of this severity."
    else:
        text = f"{len(checks) - len(bad)} of {len(checks)} expectations hold."
    rows = [(c.name, c.outcome.value, _told(c.unexpected), c.reason) for c in bad]
    return dg.AssetCheckResult(
        asset_key=[result.model_id, Stage.VALIDATION.value],
        check_name=name,
        passed=result.validation is not None and not bad,
        severity=level,
        description=text,
        metadata={"failures": _table(rows, ("expectation", "outcome", "unexpected", "reason"))} if bad else {},
    )


def _findings(findings: Sequence[Finding]) -> dg.TableMetadataValue:
    rows = [(f.outcome.value, f.stage.value, f.name, f.column or "", f.value, f.limit, f.reason) for f in findings]
    return _table(rows, ("outcome", "stage", "name", "column", "value", "limit", "reason"))


def _table(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """A table; numbers as text of four digits, since a column of the UI has one type."""
    records = [dg.TableRecord({c: _cell(v) for c, v in zip(columns, row, strict=True)}) for row in rows]
    return dg.TableMetadataValue(records=records, schema=dg.TableSchema([dg.TableColumn(c) for c in columns]))


def _told(count: int | None) -> str | None:
    return None if count is None else in_words(count)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """A small bar chart as markdown: the UI shows an inline image of an SVG."""
    top = max((value for _, value in values), default=0.0) or 1.0
    lines = [
        f'<text x="0" y="{22 * i + 36}">{escape(name)}</text>'
        f'<rect x="150" y="{22 * i + 24}" width="{260 * value / top:.1f}" height="14" fill="#4a7fb5"/>'
        f'<text x="{156 + 260 * value / top:.1f}" y="{22 * i + 36}">{value:.3g}</text>'
        for i, (name, value) in enumerate(values)
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="{22 * len(values) + 32}" '
        f'font-family="sans-serif" font-size="12"><rect width="480" height="100%" fill="#fff"/>'
        f'<text x="0" y="14" font-weight="bold">{escape(title)}</text>{"".join(lines)}</svg>'
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
